# SPDX-License-Identifier: Apache-2.0
"""From real statements through sqlite3 to the tables that they read and wrote, and the edges between them."""

from __future__ import annotations

import os
import sqlite3

import pandas as pd
import pytest
from instrumented import instrumented, recording_with

from otelprov.capture.sql.sql_statements import finish_statements
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.model.records import GENERATED, USED
from otelprov.store import open_store
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.sqlite3 import Sqlite3Instrumentor


@pytest.fixture
def recorded(tmp_path):
    with recording_with(tmp_path / "home", Sqlite3Instrumentor) as found:
        yield found
        finish_statements()


@pytest.fixture
def app(recorded, tmp_path):
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.execute("CREATE TABLE raw(day TEXT, amount REAL)")
    yield connection
    connection.close()


@pytest.fixture
def tables(recorded, tmp_path):
    """What was used and what was generated so far, as `file:table`, `~` in front of temporary ones."""

    def of(relation):
        finish_statements()
        records = extract(recorded.spans())
        facts = [fact for statement in records.statements for fact in statement.facts if fact.relation == relation]
        return {
            f"{'~' * fact.temporary}{os.path.basename(fact.namespace.removeprefix('sqlite:'))}:{fact.name}"
            for fact in facts
        }

    return of


@pytest.fixture
def sources(recorded, tmp_path):
    """The names of all entities that one entity derives from, as the store answers."""

    def of(name):
        finish_statements()
        with open_store(str(tmp_path / "store.db")) as store:
            store.merge(extract(recorded.spans()), derive=derive_run)
            graph = lineage(store, f"+{name}")
        return {node.name for node in graph.nodes.values() if node.kind == "entity"} - {name}

    return of


def test_a_table_of_an_attached_database_lies_in_that_file(app, tables, tmp_path):
    other = os.path.realpath(tmp_path / "other.db")
    app.execute("ATTACH DATABASE ? AS Other", (other,))
    app.execute("CREATE TABLE other.sums AS SELECT day, sum(amount) FROM main.raw GROUP BY day")
    app.execute("SELECT * FROM other.sums JOIN raw USING (day)")
    assert tables(USED) == {"app.db:raw", "other.db:sums"}
    assert tables(GENERATED) == {"other.db:sums"}


def test_both_connections_to_a_file_mean_the_same_table(app, recorded, tmp_path):
    app.execute("ATTACH DATABASE ? AS other", (str(tmp_path / "other.db"),))
    app.execute("CREATE TABLE other.sums AS SELECT * FROM raw")
    app.commit()
    sqlite3.connect(tmp_path / "other.db").execute("SELECT * FROM main.sums").connection.close()
    finish_statements()
    facts = [fact for statement in extract(recorded.spans()).statements for fact in statement.facts]
    (written,) = [fact for fact in facts if fact.relation == GENERATED]
    (read,) = [fact for fact in facts if fact.relation == USED and fact.name == "sums"]
    assert (written.namespace, written.name) == (read.namespace, read.name)


def test_an_attached_database_in_memory_is_temporary(app, tables):
    app.execute("ATTACH DATABASE ':memory:' AS scratch")
    app.execute("CREATE TABLE scratch.t AS SELECT * FROM raw")
    (made,) = tables(GENERATED)
    assert made.startswith("~")
    assert made.endswith(":t")


@pytest.mark.parametrize("scratch", ["scratch", "temp.scratch"])
def test_a_temporary_table_is_seen_through(app, tables, sources, scratch):
    app.execute(f"CREATE TEMP TABLE {scratch} AS SELECT * FROM raw")
    app.execute("CREATE TABLE result AS SELECT * FROM scratch")
    assert tables(GENERATED) == {"~app.db:scratch", "app.db:result"}
    assert sources("result") == {"raw"}


def test_a_temporary_table_does_not_hide_a_lasting_one_of_its_name(app, sources):
    app.execute("CREATE TEMP TABLE raw AS SELECT * FROM main.raw")
    app.execute("CREATE TABLE result AS SELECT * FROM raw")
    assert sources("result") == {"raw"}


def test_catalogues_are_no_entities(app, tables):
    for text in (
        "SELECT name FROM sqlite_master",
        "SELECT name FROM sqlite_schema",
        "SELECT name FROM main.sqlite_master",
        "SELECT name FROM temp.sqlite_temp_master",
        "SELECT * FROM pragma_table_info('raw')",
        "PRAGMA main.table_info(raw)",
    ):
        app.execute(text).fetchall()
    assert tables(USED) == tables(GENERATED) == set()


def test_pandas_and_iterdump_touch_only_their_tables(app, tables):
    pd.DataFrame({"day": ["mon"], "amount": [1.5]}).to_sql("copied", app, index=False, if_exists="replace")
    list(app.iterdump())
    assert tables(USED) <= {"app.db:raw", "app.db:copied"}
    assert tables(GENERATED) <= {"app.db:copied"}


def test_views_queries_with_names_and_insert_select_are_edges(app, sources):
    app.execute("CREATE VIEW daily AS SELECT day, sum(amount) AS amount FROM raw GROUP BY day")
    app.execute("CREATE TABLE report(day TEXT, amount REAL)")
    app.execute("WITH best AS (SELECT * FROM daily) INSERT INTO report SELECT * FROM best")
    app.execute("CREATE TABLE published AS SELECT * FROM report")
    # The view is seen through.
    assert sources("published") == {"report", "raw"}


def test_views_are_seen_through_to_the_tables_of_that_moment(app, sources, tmp_path):
    app.executescript(
        f"""
        ATTACH '{tmp_path / "old.db"}' AS old;
        CREATE TABLE old.sale (day TEXT, amount REAL);
        CREATE VIEW old.v AS SELECT * FROM sale;
        CREATE VIEW daily AS SELECT day, sum(amount) AS amount FROM raw GROUP BY day;
        CREATE TEMP VIEW whole AS SELECT * FROM daily UNION ALL SELECT * FROM old.v;
        CREATE TABLE till (day TEXT, amount REAL);
        INSERT INTO raw SELECT * FROM till;
        CREATE TABLE result AS SELECT * FROM whole;
        DROP VIEW daily;
        CREATE VIEW daily AS SELECT * FROM till;
        CREATE TABLE again AS SELECT day FROM daily;
        """
    )
    assert sources("result") == {"raw", "till", "sale"}
    assert sources("again") == {"till"}


def test_a_view_that_is_written_through_a_trigger_is_left_as_it_is(app, sources):
    app.execute("CREATE TABLE source (day TEXT, amount REAL)")
    app.execute("CREATE VIEW v AS SELECT day, amount FROM raw")
    app.execute("CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN INSERT INTO raw VALUES (new.day, new.amount); END")
    app.execute("INSERT INTO v SELECT * FROM source")
    app.execute("CREATE TABLE result AS SELECT * FROM v")
    assert sources("v") == {"source"}
    assert sources("result") == {"raw"}


def test_what_pandas_reads_of_a_view_comes_from_its_tables(app, sources, tmp_path):
    app.execute("CREATE VIEW daily AS SELECT day, sum(amount) AS amount FROM raw GROUP BY day")
    with instrumented(PandasInstrumentor):
        pd.read_sql("SELECT * FROM daily", app).to_csv(tmp_path / "daily.csv")
    assert sources("daily.csv") == {str(tmp_path / "daily.csv"), "raw"}


def test_a_backup_hands_on_its_tables(app, sources, tmp_path):
    app.execute("INSERT INTO raw VALUES ('mon', 1)")
    app.commit()
    memory = sqlite3.connect(":memory:")
    app.backup(memory)
    memory.execute(f"ATTACH '{tmp_path / 'late.db'}' AS late")
    memory.execute("CREATE TABLE late.report AS SELECT day FROM raw")
    memory.close()
    assert sources("report") == {"raw"}


def test_a_script_of_statements_hands_on_what_it_makes(app, sources):
    app.executescript("CREATE TEMP TABLE step AS SELECT * FROM raw; CREATE TABLE result AS SELECT * FROM step;")
    assert sources("result") == {"raw"}
