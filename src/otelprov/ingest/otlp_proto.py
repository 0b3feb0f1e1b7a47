# SPDX-License-Identifier: Apache-2.0
"""OTLP protobuf to spans: export requests of traces and of logs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from otelprov.ingest import sift as rules
from otelprov.ingest import wire
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span, SpanEvent, SpanLink


def decode(data: bytes, sift: Sift) -> list[Span]:
    """Spans of interest in an ExportTraceServiceRequest. Raises MalformedError when it is none."""
    request = ExportTraceServiceRequest()
    _parse(request, data, wire.TRACES)
    return _traces(request, sift)


def decode_logs(data: bytes, sift: Sift) -> list[Span]:
    """Events of ours in an ExportLogsServiceRequest, as spans. Raises MalformedError when it is none."""
    request = ExportLogsServiceRequest()
    _parse(request, data, wire.LOGS)
    spans: list[Span] = []
    for group in request.resource_logs:
        resource = attributes(group.resource.attributes, sift)
        for scoped in group.scope_logs:
            for record in scoped.log_records:
                held = attributes(record.attributes, sift)
                name = rules.record_name(record.event_name, held)
                if not name:
                    sift.foreign += 1
                    continue
                ids = _id(record.trace_id, 16), _id(record.span_id, 8)
                if (record.trace_id and not ids[0]) or (record.span_id and not ids[1]):
                    sift.fault(rules.FAULT_RECORD_ID)
                time = _time(record.time_unix_nano, sift) or _time(record.observed_time_unix_nano, sift)
                sift.admit(rules.record_span(name, time, *ids, held, resource, scoped.scope.name), spans)
    return spans


def decode_unnamed(data: bytes, sift: Sift) -> list[Span]:
    """Decode a request of which nothing says whether it holds traces or logs. Raises MalformedError."""
    request = ExportTraceServiceRequest()
    try:
        _parse(request, data, wire.TRACES)
    except MalformedError as error:
        try:
            return decode_logs(data, sift)
        except MalformedError:
            raise error from None
    spans = [span for group in request.resource_spans for scoped in group.scope_spans for span in scoped.spans]
    # A log record read as a span is one without ids: the fields of the two have different types.
    if spans and not any(span.trace_id for span in spans):
        return decode_logs(data, sift)
    return _traces(request, sift)


def attributes(pairs: Iterable[KeyValue], sift: Sift) -> dict[str, Any]:
    """Key-value messages as a dict; those without a value are left out."""
    held: dict[str, Any] = {}
    for pair in pairs:
        try:
            value = _value(pair.value, rules.MAX_VALUE_DEPTH)
        except ValueError:
            sift.fault(rules.FAULT_ATTRIBUTE)
            continue
        if value is not None:
            held[pair.key] = value
    return held


def _parse(request: Any, data: bytes, kind: wire.Kind) -> None:
    wire.check_protobuf(data, kind)
    try:
        request.ParseFromString(data)
    except (DecodeError, ValueError) as error:
        raise MalformedError(f"not an OTLP protobuf request: {error}") from None


def _traces(request: ExportTraceServiceRequest, sift: Sift) -> list[Span]:
    spans: list[Span] = []
    for group in request.resource_spans:
        resource = attributes(group.resource.attributes, sift)
        for scoped in group.scope_spans:
            scope = scoped.scope.name
            own = rules.own_scope(scope)
            for message in scoped.spans:
                if own or _of_interest(message):
                    _take(message, scope, resource, sift, spans)
                else:
                    sift.foreign += 1
    return spans


def _of_interest(message: Message) -> bool:
    return rules.of_interest(
        [pair.key for pair in message.attributes],
        [pair.key for event in message.events for pair in event.attributes],
    )


def _take(message: Message, scope: str, resource: dict[str, Any], sift: Sift, into: list[Span]) -> None:
    trace_id, span_id = _id(message.trace_id, 16), _id(message.span_id, 8)
    if not trace_id or not span_id:
        sift.fault(rules.FAULT_SPAN_ID if trace_id else rules.FAULT_TRACE_ID)
        return
    parent_id = _id(message.parent_span_id, 8)
    if not parent_id and any(message.parent_span_id):
        sift.fault(rules.FAULT_PARENT_ID)
    links = []
    for link in message.links:
        ids = _id(link.trace_id, 16), _id(link.span_id, 8)
        if all(ids):
            links.append(SpanLink(*ids))
        else:
            sift.fault(rules.FAULT_LINK)
    events = [
        SpanEvent(event.name, _time(event.time_unix_nano, sift), attributes(event.attributes, sift))
        for event in message.events
    ]
    sift.admit(
        Span(
            trace_id,
            span_id,
            parent_id,
            message.name,
            _time(message.start_time_unix_nano, sift),
            _time(message.end_time_unix_nano, sift),
            attributes(message.attributes, sift),
            resource,
            scope,
            _enum(message.kind),
            _enum(message.status.code),
            message.status.message,
            events,
            links,
        ),
        into,
    )


def _value(value: AnyValue, depth: int) -> Any:
    if not depth:
        raise ValueError("nested too deeply")
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_value(item, depth - 1) for item in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: _value(pair.value, depth - 1) for pair in value.kvlist_value.values}
    return getattr(value, which) if which in _SCALARS else None


_SCALARS = ("string_value", "int_value", "bool_value", "double_value", "bytes_value")


def _id(value: bytes, size: int) -> str:
    return rules.hex_id(value.hex(), 2 * size) if len(value) == size else ""


def _time(value: int, sift: Sift) -> int:
    if value > rules.INT64_MAX:
        sift.fault(rules.FAULT_TIME)
        return 0
    return value


def _enum(value: int) -> int:
    return value if 0 <= value <= 5 else 0
