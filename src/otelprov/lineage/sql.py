# SPDX-License-Identifier: Apache-2.0
"""Tables and columns that one SQL statement reads and writes."""

from __future__ import annotations

import functools
import importlib
import logging
import re
from dataclasses import dataclass
from typing import Any

from otelprov.lineage import sqlite_names

# Longer statements are bulk data in disguise, and parsers are quadratic on them.
MAX_TEXT = 200_000
_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|;|\()*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_AS_QUERY = re.compile(r"\bAS\s*(?:\(\s*)*(?:SELECT|WITH|VALUES)\b", re.IGNORECASE)
_MOVING = frozenset({"SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "CREATE", "VALUES", "TABLE"})
_SQLGLOT_DIALECTS = {"postgresql": "postgres", "mssql": "tsql", "microsoft.sql_server": "tsql", "mariadb": "mysql"}
_OPENLINEAGE_DIALECTS = {"postgresql": "postgres", "microsoft.sql_server": "mssql", "mariadb": "mysql"}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement does: names of tables, columns as (written column, source table, source column).

    `parser` is `openlineage-sql`, `sqlglot`, `none` for a statement that moves no data, and empty where no parser
    could take the statement apart. `accumulates` says that what was in the written tables stays there. In SQLite
    tables of the schema `main` have no schema in front, and temporary ones always have `temp.`.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    columns: tuple[tuple[str, str, str], ...] = ()
    accumulates: bool = True
    parser: str = ""


@functools.lru_cache(maxsize=4096)
def parse(text: str, system: str = "sqlite") -> Statement:
    """Take one SQL statement apart; never raises. Definitions, pragmas and transactions move no data."""
    start = _LEADING.match(text)
    word = _WORD.match(text, start.end() if start else 0)
    verb = word.group().upper() if word else ""
    if verb not in _MOVING or (verb == "CREATE" and not _AS_QUERY.search(text)):
        return Statement(parser="none")
    if len(text) > MAX_TEXT:
        return Statement()
    # CREATE … AS makes the table anew; everything else leaves rows of before in it.
    accumulates = verb != "CREATE"
    if system == "sqlite":
        text = sqlite_names.common_form(text, word.start() if word else 0)
    return _with_openlineage(text, system, accumulates) or _with_sqlglot(text, system, accumulates) or Statement()


def _with_openlineage(text: str, system: str, accumulates: bool) -> Statement | None:
    module = _optional("openlineage_sql")
    if module is None:
        return None
    try:
        found = module.parse([text], dialect=_OPENLINEAGE_DIALECTS.get(system, system))
    except Exception:
        return None
    if found is None or found.errors:
        return None
    columns = {
        (column.descendant.name, source.origin.qualified_name, source.name)
        for column in found.column_lineage
        for source in column.lineage
        if source.origin is not None
    }
    return Statement(
        inputs=_names({table.qualified_name for table in found.in_tables}, system),
        outputs=_names({table.qualified_name for table in found.out_tables}, system, _makes_temporary(text, system)),
        columns=tuple(sorted(columns)),
        accumulates=accumulates,
        parser="openlineage-sql",
    )


def _with_sqlglot(text: str, system: str, accumulates: bool) -> Statement | None:
    sqlglot = _optional("sqlglot")
    if sqlglot is None:
        return None
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    dialect = _SQLGLOT_DIALECTS.get(system, system)
    try:
        trees = sqlglot.parse(text, read=dialect)
    except Exception:
        return None
    expressions = sqlglot.exp
    inputs: set[str] = set()
    outputs: set[str] = set()
    for tree in trees:
        if tree is None or isinstance(tree, expressions.Command):
            return None
        written = _written_table(tree, expressions)
        defined = {item.alias for item in tree.find_all(expressions.CTE)}
        if written is not None:
            outputs.add(_table_name(written))
        for table in tree.find_all(expressions.Table):
            name = _table_name(table)
            if table is not written and name and name not in defined:
                inputs.add(name)
    written_names = _names(outputs, system, _makes_temporary(text, system))
    return Statement(_names(inputs, system), written_names, (), accumulates, "sqlglot")


def _names(found: set[str], system: str, temporary: bool = False) -> tuple[str, ...]:
    return tuple(sorted((sqlite_names.tables(found, temporary) if system == "sqlite" else found) - {""}))


def _makes_temporary(text: str, system: str) -> bool:
    start = _LEADING.match(text)
    return system == "sqlite" and sqlite_names.creates_temporary(text, start.end() if start else 0)


def _written_table(tree: Any, expressions: Any) -> Any:
    kinds = (expressions.Insert, expressions.Update, expressions.Delete, expressions.Merge, expressions.Create)
    return tree.this.find(expressions.Table) if isinstance(tree, kinds) and tree.this is not None else None


def _table_name(table: Any) -> str:
    return ".".join(part.name for part in table.parts if getattr(part, "name", ""))


@functools.cache
def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
