# SPDX-License-Identifier: Apache-2.0
"""Tables in SQL statements: what each parser finds, and what moves no data."""

from __future__ import annotations

import pytest

from otelprov.lineage import sql

TABLE = [
    ("INSERT INTO a SELECT x, y FROM b JOIN c ON b.i = c.i", ["b", "c"], ["a"]),
    ("SELECT * FROM sales", ["sales"], []),
    ("SELECT * FROM main.sales", ["sales"], []),
    ('SELECT * FROM "my table" WHERE a = ?', ["my table"], []),
    ("UPDATE t SET a = (SELECT max(b) FROM u)", ["u"], ["t"]),
    ("DELETE FROM t WHERE id IN (SELECT id FROM z)", ["z"], ["t"]),
    ("INSERT INTO t VALUES (?, ?)", [], ["t"]),
    ("INSERT OR REPLACE INTO t VALUES (?)", [], ["t"]),
    ("CREATE TABLE q AS SELECT a FROM b", ["b"], ["q"]),
    ("WITH w AS (SELECT * FROM p) SELECT * FROM w", ["p"], []),
    ("WITH w AS (SELECT 1 FROM b) INSERT INTO t SELECT * FROM w", ["b"], ["t"]),
    ("(SELECT * FROM a) UNION SELECT * FROM b", ["a", "b"], []),
    ("/* note */ -- more\n INSERT INTO a SELECT * FROM b", ["b"], ["a"]),
    ("SELECT name FROM sqlite_master", [], []),
    ("SELECT * FROM other.sqlite_schema, main.Sqlite_Sequence", [], []),
    ("SELECT * FROM pragma_table_info('t')", [], []),
    ("SELECT * FROM t, json_each(t.tags)", ["t"], []),
    ("SELECT * FROM Main.t JOIN other.t", ["other.t", "t"], []),
    ("SELECT * FROM temp.t", ["temp.t"], []),
    ("CREATE TEMP TABLE q AS SELECT a FROM b", ["b"], ["temp.q"]),
    ("REPLACE INTO t SELECT * FROM u", ["u"], ["t"]),
    ("SELECT * FROM t INDEXED BY i WHERE a = ?", ["t"], []),
    ("UPDATE t NOT INDEXED SET a = ?", [], ["t"]),
    ("WITH w AS (SELECT * FROM a), x AS (SELECT * FROM w JOIN b) SELECT * FROM x", ["a", "b"], []),
    ("WITH RECURSIVE n(i) AS (SELECT ? UNION SELECT i + ? FROM n) SELECT * FROM n", [], []),
    ("SELECT 1", [], []),
]


@pytest.mark.parametrize(("text", "inputs", "outputs"), TABLE)
def test_tables_of_a_statement(text: str, inputs: list[str], outputs: list[str]) -> None:
    found = sql.parse(text)
    assert (list(found.inputs), list(found.outputs)) == (inputs, outputs)
    assert found.parser == "openlineage-sql"


@pytest.mark.parametrize(("text", "inputs", "outputs"), TABLE)
def test_sqlglot_alone_finds_the_same(
    text: str, inputs: list[str], outputs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sql._optional
    monkeypatch.setattr(sql, "_optional", lambda name: None if name == "openlineage_sql" else real(name))
    found = sql.parse.__wrapped__(text)
    assert (list(found.inputs), list(found.outputs)) == (inputs, outputs)
    assert found.parser == "sqlglot"


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a int)",
        "CREATE TABLE IF NOT EXISTS t (a int DEFAULT 1)",
        "CREATE INDEX i ON t (a)",
        "PRAGMA table_info(t)",
        "BEGIN",
        "COMMIT",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN x int",
        "CREATE VIEW v AS SELECT * FROM b",
        "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT * FROM b",
        "EXPLAIN SELECT * FROM t",
        "",
    ],
)
def test_what_moves_no_data_has_no_tables(text: str) -> None:
    assert sql.parse(text) == sql.Statement(parser="none")


def test_without_parsers_the_statement_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "_optional", lambda name: None)
    assert sql.parse.__wrapped__("SELECT * FROM a").parser == ""


def test_nonsense_and_huge_statements_are_left_whole() -> None:
    assert sql.parse("SELECT FROM WHERE )(").parser == ""
    assert sql.parse("SELECT '" + "x" * sql.MAX_TEXT + "' FROM a").parser == ""


def test_only_a_table_made_anew_loses_its_rows() -> None:
    assert not sql.parse("CREATE TABLE q AS SELECT a FROM b").accumulates
    assert sql.parse("INSERT INTO q SELECT a FROM b").accumulates


VIEWS = [
    ("sqlite", "CREATE VIEW v AS SELECT * FROM b JOIN c", "v", "b c", False),
    ("sqlite", "/* all */ create view if not exists main.v (x) as select a from b", "v", "b", True),
    ("sqlite", "CREATE TEMPORARY VIEW temp.q AS SELECT a FROM b", "temp.q", "b", False),
    ("sqlite", "CREATE TEMP VIEW raw AS SELECT day FROM main.raw", "temp.raw", "raw", False),
    ("sqlite", "CREATE VIEW v AS WITH w AS (SELECT * FROM p) SELECT * FROM w", "v", "p", False),
    ("duckdb", "CREATE OR REPLACE VIEW v AS FROM t", "v", "t", False),
    ("postgresql", "CREATE OR REPLACE VIEW s.v (n) AS SELECT n FROM s.t", "s.v", "s.t", False),
    ("mysql", "ALTER VIEW v AS SELECT a FROM t", "v", "t", False),
]


@pytest.mark.parametrize(("system", "text", "name", "inputs", "only_if_new"), VIEWS)
def test_a_view_is_known_by_its_definition(system: str, text: str, name: str, inputs: str, only_if_new: bool) -> None:
    found = sql.definition(text, system)
    assert found is not None
    assert (found.name, " ".join(found.inputs), found.only_if_new) == (name, inputs, only_if_new)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE view AS SELECT * FROM b",
        "CREATE TABLE t AS SELECT 1 AS view FROM b",
        "CREATE MATERIALIZED VIEW v AS SELECT * FROM b",
        "CREATE INDEX i ON view (a)",
        "DROP VIEW v",
        "ALTER VIEW v RENAME TO w",
        "SELECT * FROM view",
        "CREATE VIEW v AS SELECT FROM WHERE )(",
    ],
)
def test_nothing_else_defines_a_view(text: str) -> None:
    assert sql.definition(text, "postgresql") is None


def test_a_view_that_holds_rows_is_a_table() -> None:
    found = sql.parse("CREATE MATERIALIZED VIEW v AS SELECT * FROM b", "postgresql")
    assert (found.inputs, found.outputs) == (("b",), ("v",))
