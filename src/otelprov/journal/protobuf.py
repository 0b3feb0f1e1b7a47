# SPDX-License-Identifier: Apache-2.0
"""Export requests as protobuf bytes, straight from the journal's JSON: cheap enough for the program's own process.

Building message objects would take more of its time, and the import of the protobuf library besides. The tests
compare every byte with what that library makes of the same request. Field numbers are those of opentelemetry-proto 1.x.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable
from typing import Any

from otelprov.journal.request import yield_to_program

_UINT64 = 2**64 - 1
# Attributes repeat from span to span; long texts are left to what they cost.
_MOST_CACHED, _LONGEST_CACHED = 8192, 128
_texts: dict[tuple[str, str], bytes] = {}
_keys: dict[str, bytes] = {}
_double = struct.Struct("<d").pack


def request_bytes(request: dict[str, Any]) -> bytes:
    """An ExportTraceServiceRequest; raises one of `request.NOT_ENCODABLE` for what is not as we write it."""
    return b"".join(_message(b"\x0a", _resource_spans(group)) for group in request["resourceSpans"])


def _resource_spans(group: dict[str, Any]) -> bytes:
    parts = [_message(b"\x0a", _attributes(b"\x0a", group.get("resource", {}).get("attributes", ())))]
    for scope_spans in group["scopeSpans"]:
        described = scope_spans.get("scope", {})
        scope = [
            _text(b"\x0a", described.get("name", "")),
            _text(b"\x12", described.get("version", "")),
            _attributes(b"\x1a", described.get("attributes", ())),
        ]
        inside = [_message(b"\x0a", b"".join(scope))]
        for number, span in enumerate(scope_spans["spans"]):
            inside.append(_message(b"\x12", _span(span)))
            yield_to_program(number)
        inside.append(_text(b"\x1a", scope_spans.get("schemaUrl", "")))
        parts.append(_message(b"\x12", b"".join(inside)))
    return b"".join(parts)


def _span(span: dict[str, Any]) -> bytes:
    get = span.get
    parts = [
        _message(b"\x0a", bytes.fromhex(span["traceId"])),
        _message(b"\x12", bytes.fromhex(span["spanId"])),
        _text(b"\x1a", get("traceState", "")),
    ]
    parent = get("parentSpanId")
    if parent:
        parts.append(_message(b"\x22", bytes.fromhex(parent)))
    parts += (
        _text(b"\x2a", get("name", "")),
        _number(b"\x30", get("kind", 0)),
        _fixed64(b"\x39", get("startTimeUnixNano", 0)),
        _fixed64(b"\x41", get("endTimeUnixNano", 0)),
        _attributes(b"\x4a", get("attributes", ())),
        _number(b"\x50", get("droppedAttributesCount", 0)),
    )
    for event in get("events", ()):
        parts.append(_message(b"\x5a", _event(event)))
    parts.append(_number(b"\x60", get("droppedEventsCount", 0)))
    for link in get("links", ()):
        parts.append(_message(b"\x6a", _link(link)))
    parts.append(_number(b"\x70", get("droppedLinksCount", 0)))
    status = get("status")
    if status:
        said = _text(b"\x12", status.get("message", "")), _number(b"\x18", status.get("code", 0))
        parts.append(_message(b"\x7a", b"".join(said)))
    parts.append(_flags(b"\x85\x01", get("flags", 0)))
    return b"".join(parts)


def _event(event: dict[str, Any]) -> bytes:
    return (
        _fixed64(b"\x09", event.get("timeUnixNano", 0))
        + _text(b"\x12", event.get("name", ""))
        + _attributes(b"\x1a", event.get("attributes", ()))
    )


def _link(link: dict[str, Any]) -> bytes:
    return (
        _message(b"\x0a", bytes.fromhex(link["traceId"]))
        + _message(b"\x12", bytes.fromhex(link["spanId"]))
        + _text(b"\x1a", link.get("traceState", ""))
        + _attributes(b"\x22", link.get("attributes", ()))
        + _flags(b"\x35", link.get("flags", 0))
    )


def _flags(tag: bytes, flags: int) -> bytes:
    return tag + flags.to_bytes(4, "little") if flags else b""


def _attributes(tag: bytes, pairs: Iterable[dict[str, Any]]) -> bytes:
    parts = []
    for pair in pairs:
        key, value = pair["key"], pair.get("value", {})
        held = value.get("stringValue")
        if held is None or len(held) > _LONGEST_CACHED:
            encoded = _key(key) + (_message(b"\x12", _value(value)) if value else b"")
        else:
            encoded = _texts.get((key, held)) or _cached_text(key, held)
        parts.append(_message(tag, encoded))
    return b"".join(parts)


def _cached_text(key: str, held: str) -> bytes:
    encoded = _key(key) + _message(b"\x12", _message(b"\x0a", held.encode()))
    if len(_texts) >= _MOST_CACHED:
        _texts.clear()
    _texts[key, held] = encoded
    return encoded


def _key(key: str) -> bytes:
    encoded = _keys.get(key)
    if encoded is None:
        encoded = _text(b"\x0a", key)
        if len(_keys) >= _MOST_CACHED:
            _keys.clear()
        _keys[key] = encoded
    return encoded


def _value(value: dict[str, Any]) -> bytes:
    # Of a oneof the last one counts; what is zero or empty is there all the same.
    encoded = b""
    for kind, held in value.items():
        if kind == "stringValue":
            encoded = _message(b"\x0a", held.encode())
        elif kind == "intValue":
            number = int(held)
            if not -(2**63) <= number < 2**63:
                raise OverflowError(f"{number} has more than 64 bits")
            encoded = b"\x18" + _varint(number & _UINT64)
        elif kind == "boolValue":
            encoded = b"\x10\x01" if held else b"\x10\x00"
        elif kind == "doubleValue":
            encoded = b"\x21" + _double(float(held))
        elif kind == "bytesValue":
            encoded = _message(b"\x3a", base64.b64decode(held))
        elif kind == "arrayValue":
            items = (_message(b"\x0a", _value(item)) for item in held.get("values", ()))
            encoded = _message(b"\x2a", b"".join(items))
        elif kind == "kvlistValue":
            encoded = _message(b"\x32", _attributes(b"\x0a", held.get("values", ())))
    return encoded


def _message(tag: bytes, content: bytes) -> bytes:
    length = len(content)
    return tag + (_SHORT[length] if length < 128 else _varint(length)) + content


def _text(tag: bytes, value: str) -> bytes:
    return _message(tag, value.encode()) if value else b""


def _number(tag: bytes, value: int) -> bytes:
    return tag + _varint(value & _UINT64) if value else b""


def _fixed64(tag: bytes, value: str | int) -> bytes:
    number = int(value)
    return tag + number.to_bytes(8, "little") if number else b""


_SHORT = [bytes([number]) for number in range(128)]


def _varint(number: int) -> bytes:
    if number < 128:
        return _SHORT[number]
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
