# SPDX-License-Identifier: Apache-2.0
"""Journal lines put together into export requests: the full resource again, many spans in one."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

# What making a message of a line raises that is JSON but not as we write it.
NOT_ENCODABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)


def yield_to_program() -> None:
    """Let the program's threads go on: they give the interpreter up at every write(2), and would wait 5 ms for it."""
    time.sleep(0)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The resource group of one journal line; None for a line that is torn or none of ours."""
    try:
        document = json.loads(line)
        group: dict[str, Any] = document["resourceSpans"][0]
        group["scopeSpans"][0]["spans"][0]["spanId"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return group


def combine(groups: list[dict[str, Any]], resource: dict[str, Any] | None) -> dict[str, Any]:
    """One request of many lines of one process: under its full resource, by scope."""
    scopes: dict[str, dict[str, Any]] = {}
    for group in groups:
        for scope_spans in group["scopeSpans"]:
            name = scope_spans.get("scope", {}).get("name", "")
            known = scopes.get(name)
            if known is None:
                scopes[name] = {**scope_spans, "spans": list(scope_spans["spans"])}
            else:
                known["spans"] += scope_spans["spans"]
    return {
        "resourceSpans": [{"resource": resource or groups[0].get("resource", {}), "scopeSpans": list(scopes.values())}]
    }


def to_json(request: dict[str, Any]) -> bytes:
    """The request as an OTLP/JSON body."""
    return json.dumps(request, separators=(",", ":")).encode()


def to_protobuf(request: dict[str, Any]) -> ExportTraceServiceRequest:
    """The request as a protobuf message."""
    message = ExportTraceServiceRequest()
    for group in request["resourceSpans"]:
        into = message.resource_spans.add()
        _attributes(group.get("resource", {}).get("attributes", ()), into.resource.attributes)
        _scopes(group["scopeSpans"], into)
    return message


def _scopes(scopes: list[dict[str, Any]], into: ResourceSpans) -> None:
    for scope_spans in scopes:
        scope = into.scope_spans.add()
        described = scope_spans.get("scope", {})
        scope.scope.name = described.get("name", "")
        scope.scope.version = described.get("version", "")
        scope.schema_url = scope_spans.get("schemaUrl", "")
        for span in scope_spans["spans"]:
            _span(span, scope.spans.add())
            yield_to_program()


def _span(span: dict[str, Any], into: Span) -> None:
    into.trace_id = bytes.fromhex(span["traceId"])
    into.span_id = bytes.fromhex(span["spanId"])
    into.parent_span_id = bytes.fromhex(span.get("parentSpanId", ""))
    into.flags = span.get("flags", 0)
    into.name = span.get("name", "")
    into.kind = span.get("kind", 0)
    into.start_time_unix_nano = int(span.get("startTimeUnixNano", 0))
    into.end_time_unix_nano = int(span.get("endTimeUnixNano", 0))
    _attributes(span.get("attributes", ()), into.attributes)
    for event in span.get("events", ()):
        added = into.events.add()
        added.name = event.get("name", "")
        added.time_unix_nano = int(event.get("timeUnixNano", 0))
        _attributes(event.get("attributes", ()), added.attributes)
    for link in span.get("links", ()):
        linked = into.links.add()
        linked.trace_id = bytes.fromhex(link["traceId"])
        linked.span_id = bytes.fromhex(link["spanId"])
    into.dropped_attributes_count = span.get("droppedAttributesCount", 0)
    into.dropped_events_count = span.get("droppedEventsCount", 0)
    into.dropped_links_count = span.get("droppedLinksCount", 0)
    status = span.get("status")
    if status:
        into.status.code = status.get("code", 0)
        into.status.message = status.get("message", "")


def _attributes(pairs: Any, into: Any) -> None:
    for pair in pairs:
        added: KeyValue = into.add()
        added.key = pair["key"]
        _value(pair.get("value", {}), added.value)


def _value(value: dict[str, Any], into: AnyValue) -> None:
    for kind, held in value.items():
        if kind == "stringValue":
            into.string_value = held
        elif kind == "intValue":
            into.int_value = int(held)
        elif kind == "boolValue":
            into.bool_value = held
        elif kind == "doubleValue":
            into.double_value = float(held)
        elif kind == "bytesValue":
            into.bytes_value = base64.b64decode(held)
        elif kind == "arrayValue":
            into.array_value.SetInParent()
            for item in held.get("values", ()):
                _value(item, into.array_value.values.add())
        elif kind == "kvlistValue":
            into.kvlist_value.SetInParent()
            _attributes(held.get("values", ()), into.kvlist_value.values)
