# SPDX-License-Identifier: Apache-2.0
"""Edges between columns of one run: by its statements, with the tables that it has defined, and by its flows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from otelprov.lineage import sql, sql_columns
from otelprov.lineage.sql_relations import DIRECT, WHOLE, combined
from otelprov.lineage.table_places import Place, Places
from otelprov.lineage.views import Moment, View, Views, moment_of
from otelprov.model.records import GENERATED, USED, ColumnEdge, StatementRecord
from otelprov.semconv import PROVENANCE_EVIDENCE_FLOW
from otelprov.store.contract import Fact
from otelprov.store.rows import column_names

SAME, EVERY = sql_columns.SAME, sql_columns.EVERY
# So many edges of one run are kept.
MAX_EDGES = 100_000
_MAX_JSON = 100_000
# Views of views, so many deep.
_MAX_DEPTH = 20
# In the place of a source: there is none.
_CONSTANT = (Place("", "", False), "", "")
Span = tuple[str, str]
Named = tuple[str, str]
_Input = tuple[str, Place, str, str]


def column_edges(
    facts: Iterable[Fact], statements: Sequence[StatementRecord], views: Views
) -> tuple[list[ColumnEdge], bool]:
    """The edges between columns of a run, and whether there are more than are kept."""
    return _Run(facts, views).edges(statements)


@dataclass(slots=True)
class _Names:
    """What the names of tables mean in one statement, or in the query of a view that it reads."""

    statement: StatementRecord
    places: Places
    by_alias: dict[str, list[Fact]]
    views: Views
    moment: Moment

    @property
    def system(self) -> str:
        return self.statement.system or "sqlite"

    def view(self, name: str) -> View | None:
        """The view that a name stands for."""
        if name.lower() in self.by_alias:
            return None
        place = self.places.of(name)
        return self.views.at(place.namespace, place.name, self.statement.process_id, self.moment)


class _Run:
    def __init__(self, facts: Iterable[Fact], views: Views) -> None:
        self.views = views
        # Of views, for one statement: what they do to columns, and what is behind a column of theirs.
        self._of_views: dict[int, sql_columns.Columns] = {}
        self._behind_views: dict[tuple[int, str, str, str], list[_Input]] = {}
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
        span = (statement.trace_id, statement.span_id)
        if span in self.views.spans:
            # It moves no data; what it means is seen where the view is read.
            return
        self._of_views.clear()
        self._behind_views.clear()
        parsed = sql.parse(statement.text, statement.system or "sqlite")
        places = Places(statement, {*parsed.inputs, *parsed.outputs})
        names = _Names(statement, places, self._aliases([span]), self.views, moment_of(statement))
        by_alias = names.by_alias
        found = self._columns(names, 0)
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
        for name, columns in found.defined:
            place = places.of(f"temp.{name}" if temporary and "." not in name else name)
            self.schema[place.namespace, place.name] = columns
        for output, column, table, source, how in found.edges:
            outputs = self._outputs(output, by_alias, places, temporary)
            inputs = self._inputs(column, table, source, how, names, 0) if table else [(column, *_CONSTANT)]
            for place in outputs:
                for reached, origin, inner, way in inputs:
                    yield ColumnEdge(
                        *(statement.run_id, statement.trace_id, statement.span_id),
                        *(place.namespace, place.name, reached),
                        *(origin.namespace, origin.name, inner, way),
                    )

    def _aliases(self, spans: Iterable[Span]) -> dict[str, list[Fact]]:
        """What the events of a statement tell of, by the names that it has in the text."""
        found: dict[str, list[Fact]] = {}
        for fact in (fact for span in spans for fact in self.by_span.get(span, ())):
            for alias in fact.io.alias.split("\n") if fact.io.alias else ():
                found.setdefault(alias.lower(), []).append(fact)
        return found

    def _columns(self, names: _Names, depth: int) -> sql_columns.Columns:
        """What a statement, or the query of a view, does to columns."""

        def known(name: str) -> tuple[str, ...] | None:
            told = names.by_alias.get(name.lower())
            if told is None:
                view = names.view(name)
                if view is not None:
                    inner = self._of_view(view, names, depth) if depth < _MAX_DEPTH else None
                    return inner.defined[0][1] if inner is not None and inner.defined else None
                place = names.places.of(name)
                return self.schema.get((place.namespace, place.name))
            schemas = {self.schema.get(_named(fact)) for fact in told if fact.io.relation == USED}
            plain = all(not _is_hint(fact) or _is_as_read(fact) for fact in told)
            return schemas.pop() if len(schemas) == 1 and plain else None

        system = names.system
        return sql_columns.columns_of(names.statement.text, system, known, lambda table: sql.name_of(table, system))

    def _inside(self, view: View, names: _Names) -> _Names:
        """What names mean inside the query of a view that is read."""
        return _Names(view.statement, view.places, self._aliases(view.spans), self.views, names.moment)

    def _of_view(self, view: View, names: _Names, depth: int) -> sql_columns.Columns:
        found = self._of_views.get(id(view))
        if found is None:
            found = self._of_views[id(view)] = self._columns(self._inside(view, names), depth + 1)
        return found

    def _inputs(self, output: str, table: str, column: str, how: str, names: _Names, depth: int) -> list[_Input]:
        """Where a column of a table comes from: column of the output, place, its column, and how."""
        view = names.view(table)
        if view is None or depth >= _MAX_DEPTH:
            return [(output, *told) for told in _told(table, column, how, names)]
        key = (id(view), output, column, how)
        known = self._behind_views.get(key)
        if known is not None:
            return known
        inside, found = self._inside(view, names), self._of_view(view, names, depth)
        edges = found.edges if found.understood else tuple(("", SAME, name, WHOLE, DIRECT) for name in view.inputs)
        behind: dict[_Input, None] = {}
        for reached, source, inner, way in _behind_view(edges, output, column):
            if source:
                behind.update(
                    dict.fromkeys(self._inputs(reached, source, inner, combined(way, how), inside, depth + 1))
                )
            else:
                behind[reached, *_CONSTANT] = None
        self._behind_views[key] = list(behind)
        return self._behind_views[key]

    def _outputs(self, output: str, by_alias: dict[str, list[Fact]], places: Places, temporary: bool) -> list[Place]:
        if not output:
            return [places.result()]
        told = by_alias.get(output.lower())
        if told is not None:
            return [Place(fact.io.namespace, fact.io.name, False) for fact in told if fact.io.relation == GENERATED]
        return [places.of(f"temp.{output}" if temporary and "." not in output else output)]


def _behind_view(edges: Sequence[sql_columns.Edge], output: str, column: str) -> Iterator[tuple[str, str, str, str]]:
    """Which columns of which tables are behind a column of a view, by the edges of its definition.

    Gives the column of the output that they go into, table, column, and how.
    """
    every = [edge for edge in edges if edge[1] == EVERY]
    if column == SAME:
        # All columns of the view under their own names.
        yield from (edge[1:] for edge in edges)
        return
    own = [edge for edge in edges if edge[1] not in (SAME, EVERY) and edge[1].lower() == column.lower()]
    if column != WHOLE and (own or any(edge[1] == SAME for edge in edges)):
        for _, name, table, inner, way in own or [edge for edge in edges if edge[1] == SAME]:
            yield output, table, column if name == inner == SAME else inner, way
    else:
        tables = dict.fromkeys(edge[2] for edge in edges if edge[2] and edge[1] != EVERY)
        yield from ((output, table, WHOLE, DIRECT) for table in tables)
    yield from ((output, table, inner, way) for _, _, table, inner, way in every)


def _told(table: str, column: str, how: str, names: _Names) -> Iterator[tuple[Place, str, str]]:
    """The place of a table, or what the events of the statement tell of it."""
    told = names.by_alias.get(table.lower())
    if told is None:
        yield _CONSTANT if names.places.is_variable(table) else (names.places.of(table), column, how)
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
