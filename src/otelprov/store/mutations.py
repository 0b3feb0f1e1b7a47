# SPDX-License-Identifier: Apache-2.0
"""Merges changes of tracked containers: many at once, because a run may have a million of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from otelprov.model.records import MutationRecord
from otelprov.store import rows
from otelprov.store.contract import MergeReport

# One statement takes so many rows; where it finds some of them known, all of these are compared one by one.
_AT_ONCE = 1000
_KEY = "container = ? AND seq = ? AND change = ?"
_MORE = "{0} = max({0}, excluded.{0})"
_FILLED = f" ON CONFLICT DO UPDATE SET {_MORE.format('parent_id')}, {_MORE.format('step_id')}"


def merge_mutations(
    connection: sqlite3.Connection, report: MergeReport, mutations: Sequence[MutationRecord]
) -> set[str]:
    """Put changes into the tables, inside a transaction of the caller's; ids of the runs that got new ones."""
    insert = rows.insert("mutation", rows.MUTATION_COLUMNS)
    ids = _Ids(connection)
    touched: set[str] = set()
    for at in range(0, len(mutations), _AT_ONCE):
        some = mutations[at : at + _AT_ONCE]
        told = [ids.row(one) for one in some]
        before = connection.total_changes
        connection.executemany(insert, told)
        new = connection.total_changes - before
        report.new += new
        report.known += len(some) - new
        if new:
            touched.update(one.run_id for one in some)
        if new < len(some):
            for one, row in zip(some, told, strict=True):
                _compare(connection, report, one, row)
    return touched


def _compare(connection: sqlite3.Connection, report: MergeReport, told: MutationRecord, row: rows.Row) -> None:
    # All names are constants of this package.
    query = f"SELECT {rows.MUTATION_COLUMNS} FROM mutation WHERE {_KEY}"  # noqa: S608
    known = connection.execute(query, row[:3]).fetchone()
    if known == row:
        return
    if (*known[:3], *known[4:]) != (*row[:3], *row[4:]):
        report.conflicts += 1
        connection.execute(
            "INSERT INTO conflict VALUES ('mutation', ?, ?, ?) ON CONFLICT DO NOTHING",
            (told.trace_id, told.span_id, json.dumps(told._asdict(), sort_keys=True)),
        )
        return
    # Told by two carriers: the span knows more of where it happened than a log record, and order makes no difference.
    query = "SELECT parent_id = '', span_id, trace_id FROM mutation_block WHERE id = ?"
    if connection.execute(query, row[3:4]).fetchone() < connection.execute(query, known[3:4]).fetchone():
        connection.execute(f"UPDATE mutation SET block = ? WHERE {_KEY}", (row[3], *row[:3]))  # noqa: S608


class _Ids:
    """Gives numbers to what repeats, and keeps them for the length of a merge."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._containers: dict[rows.Row, int] = {}
        self._blocks: dict[rows.Row, int] = {}
        self._manners: dict[rows.Row, int] = {}

    def row(self, told: MutationRecord) -> rows.Row:
        """The row of a change in the table `mutation`."""
        of, where, how = (told.run_id, told.container, told.process_id), told[2:6], told[9:19]
        container, block, manner = self._containers.get(of), self._blocks.get(where), self._manners.get(how)
        if container is None:
            container = self._containers[of] = self._number("container", rows.CONTAINER_COLUMNS, of)
        if block is None:
            block = self._blocks[where] = self._number("mutation_block", rows.BLOCK_COLUMNS, where, 2, _FILLED)
        if manner is None:
            manner = self._manners[how] = self._number("mutation_manner", rows.MANNER_COLUMNS, how)
        return (container, told.seq, told.change, block, manner, *told[19:])

    def _number(self, table: str, columns: str, values: rows.Row, keys: int = 0, filled: str = "") -> int:
        """The id of a row, which is made where it is new; the first `keys` columns are its key, all of them where 0."""
        insert = rows.insert(table, columns)
        self._connection.execute(insert.replace(" ON CONFLICT DO NOTHING", filled) if filled else insert, values)
        named = columns.split(", ")[: keys or None]
        where = " AND ".join(f"{name} = ?" for name in named)
        found: Any = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", values[: len(named)])  # noqa: S608
        return int(found.fetchone()[0])
