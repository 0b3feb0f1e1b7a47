# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON to spans with the standard library: slow, and the one authority on what a document means."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from otelprov.ingest import sift as rules
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span, SpanEvent, SpanLink

_SIGNALS = ("resourceSpans", "resourceLogs", "resourceMetrics", "resourceProfiles")
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")
_ENUMS = {f"SPAN_KIND_{name}": number for number, name in enumerate(_KINDS)}
_ENUMS |= {f"STATUS_CODE_{name}": number for number, name in enumerate(_STATUSES)}
# More digits than any 64-bit integer: `int` refuses 4301 of them, and takes quadratic time before that.
_MAX_DIGITS = 20


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
        for group in _objects(document.get("resourceSpans"), sift):
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
        _text(span.get("traceId")).lower()
        for group in _objects(_object(inner).get("resourceSpans"), unread)
        for scoped in _objects(group.get("scopeSpans"), unread)
        for span in _objects(scoped.get("spans"), unread)
    }


def _resource_spans(group: dict[str, Any], sift: Sift, into: list[Span]) -> None:
    taken = attributes(_object(group.get("resource")).get("attributes"), sift)
    for scoped in _objects(group.get("scopeSpans"), sift):
        scope = _text(_object(scoped.get("scope")).get("name"))
        for value in _items(scoped.get("spans"), sift):
            span(value, scope, taken, sift, into)


def span(value: Any, scope: str, resource: dict[str, Any], sift: Sift, into: list[Span]) -> None:
    """Decode one span object and append it, if it is of interest and has ids."""
    unread = Sift()
    shaped, value = isinstance(value, dict), _object(value)
    if not rules.own_scope(scope) and not rules.of_interest(
        (_text(pair.get("key")) for pair in _objects(value.get("attributes"), unread)),
        (
            _text(pair.get("key"))
            for event in _objects(value.get("events"), unread)
            for pair in _objects(event.get("attributes"), unread)
        ),
    ):
        sift.foreign += 1
        return
    if not shaped:
        sift.fault(rules.FAULT_SHAPE)
        return
    trace_id = rules.hex_id(_text(value.get("traceId")), 32)
    span_id = rules.hex_id(_text(value.get("spanId")), 16)
    if not trace_id or not span_id:
        sift.fault(rules.FAULT_SPAN_ID if trace_id else rules.FAULT_TRACE_ID)
        return
    status = _object(value.get("status"))
    sift.admit(
        Span(
            trace_id,
            span_id,
            _parent(value.get("parentSpanId"), sift),
            _text(value.get("name")),
            _time(value.get("startTimeUnixNano"), sift),
            _time(value.get("endTimeUnixNano"), sift),
            attributes(value.get("attributes"), sift),
            resource,
            scope,
            _enum(value.get("kind")),
            _enum(status.get("code")),
            _text(status.get("message")),
            [
                SpanEvent(
                    _text(event.get("name")),
                    _time(event.get("timeUnixNano"), sift),
                    attributes(event.get("attributes"), sift),
                )
                for event in _objects(value.get("events"), sift)
            ],
            list(_links(value.get("links"), sift)),
        ),
        into,
    )


def logs(value: Any, sift: Sift, into: list[Span]) -> None:
    """Decode the log records that are events of ours; other records are foreign."""
    for group in _objects(value, sift):
        taken = attributes(_object(group.get("resource")).get("attributes"), sift)
        for scoped in _objects(group.get("scopeLogs"), sift):
            scope = _text(_object(scoped.get("scope")).get("name"))
            for record in _objects(scoped.get("logRecords"), sift):
                held = attributes(record.get("attributes"), sift)
                name = rules.record_name(_text(record.get("eventName")), held)
                if not name:
                    sift.foreign += 1
                    continue
                given = _text(record.get("traceId")), _text(record.get("spanId"))
                ids = rules.hex_id(given[0], 32), rules.hex_id(given[1], 16)
                if any(text and not found for text, found in zip(given, ids, strict=True)):
                    sift.fault(rules.FAULT_RECORD_ID)
                time = _time(record.get("timeUnixNano"), sift) or _time(record.get("observedTimeUnixNano"), sift)
                sift.admit(rules.record_span(name, time, *ids, held, taken, scope), into)


def attributes(pairs: Any, sift: Sift) -> dict[str, Any]:
    """A list of key-value objects as a dict; values that are invalid or missing are left out."""
    held: dict[str, Any] = {}
    for pair in _objects(pairs, sift):
        try:
            value = _value(pair.get("value"), rules.MAX_VALUE_DEPTH)
        except (ValueError, TypeError, OverflowError):
            sift.fault(rules.FAULT_ATTRIBUTE)
            continue
        if value is not None:
            held[_text(pair.get("key"))] = value
    return held


def _value(value: Any, depth: int) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict) or not depth:
        raise ValueError(value)
    # The first field that is there and not null counts; fields that nobody knows are passed over.
    for field, convert in _CONVERSIONS.items():
        if (held := value.get(field)) is not None:
            return convert(held, depth)
    return None


def _string_value(held: Any, _depth: int) -> str:
    if not isinstance(held, str):
        raise TypeError(held)
    return _text(held)


def _int_value(held: Any, _depth: int) -> int:
    number = _digits(held)
    if number is None or not rules.INT64_MIN <= number <= rules.INT64_MAX:
        raise ValueError(held)
    return number


def _bool_value(held: Any, _depth: int) -> bool:
    if not isinstance(held, bool):
        raise TypeError(held)
    return held


def _double_value(held: Any, _depth: int) -> float:
    if isinstance(held, bool):
        raise TypeError(held)
    return float(held)


def _array_value(held: Any, depth: int) -> list[Any]:
    return [_value(item, depth - 1) for item in _list(_strict(held).get("values"))]


def _kvlist_value(held: Any, depth: int) -> dict[str, Any]:
    pairs = [_strict(pair) for pair in _list(_strict(held).get("values"))]
    return {_text(pair.get("key")): _value(pair.get("value"), depth - 1) for pair in pairs}


def _bytes_value(held: Any, _depth: int) -> bytes:
    try:
        return base64.b64decode(held, validate=True)
    except binascii.Error as error:
        raise ValueError(held) from error


_CONVERSIONS = {
    "stringValue": _string_value,
    "intValue": _int_value,
    "boolValue": _bool_value,
    "doubleValue": _double_value,
    "arrayValue": _array_value,
    "kvlistValue": _kvlist_value,
    "bytesValue": _bytes_value,
}


def _strict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError(value)
    return value or []


def _links(value: Any, sift: Sift) -> Iterator[SpanLink]:
    for link in _objects(value, sift):
        trace_id, span_id = rules.hex_id(_text(link.get("traceId")), 32), rules.hex_id(_text(link.get("spanId")), 16)
        if trace_id and span_id:
            yield SpanLink(trace_id, span_id)
        else:
            sift.fault(rules.FAULT_LINK)


def _parent(value: Any, sift: Sift) -> str:
    text = _text(value)
    parent = rules.hex_id(text, 16)
    # Some senders write the root's missing parent as zeros.
    if text.strip("0") and not parent:
        sift.fault(rules.FAULT_PARENT_ID)
    return parent


def _time(value: Any, sift: Sift) -> int:
    if value is None or value == "":
        return 0
    number = _digits(value)
    if number is None or not 0 <= number <= rules.INT64_MAX:
        sift.fault(rules.FAULT_TIME)
        return 0
    return number


def _digits(value: Any) -> int | None:
    """The whole number that a JSON number, or a string of one, stands for; `1e3` and `"2.0"` are whole too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        if isinstance(value, str):
            if not value.isascii() or "_" in value:
                return None
            if len(value) <= _MAX_DIGITS and value.removeprefix("-").isdigit():
                return int(value)
        number = float(value)
        return int(number) if number.is_integer() else None
    except (ValueError, TypeError, OverflowError):
        return None


def _enum(value: Any) -> int:
    if isinstance(value, str):
        return _ENUMS.get(value, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 5 else 0


def _text(value: Any) -> str:
    """A string without lone surrogates, which nothing could store; `""` for anything else."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any, sift: Sift) -> list[Any]:
    """A list, or nothing; anything else in its place is counted."""
    if value is not None and not isinstance(value, list):
        sift.fault(rules.FAULT_SHAPE)
        return []
    return value or []


def _objects(value: Any, sift: Sift) -> Iterator[dict[str, Any]]:
    """The objects of a list; anything else in their place is counted and left out."""
    for item in _items(value, sift):
        if isinstance(item, dict):
            yield item
        else:
            sift.fault(rules.FAULT_SHAPE)


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
