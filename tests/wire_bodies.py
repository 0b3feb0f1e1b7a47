# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests written byte by byte: those that no SDK would send."""

from __future__ import annotations

from collections.abc import Callable

MIB = 2**20


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def message(tag: int, body: bytes) -> bytes:
    """A length-delimited field with its one-byte tag (number << 3 | 2)."""
    return bytes([tag]) + varint(len(body)) + body


def _group(spans: bytes) -> bytes:
    return message(0x0A, message(0x12, spans))


def _in_span(fields: bytes) -> bytes:
    return _group(message(0x12, fields))


def _in_value(fields: bytes) -> bytes:
    return _in_span(message(0x4A, message(0x12, fields)))


# Each fills about so many bytes.
HOSTILE_PROTOBUF: dict[str, Callable[[int], bytes]] = {
    "empty spans": lambda size: _group(b"\x12\x00" * (size // 2)),
    "empty groups": lambda size: b"\x0a\x00" * (size // 2),
    "empty scopes": lambda size: message(0x0A, b"\x12\x00" * (size // 2)),
    "empty events": lambda size: _in_span(b"\x5a\x00" * (size // 2)),
    "empty links": lambda size: _in_span(b"\x6a\x00" * (size // 2)),
    "empty attributes": lambda size: _in_span(b"\x4a\x00" * (size // 2)),
    "empty values": lambda size: _in_value(message(0x2A, b"\x0a\x00" * (size // 2))),
    "empty pairs": lambda size: _in_value(message(0x32, b"\x0a\x00" * (size // 2))),
    "empty attributes of events": lambda size: _in_span(message(0x5A, b"\x1a\x00" * (size // 2))),
    "spans of another writing": lambda size: _group(b"\x92\x00\x80\x00" * (size // 4)),
    "scalars": lambda size: _in_span(b"\x30\x00" * (size // 2)),
    "unknown fields": lambda size: _in_span(b"\xf2\x7f\x00" * (size // 3)),
}

_SPANS = b'{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"otelprov"},"spans":[%b]}]}]}'

HOSTILE_JSON: dict[str, Callable[[int], bytes]] = {
    "empty spans": lambda size: _SPANS % (b"{}," * (size // 3))[:-1],
    "empty lists": lambda size: _SPANS % (b"[]," * (size // 3))[:-1],
    "deep lists": lambda size: b"[" * size,
    "numbers": lambda size: b'{"resourceSpans":[],"x":[' + (b"0.1," * (size // 4))[:-1] + b"]}",
    "strings": lambda size: b'{"resourceSpans":[],"x":[' + (b'"ab",' * (size // 5))[:-1] + b"]}",
    "keys": lambda size: b'{"resourceSpans":[],' + (b'"ab":0,' * (size // 7))[:-1] + b"}",
}
