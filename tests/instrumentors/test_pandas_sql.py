# SPDX-License-Identifier: Apache-2.0
"""Frames that go into tables of databases and come from them: one action is one edge, whatever it does inside."""

import sqlite3
from contextlib import closing

import pandas as pd
import pytest
import sqlalchemy
from table_plots import edges, flows, record_tables  # noqa: F401

from otelprov.semconv import (
    DB_QUERY_TEXT,
    PROVENANCE_COLUMNS,
    PROVENANCE_ENTITY_NAMESPACE,
    PROVENANCE_ENTITY_TYPE,
    PROVENANCE_ROWS,
)


def _driver():
    return closing(sqlite3.connect("farm.db"))


def _engine():
    engine = sqlalchemy.create_engine("sqlite:///farm.db", poolclass=sqlalchemy.pool.NullPool)
    return closing(_Disposable(engine))


class _Disposable:
    def __init__(self, engine):
        self.engine = engine

    def close(self):
        self.engine.dispose()


def _connection(opened):
    return opened.engine if isinstance(opened, _Disposable) else opened


CONNECTIONS = pytest.mark.parametrize("connect", [_driver, _engine])


@CONNECTIONS
def test_a_frame_goes_into_a_table_and_out_again(recorded, connect):
    with connect() as opened:
        db = _connection(opened)
        pd.read_csv("plots.csv").to_sql("plots", db, index=False)
        pd.read_csv("yields.csv").to_sql(name="yields", con=db, index=False)
        joined = pd.read_sql("SELECT * FROM plots JOIN yields USING (plot)", db)
        joined.to_csv("joined.csv")
        pd.read_sql_query("SELECT crop, avg(area) FROM plots GROUP BY crop", con=db).to_sql("means", db)
    assert flows(recorded) == {
        ("plots.csv", "plots"),
        ("yields.csv", "yields"),
        ("plots", "joined.csv"),
        ("yields", "joined.csv"),
        ("plots", "means"),
    }
    assert recorded.names() == [
        *("read plots.csv", "write plots", "read yields.csv", "write yields"),
        *("SELECT farm.db", "write joined.csv", "SELECT farm.db", "write means"),
    ]
    written = recorded.io()[1]
    assert written.attributes[PROVENANCE_ENTITY_NAMESPACE].startswith("sqlite:/")
    assert written.attributes[PROVENANCE_ENTITY_NAMESPACE].endswith("/farm.db")
    assert written.attributes[PROVENANCE_ENTITY_TYPE] == "table"
    assert (written.attributes[PROVENANCE_ROWS], written.attributes[PROVENANCE_COLUMNS]) == (40, 3)


@CONNECTIONS
def test_chunks_of_a_query(recorded, connect):
    with connect() as opened:
        db = _connection(opened)
        pd.read_csv("plots.csv").to_sql("plots", db, index=False)
        chunks = pd.read_sql("SELECT * FROM plots WHERE area > ?", db, params=(1,), chunksize=7)
        assert iter(chunks) is chunks
        pd.concat(chunk for chunk in chunks).to_csv("out.csv")
    assert flows(recorded) == {("plots.csv", "plots"), ("plots", "out.csv")}
    assert recorded.names()[2:] == ["SELECT farm.db", "write out.csv"]


def test_tables_by_name_and_statements_as_objects(recorded):
    with _engine() as opened:
        engine = opened.engine
        pd.read_csv("plots.csv").to_sql("plots", engine, index=False)
        pd.read_sql_table("plots", engine, columns=["crop"]).to_csv("a.csv")
        pd.read_sql("plots", engine).to_csv("b.csv")
        with engine.connect() as connection:
            pd.read_sql(sqlalchemy.text("SELECT * FROM plots"), connection).to_csv("c.csv")
            for chunk in pd.read_sql_table("plots", connection, chunksize=15):
                chunk.to_csv("d.csv", mode="a")
    assert flows(recorded) == {("plots.csv", "plots"), *(("plots", f"{name}.csv") for name in "abcd")}
    assert [name for name in recorded.names() if name.startswith("SELECT")] == ["SELECT farm.db"] * 4


@CONNECTIONS
def test_adding_to_a_table_and_replacing_it(recorded, connect):
    with connect() as opened:
        db = _connection(opened)
        frame = pd.read_csv("plots.csv")
        frame.to_sql("plots", db, if_exists="fail")
        frame.to_sql("plots", db, if_exists="append")
        frame.to_sql("plots", db, if_exists="replace", method="multi", chunksize=10)
        with pytest.raises(ValueError, match="already exists"):
            frame.to_sql("plots", db)
    assert recorded.names() == ["read plots.csv", "write plots", "append plots", "write plots"]


def test_tables_in_memory_and_their_passing_nature(recorded):
    with closing(sqlite3.connect(":memory:")) as db:
        pd.read_csv("plots.csv").to_sql("plots", db)
        pd.read_sql("SELECT * FROM plots", db).to_csv("out.csv")
    assert ("plots.csv", "out.csv", "flow") in edges(recorded)


def test_statements_of_the_program_beside_it_stay_what_they_are(recorded):
    with closing(sqlite3.connect("farm.db")) as db:
        pd.read_csv("plots.csv").to_sql("plots", db)
        db.execute("CREATE TABLE rye AS SELECT * FROM plots WHERE crop = 'rye'")
        pd.read_sql("SELECT * FROM rye", db).to_csv("out.csv")
    assert edges(recorded) == {
        ("plots.csv", "plots", "flow"),
        ("plots", "rye", "statement"),
        ("rye", "out.csv", "flow"),
    }
    texts = [span.attributes.get(DB_QUERY_TEXT) for span in recorded.io()]
    assert "CREATE TABLE rye AS SELECT * FROM plots WHERE crop = ?" in texts


def test_a_statement_that_fails_is_the_programs_own_error(recorded):
    with closing(sqlite3.connect("farm.db")) as db, pytest.raises(pd.errors.DatabaseError, match="no such table"):
        pd.read_sql("SELECT * FROM missing", db)
    assert recorded.names() == []
