# SPDX-License-Identifier: Apache-2.0
"""What DuckDB does for a program stays what it was, and little of it is told."""

from __future__ import annotations

import gc
import threading
import warnings

import duckdb
import numpy as np
import pandas as pd
import pytest
from duckdb_records import ask, folder, recorded, sources  # noqa: F401 - fixtures

from otelprov.capture.sql.sql_statements import finish_statements
from otelprov.semconv import names
from otelprov_instrumentors.duckdb import DuckdbInstrumentor


def test_lazy_relations_read_when_they_are_executed(recorded):
    relation = duckdb.sql("SELECT * FROM 'd.csv'").filter("id > 1")
    assert recorded.io() == []
    relation.fetchall()
    assert recorded.names() == ["SELECT d.csv"]


def test_values_are_cut_and_names_are_not(recorded):
    duckdb.sql("SELECT * FROM 'd.csv' WHERE y = 5 OR 'secret' IN ['hidden', \"y\"::VARCHAR]").fetchall()
    [span] = recorded.io()
    text = span.attributes[names.DB_QUERY_TEXT]
    assert "secret" not in text
    assert "hidden" not in text
    assert '"d.csv"' in text
    assert span.attributes[names.DB_SYSTEM_NAME] == "duckdb"


def test_a_loop_of_one_statement_is_few_spans(recorded):
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (a INTEGER)")
    for number in range(500):
        connection.execute("INSERT INTO t VALUES (?)", [number])
    finish_statements()
    assert len(recorded.io()) < 10


def test_a_failing_statement_is_none(recorded):
    with pytest.raises(duckdb.Error):
        duckdb.sql("COPY (SELECT nothing FROM 'd.csv') TO 'out.csv'")
    with pytest.raises(duckdb.Error):
        duckdb.execute("SELECT * FROM 'missing.csv'")
    assert recorded.io() == []


def observable(connection):
    """What a program can see of DuckDB, to be compared with and without us."""
    here = pd.DataFrame({"a": [1, 2]})
    seen = [duckdb.sql("SELECT sum(a) FROM here").fetchall(), connection.execute("SELECT sum(a) FROM here").fetchall()]
    seen += [connection.sql("FROM here").columns, type(connection.sql("FROM here")).__name__]

    def inner():
        with pytest.raises(duckdb.CatalogException) as caught:
            duckdb.sql("SELECT * FROM here")
        return str(caught.value)

    def closure():
        return [here is None, duckdb.sql("SELECT sum(a) FROM here").fetchall()]

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        duckdb.from_df(here).fetch_arrow_table()
    seen += [inner(), closure(), duckdb.sql("SELECT sum(a) FROM GLOBAL_FRAME").fetchall(), type(connection)]
    seen += [[(str(one.message), one.filename, one.lineno) for one in warned]]
    seen += [connection.execute("SELECT 1 AS a") is connection, connection.fetchone(), connection.description]
    for wrong in (
        lambda: duckdb.sql(),
        lambda: duckdb.sql("SELECT"),
        lambda: connection.execute(5),
        lambda: duckdb.sql(1),
    ):
        with pytest.raises(Exception) as caught:
            wrong()
        seen.append((caught.type, str(caught.value)))
    closed = duckdb.connect()
    closed.close()
    for run in (closed.execute, closed.sql):
        with pytest.raises(duckdb.Error) as caught:
            run("SELECT * FROM here")
        seen.append((caught.type, str(caught.value)))
    seen.append([str(duckdb.sql("SELECT 1 AS a")), repr(duckdb.sql("FROM here").fetchnumpy()["a"])])
    return seen


GLOBAL_FRAME = pd.DataFrame({"a": [5]})


def test_variables_results_warnings_and_errors_are_those_of_duckdb(recorded):
    DuckdbInstrumentor().uninstrument()
    expected = observable(duckdb.connect())
    DuckdbInstrumentor().instrument()
    assert observable(duckdb.connect()) == expected


def test_threads_with_cursors_of_their_own(sources):
    connection = duckdb.connect("app.duckdb")
    connection.execute("CREATE TABLE t AS FROM 'd.csv'")

    def work(number):
        with connection.cursor() as cursor:
            cursor.execute(f"COPY (SELECT y + {number} AS y FROM t) TO '{number}.csv'")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    assert [sources(f"{number}.csv") for number in range(4)] == [{"t:statement"}] * 4


def test_nothing_is_kept_alive(recorded):
    from otelprov.capture.flow import identity

    frame = pd.read_csv("d.csv")
    before = identity.count()
    for _ in range(20):
        duckdb.sql("SELECT * FROM frame").df()
        duckdb.connect().execute("FROM frame").fetchall()
    gc.collect()
    assert identity.count() <= before + 5
    assert np.array_equal(frame["id"], [1, 2])
