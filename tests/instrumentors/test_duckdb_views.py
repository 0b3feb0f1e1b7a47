# SPDX-License-Identifier: Apache-2.0
"""Views of DuckDB, over files, tables, registered frames and other views: seen through when they are read."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest
from duckdb_records import ask, columns, folder, recorded, sources  # noqa: F401 - fixtures


@pytest.fixture
def con(recorded):
    return duckdb.connect("w.db")


def test_a_view_of_a_file_is_that_file(con, sources, columns):
    con.execute("CREATE VIEW v AS SELECT id, x * 2 AS twice FROM 'a.parquet'")
    con.execute("COPY (SELECT twice, id FROM v) TO 'out.csv'")
    assert sources("out.csv") == {"a.parquet:statement"}
    assert columns("out.csv") == {"twice < a.parquet#x TRANSFORMATION", "id < a.parquet#id IDENTITY"}


def test_a_file_of_a_view_has_the_version_that_was_there(con, ask):
    con.execute("CREATE VIEW v AS SELECT * FROM 'a.parquet'")
    con.execute("COPY (FROM v) TO 'through.csv'")
    con.execute("COPY (FROM 'a.parquet') TO 'plain.csv'")
    [through], [plain] = (
        [node.id for node in ask(f"+{name}").nodes.values() if node.name.endswith("a.parquet")]
        for name in ("through.csv", "plain.csv")
    )
    assert through == plain


def test_a_definition_alone_reads_no_file(con, sources):
    con.execute("CREATE VIEW v AS SELECT * FROM 'a.parquet'")
    with open("out.json", "w") as file:
        file.write("[]")
    assert sources("out.json") == set()


def test_a_file_that_was_written_since_is_read_as_it_is_now(con, ask, sources):
    con.execute("CREATE VIEW v AS SELECT * FROM 'a.parquet'")
    con.execute("COPY (SELECT id, y AS x FROM 'd.csv') TO 'a.parquet'")
    con.execute("COPY (FROM v) TO 'out.csv'")
    assert sources("out.csv") == {"a.parquet:statement"}
    assert "d.csv" in {node.name.rpartition("/")[2] for node in ask("+out.csv").nodes.values()}


def test_a_view_of_a_registered_frame_is_what_the_frame_comes_from(con, sources, columns):
    con.register("frame", pd.read_csv("d.csv"))
    con.execute("CREATE TEMP VIEW v AS SELECT y + id AS s FROM frame")
    con.execute("COPY (SELECT s FROM v) TO 'out.csv'")
    assert sources("out.csv") == {"d.csv:flow"}
    assert columns("out.csv") == {"s < d.csv#y TRANSFORMATION", "s < d.csv#id TRANSFORMATION"}


def test_views_of_views_and_tables(con, sources, columns):
    con.execute("CREATE TABLE t AS SELECT * FROM 'd.csv'")
    con.execute("CREATE VIEW one AS SELECT id, sum(y) AS total FROM t GROUP BY id")
    con.execute("CREATE OR REPLACE VIEW two AS FROM one JOIN 'a.parquet' USING (id)")
    con.execute("CREATE TABLE result AS SELECT total FROM two")
    assert sources("result") == {"t:statement", "a.parquet:statement"}
    assert "total < t#y AGGREGATION" in columns("result")


def test_a_relation_made_a_view_and_read_into_a_frame(con, sources):
    con.sql("SELECT * FROM 'd.csv' WHERE y > 0").create_view("v")
    con.sql("SELECT y FROM v").df().to_csv("out.csv")
    assert sources("out.csv") == {"d.csv:flow"}


def test_a_view_of_an_object_that_nobody_knows_keeps_its_name(con, sources):
    con.register("frame", pd.DataFrame({"y": [1]}))
    con.execute("CREATE VIEW v AS SELECT y FROM frame")
    con.execute("CREATE TABLE result AS SELECT y FROM v")
    assert sources("result") == {"v:statement"}
