# SPDX-License-Identifier: Apache-2.0
"""What a table's name in a statement means to SQLite: which database it lies in, and whether it is a table at all."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

MAIN, TEMP = "main.", "temp."
# The catalogues of the database itself, under whatever schema.
_CATALOGUE = re.compile(r"(?:sqlite|pragma)_", re.IGNORECASE)
# Functions that stand where a table could.
_FUNCTIONS = frozenset({"json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series"})
_INDEX_HINT = re.compile(r"\bINDEXED\s+BY\s+(?:\w+|\"[^\"]*\"|\[[^\]]*\]|`[^`]*`)|\bNOT\s+INDEXED\b", re.IGNORECASE)
_CREATES_TEMPORARY = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:LOCAL|GLOBAL|RECURSIVE)\s+)*TEMP(?:ORARY)?\b", re.IGNORECASE
)
# Schemas that every database has of itself.
_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "sys", "performance_schema", "system"})
_SYSTEM_TABLE = re.compile(r"(?:sqlite|pragma|duckdb|pg)_", re.IGNORECASE)
_REPLACES = re.compile(r"REPLACE\b", re.IGNORECASE)


def common_form(text: str, start: int) -> str:
    """The statement that begins at `start`, in words that parsers of other dialects know too."""
    statement = _INDEX_HINT.sub("", text[start:])
    replaces = _REPLACES.match(statement)
    return text[:start] + (f"INSERT OR {statement}" if replaces else statement)


def in_common_form(text: str) -> str:
    """As `common_form`, for a statement with nothing but space before it."""
    return common_form(text, len(text) - len(text.lstrip()))


def creates_temporary(text: str, start: int) -> bool:
    """Whether the statement that begins at `start` makes a table that only its connection sees."""
    return _CREATES_TEMPORARY.match(text, start) is not None


def tables(found: Collection[str], temporary: bool = False) -> set[str]:
    """Names of tables alone, without `main.`; with `temporary`, tables without a schema are under `temp.`."""
    kept: set[str] = set()
    for name in found:
        if name[: len(MAIN)].lower() == MAIN:
            name = name[len(MAIN) :]
        schema, dot, last = name.rpartition(".")
        if _CATALOGUE.match(last) or (not dot and last.lower() in _FUNCTIONS):
            continue
        if schema.lower() == "temp" or (temporary and not dot):
            name = TEMP + last
        kept.add(name)
    return kept


def lasting(found: Collection[str], temporary: bool = False) -> set[str]:
    """As `tables`, for other databases than SQLite: without their catalogues, temporary tables under `temp.`."""
    kept: set[str] = set()
    for name in found:
        schema, _, last = name.rpartition(".")
        if schema.rpartition(".")[2].lower() in _SYSTEM_SCHEMAS or (not schema and _SYSTEM_TABLE.match(last)):
            continue
        if schema.lower() in ("temp", "pg_temp") or (temporary and not schema):
            name = TEMP + last
        kept.add(name)
    return kept


def attached_databases(text: str) -> dict[str, str]:
    """Paths of attached databases by their names in lower case; nothing where the text is no JSON object of them."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(given, dict):
        return {}
    return {alias.lower(): path for alias, path in given.items() if isinstance(path, str) and path}


def locate(name: str, attached: Mapping[str, str], beside: Collection[str]) -> tuple[str, str, bool]:
    """Path of the attached database (empty for the connection's own), name there, and whether it is temporary.

    A temporary table has its plain name, by which most statements call it, unless the same statement names a lasting
    table so (`beside` holds all its names).
    """
    if name.startswith(TEMP):
        plain = name[len(TEMP) :]
        return "", name if plain in beside else plain, True
    alias, dot, table = name.partition(".")
    path = attached.get(alias.lower(), "") if dot else ""
    return (path, table, False) if path else ("", name, False)
