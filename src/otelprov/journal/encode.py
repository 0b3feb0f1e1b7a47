# SPDX-License-Identifier: Apache-2.0
"""One ended span as one line of OTLP/JSON, fast enough for the thread of the observed program."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

try:
    # Straight from C: the json package around it would cost every observed program its start-up time.
    from _json import encode_basestring_ascii
except ImportError:
    from json.encoder import encode_basestring_ascii

# Deeper values come from cycles or from mistakes; both are cut, not followed.
MAX_DEPTH = 8
# An audit needs to know that a long value was there, not each of its bytes.
MAX_TEXT = 65_536
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

# What stands before the value of an attribute, by key: keys are few and come again and again.
_KEYS: dict[str, str] = {}
_MAX_KEYS = 2048
_MAX_CACHED_KEY = 128

Event = tuple[str, int, Mapping[str, Any]]


# Of a span's flags: sampled, and what the SDK's exporters say of whether the parent is in another process.
SAMPLED, KNOWN_IF_REMOTE, REMOTE = 1, 0x100, 0x200


class Link(NamedTuple):
    """A link of a span; ours have ids only."""

    trace_id: int
    span_id: int
    attributes: Mapping[str, Any] = {}
    trace_state: str = ""
    remote: bool = False


class Scope(NamedTuple):
    """What is known of a scope besides its name."""

    version: str = ""
    schema_url: str = ""
    attributes: Mapping[str, Any] = {}


NO_SCOPE = Scope()


class EndedSpan(NamedTuple):
    """An ended span of ours or of others: ids as integers, times in nanoseconds, kind and status as OTLP numbers.

    `links` are Links, or tuples that begin like one. `described` says more of the scope of a span of others.
    `encoded_events` stands in the place of `events`: items of OTLP/JSON, scrubbed already, from somebody with so many
    that each step on the way counts; `decode.with_events` makes events of them.
    """

    name: str
    trace_id: int
    span_id: int
    parent_id: int
    start: int
    end: int
    attributes: Mapping[str, Any]
    scope: str = "otelprov"
    events: Sequence[Event] = ()
    links: Sequence[tuple[Any, ...]] = ()
    kind: int = 1
    status: int = 0
    status_message: str = ""
    flags: int = 1
    dropped: tuple[int, int, int] = (0, 0, 0)
    trace_state: str = ""
    described: Scope = NO_SCOPE
    encoded_events: str = ""


def text(value: str) -> str:
    """Quote a string as ASCII JSON; lone surrogates become escapes, over-long text is cut and says so."""
    if len(value) > MAX_TEXT:
        value = f"{value[:MAX_TEXT]}… [cut, {len(value)} characters]"
    quoted = encode_basestring_ascii(value)
    if "\\ud" in quoted:
        try:
            value.encode()
        except UnicodeEncodeError:
            return encode_basestring_ascii(value.encode("utf-8", "backslashreplace").decode())
    return quoted


def any_value(value: Any, depth: int = 0) -> str:
    """Encode one attribute value; what has no place in OTLP is named by its type, never by `str` or `repr` of it."""
    kind = type(value)
    if kind is str:
        return '{"stringValue":' + text(value) + "}"
    if kind is bool:
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if kind is int:
        if INT64_MIN <= value <= INT64_MAX:
            return '{"intValue":"' + str(value) + '"}'
        return '{"stringValue":"' + hex(value)[:MAX_TEXT] + '"}'
    if kind is float:
        if math.isfinite(value):
            return '{"doubleValue":' + float.__repr__(value) + "}"
        return '{"doubleValue":"' + ("NaN" if value != value else "Infinity" if value > 0 else "-Infinity") + '"}'
    if value is None:
        return "{}"
    return _uncommon_value(value, depth)


def _uncommon_value(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        return '{"stringValue":"[too deep]"}'
    if isinstance(value, (bytes, bytearray)):
        return '{"bytesValue":"' + base64.b64encode(bytes(value[:MAX_TEXT])).decode() + '"}'
    if isinstance(value, (list, tuple)):
        items = list(value)
        return '{"arrayValue":{"values":[' + ",".join(any_value(item, depth + 1) for item in items) + "]}}"
    if isinstance(value, Mapping):
        pairs = list(value.items())
        return '{"kvlistValue":{"values":[' + _pairs(pairs, depth + 1) + "]}}"
    # Subclasses of the plain types: read as the base type, so that no overridden method of the user's runs.
    if isinstance(value, str):
        return any_value(str.__str__(value))
    if isinstance(value, int):
        return any_value(int.__int__(value))
    if isinstance(value, float):
        return any_value(float.__float__(value))
    return '{"stringValue":' + text(f"[{type(value).__module__}.{type(value).__qualname__}]") + "}"


def _pairs(pairs: Iterable[tuple[Any, Any]], depth: int = 0) -> str:
    parts: list[str] = []
    for key, value in pairs:
        before = (_KEYS.get(key) or _key(key)) if type(key) is str else _key(type(key).__name__)
        kind = type(value)
        # The two most frequent kinds in place: a call for each would cost as much as encoding them.
        if kind is str and len(value) <= MAX_TEXT:
            quoted = encode_basestring_ascii(value)
            if "\\ud" in quoted:
                quoted = text(value)
            parts.append(f'{before}{{"stringValue":{quoted}}}}}')
        elif kind is int and INT64_MIN <= value <= INT64_MAX:
            parts.append(f'{before}{{"intValue":"{value}"}}}}')
        else:
            parts.append(f"{before}{any_value(value, depth)}}}")
    return ",".join(parts)


def _key(key: str) -> str:
    before = f'{{"key":{text(key)},"value":'
    if len(_KEYS) < _MAX_KEYS and len(key) <= _MAX_CACHED_KEY:
        _KEYS[key] = before
    return before


def attributes(mapping: Mapping[str, Any]) -> str:
    """Encode attributes as the items of an OTLP/JSON key-value list, without the brackets."""
    # A copy, because another thread may still be changing the mapping.
    return _pairs(list(mapping.items()))


def span_json(span: EndedSpan) -> str:
    """Encode a span as an OTLP/JSON Span object."""
    parts = [f'{{"traceId":"{span.trace_id:032x}","spanId":"{span.span_id:016x}"']
    if span.trace_state:
        parts.append(f',"traceState":{text(span.trace_state)}')
    if span.parent_id:
        parts.append(f',"parentSpanId":"{span.parent_id:016x}"')
    parts.append(
        f',"flags":{_flags(span)},"name":{text(span.name)},"kind":{span.kind},'
        f'"startTimeUnixNano":"{span.start}","endTimeUnixNano":"{span.end}","attributes":[{attributes(span.attributes)}]'
    )
    if span.encoded_events:
        # Not copied once more: it may be a hundred kilobytes.
        parts += (',"events":[', span.encoded_events, "]")
    elif span.events:
        encoded = ",".join(
            f'{{"timeUnixNano":"{time}","name":{text(name)},"attributes":[{attributes(values)}]}}'
            for name, time, values in span.events
        )
        parts.append(f',"events":[{encoded}]')
    if span.links:
        parts.append(f',"links":[{",".join(_link(Link(*link)) for link in span.links)}]')
    if any(span.dropped):
        parts.append(
            ',"droppedAttributesCount":%d,"droppedEventsCount":%d,"droppedLinksCount":%d' % span.dropped  # noqa: UP031
        )
    if span.status or span.status_message:
        message = f'"message":{text(span.status_message)},' if span.status_message else ""
        parts.append(f',"status":{{{message}"code":{span.status}}}')
    parts.append("}")
    return "".join(parts)


def _flags(span: EndedSpan) -> int:
    # As the SDK's exporters have it, so that a span that goes both ways is the same. Of ours all are shipped, of others
    # what their sampler let through; the rest has none.
    if not span.flags & SAMPLED and not span.scope.startswith("otelprov"):
        return 0
    return KNOWN_IF_REMOTE | (span.flags & REMOTE)


def _link(link: Link) -> str:
    parts = [f'{{"traceId":"{link.trace_id:032x}","spanId":"{link.span_id:016x}"']
    if link.trace_state:
        parts.append(f',"traceState":{text(link.trace_state)}')
    if link.attributes:
        parts.append(f',"attributes":[{attributes(link.attributes)}]')
    parts.append(f',"flags":{KNOWN_IF_REMOTE | REMOTE if link.remote else KNOWN_IF_REMOTE}}}')
    return "".join(parts)


def envelope(resource: Mapping[str, Any], scope: str, described: Scope = NO_SCOPE) -> tuple[bytes, bytes]:
    """Return what stands before and after the Span objects of one request line."""
    more = f',"attributes":[{attributes(described.attributes)}]' if described.attributes else ""
    before = (
        f'{{"resourceSpans":[{{"resource":{{"attributes":[{attributes(resource)}]}},'
        f'"scopeSpans":[{{"scope":{{"name":{text(scope)},"version":{text(described.version)}{more}}},"spans":['
    )
    after = f'],"schemaUrl":{text(described.schema_url)}}}]}}]}}\n' if described.schema_url else "]}]}]}\n"
    return before.encode(), after.encode()
