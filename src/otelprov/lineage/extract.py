# SPDX-License-Identifier: Apache-2.0
"""Spans to facts: pure, with no input or output, and blind to the order in which spans come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otelprov.lineage.lives import read_record, read_run
from otelprov.lineage.mutations import read_mutations
from otelprov.lineage.reading import flag, number, text
from otelprov.lineage.statements import is_statement, read_statement
from otelprov.model.records import DELETED, GENERATED, USED, DigestRecord, IoRecord, ModuleRecord, Records, StepRecord
from otelprov.model.span import Span
from otelprov.semconv import (
    ARTIFACT_PURL,
    CODE_FILE_PATH,
    CODE_LINE_NUMBER,
    DB_QUERY_TEXT,
    ERROR_TYPE,
    EVENT_PROVENANCE_ENTITY_DIGESTED,
    EVENT_PROVENANCE_ENTITY_GENERATED,
    EVENT_PROVENANCE_ENTITY_USED,
    EVENT_PROVENANCE_MODULE_LOADED,
    FILE_SIZE,
    PROVENANCE_COLUMN_EDGES,
    PROVENANCE_COLUMN_LEFT_OUT,
    PROVENANCE_COLUMN_NAMES,
    PROVENANCE_COLUMNS,
    PROVENANCE_DERIVED,
    PROVENANCE_ENTITY_ALIAS,
    PROVENANCE_ENTITY_FORMAT,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_NAMESPACE,
    PROVENANCE_ENTITY_STAT,
    PROVENANCE_ENTITY_TEMPORARY,
    PROVENANCE_ENTITY_TYPE,
    PROVENANCE_ENTITY_VERSION,
    PROVENANCE_EVIDENCE,
    PROVENANCE_FLOW_COMPLETE,
    PROVENANCE_KIND,
    PROVENANCE_KIND_IMPORT,
    PROVENANCE_KIND_IO,
    PROVENANCE_KIND_MUTATIONS,
    PROVENANCE_KIND_RECORD,
    PROVENANCE_KIND_RUN,
    PROVENANCE_KIND_STEP,
    PROVENANCE_MODULE_COUNT,
    PROVENANCE_MODULE_DIGEST,
    PROVENANCE_MODULE_DURATION,
    PROVENANCE_MODULE_IMPORTER,
    PROVENANCE_MODULE_NAME,
    PROVENANCE_MODULE_STYLE,
    PROVENANCE_OPERATION,
    PROVENANCE_OPERATION_APPEND,
    PROVENANCE_OPERATION_DELETE,
    PROVENANCE_OPERATION_EXECUTE,
    PROVENANCE_OPERATION_LIST,
    PROVENANCE_OPERATION_READ,
    PROVENANCE_OPERATION_WRITE,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_ROWS,
    PROVENANCE_RUN_ID,
    PROVENANCE_SEQ,
    PROVENANCE_SOURCE_SPAN_ID,
    PROVENANCE_SOURCE_TRACE_ID,
    PROVENANCE_STEP_ID,
    PROVENANCE_STEP_TYPE,
)

_RELATION_OF_OPERATION = {
    PROVENANCE_OPERATION_READ: USED,
    PROVENANCE_OPERATION_LIST: USED,
    PROVENANCE_OPERATION_WRITE: GENERATED,
    PROVENANCE_OPERATION_APPEND: GENERATED,
    PROVENANCE_OPERATION_DELETE: DELETED,
}
_OPERATIONS = {USED: PROVENANCE_OPERATION_READ, GENERATED: PROVENANCE_OPERATION_WRITE}
_RELATION_OF_EVENT = {EVENT_PROVENANCE_ENTITY_USED: USED, EVENT_PROVENANCE_ENTITY_GENERATED: GENERATED}


def extract(spans: Iterable[Span]) -> Records:
    """Read the facts out of spans of any origin; spans that say nothing about provenance are counted as ignored."""
    records = Records()
    ignored = 0
    readers = _READERS
    for span in spans:
        attributes = span.attributes
        kind = attributes.get(PROVENANCE_KIND)
        if kind is None:
            if is_statement(attributes):
                read_statement(span, attributes, records)
            else:
                ignored += 1
            continue
        reader = readers.get(kind) if type(kind) is str else None
        if reader is None or flag(attributes, PROVENANCE_DERIVED) or not attributes.get(PROVENANCE_RUN_ID):
            ignored += 1
            continue
        _note_sequences(span, attributes, records)
        reader(span, attributes, records)
    records.ignored = ignored
    return records


def _note_sequences(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    process = (text(attributes, PROVENANCE_RUN_ID), text(attributes, PROVENANCE_PROCESS_ID))
    seen = records.sequences.get(process)
    if seen is None:
        seen = records.sequences[process] = set()
    seen.add(number(attributes, PROVENANCE_SEQ, 0))
    for event in span.events:
        own = event.attributes.get(PROVENANCE_SEQ)
        if own is not None:
            seen.add(number(event.attributes, PROVENANCE_SEQ, 0))


def _read_io(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    found: dict[tuple[str, str, str], IoRecord] = {}
    operation = text(attributes, PROVENANCE_OPERATION)
    relation = _RELATION_OF_OPERATION.get(operation)
    if relation is not None:
        _take_entity(found, span, attributes, attributes, relation, operation)
        _take_digest(attributes, records)
    for event in span.events:
        of_event = _RELATION_OF_EVENT.get(event.name)
        if of_event is not None:
            # A statement that was executed has read the one and written the other.
            own = _OPERATIONS[of_event] if operation == PROVENANCE_OPERATION_EXECUTE else operation
            _take_entity(found, span, attributes, event.attributes, of_event, own)
    if attributes.get(DB_QUERY_TEXT):
        for event in span.events:
            _take_digest(event.attributes, records)
        read_statement(span, attributes, records, list(found.values()))
    else:
        records.ios.extend(found.values())


def _take_entity(
    found: dict[tuple[str, str, str], IoRecord],
    span: Span,
    attributes: Mapping[str, Any],
    entity: Mapping[str, Any],
    relation: str,
    operation: str,
) -> None:
    namespace, name = text(entity, PROVENANCE_ENTITY_NAMESPACE), text(entity, PROVENANCE_ENTITY_NAME)
    if not namespace:
        return
    source = text(entity, PROVENANCE_SOURCE_SPAN_ID)
    if source and text(entity, PROVENANCE_ENTITY_TYPE) == "database":
        # All that one statement has read; what another statement has read of the same database is something else.
        name = f"{name}#{source}"
    known = found.get((relation, namespace, name))
    if known is None:
        generated = relation == GENERATED
        # In the order of the fields: giving so many by name takes far longer.
        known = found[relation, namespace, name] = IoRecord(
            text(attributes, PROVENANCE_RUN_ID),
            text(attributes, PROVENANCE_PROCESS_ID),
            span.trace_id,
            span.span_id,
            relation,
            namespace,
            name,
            text(entity, PROVENANCE_ENTITY_TYPE) or "file",
            *_UNKNOWN_CONTENT,
            operation,
            generated and operation == PROVENANCE_OPERATION_APPEND,
            span.parent_id,
            text(attributes, PROVENANCE_STEP_ID),
            span.start,
            max(span.end, span.start),
            number(attributes, PROVENANCE_SEQ, 0),
            text(attributes, CODE_FILE_PATH),
            number(attributes, CODE_LINE_NUMBER, 0),
            *_UNKNOWN_SIZES,
            generated and flag(attributes, PROVENANCE_FLOW_COMPLETE),
            *_UNKNOWN_SOURCE,
        )
    elif PROVENANCE_ENTITY_ALIAS in entity and known.alias not in ("", text(entity, PROVENANCE_ENTITY_ALIAS)):
        # The statement has two names for it; which columns come from where is known if both say the same.
        known.alias += "\n" + text(entity, PROVENANCE_ENTITY_ALIAS)
        if known.column_edges != text(entity, PROVENANCE_COLUMN_EDGES):
            known.column_edges = ""
            return
    # The attributes of the span and an event of it speak of the same thing: each fills what the other leaves open.
    for key, field, read, unknown in _LEFT_OPEN:
        if key in entity and getattr(known, field) == unknown:
            setattr(known, field, read(entity, key))


def _take_digest(entity: Mapping[str, Any], records: Records) -> None:
    """The digest that goes with size and time of change, where both are told."""
    stat = entity.get(PROVENANCE_ENTITY_STAT)
    if stat is not None:
        names = (PROVENANCE_ENTITY_NAMESPACE, PROVENANCE_ENTITY_NAME, PROVENANCE_ENTITY_STAT, PROVENANCE_ENTITY_VERSION)
        told = DigestRecord(*(text(entity, name) for name in names))
        if all(told):
            records.digests.add(told)


# Fields of an IoRecord that stand beside each other and are filled from `_LEFT_OPEN`.
_UNKNOWN_CONTENT = ("", "", False)  # version, format, temporary
_UNKNOWN_SIZES = (-1, -1, -1)  # rows, columns, size
_UNKNOWN_SOURCE = ("", "", "")  # evidence, source_trace, source_span

# Attributes that an entity may have, the fields that hold them, and what those hold without.
_LEFT_OPEN: tuple[tuple[str, str, Callable[[Mapping[str, Any], str], Any], Any], ...] = (
    (PROVENANCE_ENTITY_VERSION, "version", text, ""),
    (PROVENANCE_ENTITY_FORMAT, "format", text, ""),
    (PROVENANCE_ENTITY_TEMPORARY, "temporary", flag, False),
    (PROVENANCE_ROWS, "rows", number, -1),
    (PROVENANCE_COLUMNS, "columns", number, -1),
    (FILE_SIZE, "size", number, -1),
    (PROVENANCE_EVIDENCE, "evidence", text, ""),
    (PROVENANCE_SOURCE_TRACE_ID, "source_trace", text, ""),
    (PROVENANCE_SOURCE_SPAN_ID, "source_span", text, ""),
    (PROVENANCE_ENTITY_ALIAS, "alias", text, ""),
    (PROVENANCE_COLUMN_NAMES, "column_names", text, ""),
    (PROVENANCE_COLUMN_EDGES, "column_edges", text, ""),
    (PROVENANCE_COLUMN_LEFT_OUT, "left_out", number, 0),
)


def _read_step(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    records.steps.append(
        StepRecord(
            run_id=text(attributes, PROVENANCE_RUN_ID),
            process_id=text(attributes, PROVENANCE_PROCESS_ID),
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_step=text(attributes, PROVENANCE_STEP_ID),
            type=text(attributes, PROVENANCE_STEP_TYPE),
            name=span.name,
            start=span.start,
            end=max(span.end, span.start),
            error=text(attributes, ERROR_TYPE),
            code_file=text(attributes, CODE_FILE_PATH),
            code_line=number(attributes, CODE_LINE_NUMBER, 0),
            seq=number(attributes, PROVENANCE_SEQ, 0),
        )
    )
    # A step may carry entities of its own, where the user declared what it uses and generates.
    if any(event.name in _RELATION_OF_EVENT for event in span.events):
        _read_io(span, {**attributes, PROVENANCE_STEP_ID: span.span_id}, records)


def _read_record(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    read_record(span, attributes, records)
    read_mutations(span, attributes, records)
    # Entities of a log record, which knows what was used or generated and in which span, but not by what operation.
    found: dict[tuple[str, str, str], IoRecord] = {}
    for event in span.events:
        relation = _RELATION_OF_EVENT.get(event.name)
        if relation is not None:
            _take_entity(found, span, {**event.attributes, **attributes}, event.attributes, relation, "")
        if relation is not None or event.name == EVENT_PROVENANCE_ENTITY_DIGESTED:
            _take_digest(event.attributes, records)
    records.ios.extend(found.values())


def _read_import(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    elapsed = max(span.end - span.start, 0) / 1e9
    records.modules.append(_module(span, attributes, attributes, -1, elapsed))
    for index, event in enumerate(span.events):
        if event.name == EVENT_PROVENANCE_MODULE_LOADED:
            place = number(event.attributes, PROVENANCE_SEQ, 0) or -2 - index
            records.modules.append(_module(span, attributes, event.attributes, place, -1.0))


def _module(
    span: Span, attributes: Mapping[str, Any], module: Mapping[str, Any], index: int, elapsed: float
) -> ModuleRecord:
    try:
        duration = float(module.get(PROVENANCE_MODULE_DURATION, elapsed))
    except (TypeError, ValueError):
        duration = elapsed
    return ModuleRecord(
        run_id=text(attributes, PROVENANCE_RUN_ID),
        process_id=text(attributes, PROVENANCE_PROCESS_ID),
        trace_id=span.trace_id,
        span_id=span.span_id,
        index=index,
        name=text(module, PROVENANCE_MODULE_NAME),
        importer=text(module, PROVENANCE_MODULE_IMPORTER),
        style=text(module, PROVENANCE_MODULE_STYLE),
        digest=text(module, PROVENANCE_MODULE_DIGEST),
        file=text(module, CODE_FILE_PATH),
        purl=text(module, ARTIFACT_PURL) or text(attributes, ARTIFACT_PURL),
        count=number(module, PROVENANCE_MODULE_COUNT, 1),
        duration=duration,
        start=span.start,
        seq=number(module, PROVENANCE_SEQ, 0),
        error=text(module, ERROR_TYPE),
    )


_READERS: dict[str, Callable[[Span, Mapping[str, Any], Records], None]] = {
    PROVENANCE_KIND_IO: _read_io,
    PROVENANCE_KIND_STEP: _read_step,
    PROVENANCE_KIND_IMPORT: _read_import,
    PROVENANCE_KIND_MUTATIONS: read_mutations,
    PROVENANCE_KIND_RUN: read_run,
    PROVENANCE_KIND_RECORD: _read_record,
}
