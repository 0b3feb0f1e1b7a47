# SPDX-License-Identifier: Apache-2.0
"""Which spans are taken in, whatever source and encoding they come from, and how many are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otelprov.model.span import Span, SpanEvent
from otelprov.semconv import names

OWN = "provenance."
OWN_SCOPE = "otelprov"
# Namespaces of attributes from which lineage is derived, of ours and of everybody else's spans.
INTEREST = (OWN, "db.", "messaging.", "http.", "url.", "aws.s3.", "rpc.")

# Where log records had their event name before it became a field of its own.
_EVENT_NAME = "event.name"
# A record on its own carries on its span what says which run and process it belongs to.
_IDENTIFYING = (names.PROVENANCE_RUN_ID, names.PROVENANCE_PROCESS_ID, names.PROVENANCE_STEP_ID)

_HEX = "0123456789abcdef"
_ZEROS = "0" * 32

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
# Values nested deeper than this are nobody's data.
MAX_VALUE_DEPTH = 32

FAULT_TRACE_ID = "span without a valid trace id"
FAULT_SPAN_ID = "span without a valid span id"
FAULT_PARENT_ID = "invalid parent span id left out"
FAULT_LINK = "link without valid ids left out"
FAULT_RECORD_ID = "invalid ids of a log record left out"
FAULT_ATTRIBUTE = "attribute with an invalid value left out"
FAULT_TIME = "invalid time taken as unknown"
FAULT_SHAPE = "element of the wrong type left out"


class Sift:
    """Counts what was kept, what was nobody's lineage (`foreign`), what was derived, and every fault."""

    __slots__ = ("derived", "faults", "foreign", "kept")

    def __init__(self) -> None:
        self.kept = 0
        self.foreign = 0
        self.derived = 0
        self.faults: dict[str, int] = {}

    def fault(self, what: str, count: int = 1) -> None:
        """Count something that had to be left out."""
        self.faults[what] = self.faults.get(what, 0) + count

    def admit(self, span: Span, into: list[Span]) -> None:
        """Append a span, unless it was drawn from lineage by `publish`: that is never evidence."""
        # Some backends give booleans back as text.
        if names.PROVENANCE_DERIVED in span.attributes and span.attributes[names.PROVENANCE_DERIVED] in (True, "true"):
            self.derived += 1
            return
        self.kept += 1
        into.append(span)


def own_scope(scope: str) -> bool:
    """True for an instrumentation scope of ours."""
    return scope.startswith(OWN_SCOPE)


def of_interest(keys: Iterable[str], event_keys: Iterable[str]) -> bool:
    """True when lineage can come from an attribute of the span, or when one of its events is ours."""
    return any(key.startswith(INTEREST) for key in keys) or any(key.startswith(OWN) for key in event_keys)


def hex_id(text: str, digits: int) -> str:
    """The id in lower case; `""` unless it has that many hex digits that are not all zero."""
    if len(text) != digits:
        return ""
    text = text.lower()
    if text.strip(_HEX) or text == _ZEROS[:digits]:
        return ""
    return text


def record_name(event_name: str, attributes: Mapping[str, Any]) -> str:
    """The name of a log record that is an event of ours, else `""`."""
    name = event_name or attributes.get(_EVENT_NAME)
    return name if isinstance(name, str) and name.startswith(OWN) else ""


def record_span(
    name: str, time: int, trace_id: str, span_id: str, attributes: dict[str, Any], resource: dict[str, Any], scope: str
) -> Span:
    """A log record of ours as the zero-length span of one event that it would have been in a trace."""
    carried = {names.PROVENANCE_KIND: names.PROVENANCE_KIND_RECORD}
    for said in (resource, attributes):
        carried |= {key: said[key] for key in _IDENTIFYING if key in said}
    event = SpanEvent(name, time, {key: value for key, value in attributes.items() if key != _EVENT_NAME})
    return Span(trace_id, span_id, "", name, time, time, carried, resource, scope, events=[event])
