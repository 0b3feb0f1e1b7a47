# SPDX-License-Identifier: Apache-2.0
"""Views of databases are seen through: who reads one reads the tables that it stands for at that moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from otelprov.lineage import sql, sql_columns
from otelprov.lineage.table_places import Place, Places
from otelprov.model.records import GENERATED, USED, IoRecord, StatementRecord
from otelprov.semconv import PROVENANCE_EVIDENCE_FLOW
from otelprov.store.contract import Fact

# The operation of facts that follow from the definition of a view; nothing that was recorded has it.
THROUGH_VIEW = "view"
Span = tuple[str, str]
Named = tuple[str, str]
# What came first: start, sequence number, and ids where both are equal.
Moment = tuple[int, int, str, str]


@dataclass(slots=True)
class View:
    """A view as one statement has defined it.

    `inputs` are the names of the tables in its query, and `places` says where they lie; `spans` are those that show
    the statement, more than one where a single one would not hold all the files that it names.
    """

    statement: StatementRecord
    place: Place
    inputs: tuple[str, ...]
    places: Places
    spans: list[Span]


class Views:
    """The views that the statements of one run have defined, at any moment."""

    def __init__(self, statements: Iterable[StatementRecord]) -> None:
        self._known: dict[tuple[str, str, str], tuple[list[Moment], list[View | None]]] = {}
        self.spans: set[Span] = set()
        for statement in sorted(statements, key=moment_of):
            if sql.defines_or_removes(statement.text):
                self._note(statement)

    def __bool__(self) -> bool:
        return bool(self._known)

    def at(self, namespace: str, name: str, process_id: str, moment: Moment) -> View | None:
        """The view that a name stands for; a temporary one is seen by its own process alone."""
        for process in (process_id, ""):
            moments, found = self._known.get((namespace, name, process), ((), ()))
            last = bisect_left(moments, moment)
            if last and found[last - 1] is not None:
                return found[last - 1]
        return None

    def _note(self, statement: StatementRecord) -> None:
        system = statement.system or "sqlite"
        defined = sql.definition(statement.text, system)
        if defined is None:
            self._forget(statement, system)
            return
        place = Places(statement, {defined.name, *defined.inputs}).of(defined.name)
        span = (statement.trace_id, statement.span_id)
        self.spans.add(span)
        before = self._last(place, statement)
        if before is not None and (before.statement.text, before.statement.start) == (defined.text, statement.start):
            before.spans.append(span)
        elif before is None or not defined.only_if_new:
            # Of an attached database: it can name tables of that one alone.
            elsewhere = place.namespace if place.namespace != statement.namespace else ""
            places = Places(statement, {defined.name, *defined.inputs}, elsewhere)
            view = View(replace(statement, text=defined.text), place, defined.inputs, places, [span])
            self._put(place, statement, view)

    def _forget(self, statement: StatementRecord, system: str) -> None:
        if not self._known:
            return
        found = sql_columns.columns_of(
            statement.text, system, lambda name: None, lambda table: sql.name_of(table, system, statement.text)
        )
        names = {*found.gone, *(name for name, _ in found.defined)}
        for place in map(Places(statement, names).of, names):
            self._put(place, statement, None)

    def _last(self, place: Place, statement: StatementRecord) -> View | None:
        known = self._known.get(_key(place, statement))
        return known[1][-1] if known is not None else None

    def _put(self, place: Place, statement: StatementRecord, view: View | None) -> None:
        key = _key(place, statement)
        if view is None:
            # DROP does not say whether what it removes is temporary.
            own, lasting = (*place[:2], statement.process_id), (*place[:2], "")
            key = own if own in self._known and self._known[own][1][-1] is not None else lasting
            if key not in self._known:
                return
        moments, found = self._known.setdefault(key, ([], []))
        moments.append(moment_of(statement))
        found.append(view)


def moment_of(record: StatementRecord | IoRecord) -> Moment:
    """When something ran."""
    return record.start, record.seq, record.trace_id, record.span_id


def _key(place: Place, statement: StatementRecord) -> tuple[str, str, str]:
    return place.namespace, place.name, statement.process_id if place.temporary else ""


def through_views(facts: Sequence[Fact], views: Views) -> tuple[list[Fact], set[int]]:
    """The facts of a run with reads of tables that follow from reads of views; and ids of those that count no more.

    New facts have ids below 0; those that followed before and do so still are among the given ones. What the
    definition of a view itself names is not read by it.
    """
    known = {_fact_key(fact.io): fact for fact in facts if fact.io.operation == THROUGH_VIEW}
    told = [fact for fact in facts if fact.io.operation != THROUGH_VIEW]
    if not views:
        return told, set()
    found = _Through(told, views)
    following: list[Fact] = []
    for number, (key, io) in enumerate(found.following.items(), 1):
        before = known.get(key)
        following.append(before if before is not None and before.io == io else Fact(-number, io))
    return [*told, *following], found.aside


class _Through:
    def __init__(self, told: Sequence[Fact], views: Views) -> None:
        self._views = views
        self._by_span: dict[Span, list[Fact]] = {}
        self._written: dict[Named, list[int]] = {}
        for fact in told:
            self._by_span.setdefault((fact.io.trace_id, fact.io.span_id), []).append(fact)
            if fact.io.relation == GENERATED:
                self._written.setdefault((fact.io.namespace, fact.io.name), []).append(fact.io.end)
        present = {_fact_key(fact.io) for fact in told}
        self.aside = {fact.id for span in views.spans for fact in self._by_span.get(span, ())}
        self.following: dict[tuple[str, ...], IoRecord] = {}
        for fact in told:
            if fact.io.relation == USED and fact.io.type == "table" and fact.id not in self.aside:
                moment = self._moment(fact.io)
                view = views.at(fact.io.namespace, fact.io.name, fact.io.process_id, moment)
                tables = list(self._tables(view, fact.io, moment, set())) if view is not None else []
                # Of one that reads nothing that is known, its name says more.
                if tables:
                    self.aside.add(fact.id)
                    self.following.update((key, io) for io in tables if (key := _fact_key(io)) not in present)

    def _moment(self, io: IoRecord) -> Moment:
        """When what a fact tells of was read."""
        if io.evidence == PROVENANCE_EVIDENCE_FLOW and io.source_span:
            source = self._by_span.get((io.source_trace or io.trace_id, io.source_span))
            if source:
                return moment_of(source[0].io)
        return moment_of(io)

    def _tables(self, view: View, io: IoRecord, moment: Moment, seen: set[Named]) -> Iterator[IoRecord]:
        """What somebody reads who reads a view: tables of its query, and what was told of files and frames in it."""
        seen.add(view.place[:2])
        told = [fact for span in view.spans for fact in self._by_span.get(span, ()) if fact.io.relation == USED]
        aliases = {alias.lower() for fact in told for alias in fact.io.alias.split("\n")}
        for name in view.inputs:
            if name.lower() in aliases or view.places.is_variable(name):
                continue
            place = view.places.of(name)
            inner = self._views.at(place.namespace, place.name, io.process_id, moment)
            if inner is not None and inner.place[:2] in seen:
                continue
            behind = list(self._tables(inner, io, moment, seen)) if inner is not None else []
            yield from behind or [_standing_for(io, place.namespace, place.name, temporary=place.temporary)]
        for fact in told:
            yield self._as_told(fact.io, io)

    def _as_told(self, told: IoRecord, io: IoRecord) -> IoRecord:
        more: dict[str, Any] = {"type": told.type, "format": told.format, "temporary": told.temporary}
        # What was there when the view was defined is there still, unless this run itself has written it since.
        ends = self._written.get((told.namespace, told.name), ())
        if not any(told.start < end <= io.start for end in ends):
            more["version"] = told.version
        if told.evidence == PROVENANCE_EVIDENCE_FLOW:
            more.update(
                evidence=told.evidence,
                source_trace=told.source_trace or told.trace_id,
                source_span=told.source_span,
            )
        return _standing_for(io, told.namespace, told.name, **more)


def _standing_for(io: IoRecord, namespace: str, name: str, **more: Any) -> IoRecord:
    unknown: dict[str, Any] = {"version": "", "format": "", "rows": -1, "columns": -1, "size": -1}
    texts = {"alias": "", "column_names": "", "column_edges": ""}
    return replace(
        io, **{**unknown, **texts, "left_out": 0, **more}, namespace=namespace, name=name, operation=THROUGH_VIEW
    )


def _fact_key(io: IoRecord) -> tuple[str, ...]:
    return io.trace_id, io.span_id, io.relation, io.namespace, io.name
