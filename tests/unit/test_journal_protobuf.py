# SPDX-License-Identifier: Apache-2.0
"""Our protobuf bytes are those that the protobuf library makes of the same request, to the byte."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelprov.ingest.otlp_json import decode
from otelprov.ingest.otlp_proto import decode as decode_protobuf
from otelprov.ingest.sift import Sift
from otelprov.journal.encode import EndedSpan, Link, Scope, envelope, span_json
from otelprov.journal.protobuf import request_bytes
from otelprov.journal.request import NOT_ENCODABLE, combine, parse_line

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.just("ä" * 200)
scalars = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats() | st.binary(max_size=40) | st.none()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=4
)
attributes = st.dictionaries(texts.filter(bool), values, max_size=4)
ids = st.integers(1, 2**64 - 1)
times = st.integers(0, 2**63)
trace_ids = st.integers(1, 2**128 - 1)
counts = st.integers(0, 2**31)
spans = st.builds(
    EndedSpan,
    name=texts,
    trace_id=trace_ids,
    span_id=ids,
    parent_id=ids | st.just(0),
    start=times,
    end=times,
    attributes=attributes,
    scope=st.sampled_from(["otelprov.files", "app", ""]),
    events=st.lists(st.tuples(texts, times, attributes), max_size=3),
    links=st.lists(
        st.builds(Link, trace_ids, ids, attributes, texts, st.booleans()) | st.tuples(trace_ids, ids), max_size=3
    ),
    kind=st.integers(0, 5),
    status=st.integers(0, 2),
    status_message=texts,
    flags=st.sampled_from([0, 1, 0x201]),
    dropped=st.tuples(counts, counts, counts),
    trace_state=texts,
    described=st.builds(Scope, texts, texts, attributes),
    # Only blocks of changes have these, as JSON that is made elsewhere.
    encoded_events=st.just(""),
)


def request_of(made: list[EndedSpan]) -> dict[str, Any]:
    groups = []
    for span in made:
        before, after = envelope({"service.name": "shop", "empty": ""}, span.scope, span.described)
        group = parse_line(before + span_json(span).encode("ascii") + after)
        assert group is not None
        groups.append(group)
    return combine(groups, None)


def by_the_library(request: dict[str, Any]) -> bytes:
    # OTLP/JSON has ids in hexadecimal; plain protobuf JSON has bytes in base64.
    plain = copy.deepcopy(request)
    for group in plain["resourceSpans"]:
        for span in (span for scope_spans in group["scopeSpans"] for span in scope_spans["spans"]):
            for holder in (span, *span.get("links", ())):
                for key in {"traceId", "spanId", "parentSpanId"} & set(holder):
                    holder[key] = base64.b64encode(bytes.fromhex(holder[key])).decode()
    # A value of nothing is no value: the library would put an empty one.
    return ParseDict(
        json.loads(json.dumps(plain), object_hook=_without_empty), ExportTraceServiceRequest()
    ).SerializeToString()


def _without_empty(pair: dict[str, Any]) -> dict[str, Any]:
    return {"key": pair["key"]} if pair.get("value") == {} and "key" in pair else pair


@given(st.lists(spans, min_size=1, max_size=2))
def test_every_byte_is_the_librarys(made: list[EndedSpan]) -> None:
    request = request_of(made)
    assert request_bytes(request) == by_the_library(request)


@given(spans)
def test_the_receiver_finds_the_same_as_in_json(made: EndedSpan) -> None:
    made = made._replace(attributes={"provenance.kind": "io", **made.attributes})
    request = request_of([made])
    # As text, in which a NaN is a NaN.
    assert repr(decode_protobuf(request_bytes(request), Sift())) == repr(decode(json.dumps(request).encode(), Sift()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceId": "no hex"},
        {"startTimeUnixNano": "-1"},
        {"startTimeUnixNano": str(2**64)},
        {"name": 5},
        {"attributes": [{"value": {}}]},
        {"attributes": [{"key": "k", "value": {"intValue": str(2**63)}}]},
        {"attributes": [{"key": "k", "value": {"intValue": "many"}}]},
        {"attributes": [{"key": "k", "value": {"stringValue": "a\ud800"}}]},
        {"attributes": [{"key": "k", "value": "text"}]},
        {"flags": -1},
        {"links": [{}]},
    ],
    ids=json.dumps,
)
def test_what_is_not_as_we_write_it_is_refused_not_guessed(wrong: dict[str, Any]) -> None:
    request = request_of([EndedSpan("n", 1, 2, 0, 4, 5, {})])
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= wrong
    with pytest.raises(NOT_ENCODABLE):
        request_bytes(request)
