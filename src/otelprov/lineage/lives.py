# SPDX-License-Identifier: Apache-2.0
"""Reads what runs and processes say about their own life out of run spans and record spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelprov.lineage.reading import number, scalars, text
from otelprov.model.records import (
    ENVIRONMENT,
    EXCEPTION,
    HEARTBEAT,
    LOSS,
    PROCESS_ENDED,
    PROCESS_STARTED,
    RUN_FINISHED,
    RUN_SPAN,
    RUN_STARTED,
    LifeRecord,
    Records,
)
from otelprov.model.span import Span
from otelprov.semconv import (
    EVENT_EXCEPTION,
    EVENT_PROVENANCE_LOSS,
    EVENT_PROVENANCE_PROCESS_ENDED,
    EVENT_PROVENANCE_PROCESS_STARTED,
    EVENT_PROVENANCE_RUN_ENVIRONMENT,
    EVENT_PROVENANCE_RUN_FINISHED,
    EVENT_PROVENANCE_RUN_HEARTBEAT,
    EVENT_PROVENANCE_RUN_STARTED,
    HOST_NAME,
    PROVENANCE_KIND,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_RUN_ID,
    PROVENANCE_RUN_NAME,
    PROVENANCE_SEQ,
    SERVICE_NAME,
)

_KINDS = {
    EVENT_PROVENANCE_RUN_STARTED: RUN_STARTED,
    EVENT_PROVENANCE_PROCESS_STARTED: PROCESS_STARTED,
    EVENT_PROVENANCE_RUN_ENVIRONMENT: ENVIRONMENT,
    EVENT_PROVENANCE_RUN_HEARTBEAT: HEARTBEAT,
    EVENT_PROVENANCE_PROCESS_ENDED: PROCESS_ENDED,
    EVENT_PROVENANCE_RUN_FINISHED: RUN_FINISHED,
    EVENT_PROVENANCE_LOSS: LOSS,
    EVENT_EXCEPTION: EXCEPTION,
}
_IN_COLUMNS = frozenset(
    {PROVENANCE_KIND, PROVENANCE_RUN_ID, PROVENANCE_PROCESS_ID, PROVENANCE_SEQ, PROVENANCE_RUN_NAME}
)
_FROM_RESOURCE = (SERVICE_NAME, HOST_NAME)


def read_run(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    """Read a run span: the run from its start to its end, and the exception that ended it."""
    records.lives.append(_life(span, attributes, RUN_SPAN, span.end, -1, attributes))
    # `exit code 0, started at`: the start of the span is the start of the run even where run.started was lost.
    records.lives[-1].details[_STARTED] = span.start
    read_record(span, attributes, records)


def read_record(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    """Read the events of a record span, or of any other span of ours that carries such events."""
    for index, event in enumerate(span.events):
        kind = _KINDS.get(event.name)
        if kind is not None:
            # The same event may come as a span event and as a log record: its number makes it the same one.
            place = number(event.attributes, PROVENANCE_SEQ, 0) or -2 - index
            records.lives.append(_life(span, attributes, kind, event.time or span.end, place, event.attributes))


# Key of the detail of a run span that holds its start, in nanoseconds.
_STARTED = "start"


def _life(
    span: Span, attributes: Mapping[str, Any], kind: str, time: int, index: int, said: Mapping[str, Any]
) -> LifeRecord:
    details = scalars(said, _IN_COLUMNS)
    if kind in (RUN_STARTED, PROCESS_STARTED):
        for key in _FROM_RESOURCE:
            if key in span.resource and key not in details:
                details[key] = text(span.resource, key)
    return LifeRecord(
        run_id=text(attributes, PROVENANCE_RUN_ID),
        process_id=text(attributes, PROVENANCE_PROCESS_ID),
        kind=kind,
        time=time,
        seq=number(said, PROVENANCE_SEQ, 0) or number(attributes, PROVENANCE_SEQ, 0),
        trace_id=span.trace_id,
        span_id=span.span_id,
        index=index,
        run_name=text(said, PROVENANCE_RUN_NAME) or text(attributes, PROVENANCE_RUN_NAME),
        details=details,
    )
