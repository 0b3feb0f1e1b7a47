# SPDX-License-Identifier: Apache-2.0
"""Columns of statements in several dialects: what is expected of each, and what the database itself shows of them.

The second half is an oracle of its own: every column of every table is changed in turn, and the statement is run again.
Whatever changes in the result must come, by our edges, from the column that was changed.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from otelprov.lineage import sql, sql_columns
from otelprov.lineage.sql_columns import columns_of

KNOWN = {"t": ("a", "b", "c"), "u": ("id", "x"), "v": ("id", "y", "z")}


class Case(NamedTuple):
    """A statement, the tables that it reads and writes, and its edges."""

    system: str
    text: str
    inputs: str
    outputs: str
    edges: str


def cases() -> list[Case]:
    """The statements of `sql_columns.txt`.

    Where the two parsers disagree: openlineage-sql tells the tables, but of DuckDB's statements, of joined updates and
    of common tables that are named as the table below them, of all of which it misses some; there sqlglot does. Columns
    are all by our walk over the tree of sqlglot: openlineage-sql takes a column of a join that names no table for one
    of the first table, and an INSERT without a list of columns for one by name.
    """
    found = []
    for block in (Path(__file__).parent / "sql_columns.txt").read_text().split("\n\n")[1:]:
        statement, tables, *edges = block.rstrip("\n").split("\n")
        system, _, text = statement.partition(": ")
        found.append(Case(system, text, *_sides(tables), edges[0].strip()))
    return found


def _sides(tables: str) -> tuple[str, str]:
    inputs, _, outputs = tables.partition("->")
    return inputs.strip(), outputs.strip()


CASES = cases()


def found_in(case: Case) -> sql_columns.Columns:
    return columns_of(case.text, case.system, KNOWN.get, lambda table: sql.name_of(table, case.system))


def shown(edges: tuple[sql_columns.Edge, ...]) -> str:
    lines = []
    for table, column, source, inner, how in edges:
        place = f"{table}:" if table else ""
        comes = f"{source}.{inner or '?'} {how.rpartition(':')[2]}" if source else "constant"
        lines.append(f"{place}{column or 'all'} < {comes}")
    return "; ".join(sorted(lines)) or "nothing"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.system}: {case.text[:60]}")
def test_tables_and_columns_of_a_statement(case: Case) -> None:
    view, tables = sql.definition(case.text, case.system), sql.parse(case.text, case.system)
    inputs, outputs = (view.inputs, (view.name,)) if view is not None else (tables.inputs, tables.outputs)
    assert (" ".join(inputs), " ".join(outputs)) == (case.inputs, case.outputs)
    found = found_in(case)
    assert found.understood
    assert shown(found.edges) == case.edges


def rows_of(connection: Any, case: Case, changed: tuple[str, str] | None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows that a statement gives, or of the table that it writes, with one column changed before."""
    for table, columns in KNOWN.items():
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} ({', '.join(f'{column} INTEGER' for column in columns)})")
        for number in range(1, 7):
            # Keys meet, values differ from each other.
            row = [number % 4 + at * (number % 3) for at in range(len(columns))]
            if changed is not None and changed[0] == table:
                at = columns.index(changed[1])
                row[at] = row[at] * 3 + number
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    if case.system == "sqlite" and "ON CONFLICT" in case.text:
        connection.execute("DELETE FROM u WHERE rowid NOT IN (SELECT min(rowid) FROM u GROUP BY id)")
        connection.execute("CREATE UNIQUE INDEX one ON u (id)")
    for made in ("q", "w"):
        for kind in ("TABLE", "VIEW"):
            try:
                connection.execute(f"DROP {kind} IF EXISTS {made}")
            except (sqlite3.Error, duckdb.Error):
                continue
    cursor = connection.execute(case.text, [5] * case.text.count("?"))
    if case.outputs:
        name = case.outputs.removeprefix("temp.")
        cursor = connection.execute(f"SELECT * FROM {name}")
    rows = [tuple(map(str, row)) for row in cursor.fetchall()]
    return [column[0] for column in cursor.description], rows


# What has no table of these, no parameters that fit, or writes a file.
LEFT_OUT = ("unknown", "v2", "INTO w ", "COPY", "json_each")
RUNNABLE = [
    case for case in CASES if case.system in ("sqlite", "duckdb") and not any(word in case.text for word in LEFT_OUT)
]


@pytest.mark.parametrize("case", RUNNABLE, ids=lambda case: f"{case.system}: {case.text[:60]}")
def test_what_the_database_shows_to_depend_on_a_column_is_an_edge(case: Case) -> None:
    connection: Any = duckdb.connect() if case.system == "duckdb" else sqlite3.connect(":memory:")
    names, expected = rows_of(connection, case, None)
    edges = found_in(case).edges
    for table, columns in KNOWN.items():
        for column in columns:
            now, rows = rows_of(connection, case, (table, column))
            reached = {
                output.lower()
                for _, output, source, inner, _ in edges
                if source in (table, f"main.{table}") and inner in (column, "", "*")
            }
            own = {column} if case.outputs in (table, f"temp.{table}") else set()
            for at, name in enumerate(names):
                differs = now != names or sorted(row[at] for row in rows) != sorted(row[at] for row in expected)
                explained = bool(reached & {name.lower(), "", "*"}) or name in own
                assert explained or not differs, f"{name} depends on {table}.{column}"
    connection.close()


@pytest.mark.parametrize("case", RUNNABLE, ids=lambda case: f"{case.system}: {case.text[:60]}")
def test_a_column_that_is_handed_on_as_it_is_shows_every_change(case: Case) -> None:
    connection: Any = duckdb.connect() if case.system == "duckdb" else sqlite3.connect(":memory:")
    names, expected = rows_of(connection, case, None)
    for _, output, table, column, how in found_in(case).edges:
        if how != "DIRECT:IDENTITY" or output not in names or table not in KNOWN:
            continue
        _, rows = rows_of(connection, case, (table, column))
        at = names.index(output)
        assert sorted(row[at] for row in rows) != sorted(row[at] for row in expected), f"{output} < {table}.{column}"
    connection.close()


SCRIPTS = [
    ("ALTER TABLE t ADD COLUMN d INTEGER", ("t", ("a", "b", "c", "d"))),
    ("ALTER TABLE t RENAME COLUMN b TO beta", ("t", ("a", "beta", "c"))),
    ("ALTER TABLE t DROP COLUMN b", ("t", ("a", "c"))),
    ("ALTER TABLE t RENAME TO old", ("old", ("a", "b", "c"))),
    ("CREATE TABLE n (p DECIMAL(?, ?) DEFAULT ?, q VARCHAR(?), PRIMARY KEY (p))", ("n", ("p", "q"))),
    ("CREATE TABLE q AS SELECT a AS one, b FROM t", ("q", ("one", "b"))),
    ("CREATE TABLE q AS SELECT * FROM somewhere", ("q", None)),
]


@pytest.mark.parametrize(("text", "defined"), SCRIPTS)
def test_what_a_statement_defines(text: str, defined: tuple[str, tuple[str, ...] | None]) -> None:
    found = columns_of(text, "sqlite", KNOWN.get, lambda table: sql.name_of(table, "sqlite"))
    assert found.defined == (defined,)
    assert found.gone == (("t",) if "RENAME TO" in text else ())


@pytest.mark.parametrize(
    "text", ["", "EXPLAIN SELECT 1", "SELECT (" * 500, "x" * 60_000, "SELECT a FROM t; SELECT b FROM t"]
)
def test_what_nobody_understands_has_no_columns(text: str) -> None:
    found = columns_of(text, "sqlite", KNOWN.get, lambda table: sql.name_of(table, "sqlite"))
    assert found == sql_columns.Columns(understood=False)


def test_a_deep_query_is_left_alone() -> None:
    text = "SELECT a FROM " + "(SELECT a FROM " * 70 + "t" + ")" * 70
    assert not columns_of(text, "duckdb", KNOWN.get, lambda table: sql.name_of(table, "duckdb")).understood
