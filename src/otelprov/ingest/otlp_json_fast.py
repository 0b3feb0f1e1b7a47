# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON to spans through msgspec: whatever is not plainly right is left to the standard library's decoder."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from otelprov.ingest import otlp_json_plain as plain
from otelprov.ingest import otlp_json_values as values
from otelprov.ingest import sift as rules
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span, SpanEvent, SpanLink

_NOTHING = msgspec.Raw(b"")
_PREFIXES = b"|".join(re.escape(prefix).encode() for prefix in rules.INTEREST)
# One search over the text of a span costs a fifth of decoding it.
_of_interest = re.compile(rb'"key"\s*:\s*"(?:' + _PREFIXES + rb")").search
_HEX = "0123456789abcdef"
_NO_TRACE_ID, _NO_SPAN_ID = "0" * 32, "0" * 16


class _Unsure(Exception):
    """The shape is not the usual one."""


# Decoded leniently: a string of digits is an integer here, as proto3 JSON has it.
_Time = Annotated[int, msgspec.Meta(ge=0, le=rules.INT64_MAX)]
_Integer = Annotated[int, msgspec.Meta(ge=rules.INT64_MIN, le=rules.INT64_MAX)]
_Enum = Annotated[int, msgspec.Meta(ge=0, le=5)]


class _Value(msgspec.Struct, gc=False):
    stringValue: str | None = None
    intValue: _Integer | None = None
    doubleValue: float | None = None
    boolValue: msgspec.Raw = _NOTHING  # lenient decoding would take "TRUE" and 1 as well


class _Pair(msgspec.Struct, gc=False):
    key: str
    value: _Value


class _Event(msgspec.Struct, gc=False):
    name: str = ""
    timeUnixNano: _Time = 0
    attributes: list[_Pair] = []


class _Link(msgspec.Struct, gc=False):
    traceId: str
    spanId: str


class _Status(msgspec.Struct, gc=False, frozen=True):
    code: _Enum = 0
    message: str = ""


class _Span(msgspec.Struct, gc=False):
    traceId: str
    spanId: str
    startTimeUnixNano: _Time = 0
    endTimeUnixNano: _Time = 0
    name: str = ""
    parentSpanId: str = ""
    kind: _Enum = 0
    attributes: list[_Pair] = []
    events: list[_Event] = []
    links: list[_Link] = []
    status: _Status = _Status()


class _Scope(msgspec.Struct, gc=False, frozen=True):
    name: str = ""


class _ScopeSpans(msgspec.Struct, gc=False):
    scope: _Scope = _Scope()
    spans: list[msgspec.Raw] = []


class _Resource(msgspec.Struct, gc=False, frozen=True):
    attributes: msgspec.Raw = _NOTHING


class _ResourceSpans(msgspec.Struct, gc=False):
    resource: _Resource = _Resource()
    scopeSpans: list[_ScopeSpans] = []


class _Inner(msgspec.Struct, gc=False):
    resourceSpans: list[_ResourceSpans] | None = None
    resourceLogs: msgspec.Raw = _NOTHING


class _Document(_Inner, gc=False):
    result: _Inner | None = None


class _Only(msgspec.Struct, gc=False):
    traceId: str = ""


class _OnlyScope(msgspec.Struct, gc=False):
    spans: list[_Only] = []


class _OnlyResource(msgspec.Struct, gc=False):
    scopeSpans: list[_OnlyScope] = []


class _OnlyInner(msgspec.Struct, gc=False):
    resourceSpans: list[_OnlyResource] = []


class _OnlyDocument(_OnlyInner, gc=False):
    result: _OnlyInner | None = None


_document = msgspec.json.Decoder(_Document)
_only = msgspec.json.Decoder(_OnlyDocument)
_pairs = msgspec.json.Decoder(list[_Pair], strict=False)
_span = msgspec.json.Decoder(_Span, strict=False)
_NOT_PLAIN = (_Unsure, ValueError, RecursionError)  # what msgspec raises is a ValueError


def decode(data: bytes, sift: Sift) -> list[Span]:
    """Decode as `otlp_json_plain.decode` does, with the same result."""
    try:
        document = _document.decode(data)
    except (ValueError, RecursionError):
        return plain.decode(data, sift)
    inner = document.result or document
    if inner.resourceSpans is None:
        return plain.decode(data, sift)
    # A key could be written with escapes, which the search would not see.
    escapes = b"\\" in data
    spans: list[Span] = []
    for group in inner.resourceSpans:
        resource = _resource(group.resource.attributes, sift)
        for scoped in group.scopeSpans:
            scope = scoped.scope.name
            own = rules.own_scope(scope)
            for raw in scoped.spans:
                if own or _of_interest(raw) or (escapes and b"\\" in bytes(raw)):
                    _take(raw, scope, own, resource, sift, spans)
                else:
                    sift.foreign += 1
    if logs := bytes(inner.resourceLogs):
        plain.logs(plain.parse(logs), sift, spans)
    return spans


def trace_ids(data: bytes) -> set[str]:
    """Collect as `otlp_json_plain.trace_ids` does, with the same result."""
    try:
        document = _only.decode(data)
    except (ValueError, RecursionError):
        return plain.trace_ids(data)
    inner = document.result or document
    return {
        span.traceId.lower() for group in inner.resourceSpans for scoped in group.scopeSpans for span in scoped.spans
    }


def _resource(raw: msgspec.Raw, sift: Sift) -> dict[str, Any]:
    text = bytes(raw)
    if not text:
        return {}
    try:
        return _attributes(_pairs.decode(text))
    except _NOT_PLAIN:
        return values.attributes(plain.parse(text), sift)


def _take(raw: msgspec.Raw, scope: str, own: bool, resource: dict[str, Any], sift: Sift, into: list[Span]) -> None:
    try:
        span = _span.decode(raw)
        if not own and not rules.of_interest(
            [pair.key for pair in span.attributes], [pair.key for event in span.events for pair in event.attributes]
        ):
            sift.foreign += 1
            return
        trace_id, span_id, parent_id = span.traceId, span.spanId, span.parentSpanId
        if (
            len(trace_id) != 32
            or len(span_id) != 16
            or (parent_id and (len(parent_id) != 16 or parent_id == _NO_SPAN_ID))
            or span_id == _NO_SPAN_ID
            or trace_id == _NO_TRACE_ID
            or (trace_id + span_id + parent_id).strip(_HEX)
        ):
            raise _Unsure
        status = span.status
        taken = Span(
            trace_id,
            span_id,
            parent_id,
            span.name,
            span.startTimeUnixNano,
            span.endTimeUnixNano,
            _attributes(span.attributes),
            resource,
            scope,
            span.kind,
            status.code,
            status.message,
            [SpanEvent(event.name, event.timeUnixNano, _attributes(event.attributes)) for event in span.events],
            [_link(link) for link in span.links],
        )
    except _NOT_PLAIN:
        plain.span(plain.parse(bytes(raw)), scope, resource, sift, into)
        return
    sift.admit(taken, into)


def _link(link: _Link) -> SpanLink:
    trace_id, span_id = rules.hex_id(link.traceId, 32), rules.hex_id(link.spanId, 16)
    if not trace_id or not span_id:
        raise _Unsure
    return SpanLink(trace_id, span_id)


def _attributes(pairs: list[_Pair]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for pair in pairs:
        value = pair.value
        taken: str | int | float | None = value.stringValue
        if taken is None:
            taken = value.intValue
            if taken is None:
                taken = _other(value)
        held[pair.key] = taken
    return held


def _other(value: _Value) -> float | bool:
    flag = bytes(value.boolValue)
    if flag in (b"true", b"false"):
        return flag == b"true"
    if value.doubleValue is None:
        raise _Unsure
    return value.doubleValue
