# SPDX-License-Identifier: Apache-2.0
"""Tables that one SQL statement reads and writes: by openlineage-sql, and by sqlglot what that can't take apart."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass
from typing import Any

from otelprov.lineage import sqlite_names
from otelprov.lineage.sql_trees import tree_of

# Longer statements are bulk data in disguise, and parsers are quadratic on them.
MAX_TEXT = 200_000
_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|;|\()*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_AS_QUERY = re.compile(r"\bAS\s*(?:\(\s*)*(?:SELECT|WITH|VALUES|FROM|PIVOT|UNPIVOT)\b", re.IGNORECASE)
# `WITH t AS (SELECT … FROM t)`: the parser takes the table for the common table that it makes.
_SHADOWED = re.compile(r"(?:\bWITH\s+|,\s*)(\w+)\s+AS\s*\((?:[^()]*?)\b(?:FROM|JOIN)\s+\1\b", re.IGNORECASE)
# The definition of a view that holds no rows of its own.
_VIEW = re.compile(
    r"(?:CREATE|ALTER)(?P<words>\s++(?:(?!TABLE\b|VIEW\b|MATERIALIZED\b|AS\b)[^\s(;]++\s++)*+VIEW\b"
    r"(?P<known>\s++IF\s++NOT\s++EXISTS\b)?)",
    re.IGNORECASE,
)
_JOINED_UPDATE = re.compile(r"\s*UPDATE\s+(?:(?!\bSET\b)[^;])*?\bJOIN\b", re.IGNORECASE)
_VERBS = "SELECT WITH INSERT REPLACE UPDATE DELETE MERGE CREATE VALUES TABLE COPY FROM PIVOT UNPIVOT SUMMARIZE"
_MOVING = frozenset(_VERBS.split())
_OPENLINEAGE_DIALECTS = {"postgresql": "postgres", "microsoft.sql_server": "mssql", "mariadb": "mysql"}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement does to which tables, by their names; its columns are up to `sql_columns`.

    `parser` is `openlineage-sql`, `sqlglot`, `none` for a statement that moves no data, and empty where no parser
    could take the statement apart. `accumulates` says that what was in the written tables stays there. In SQLite
    tables of the schema `main` have no schema in front, and temporary ones always have `temp.`.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    accumulates: bool = True
    parser: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A view by its name, and the tables that its query names; `text` defines it, whatever the statement said.

    `only_if_new` says that a view of that name which is there already stays as it is.
    """

    text: str
    name: str
    inputs: tuple[str, ...]
    only_if_new: bool = False


@functools.lru_cache(maxsize=4096)
def parse(text: str, system: str = "sqlite") -> Statement:
    """Take one SQL statement apart; never raises. Definitions, pragmas and transactions move no data."""
    at, verb = _verb(text)
    if verb not in _MOVING or (verb == "CREATE" and (not _AS_QUERY.search(text) or _VIEW.match(text, at))):
        return Statement(parser="none")
    # CREATE … AS makes the table anew; everything else leaves rows of before in it.
    return _taken_apart(text, system, at, accumulates=verb != "CREATE")


@functools.lru_cache(maxsize=1024)
def definition(text: str, system: str = "sqlite") -> Definition | None:
    """The view that a statement defines; None for every other statement, and where nobody could take it apart."""
    at, verb = _verb(text)
    found = _VIEW.match(text, at) if verb in ("CREATE", "ALTER") and _AS_QUERY.search(text) else None
    if found is None:
        return None
    # What it is now is said in the same words as at first.
    text = f"CREATE{text[found.start('words') :]}"
    parsed = _taken_apart(text, system, 0, accumulates=False)
    if len(parsed.outputs) != 1:
        return None
    return Definition(text, parsed.outputs[0], parsed.inputs, only_if_new=found["known"] is not None)


def defines_or_removes(text: str) -> bool:
    """Whether a statement gives a name another meaning."""
    return _verb(text)[1] in ("CREATE", "DROP", "ALTER")


def _verb(text: str) -> tuple[int, str]:
    """Where a statement begins, and the word it begins with."""
    start = _LEADING.match(text)
    word = _WORD.match(text, start.end() if start else 0)
    return (word.start(), word.group().upper()) if word else (0, "")


def _taken_apart(text: str, system: str, at: int, *, accumulates: bool) -> Statement:
    if len(text) > MAX_TEXT:
        return Statement()
    if system == "sqlite":
        text = sqlite_names.common_form(text, at)
    return _with_openlineage(text, system, accumulates) or _with_sqlglot(text, system, accumulates) or Statement()


def _is_known_to_openlineage(text: str, system: str) -> bool:
    """Not of DuckDB, where it misses files and the way of beginning with FROM.

    Nor a common table that is made of a table of its name, nor an UPDATE with joins: there it misses tables.
    """
    return system != "duckdb" and _SHADOWED.search(text) is None and _JOINED_UPDATE.match(text) is None


def _with_openlineage(text: str, system: str, accumulates: bool) -> Statement | None:
    module = _optional("openlineage_sql")
    if module is None or not _is_known_to_openlineage(text, system):
        return None
    try:
        found = module.parse([text], dialect=_OPENLINEAGE_DIALECTS.get(system, system))
    except Exception:
        return None
    if found is None or found.errors:
        return None
    return Statement(
        inputs=_names({table.qualified_name for table in found.in_tables}, system),
        outputs=_names({table.qualified_name for table in found.out_tables}, system, makes_temporary(text)),
        accumulates=accumulates,
        parser="openlineage-sql",
    )


def _with_sqlglot(text: str, system: str, accumulates: bool) -> Statement | None:
    sqlglot = _optional("sqlglot")
    tree = tree_of(text, system) if sqlglot is not None else None
    if tree is None:
        return None
    expressions = sqlglot.exp
    written = _written_table(tree, expressions)
    outputs = {_table_name(written)} if written is not None else set()
    defined = {item.alias for item in tree.find_all(expressions.CTE)}
    inputs: set[str] = set()
    if isinstance(tree, expressions.Copy):
        places = {place.name for place in tree.args.get("files") or ()}
        inputs, outputs = (places, outputs) if tree.args.get("kind") else (set(), places)
        written = written if tree.args.get("kind") else None
    for table in tree.find_all(expressions.Table):
        name = _table_name(table)
        if table is not written and name and name not in defined:
            inputs.add(name)
    written_names = _names(outputs, system, makes_temporary(text))
    return Statement(_names(inputs, system), written_names, accumulates, "sqlglot")


def name_of(table: Any, system: str, text: str = "") -> str:
    """The name of a table by its node, as in a Statement; with the text of one that makes it, temporary where it is."""
    temporary = bool(text) and makes_temporary(text)
    return next(iter(_names({_table_name(table)}, system, temporary)), "")


def _names(found: set[str], system: str, temporary: bool = False) -> tuple[str, ...]:
    kept = sqlite_names.tables(found, temporary) if system == "sqlite" else sqlite_names.lasting(found, temporary)
    return tuple(sorted(kept - {""}))


def makes_temporary(text: str) -> bool:
    """Whether a statement makes a table that only its connection sees."""
    start = _LEADING.match(text)
    return sqlite_names.creates_temporary(text, start.end() if start else 0)


def _written_table(tree: Any, expressions: Any) -> Any:
    kinds = (expressions.Insert, expressions.Update, expressions.Delete, expressions.Merge, expressions.Create)
    into = tree.args.get("into")
    if into is not None:
        return into.this
    target = tree.this
    if isinstance(tree, expressions.Copy):
        target = target.this if isinstance(target, expressions.Schema) else target
        return target if isinstance(target, expressions.Table) else None
    return target.find(expressions.Table) if isinstance(tree, kinds) and target is not None else None


def _table_name(table: Any) -> str:
    # A function that stands for a table has no name of its own.
    if type(table.this).__name__ not in ("Identifier", "Dot"):
        return ""
    # What T-SQL calls temporary is told apart by a mark that the parser takes off.
    names = (("#" if part.args.get("temporary") else "") + part.name for part in table.parts if part.name)
    return ".".join(names)


@functools.cache
def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
