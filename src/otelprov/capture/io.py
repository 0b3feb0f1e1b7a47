# SPDX-License-Identifier: Apache-2.0
"""Records one read, write, append, delete or listing of an entity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otelprov.capture import coverage, written
from otelprov.capture.callsite import code_attributes
from otelprov.capture.disk import digests
from otelprov.capture.disk.fingerprint import is_stat_version, stat_beside
from otelprov.capture.flow.identity import Origins, Read, happened
from otelprov.capture.inside import quietly
from otelprov.capture.producers import Producer, note_producer, producer_of
from otelprov.capture.recorder import Pending, Recorder, current
from otelprov.capture.tables.columns import ColumnEdge, count_and_names, edges_by_source
from otelprov.model.entity import Entity
from otelprov.semconv import (
    EVENT_PROVENANCE_ENTITY_GENERATED,
    EVENT_PROVENANCE_ENTITY_USED,
    FILE_SIZE,
    PROVENANCE_ENTITY_FORMAT,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_NAMESPACE,
    PROVENANCE_ENTITY_STAT,
    PROVENANCE_ENTITY_TEMPORARY,
    PROVENANCE_ENTITY_TYPE,
    PROVENANCE_ENTITY_VERSION,
    PROVENANCE_EVIDENCE,
    PROVENANCE_EVIDENCE_FLOW,
    PROVENANCE_FLOW_COMPLETE,
    PROVENANCE_KIND_IO,
    PROVENANCE_OPERATION,
    PROVENANCE_OPERATION_APPEND,
    PROVENANCE_OPERATION_READ,
    PROVENANCE_OPERATION_WRITE,
    PROVENANCE_ORIGIN_RUN_ID,
    PROVENANCE_ORIGIN_RUN_NAME,
    PROVENANCE_ORIGIN_SPAN_ID,
    PROVENANCE_ORIGIN_TRACE_ID,
    PROVENANCE_ROWS,
    PROVENANCE_SOURCE_SPAN_ID,
    PROVENANCE_SOURCE_TRACE_ID,
)

# A span never carries more events of ours; the rest goes into siblings.
MAX_EVENTS = 100
_count = 0
_GENERATING = (PROVENANCE_OPERATION_WRITE, PROVENANCE_OPERATION_APPEND)


def record_io(
    operation: str,
    entity: Entity,
    *,
    scope: str,
    start: int,
    end: int = 0,
    size: int = -1,
    rows: int | None = None,
    columns: int | Sequence[Any] | None = None,
    sources: Origins | None = None,
    column_edges: Iterable[ColumnEdge] = (),
    attributes: Mapping[str, Any] | None = None,
    entities: Sequence[Pending] = (),
    code: Mapping[str, Any] | None = None,
    name: str = "",
    parent: tuple[int, int, int] | None = None,
) -> Read | None:
    """Record one action on an entity and return it as a read that objects can be traced back to.

    `start` and `end` are nanoseconds since the epoch; `size` is in bytes, -1 unknown. `sources` is where the written
    object comes from, None where nothing is known of it. `columns` are their names in order, or their number where
    only that is known; `column_edges` tell of a write which columns come from which of its sources. `entities` are
    events of what a statement uses and generates besides. `code` replaces the call site found on the stack, `name` the
    span's name, and `parent` (trace id, span id, flags) the current span that it would hang under.
    Returns None where nothing is being recorded.
    """
    global _count
    recorder = current()
    if recorder is None:
        return None
    _count += 1
    coverage.edge(scope)
    with quietly():
        producer = producer_of(entity) if operation == PROVENANCE_OPERATION_READ else None
        described = describe(entity, size, rows, columns)
        values: dict[str, Any] = {PROVENANCE_OPERATION: operation, **described}
        links: list[tuple[int, int]] = []
        if producer is not None:
            values |= _origin_attributes(producer)
            links.append((int(producer.trace_id, 16), int(producer.span_id, 16)))
        values |= code_attributes() if code is None else code
        values |= attributes or {}
        generating = operation in _GENERATING
        events: list[Pending] = list(entities)
        if operation == PROVENANCE_OPERATION_READ:
            events.append((EVENT_PROVENANCE_ENTITY_USED, described))
        elif generating:
            events.append((EVENT_PROVENANCE_ENTITY_GENERATED, described))
            if sources is not None:
                sources = happened(sources)
                values[PROVENANCE_FLOW_COMPLETE] = sources.complete
                of_columns = edges_by_source(column_edges)
                events += [_flow_event(read, of_columns.get(read)) for read in _in_order(sources)]
        span = recorder.emit(
            PROVENANCE_KIND_IO,
            name or f"{operation} {entity.short_name}",
            values,
            scope=scope,
            start=start,
            end=end,
            events=events[:MAX_EVENTS],
            links=links,
            parent=parent,
        )
        _roll_over(recorder, span.name, values, span, events, scope)
        if generating:
            written.note(entity, sources)
            _note_producer(recorder, entity, span.trace_id, span.span_id)
        if is_stat_version(entity.version):
            digests.want(entity.name, entity.version)
        return Read(entity, span.trace_id, span.span_id)


def recorded() -> int:
    """A number that grows with every call of `record_io` that recorded something."""
    return _count


def describe(
    entity: Entity, size: int = -1, rows: int | None = None, columns: int | Sequence[Any] | None = None
) -> dict[str, Any]:
    """The attributes that name an entity and say how much of it was moved."""
    described: dict[str, Any] = {
        PROVENANCE_ENTITY_NAMESPACE: entity.namespace,
        PROVENANCE_ENTITY_NAME: entity.name,
        PROVENANCE_ENTITY_TYPE: entity.type,
    }
    if entity.version:
        described[PROVENANCE_ENTITY_VERSION] = entity.version
        beside = stat_beside(entity.name, entity.version)
        if beside:
            described[PROVENANCE_ENTITY_STAT] = beside
    if entity.format:
        described[PROVENANCE_ENTITY_FORMAT] = entity.format
    if entity.temporary:
        described[PROVENANCE_ENTITY_TEMPORARY] = True
    if size >= 0:
        described[FILE_SIZE] = size
    if rows is not None:
        described[PROVENANCE_ROWS] = rows
    if columns is not None:
        described |= count_and_names(columns)
    return described


def _origin_attributes(producer: Producer) -> dict[str, Any]:
    return {
        PROVENANCE_ORIGIN_RUN_ID: producer.run_id,
        PROVENANCE_ORIGIN_RUN_NAME: producer.run_name,
        PROVENANCE_ORIGIN_TRACE_ID: producer.trace_id,
        PROVENANCE_ORIGIN_SPAN_ID: producer.span_id,
    }


def _in_order(sources: Origins) -> list[Read]:
    return sorted(sources.reads, key=lambda read: (read.entity.namespace, read.entity.name, read.span_id))


def _flow_event(read: Read, columns: Mapping[str, Any] | None) -> Pending:
    return EVENT_PROVENANCE_ENTITY_USED, {
        **describe(read.entity),
        PROVENANCE_EVIDENCE: PROVENANCE_EVIDENCE_FLOW,
        PROVENANCE_SOURCE_TRACE_ID: f"{read.trace_id:032x}",
        PROVENANCE_SOURCE_SPAN_ID: f"{read.span_id:016x}",
        **(columns or {}),
    }


def _roll_over(
    recorder: Recorder, name: str, values: Mapping[str, Any], first: Any, events: list[Pending], scope: str
) -> None:
    for position in range(MAX_EVENTS, len(events), MAX_EVENTS):
        recorder.emit(
            PROVENANCE_KIND_IO,
            name,
            values,
            scope=scope,
            start=first.start,
            end=first.end,
            events=events[position : position + MAX_EVENTS],
            parent=(first.trace_id, first.parent_id, first.flags),
        )


def _note_producer(recorder: Recorder, entity: Entity, trace_id: int, span_id: int) -> None:
    producer = Producer(recorder.run.run_id, recorder.run.name, f"{trace_id:032x}", f"{span_id:016x}", entity.version)
    note_producer(entity, producer)
