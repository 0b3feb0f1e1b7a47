# SPDX-License-Identifier: Apache-2.0
"""Records to rows of SQLite tables and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from otelprov.model.records import (
    ColumnEdge,
    IoRecord,
    LifeRecord,
    ModuleRecord,
    MutationRecord,
    StatementRecord,
    StepRecord,
)
from otelprov.store.contract import Fact

Row = tuple[Any, ...]


def _names(of: type, leave_out: frozenset[str] = frozenset()) -> list[str]:
    return [field.name for field in fields(of) if field.name not in leave_out]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


_IO = _names(IoRecord)
_STEP = _names(StepRecord)
_MODULE = _names(ModuleRecord)
_STATEMENT = _names(StatementRecord, frozenset({"facts"}))
_COLUMN_EDGE = _names(ColumnEdge)
_MUTATION = MutationRecord._fields
_LIFE = _names(LifeRecord, frozenset({"details"}))
_OPERATION = _IO.index("operation")
_BOOLEANS = [_IO.index(name) for name in ("temporary", "accumulates", "flow_complete")]

# Columns in the order in which the records hold them; a column can't well be called index.
IO_COLUMNS = _quoted(_IO)
STEP_COLUMNS = _quoted(_STEP)
MODULE_COLUMNS = _quoted(_MODULE).replace('"index"', '"place"')
STATEMENT_COLUMNS = _quoted(_STATEMENT)
COLUMN_EDGE_COLUMNS = _quoted(_COLUMN_EDGE)
# A change: which container in which process, what the block that told it says, how it was made, and the rest of it.
CONTAINER_COLUMNS = "run_id, container, process_id"
BLOCK_COLUMNS = ", ".join(_MUTATION[2:6])
MANNER_COLUMNS = ", ".join(_MUTATION[9:19])
MUTATION_COLUMNS = "container, seq, change, block, manner, " + ", ".join(_MUTATION[19:])
# All of it in the order of the record's fields, from the four tables under these letters.
MUTATION_FIELDS = ", ".join(
    f"{table}.{name}" for table, name in zip("ccbbbbcxx" + "m" * 10 + "x" * 12, _MUTATION, strict=True)
)
MUTATION_TABLES = (
    "container c JOIN mutation x ON x.container = c.id JOIN mutation_block b ON b.id = x.block "
    "JOIN mutation_manner m ON m.id = x.manner"
)
LIFE_COLUMNS = _quoted(_LIFE).replace('"index"', '"place"') + ', "details"'
# The version of a fact by the digests that were told beside it; in the second form, as they are now.
VERSION = """CASE WHEN "content" = '' THEN "version" ELSE "content" END"""
_DIGESTED = """CASE WHEN substr("version", 1, 5) = 'stat:' THEN coalesce(
  (SELECT CASE count(*) WHEN 1 THEN min(d.version) END FROM digest d
   WHERE d.name = fact.name AND d.stat = fact.version AND d.namespace = fact.namespace), "version")
  ELSE "version" END"""
_DERIVED = '"head", "node", "hidden", "scope", "via_run"'
FACT_COLUMNS = f'"id", {IO_COLUMNS.replace(_quoted(["version"]), VERSION)}, {_DERIVED}'
FACT_COLUMNS_ANEW = f'"id", {IO_COLUMNS.replace(_quoted(["version"]), _DIGESTED)}, {_DERIVED}'

io_row: Callable[[IoRecord], Row] = attrgetter(*_IO)
step_row: Callable[[StepRecord], Row] = attrgetter(*_STEP)
module_row: Callable[[ModuleRecord], Row] = attrgetter(*_MODULE)
statement_row: Callable[[StatementRecord], Row] = attrgetter(*_STATEMENT)
column_edge_row: Callable[[ColumnEdge], Row] = attrgetter(*_COLUMN_EDGE)
_life_row: Callable[[LifeRecord], Row] = attrgetter(*_LIFE)


def life_row(life: LifeRecord) -> Row:
    """A row of the table life."""
    return (*_life_row(life), json.dumps(life.details, sort_keys=True))


def life_of(row: Row) -> LifeRecord:
    """The record of a row of LIFE_COLUMNS."""
    values = (*row[:-1], json.loads(row[-1]))
    return LifeRecord(*values)


def fact_of(row: Row) -> Fact:
    """The fact of a row of FACT_COLUMNS."""
    values = list(row[1:-5])
    for index in _BOOLEANS:
        values[index] = bool(values[index])
    head, node, hidden, scope, via_run = row[-5:]
    return Fact(row[0], IoRecord(*values), head, node, hidden, scope, bool(via_run))


def mutation_of(row: Row) -> MutationRecord:
    """The record of a row of MUTATION_FIELDS."""
    return MutationRecord._make((*row[:28], bool(row[28]), *row[29:]))


def is_of_a_span(row: Row) -> bool:
    """Whether a row of IO_COLUMNS is told by the span itself, which knows more of it than a log record about it."""
    return bool(row[_OPERATION])


def column_names(text: str) -> list[str]:
    """The names in a JSON array, as spans carry them; none where it is anything else."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def insert(table: str, columns: str) -> str:
    """An INSERT that leaves a row of before as it is."""
    return f"{_insert('INSERT', table, columns)} ON CONFLICT DO NOTHING"


def replace(table: str, columns: str) -> str:
    """An INSERT that puts a new row into the place of one of before."""
    return _insert("INSERT OR REPLACE", table, columns)


def _insert(verb: str, table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    # Table and columns are constants of this package.
    return f"{verb} INTO {table} ({columns}) VALUES ({marks})"
