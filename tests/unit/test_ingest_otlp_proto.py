# SPDX-License-Identifier: Apache-2.0
"""OTLP protobuf says the same as OTLP/JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_documents import START, document, line, span

from otelprov.ingest import otlp_json, otlp_proto
from otelprov.ingest import sift as rules
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.sift import Sift
from otelprov.semconv import names


def as_message(value: Any) -> Any:
    """The same document with ids as protobuf's own JSON has them: base64 in place of hex."""
    if isinstance(value, list):
        return [as_message(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64encode(bytes.fromhex(held)).decode() if key in ids else as_message(held)
        for key, held in value.items()
    }


def request(whole: dict[str, Any]) -> bytes:
    message = ExportLogsServiceRequest() if "resourceLogs" in whole else ExportTraceServiceRequest()
    return json_format.ParseDict(as_message(whole), message).SerializeToString()


EVERYTHING = span(
    7,
    {names.PROVENANCE_KIND: "io", "n": -5, "x": 1.5, "ok": True, "list": ["a", 2], "map": {"k": False}},
    parentSpanId="00f067aa0ba902b7",
    events=[
        {"name": "e", "timeUnixNano": str(START + 3), "attributes": [{"key": "k", "value": {"bytesValue": "AAH/"}}]}
    ],
    links=[{"traceId": "a" * 32, "spanId": "b" * 16}],
    status={"code": 2, "message": "no"},
)


@pytest.mark.parametrize("scope", ["otelprov.files", "shop"])
def test_the_same_spans_as_from_json(scope: str) -> None:
    whole = document(EVERYTHING, span(8, {"thread.id": 1}), span(9, {names.PROVENANCE_DERIVED: True}), scope=scope)
    ours, theirs = Sift(), Sift()
    found = otlp_proto.decode(request(whole), ours)
    assert found[0].attributes["list"] == ["a", 2]
    assert found == otlp_json.decode(json.dumps(whole).encode(), theirs)
    assert (ours.kept, ours.foreign, ours.derived) == (theirs.kept, theirs.foreign, theirs.derived)
    assert ours.derived == 1
    assert otlp_proto.decode_unnamed(request(whole), Sift()) == found


def test_log_records_too_and_told_apart_from_spans() -> None:
    record = {
        "timeUnixNano": str(START),
        "eventName": names.EVENT_PROVENANCE_ENTITY_USED,
        "traceId": "a" * 32,
        "spanId": "b" * 16,
        "attributes": [{"key": names.PROVENANCE_RUN_ID, "value": {"stringValue": "r"}}],
    }
    whole = {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "otelprov"}, "logRecords": [record, {}]}]}]}
    found = otlp_proto.decode_unnamed(request(whole), Sift())
    assert [each.name for each in found] == [names.EVENT_PROVENANCE_ENTITY_USED]
    assert found == otlp_json.decode(json.dumps(whole).encode(), Sift())


def test_a_log_record_that_could_be_read_as_a_span() -> None:
    record = {"timeUnixNano": str(START), "eventName": names.EVENT_PROVENANCE_LOSS}
    whole = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    assert [each.name for each in otlp_proto.decode_unnamed(request(whole), Sift())] == [names.EVENT_PROVENANCE_LOSS]


def test_ids_are_checked() -> None:
    message = ExportTraceServiceRequest()
    message.ParseFromString(request(document(span(1), span(2), span(3), span(4))))
    spans = message.resource_spans[0].scope_spans[0].spans
    spans[0].trace_id = b"\0" * 16
    spans[1].span_id = b"short"
    spans[2].parent_span_id = b"odd"
    spans[3].links.add(trace_id=b"x", span_id=b"y")
    spans[3].parent_span_id = b"\0" * 8
    spans[3].end_time_unix_nano = 2**64 - 1
    sift = Sift()
    found = otlp_proto.decode(message.SerializeToString(), sift)
    assert [(each.span_id, each.parent_id, each.links) for each in found] == [
        (f"{3:016x}", "", []),
        (f"{4:016x}", "", []),
    ]
    assert found[1].end == 0
    assert sift.faults == {
        rules.FAULT_TRACE_ID: 1,
        rules.FAULT_SPAN_ID: 1,
        rules.FAULT_PARENT_ID: 1,
        rules.FAULT_LINK: 1,
        rules.FAULT_TIME: 1,
    }


@pytest.mark.parametrize("bad", [b"\x0a\xff", line(span(1)), b"\x0a\x05abc"])
def test_what_is_no_request_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedError):
        otlp_proto.decode(bad, Sift())


def test_a_message_nested_without_end_is_malformed() -> None:
    value = b"\x0a\x01x"
    for _ in range(300):
        inner = b"\x0a" + _varint(len(value)) + value
        value = b"\x2a" + _varint(len(inner)) + inner
    pair = b"\x0a\x01k\x12" + _varint(len(value)) + value
    resource = b"\x0a" + _varint(len(pair)) + pair
    group = b"\x0a" + _varint(len(resource)) + resource
    with pytest.raises(MalformedError):
        otlp_proto.decode(b"\x0a" + _varint(len(group)) + group, Sift())


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])
