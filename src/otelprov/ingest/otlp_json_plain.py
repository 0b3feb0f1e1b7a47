# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON to spans with the standard library: slow, and the one authority on what a document means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from otelprov.ingest import sift as rules
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.otlp_json_values import MAX_DIGITS, attributes, items, objects, text, whole_number
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span, SpanEvent, SpanLink

_SIGNALS = ("resourceSpans", "resourceLogs", "resourceMetrics", "resourceProfiles")
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")
_ENUMS = {f"SPAN_KIND_{name}": number for number, name in enumerate(_KINDS)}
_ENUMS |= {f"STATUS_CODE_{name}": number for number, name in enumerate(_STATUSES)}


def parse(data: bytes) -> Any:
    """Parse JSON text; bytes that are no UTF-8 are replaced. Raises MalformedError."""
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_int=_integer, parse_constant=_constant)
    except RecursionError:
        raise MalformedError("JSON nested too deeply") from None
    except ValueError as error:
        raise MalformedError(f"not JSON: {error}") from None


def decode(data: bytes, sift: Sift) -> list[Span]:
    """Decode one document; what can't be taken from it is counted in `sift`. Raises MalformedError."""
    document = parse(data)
    if not isinstance(document, dict):
        raise MalformedError(f"not OTLP: a JSON {type(document).__name__}, not an object")
    if isinstance(document.get("result"), dict):
        document = document["result"]
    if document and not any(signal in document for signal in _SIGNALS):
        raise MalformedError("not OTLP: JSON without resourceSpans or resourceLogs")
    spans: list[Span] = []
    try:
        for group in objects(document.get("resourceSpans"), sift):
            _resource_spans(group, sift, spans)
        logs(document.get("resourceLogs"), sift, spans)
    except RecursionError:
        raise MalformedError("JSON nested too deeply") from None
    return spans


def trace_ids(data: bytes) -> set[str]:
    """Ids of every trace in a document, those of spans that are not of interest included."""
    document = parse(data)
    inner = document.get("result", document) if isinstance(document, dict) else {}
    unread = Sift()
    return {
        text(span.get("traceId")).lower()
        for group in objects(_object(inner).get("resourceSpans"), unread)
        for scoped in objects(group.get("scopeSpans"), unread)
        for span in objects(scoped.get("spans"), unread)
    }


def _resource_spans(group: dict[str, Any], sift: Sift, into: list[Span]) -> None:
    taken = attributes(_object(group.get("resource")).get("attributes"), sift)
    for scoped in objects(group.get("scopeSpans"), sift):
        scope = text(_object(scoped.get("scope")).get("name"))
        for value in items(scoped.get("spans"), sift):
            span(value, scope, taken, sift, into)


def span(value: Any, scope: str, resource: dict[str, Any], sift: Sift, into: list[Span]) -> None:
    """Decode one span object and append it, if it is of interest and has ids."""
    unread = Sift()
    shaped, value = isinstance(value, dict), _object(value)
    if not rules.own_scope(scope) and not rules.of_interest(
        (text(pair.get("key")) for pair in objects(value.get("attributes"), unread)),
        (
            text(pair.get("key"))
            for event in objects(value.get("events"), unread)
            for pair in objects(event.get("attributes"), unread)
        ),
    ):
        sift.foreign += 1
        return
    if not shaped:
        sift.fault(rules.FAULT_SHAPE)
        return
    trace_id = rules.hex_id(text(value.get("traceId")), 32)
    span_id = rules.hex_id(text(value.get("spanId")), 16)
    if not trace_id or not span_id:
        sift.fault(rules.FAULT_SPAN_ID if trace_id else rules.FAULT_TRACE_ID)
        return
    status = _object(value.get("status"))
    sift.admit(
        Span(
            trace_id,
            span_id,
            _parent(value.get("parentSpanId"), sift),
            text(value.get("name")),
            _time(value.get("startTimeUnixNano"), sift),
            _time(value.get("endTimeUnixNano"), sift),
            attributes(value.get("attributes"), sift),
            resource,
            scope,
            _enum(value.get("kind")),
            _enum(status.get("code")),
            text(status.get("message")),
            [
                SpanEvent(
                    text(event.get("name")),
                    _time(event.get("timeUnixNano"), sift),
                    attributes(event.get("attributes"), sift),
                )
                for event in objects(value.get("events"), sift)
            ],
            list(_links(value.get("links"), sift)),
        ),
        into,
    )


def logs(value: Any, sift: Sift, into: list[Span]) -> None:
    """Decode the log records that are events of ours; other records are foreign."""
    for group in objects(value, sift):
        taken = attributes(_object(group.get("resource")).get("attributes"), sift)
        for scoped in objects(group.get("scopeLogs"), sift):
            scope = text(_object(scoped.get("scope")).get("name"))
            for record in objects(scoped.get("logRecords"), sift):
                held = attributes(record.get("attributes"), sift)
                name = rules.record_name(text(record.get("eventName")), held)
                if not name:
                    sift.foreign += 1
                    continue
                given = text(record.get("traceId")), text(record.get("spanId"))
                ids = rules.hex_id(given[0], 32), rules.hex_id(given[1], 16)
                if any(id_ and not found for id_, found in zip(given, ids, strict=True)):
                    sift.fault(rules.FAULT_RECORD_ID)
                time = _time(record.get("timeUnixNano"), sift) or _time(record.get("observedTimeUnixNano"), sift)
                sift.admit(rules.record_span(name, time, *ids, held, taken, scope), into)


def _links(value: Any, sift: Sift) -> Iterator[SpanLink]:
    for link in objects(value, sift):
        trace_id, span_id = rules.hex_id(text(link.get("traceId")), 32), rules.hex_id(text(link.get("spanId")), 16)
        if trace_id and span_id:
            yield SpanLink(trace_id, span_id)
        else:
            sift.fault(rules.FAULT_LINK)


def _parent(value: Any, sift: Sift) -> str:
    given = text(value)
    parent = rules.hex_id(given, 16)
    # Some senders write the root's missing parent as zeros.
    if given.strip("0") and not parent:
        sift.fault(rules.FAULT_PARENT_ID)
    return parent


def _time(value: Any, sift: Sift) -> int:
    if value is None or value == "":
        return 0
    number = whole_number(value)
    if number is None or not 0 <= number <= rules.INT64_MAX:
        sift.fault(rules.FAULT_TIME)
        return 0
    return number


def _enum(value: Any) -> int:
    if isinstance(value, str):
        return _ENUMS.get(value, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 5 else 0


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
