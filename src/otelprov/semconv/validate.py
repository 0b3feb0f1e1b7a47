# SPDX-License-Identifier: Apache-2.0
"""Checks OTLP/JSON against the registry: names, types, enum values, and what each kind of span must carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from otelprov.semconv.attributes import ATTRIBUTES
from otelprov.semconv.names import PROVENANCE_DERIVED, PROVENANCE_KIND, SCHEMA_URL
from otelprov.semconv.signals import EVENTS, RESOURCE, SPANS

_FIELDS = {"string": "stringValue", "int": "intValue", "double": "doubleValue", "boolean": "boolValue"}
_OWN_PREFIX = "provenance."
MAX_PER_SPAN = 100


def problems(document: dict[str, Any]) -> list[str]:
    """What is wrong with an ExportTraceServiceRequest in OTLP/JSON form, as seen from the registry.

    Spans of our scopes are checked whole; of others' spans only the `provenance.*` attributes. An empty list is fine.
    """
    return list(_problems(document))


def _problems(document: dict[str, Any]) -> Iterator[str]:
    for group in document.get("resourceSpans", []):
        ours = False
        for scope_spans in group.get("scopeSpans", []):
            scope = scope_spans.get("scope", {}).get("name", "")
            own = scope.startswith("otelprov")
            ours = ours or own
            if own and scope_spans.get("schemaUrl") not in (SCHEMA_URL, None, ""):
                yield f"scope {scope}: schemaUrl is {scope_spans['schemaUrl']!r}, not {SCHEMA_URL!r}"
            for span in scope_spans.get("spans", []):
                yield from _span(span) if own else _foreign(span)
        if ours:
            where = "resource"
            for key, value in _pairs(group.get("resource", {}).get("attributes", [])):
                if key in ATTRIBUTES:
                    yield from _value(where, key, value)
                if key.startswith(_OWN_PREFIX) and key not in RESOURCE:
                    yield f"{where}: {key} is no resource attribute of the registry"


def _span(span: dict[str, Any]) -> Iterator[str]:
    where = f"span {span.get('name')!r}"
    attributes = dict(_pairs(span.get("attributes", [])))
    if attributes.get(PROVENANCE_DERIVED, {}).get("boolValue"):
        for key, value in attributes.items():
            yield from _value(where, key, value)
        return
    kind = attributes.get(PROVENANCE_KIND, {}).get("stringValue", "")
    if kind not in SPANS:
        yield f"{where}: {PROVENANCE_KIND} is {kind!r}, one of {sorted(SPANS)} is expected"
        return
    yield from _group(where, attributes, SPANS[kind])
    events = span.get("events", [])
    if len(attributes) > MAX_PER_SPAN or len(events) > MAX_PER_SPAN:
        yield f"{where}: {len(attributes)} attributes and {len(events)} events, {MAX_PER_SPAN} are the most"
    for event in events:
        name = event.get("name", "")
        if name not in EVENTS:
            yield f"{where}: event {name!r} is not in the registry"
            continue
        yield from _group(f"{where}, event {name}", dict(_pairs(event.get("attributes", []))), EVENTS[name])


def _foreign(span: dict[str, Any]) -> Iterator[str]:
    for key, value in _pairs(span.get("attributes", [])):
        if key.startswith(_OWN_PREFIX):
            yield from _value(f"span {span.get('name')!r}", key, value)


def _group(where: str, attributes: dict[str, Any], group: dict[str, list[str]]) -> Iterator[str]:
    for key in group["required"]:
        if key not in attributes:
            yield f"{where}: {key} is missing"
    for key, value in attributes.items():
        if key not in group["allowed"]:
            yield f"{where}: {key} does not belong here"
        yield from _value(where, key, value)


def _value(where: str, key: str, value: dict[str, Any]) -> Iterator[str]:
    known = ATTRIBUTES.get(key)
    if known is None:
        yield f"{where}: attribute {key} is not in the registry"
        return
    field = _FIELDS[known["type"]]
    if field not in value:
        yield f"{where}: {key} is {sorted(value)}, {field} is expected"
    elif "members" in known and value[field] not in known["members"]:
        yield f"{where}: {key} is {value[field]!r}, one of {known['members']} is expected"


def _pairs(attributes: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for pair in attributes:
        yield pair.get("key", ""), pair.get("value", {})
