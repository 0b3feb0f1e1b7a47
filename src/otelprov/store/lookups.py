# SPDX-License-Identifier: Apache-2.0
"""Looks up single facts and edges: what the walk through the graph asks for, each by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from otelprov.model.records import DELETED, GENERATED, USED, ColumnEdge
from otelprov.store import rows
from otelprov.store.contract import Bounds, Derived, Fact

_FACTS = f"SELECT {rows.FACT_COLUMNS} FROM fact"  # noqa: S608
_NAMED = "name = ? AND namespace = ? AND relation = ?"
# SQLite allows at least this many parameters in a statement.
_CHUNK = 500


class Lookups:
    """The part of the store that finds facts."""

    path: str
    _connection: sqlite3.Connection

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _facts(self, where: str, values: Sequence[Any]) -> list[Fact]:
        return [rows.fact_of(row) for row in self._connection.execute(f"{_FACTS} WHERE {where}", values)]

    def _in_chunks(self, query: str, ids: Iterable[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query that ends in IN, for any number of ids."""
        wanted = list(ids)
        found: list[tuple[Any, ...]] = []
        for at in range(0, len(wanted), _CHUNK):
            chunk = wanted[at : at + _CHUNK]
            found += self._rows(f"{query} ({', '.join('?' * len(chunk))})", chunk)
        return found

    def facts(self, ids: Iterable[int]) -> list[Fact]:
        """Facts by id."""
        return [rows.fact_of(row) for row in self._in_chunks(f"{_FACTS} WHERE id IN", ids)]

    def facts_of_run(self, run_id: str, relation: str, bounds: Bounds) -> list[Fact]:
        """The shown facts of a run with a relation, in order of time."""
        return self._facts(
            'run_id = ? AND relation = ? AND hidden = 0 AND "start" BETWEEN ? AND ? ORDER BY "start", seq, span_id',
            (run_id, relation, bounds.since, bounds.until),
        )

    def made_through_run(self, run_id: str, bounds: Bounds) -> list[Fact]:
        """What a run generated from more reads than are drawn one by one."""
        return self._facts(
            'run_id = ? AND relation = ? AND via_run = 1 AND hidden = 0 AND "end" BETWEEN ? AND ?',
            (run_id, GENERATED, bounds.since, bounds.until),
        )

    def facts_of_node(self, prefix: str) -> list[Fact]:
        """Facts whose node id begins with a prefix; the ids are hex digits, so `g` comes after all of them."""
        return self._facts("node >= ? AND node < ?", (prefix, prefix + "g"))

    def producer(self, namespace: str, name: str, version: str, until: int) -> Fact | None:
        """The last head fact that generated this version (any version where empty) and ended by a time."""
        wanted = f"AND {rows.VERSION} = ?" if version else ""
        found = self._facts(
            f'{_NAMED} AND "end" <= ? AND head = id {wanted} ORDER BY "end" DESC, "start" DESC, span_id DESC LIMIT 1',
            (name, namespace, GENERATED, until, *((version,) if version else ())),
        )
        return found[0] if found else None

    def next_producer(self, namespace: str, name: str, after: int, until: int) -> Fact | None:
        """The first head fact that generated the name after a time."""
        found = self._facts(
            f'{_NAMED} AND "end" > ? AND "end" <= ? AND head = id ORDER BY "end", "start", span_id LIMIT 1',
            (name, namespace, GENERATED, after, until),
        )
        return found[0] if found else None

    def members(self, head: int) -> list[Fact]:
        """Every generating fact that a head stands for, itself first."""
        return self._facts('head = ? ORDER BY id <> head, "start", span_id', (head,))

    def uses(self, namespace: str, name: str, start: int, end: int) -> list[Fact]:
        """Used facts of a name that started in [start, end)."""
        return self._facts(
            f'{_NAMED} AND "start" >= ? AND "start" < ? ORDER BY "start", span_id', (name, namespace, USED, start, end)
        )

    def newest(self, namespace: str, name: str, relation: str, bounds: Bounds) -> Fact | None:
        """The last fact of a name with a relation; of generating ones, the last head."""
        at = '"start"' if relation == USED else '"end"'
        heads = "AND head = id" if relation == GENERATED else ""
        found = self._facts(
            f"{_NAMED} AND {at} BETWEEN ? AND ? {heads} ORDER BY {at} DESC, seq DESC, span_id DESC LIMIT 1",
            (name, namespace, relation, bounds.since, bounds.until),
        )
        return found[0] if found else None

    def same_content(self, namespace: str, name: str, version: str, limit: int) -> list[tuple[str, str]]:
        """Namespaces and names of other entities that have had a version with the same digest."""
        found = self._rows(
            "SELECT DISTINCT namespace, name FROM fact WHERE content = ? AND substr(content, 1, 7) = 'sha256:' "
            "AND hidden = 0 AND (name <> ? OR namespace <> ?) ORDER BY namespace, name LIMIT ?",
            (version, name, namespace, limit),
        )
        return [(str(row[0]), str(row[1])) for row in found]

    def deleted_between(self, namespace: str, name: str, start: int, end: int) -> bool:
        """Whether the entity was removed in a time."""
        return bool(
            self._rows(
                f'SELECT 1 FROM fact WHERE {_NAMED} AND "end" >= ? AND "end" <= ? LIMIT 1',  # noqa: S608
                (name, namespace, DELETED, start, end),
            )
        )

    def derived_from(self, output: int) -> list[Derived]:
        """Edges into a version, by its head."""
        found = self._rows("SELECT output, input, evidence, shown_by FROM derived WHERE output = ?", (output,))
        return [Derived(*row) for row in found]

    def derived_by(self, used: int) -> list[Derived]:
        """Edges out of a used fact."""
        found = self._rows("SELECT output, input, evidence, shown_by FROM derived WHERE input = ?", (used,))
        return [Derived(*row) for row in found]

    def column_edges(self, trace_id: str, span_id: str) -> list[ColumnEdge]:
        """The edges between columns that a span shows."""
        found = self._rows(
            f"SELECT {rows.COLUMN_EDGE_COLUMNS} FROM column_edge WHERE span_id = ? AND trace_id = ?",  # noqa: S608
            (span_id, trace_id),
        )
        return [ColumnEdge(*row) for row in found]

    def facts_of_span(self, trace_id: str, span_id: str) -> list[Fact]:
        """All facts that a span shows."""
        return self._facts("span_id = ? AND trace_id = ? ORDER BY id", (span_id, trace_id))

    def flows_from(self, trace_id: str, span_id: str) -> list[Fact]:
        """Used facts of writes and statements that go back to the reads of a span."""
        return self._facts(
            "source_span = ? AND source_span <> '' AND source_trace IN ('', ?) ORDER BY \"start\", span_id",
            (span_id, trace_id),
        )
