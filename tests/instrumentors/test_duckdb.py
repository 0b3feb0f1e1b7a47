# SPDX-License-Identifier: Apache-2.0
"""DuckDB with real files: what statements and relations read and write, and what becomes of tables in memory."""

from __future__ import annotations

import os

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest
from duckdb_records import ask, columns, folder, recorded, sources  # noqa: F401 - fixtures


def test_copy_from_a_file_and_a_frame_has_both_sources_and_their_columns(sources, columns):
    pd.read_csv("other.csv")
    df = pd.read_csv("d.csv")
    duckdb.sql("COPY (SELECT x, df.y AS why FROM 'a.parquet' JOIN df USING (id) WHERE x > 0) TO 'b.csv'")
    del df
    assert sources("b.csv") == {"a.parquet:statement", "d.csv:flow"}
    assert columns("b.csv") == {
        "x < a.parquet#x IDENTITY",
        "x < a.parquet#id JOIN",
        "x < d.csv#id JOIN",
        "why < d.csv#y IDENTITY",
        "why < a.parquet#id JOIN",
        "why < a.parquet#x FILTER",
        "why < d.csv#id JOIN",
    }


# Ways to run a query that reads d.csv, and to write what it gives into out.csv.
WAYS = {
    "sql": lambda: duckdb.sql("FROM 'd.csv'").write_csv("out.csv"),
    "read_csv": lambda: duckdb.read_csv("d.csv").filter("id > 1").write_csv("out.csv"),
    "from_csv_auto": lambda: duckdb.from_csv_auto("d.csv").to_csv("out.csv"),
    "connection": lambda: duckdb.connect().read_csv("d.csv", header=True, sep=",").write_csv("out.csv"),
    "function": lambda: duckdb.sql("SELECT * FROM read_csv('d.csv', header = true)").write_csv("out.csv"),
    "list": lambda: duckdb.sql("SELECT * FROM read_csv(['d.csv'])").write_csv("out.csv"),
    "parameter": lambda: duckdb.execute("COPY (SELECT * FROM read_csv(?)) TO 'out.csv'", ["d.csv"]),
    "named": lambda: duckdb.sql("SELECT * FROM read_csv($file)", params={"file": "d.csv"}).write_csv("out.csv"),
    "execute": lambda: duckdb.execute("COPY (SELECT * FROM 'd.csv') TO 'out.csv' (HEADER, DELIMITER ';')"),
    "cursor": lambda: duckdb.connect().cursor().execute("COPY (FROM 'd.csv') TO 'out.csv'"),
    "script": lambda: duckdb.sql("CREATE TEMP TABLE s AS FROM 'd.csv'; COPY s TO 'out.csv'; DROP TABLE s"),
    "statements": lambda: [
        duckdb.execute(one) for one in duckdb.extract_statements("COPY (FROM 'd.csv') TO 'out.csv'; SELECT 1")
    ],
    "prepared": lambda: [
        duckdb.execute("PREPARE p AS COPY (FROM 'd.csv') TO 'out.csv'"),
        duckdb.execute("EXECUTE p"),
    ],
    "quoted": lambda: duckdb.sql("""COPY (SELECT * FROM "d.csv") TO 'out.csv'"""),
    "pandas": lambda: duckdb.sql("FROM 'd.csv'").df().to_csv("out.csv"),
    "fetched": lambda: duckdb.execute("FROM 'd.csv'").df().to_csv("out.csv"),
    "fetchdf": lambda: duckdb.execute("FROM 'd.csv'").fetchdf().to_csv("out.csv"),
    "module": lambda: [duckdb.execute("FROM 'd.csv'"), duckdb.fetchdf().to_csv("out.csv")],
    "polars": lambda: duckdb.sql("FROM 'd.csv'").pl().write_csv("out.csv"),
    "arrow": lambda: pa.csv.write_csv(duckdb.sql("FROM 'd.csv'").to_arrow_table(), "out.csv"),
    "relation": lambda: duckdb.sql("FROM 'd.csv'").project("id, y * 2 AS y").order("y").limit(1).write_csv("out.csv"),
    "materialized": lambda: duckdb.sql("FROM 'd.csv'").materialize().write_csv("out.csv"),
    "query": lambda: duckdb.sql("FROM 'd.csv'").query("v", "SELECT * FROM v").write_csv("out.csv"),
    "view": lambda: [
        duckdb.sql("FROM 'd.csv'").create_view("my_view"),
        duckdb.sql("FROM my_view").write_csv("out.csv"),
    ],
    "table": lambda: [
        duckdb.sql("FROM 'd.csv'").to_table("made"),
        duckdb.table("made").write_csv("out.csv"),
        duckdb.sql("DROP TABLE made"),
    ],
    "mapped": lambda: duckdb.sql("FROM 'd.csv'").map(lambda df: df).write_csv("out.csv"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_from_a_file_to_a_file(sources, way):
    pd.read_csv("other.csv")
    WAYS[way]()
    found = sources("out.csv")
    assert {edge.partition(":")[0] for edge in found if not edge.endswith(":order")} == {"d.csv"}
    assert way == "mapped" or len(found) == 1


def test_formats_of_their_own_are_written(sources):
    relation = duckdb.sql("SELECT * FROM read_parquet('a.parquet')")
    relation.write_parquet("out.parquet")
    relation.to_csv("out.csv")
    duckdb.sql("COPY (FROM 'a.parquet') TO 'out.json'")
    duckdb.read_json("out.json").write_parquet("again.parquet")
    for name in ("out.parquet", "out.csv", "out.json"):
        assert sources(name) == {"a.parquet:statement"}
    assert sources("again.parquet") == {"out.json:statement"}


def test_each_file_of_a_pattern_is_a_source(sources):
    duckdb.sql("COPY (FROM 'parts/*.csv') TO 'out.csv'")
    duckdb.read_csv("parts/*.csv").write_csv("out2.csv")
    assert sources("out.csv") == sources("out2.csv") == {"1.csv:statement", "2.csv:statement"}


def test_more_files_than_a_span_has_room_for(sources, recorded, folder):
    (folder / "many").mkdir()
    for number in range(250):
        (folder / "many" / f"{number}.csv").write_text("a\n1\n")
    duckdb.sql("COPY (SELECT sum(a) AS s FROM 'many/*.csv') TO 'out.csv'")
    duckdb.sql("FROM 'many/*.csv'").df().to_csv("frame.csv")
    assert len(sources("out.csv")) == len(sources("frame.csv")) == 250
    assert max(len(span.events) for span in recorded.io()) <= 100


def test_frames_of_every_kind_flow_through(sources, columns):
    pd.read_csv("other.csv")
    frame = pd.read_csv("d.csv")
    batch = pa.csv.read_csv("d.csv")
    polar = pl.read_csv("d.csv")
    duckdb.sql("FROM frame").write_csv("1.csv")
    duckdb.sql("FROM batch").write_csv("2.csv")
    duckdb.sql("FROM polar").write_csv("3.csv")
    duckdb.from_df(frame).write_csv("4.csv")
    duckdb.from_arrow(batch).write_csv("5.csv")
    duckdb.register("seen", frame)
    duckdb.sql("SELECT id, y + 1 AS more FROM seen").df().to_csv("6.csv", index=False)
    duckdb.unregister("seen")
    relation = duckdb.sql("SELECT id, y * 2 AS twice FROM frame")
    duckdb.sql("SELECT twice FROM relation").df().to_csv("7.csv", index=False)
    duckdb.execute("COPY (SELECT * FROM relation) TO '8.csv'")
    del polar, relation
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    connection.append("t", frame)
    connection.sql("SELECT max(y) AS top FROM t").write_csv("9.csv")
    with open("d.csv", "rb") as file:
        duckdb.read_csv(file).write_csv("10.csv")
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 10):
        assert sources(f"{number}.csv") == {"d.csv:flow"}, number
    # On the way there a table was only named.
    assert sources("9.csv") == {"d.csv:statement"}
    assert columns("6.csv") == {"id < d.csv#id IDENTITY", "more < d.csv#y TRANSFORMATION"}
    assert columns("7.csv") == {"twice < d.csv#y TRANSFORMATION"}
    assert columns("9.csv") == {"top < d.csv#y AGGREGATION"}


def test_what_is_not_known_is_not_complete(sources):
    pd.read_csv("other.csv")
    made = pd.DataFrame({"id": [1], "w": [2]})
    duckdb.sql("COPY (FROM 'd.csv' JOIN made USING (id)) TO 'out.csv'")
    del made
    assert sources("out.csv") == {"d.csv:statement", "other.csv:order"}


def test_a_table_of_the_database_and_a_common_table_come_before_a_variable(sources):
    thing = pd.read_csv("other.csv")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE thing AS FROM 'd.csv'")
    connection.execute("COPY (SELECT * FROM thing) TO '1.csv'")
    duckdb.execute("COPY (WITH thing AS (FROM 'd.csv') SELECT * FROM thing) TO '2.csv'")
    del thing
    assert sources("1.csv") == {"d.csv:statement"}
    assert sources("2.csv") == {"d.csv:statement"}


def test_tables_of_a_file_are_entities_and_those_of_memory_are_seen_through(sources, columns, ask):
    connection = duckdb.connect("app.duckdb")
    connection.execute("CREATE TABLE raw AS FROM 'd.csv'")
    connection.execute("CREATE TEMP TABLE half AS SELECT id AS key, y / 2 AS h FROM raw")
    connection.execute("CREATE TABLE done AS SELECT * FROM half")
    connection.close()
    other = duckdb.connect("app.duckdb")
    other.execute("COPY main.done TO 'out.csv'")
    other.close()
    assert sources("done") == {"raw:statement"}
    assert sources("out.csv") == {"done:statement"}
    assert columns("done") == {"key < raw#id IDENTITY", "h < raw#y TRANSFORMATION"}
    [table] = [node for node in ask("+out.csv").nodes.values() if node.name == "done"]
    assert table.namespace == f"duckdb:{os.path.realpath('app.duckdb')}"


def test_attached_databases(sources, ask):
    connection = duckdb.connect()
    connection.sql("ATTACH 'side.duckdb' AS side")
    connection.execute("CREATE TABLE side.kept AS FROM 'd.csv'")
    connection.execute("ATTACH 'side2.duckdb'; CREATE TABLE side2.main.kept2 AS FROM side.main.kept; DETACH side2")
    connection.close()
    assert sources("kept2") == {"kept:statement"}
    named = {node.name: node.namespace for node in ask("+kept2").nodes.values() if node.kind == "entity"}
    assert named["kept"] == f"duckdb:{os.path.realpath('side.duckdb')}"
    assert named["kept2"] == f"duckdb:{os.path.realpath('side2.duckdb')}"


def test_a_database_goes_out_to_a_folder_and_comes_back(sources):
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS FROM 'd.csv'")
    connection.execute("EXPORT DATABASE 'dumped'")
    again = duckdb.connect("again.duckdb")
    again.execute("IMPORT DATABASE 'dumped'")
    again.close()
    assert sources("dumped/t.csv") == {"d.csv:statement"}
    assert sources("t") == {"t.csv:statement"}


def test_partitions_are_each_a_file_and_older_ones_are_left_alone(sources, recorded):
    duckdb.sql("COPY (FROM 'a.parquet') TO 'split' (FORMAT parquet, PARTITION_BY (id))")
    assert sources("split/id=1/*.parquet") == {"a.parquet:statement"}
    into = "TO 'split' (FORMAT parquet, PARTITION_BY (id), OVERWRITE_OR_IGNORE)"
    duckdb.sql(f"COPY (SELECT id, z AS x FROM 'other.csv') {into}")
    assert sources("split/id=7/*.parquet") == {"other.csv:statement"}
    assert sources("split/id=1/*.parquet") == {"a.parquet:statement"}


def test_a_table_of_a_script_is_no_variable(sources):
    thing = pd.read_csv("other.csv")
    duckdb.execute("CREATE TEMP TABLE thing AS FROM 'd.csv'; COPY thing TO '1.csv'; DROP TABLE thing")
    del thing
    assert sources("1.csv") == {"d.csv:statement"}


def test_columns_below_a_relation_that_only_a_variable_names_are_not_guessed(columns):
    relation = duckdb.sql("SELECT y AS id FROM 'd.csv'")
    duckdb.execute("COPY (SELECT id FROM relation) TO '1.csv'")
    del relation
    assert columns("1.csv") == {"id < d.csv DIRECT"}


def test_update_merge_and_delete(sources, columns):
    connection = duckdb.connect("app.duckdb")
    connection.execute("CREATE TABLE t (id BIGINT, y BIGINT)")
    connection.execute("INSERT INTO t SELECT id, x FROM 'a.parquet'")
    connection.execute("UPDATE t SET y = o.y FROM 'd.csv' o WHERE o.id = t.id")
    connection.execute("DELETE FROM t USING 'other.csv' o WHERE o.id = t.id")
    connection.close()
    assert {"a.parquet:statement", "d.csv:statement", "other.csv:statement"} <= sources("t")
    assert "y < d.csv#y IDENTITY" in columns("t")
