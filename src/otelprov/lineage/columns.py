# SPDX-License-Identifier: Apache-2.0
"""Edges between columns of one run: by its statements, with the tables that it has defined, and by its flows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from otelprov.lineage import sql, sql_columns
from otelprov.lineage.sql_relations import DIRECT, WHOLE, combined
from otelprov.lineage.table_places import Place, Places
from otelprov.model.records import GENERATED, USED, ColumnEdge, StatementRecord
from otelprov.semconv import PROVENANCE_EVIDENCE_FLOW
from otelprov.store.contract import Fact
from otelprov.store.rows import column_names

SAME, EVERY = sql_columns.SAME, sql_columns.EVERY
# So many edges of one run are kept.
MAX_EDGES = 100_000
_MAX_JSON = 100_000
Span = tuple[str, str]
Named = tuple[str, str]


def column_edges(facts: Iterable[Fact], statements: Sequence[StatementRecord]) -> tuple[list[ColumnEdge], bool]:
    """The edges between columns of a run, and whether there are more than are kept."""
    return _Run(facts).edges(statements)


class _Run:
    def __init__(self, facts: Iterable[Fact]) -> None:
        self.by_span: dict[Span, list[Fact]] = {}
        # Columns of tables and files, None where they have become unknown.
        self.schema: dict[Named, tuple[str, ...] | None] = {}
        for fact in facts:
            io = fact.io
            self.by_span.setdefault((io.trace_id, io.span_id), []).append(fact)
            names = column_names(io.column_names)
            if names and len(names) == io.columns and io.type == "file":
                known = self.schema.setdefault(_named(fact), tuple(names))
                if known != tuple(names):
                    self.schema[_named(fact)] = None

    def edges(self, statements: Sequence[StatementRecord]) -> tuple[list[ColumnEdge], bool]:
        found: dict[tuple[str, ...], ColumnEdge] = {}
        spans = set()
        for statement in sorted(statements, key=lambda each: (each.start, each.seq, each.trace_id, each.span_id)):
            spans.add((statement.trace_id, statement.span_id))
            self._keep(found, self._of_statement(statement))
        for span, facts in self.by_span.items():
            if span not in spans and any(fact.io.column_edges for fact in facts):
                self._keep(found, _of_flow(facts))
        return list(found.values()), len(found) >= MAX_EDGES

    def _keep(self, found: dict[tuple[str, ...], ColumnEdge], edges: Iterable[ColumnEdge]) -> None:
        for edge in edges:
            if len(found) >= MAX_EDGES:
                return
            key = (
                *(edge.trace_id, edge.span_id, edge.output_namespace, edge.output_name, edge.output_column),
                *(edge.input_namespace, edge.input_name, edge.input_column, edge.how),
            )
            found[key] = edge

    def _of_statement(self, statement: StatementRecord) -> Iterator[ColumnEdge]:
        facts = self.by_span.get((statement.trace_id, statement.span_id), [])
        by_alias: dict[str, list[Fact]] = {}
        for fact in facts:
            for alias in fact.io.alias.split("\n") if fact.io.alias else ():
                by_alias.setdefault(alias.lower(), []).append(fact)
        system = statement.system or "sqlite"
        parsed = sql.parse(statement.text, system)
        places = Places(statement, {*parsed.inputs, *parsed.outputs})

        def known(name: str) -> tuple[str, ...] | None:
            told = by_alias.get(name.lower())
            if told is None:
                place = places.of(name)
                return self.schema.get((place.namespace, place.name))
            schemas = {self.schema.get(_named(fact)) for fact in told if fact.io.relation == USED}
            plain = all(not _is_hint(fact) or _is_as_read(fact) for fact in told)
            return schemas.pop() if len(schemas) == 1 and plain else None

        found = sql_columns.columns_of(statement.text, system, known, lambda table: sql.name_of(table, system))
        if not found.understood:
            if parsed.parser != "none":
                # Whatever this has written, nobody knows its columns any more.
                self.schema.update(
                    {places.of(name)[:2]: None for name in parsed.outputs if name.lower() not in by_alias}
                )
            return
        temporary = sql.makes_temporary(statement.text)
        for name in found.gone:
            self.schema.pop(places.of(name)[:2], None)
        for name, names in found.defined:
            place = places.of(f"temp.{name}" if temporary and "." not in name else name)
            self.schema[place.namespace, place.name] = names
        for output, column, table, source, how in found.edges:
            outputs = self._outputs(output, by_alias, places, temporary)
            inputs = list(_inputs(table, source, how, by_alias, places)) if table else [(Place("", "", False), "", "")]
            for place in outputs:
                for origin, inner, way in inputs:
                    yield ColumnEdge(
                        *(statement.run_id, statement.trace_id, statement.span_id),
                        *(place.namespace, place.name, column),
                        *(origin.namespace, origin.name, inner, way),
                    )

    def _outputs(self, output: str, by_alias: dict[str, list[Fact]], places: Places, temporary: bool) -> list[Place]:
        if not output:
            return [places.result()]
        told = by_alias.get(output.lower())
        if told is not None:
            return [Place(fact.io.namespace, fact.io.name, False) for fact in told if fact.io.relation == GENERATED]
        return [places.of(f"temp.{output}" if temporary and "." not in output else output)]


def _inputs(
    table: str, column: str, how: str, by_alias: dict[str, list[Fact]], places: Places
) -> Iterator[tuple[Place, str, str]]:
    told = by_alias.get(table.lower())
    if told is None:
        yield (Place("", "", False), "", "") if places.is_variable(table) else (places.of(table), column, how)
        return
    for fact in told:
        if fact.io.relation != USED:
            continue
        place = Place(fact.io.namespace, fact.io.name, fact.io.temporary)
        if not _is_hint(fact) and not fact.io.column_edges:
            yield place, column, how
            continue
        for inner, way in _behind(fact, column):
            yield place, inner, combined(way, how)


def _behind(hint: Fact, column: str) -> Iterator[tuple[str, str]]:
    """Which columns of what a table in memory was read from are behind a column of it."""
    told = _edges_in(hint)
    if column == SAME and any(output == column == source for output, source, _ in told) and len(told) == 1:
        yield SAME, told[0][2]
        return
    own = [(source, how) for output, source, how in told if output.lower() == column.lower() != EVERY]
    rest = [(column if source == SAME else source, how) for output, source, how in told if output == SAME]
    found = own or rest
    every = [(source, how) for output, source, how in told if output == EVERY]
    if column in (SAME, WHOLE) or not (found or every) or (hint.io.left_out and not own):
        yield WHOLE, DIRECT
        return
    yield from found
    yield from every


def _of_flow(facts: Sequence[Fact]) -> Iterator[ColumnEdge]:
    """The edges that a write tells of itself, for each of its sources."""
    written = [fact for fact in facts if fact.io.relation == GENERATED]
    for fact in facts:
        io = fact.io
        if not _is_hint(fact):
            continue
        told = _edges_in(fact)
        if io.left_out or not told:
            told = [*told, (SAME, WHOLE, DIRECT)]
        for output in written:
            for column, source, how in told:
                yield ColumnEdge(
                    *(io.run_id, io.trace_id, io.span_id, output.io.namespace, output.io.name, column),
                    *(io.namespace, io.name, source, how),
                )


def _edges_in(fact: Fact) -> list[tuple[str, str, str]]:
    found = _json(fact.io.column_edges)
    if not isinstance(found, list):
        return []
    return [
        (edge[0], edge[1], edge[2])
        for edge in found
        if isinstance(edge, list) and len(edge) == 3 and all(isinstance(part, str) for part in edge)
    ]


def _json(text: str) -> object:
    if not text or len(text) > _MAX_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_hint(fact: Fact) -> bool:
    return fact.io.evidence == PROVENANCE_EVIDENCE_FLOW and bool(fact.io.source_span)


def _is_as_read(hint: Fact) -> bool:
    return [edge[:2] for edge in _edges_in(hint)] == [(SAME, SAME)]


def _named(fact: Fact) -> Named:
    return fact.io.namespace, fact.io.name
