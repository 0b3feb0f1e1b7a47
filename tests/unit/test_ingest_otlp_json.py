# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON means the same with and without msgspec, and nothing in it makes the decoder fail."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_documents import START, document, line, span

from otelprov.ingest import otlp_json_fast, otlp_json_plain
from otelprov.ingest import sift as rules
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.sift import Sift
from otelprov.model.span import SpanLink
from otelprov.semconv import names

DECODERS = [otlp_json_fast.decode, otlp_json_plain.decode]
IDS = ["msgspec", "standard library"]
both = pytest.mark.parametrize("decode", DECODERS, ids=IDS)


def outcome(decode: Any, data: bytes) -> Any:
    """Everything that a caller can see of a decoding."""
    sift = Sift()
    try:
        spans = decode(data, sift)
    except MalformedError:
        return "malformed"
    return repr(spans), sift.kept, sift.foreign, sift.derived, sift.faults


def same(data: bytes) -> Any:
    fast, plain = (outcome(decode, data) for decode in DECODERS)
    assert fast == plain
    return plain


@both
def test_a_span_with_everything(decode: Any) -> None:
    made = span(
        7,
        {names.PROVENANCE_KIND: "io", "n": -(2**63), "big": 2**63 - 1, "x": 1.5, "ok": True, "no": False, "": "empty"},
        parentSpanId="00F067AA0BA902B7",
        events=[{"name": "e", "timeUnixNano": str(START + 3), "attributes": [{"key": "k", "value": {"intValue": 4}}]}],
        links=[{"traceId": "a" * 32, "spanId": "b" * 16, "attributes": [{"key": "lost", "value": {"intValue": 1}}]}],
        status={"code": 2, "message": "no"},
        unknown={"deep": [1, 2, {"x": None}]},
    )
    [found] = decode(line(made), Sift())
    assert (found.trace_id, found.span_id, found.parent_id) == (f"{7:032x}", f"{7:016x}", "00f067aa0ba902b7")
    assert (found.start, found.end, found.kind) == (START + 7, START + 17, 1)
    assert (found.status, found.status_message) == (2, "no")
    assert found.attributes == {
        names.PROVENANCE_KIND: "io",
        "n": -(2**63),
        "big": 2**63 - 1,
        "x": 1.5,
        "ok": True,
        "no": False,
        "": "empty",
    }
    assert found.attributes["ok"] is True
    assert type(found.attributes["n"]) is int
    assert [(event.name, event.time, event.attributes) for event in found.events] == [("e", START + 3, {"k": 4})]
    assert found.links == [SpanLink("a" * 32, "b" * 16)]
    assert found.resource == {names.SERVICE_NAME: "shop"}
    assert found.scope == "otelprov.files"


@both
def test_values_of_every_kind(decode: Any) -> None:
    values = {
        "bytes": {"bytesValue": "AAH/"},
        "array": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}, {}]}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}},
        "none": {},
        "null": None,
        "nan": {"doubleValue": "NaN"},
        "inf": {"doubleValue": "-Infinity"},
        "whole": {"doubleValue": 3},
        "int as number": {"intValue": 9007199254740993},
        "unknown": {"futureValue": 1},
    }
    made = span(1, attributes={})
    made["attributes"] = [{"key": key, "value": value} for key, value in values.items()]
    sift = Sift()
    [found] = decode(line(made), sift)
    nan = found.attributes.pop("nan")
    assert math.isnan(nan)
    assert found.attributes == {
        "bytes": b"\x00\x01\xff",
        "array": ["a", 2, None],
        "map": {"k": True},
        "inf": -math.inf,
        "whole": 3.0,
        "int as number": 9007199254740993,
    }
    assert sift.faults == {}


@both
@pytest.mark.parametrize(
    "bad",
    [
        {"intValue": str(2**63)},
        {"intValue": "1_0"},
        {"intValue": True},
        {"intValue": "9" * 5000},
        {"boolValue": 1},
        {"boolValue": "true"},
        {"stringValue": 5},
        {"bytesValue": "!"},
        {"arrayValue": 5},
        "text",
    ],
)
def test_an_invalid_value_is_left_out_and_counted(decode: Any, bad: Any) -> None:
    made = span(1, attributes={"fine": "yes"})
    made["attributes"].append({"key": "bad", "value": bad})
    sift = Sift()
    [found] = decode(line(made), sift)
    assert found.attributes == {"fine": "yes"}
    assert sift.faults == {rules.FAULT_ATTRIBUTE: 1}


@both
@pytest.mark.parametrize(
    ("field", "bad", "fault"),
    [
        ("traceId", "0" * 32, rules.FAULT_TRACE_ID),
        ("traceId", "a" * 31, rules.FAULT_TRACE_ID),
        ("traceId", "g" * 32, rules.FAULT_TRACE_ID),
        ("traceId", None, rules.FAULT_TRACE_ID),
        ("spanId", "0" * 16, rules.FAULT_SPAN_ID),
        ("spanId", " " + "a" * 15, rules.FAULT_SPAN_ID),
        ("spanId", 5, rules.FAULT_SPAN_ID),
    ],
)
def test_a_span_without_ids_is_counted(decode: Any, field: str, bad: Any, fault: str) -> None:
    sift = Sift()
    found = decode(line(span(1) | {field: bad}, span(2)), sift)
    assert [each.span_id for each in found] == [f"{2:016x}"]
    assert sift.faults == {fault: 1}


@both
def test_smaller_faults_keep_the_span(decode: Any) -> None:
    sift = Sift()
    made = span(1, parentSpanId="xyz", links=[{"traceId": "1", "spanId": "2"}], startTimeUnixNano="soon", kind=77)
    [found] = decode(line(made), sift)
    assert (found.parent_id, found.links, found.start, found.kind) == ("", [], 0, 0)
    assert sift.faults == {rules.FAULT_PARENT_ID: 1, rules.FAULT_LINK: 1, rules.FAULT_TIME: 1}


@both
def test_a_root_whose_parent_is_zeros(decode: Any) -> None:
    sift = Sift()
    [found] = decode(line(span(1, parentSpanId="0" * 16)), sift)
    assert found.parent_id == ""
    assert sift.faults == {}


@both
@pytest.mark.parametrize("key", ["provenance.x", "db.system", "messaging.system", "http.url", "url.full", "rpc.system"])
def test_spans_of_others_are_taken_when_lineage_can_come_from_them(decode: Any, key: str) -> None:
    sift = Sift()
    data = json.dumps(document(span(1, {"thread.id": 1}), span(2, {key: "x"}), scope="shop"), indent=1).encode()
    found = decode(data, sift)
    assert [each.attributes for each in found] == [{key: "x"}]
    assert (sift.kept, sift.foreign) == (1, 1)


@both
def test_an_event_of_ours_makes_a_span_of_others_one_of_interest(decode: Any) -> None:
    event = {
        "name": "e",
        "timeUnixNano": str(START),
        "attributes": [{"key": "provenance.seq", "value": {"intValue": 1}}],
    }
    other = event | {"attributes": [{"key": "db.system", "value": {"stringValue": "x"}}]}
    found = decode(line(span(1, {}, events=[event]), span(2, {}, events=[other]), scope="shop"), Sift())
    assert [each.span_id for each in found] == [f"{1:016x}"]


@both
def test_a_key_written_with_escapes_is_seen(decode: Any) -> None:
    data = line(span(1, {"db.system": "x"}), scope="shop").replace(b"db.system", b"\\u0064b.system")
    assert [each.attributes for each in decode(data, Sift())] == [{"db.system": "x"}]


@both
@pytest.mark.parametrize("derived", [True, "true"])
def test_derived_spans_are_never_evidence(decode: Any, derived: Any) -> None:
    sift = Sift()
    made = line(span(1, {names.PROVENANCE_DERIVED: derived}), span(2, {names.PROVENANCE_DERIVED: False}))
    assert [each.span_id for each in decode(made, sift)] == [f"{2:016x}"]
    assert (sift.kept, sift.derived) == (1, 1)


@both
@pytest.mark.parametrize("where", ["field", "attribute"])
def test_a_log_record_of_ours_becomes_a_span(decode: Any, where: str) -> None:
    named = {"eventName": names.EVENT_PROVENANCE_ENTITY_USED}
    attributes = [{"key": names.PROVENANCE_RUN_ID, "value": {"stringValue": "r"}}]
    if where == "attribute":
        attributes.append({"key": "event.name", "value": {"stringValue": named.pop("eventName")}})
    record = {"timeUnixNano": str(START), "traceId": "a" * 32, "spanId": "b" * 16, "attributes": attributes} | named
    other = {"timeUnixNano": str(START), "body": {"stringValue": "hello"}}
    scoped = {"scope": {"name": "otelprov"}, "logRecords": [record, other]}
    sift = Sift()
    [found] = decode(json.dumps({"resourceLogs": [{"scopeLogs": [scoped]}]}).encode(), sift)
    assert (found.trace_id, found.span_id, found.name) == ("a" * 32, "b" * 16, names.EVENT_PROVENANCE_ENTITY_USED)
    assert (found.start, found.end) == (START, START)
    assert found.attributes == {
        names.PROVENANCE_KIND: names.PROVENANCE_KIND_RECORD,
        names.PROVENANCE_RUN_ID: "r",
    }
    [event] = found.events
    assert (event.name, event.time, event.attributes) == (found.name, START, {names.PROVENANCE_RUN_ID: "r"})
    assert sift.foreign == 1


@both
@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b'{"a": 1}',
        b'{"resourceSpans": [',
        b'{"resourceSpans": NaN}',
        b"\xff\xfe{",
        b'{"resourceSpans": ' + b"[" * 200_000,
        b'{"resourceSpans": [{"x": ' + b'{"a":' * 200_000,
        b"9" * 100_000,
    ],
)
def test_what_is_no_otlp_is_malformed(decode: Any, bad: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(bad, Sift())


@both
def test_deep_values_are_left_out(decode: Any) -> None:
    deep: Any = {"stringValue": "x"}
    for _ in range(rules.MAX_VALUE_DEPTH + 1):
        deep = {"arrayValue": {"values": [deep]}}
    made = span(1)
    made["attributes"].append({"key": "deep", "value": deep})
    sift = Sift()
    [found] = decode(line(made), sift)
    assert "deep" not in found.attributes
    assert sift.faults == {rules.FAULT_ATTRIBUTE: 1}


@both
def test_text_that_nothing_could_store_is_replaced(decode: Any) -> None:
    data = line(span(1)).replace(b'"read 1"', b'"a\\ud800b"')
    [found] = decode(data, Sift())
    assert found.name == "a?b"
    data = line(span(1)).replace(b'"read 1"', b'"a\xffb"')
    [found] = decode(data, Sift())
    assert found.name == "a\ufffdb"


@both
@pytest.mark.parametrize("shape", [None, 5, "x", [5], {}])
@pytest.mark.parametrize("field", ["resource", "scopeSpans"])
def test_wrong_shapes_never_raise(decode: Any, field: str, shape: Any) -> None:
    data = document(span(1))
    data["resourceSpans"][0][field] = shape
    decode(json.dumps(data).encode(), Sift())
    same(json.dumps(data).encode())


def test_trace_ids_count_what_is_not_of_interest() -> None:
    data = json.dumps({"result": document(span(1), span(2, {}), span(2, {}), scope="shop")}).encode()
    assert otlp_json_fast.trace_ids(data) == otlp_json_plain.trace_ids(data) == {f"{1:032x}", f"{2:032x}"}
    assert [each.trace_id for each in otlp_json_fast.decode(data, Sift())] == [f"{1:032x}"]


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["5", "-7", "1.0"])
)
any_values = st.recursive(
    st.sampled_from(["stringValue", "intValue", "boolValue", "doubleValue", "bytesValue", "x"]).flatmap(
        lambda field: scalars.map(lambda held: {field: held})
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: {"arrayValue": {"values": items}}) | scalars,
    max_leaves=6,
)
keys = st.sampled_from(["provenance.kind", "db.system", "thread.id", "provenance.derived", "http.ürl", ""])
attribute_lists = st.lists(st.fixed_dictionaries({"key": keys, "value": any_values}) | scalars, max_size=4) | scalars
ids = st.sampled_from(["a" * 32, "A" * 32, "b" * 16, "0" * 32, "0" * 16, "", "g" * 16]) | scalars
times = st.integers(0, 2**64).map(str) | scalars
spans = st.fixed_dictionaries(
    {},
    optional={
        "traceId": st.just("a" * 32) | ids,
        "spanId": st.just("b" * 16) | ids,
        "parentSpanId": ids,
        "name": scalars,
        "kind": st.integers(-1, 9) | st.just("SPAN_KIND_SERVER"),
        "startTimeUnixNano": times,
        "endTimeUnixNano": times,
        "attributes": attribute_lists,
        "events": st.lists(
            st.fixed_dictionaries({}, optional={"name": scalars, "timeUnixNano": times, "attributes": attribute_lists}),
            max_size=2,
        ),
        "links": st.lists(st.fixed_dictionaries({"traceId": ids, "spanId": ids}) | scalars, max_size=2),
        "status": st.fixed_dictionaries({}, optional={"code": st.integers(-1, 9), "message": scalars}) | scalars,
        "later": scalars,
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans | scalars, max_size=3), st.sampled_from(["otelprov", "shop"]), attribute_lists)
def test_both_decoders_agree(made: list[Any], scope: str, resource: Any) -> None:
    whole = document(*made, scope=scope)
    whole["resourceSpans"][0]["resource"] = {"attributes": resource}
    same(json.dumps(whole).encode())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_both_decoders_agree_on_damaged_bytes(data: st.DataObject) -> None:
    whole = bytearray(line(span(1, {"db.system": "é", "n": 5}), span(2, {"x": True}), scope="shop"))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    same(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def test_without_msgspec_the_standard_library_decodes() -> None:
    program = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from otelprov.ingest import otlp_json\n"
        "from otelprov.ingest.sift import Sift\n"
        "spans = otlp_json.decode(sys.stdin.buffer.read(), Sift())\n"
        "print([span.name for span in spans], 'otelprov.ingest.otlp_json_fast' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=line(span(3)), capture_output=True, check=True)
    assert done.stdout.decode().strip() == "['read 3'] False"
