# SPDX-License-Identifier: Apache-2.0
"""Odd values reach the journal whole, marked or named by type, and never run code of the program's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelprov.ingest.otlp_json import decode
from otelprov.ingest.sift import Sift
from otelprov.journal.encode import MAX_TEXT, EndedSpan, Scope, any_value, envelope, span_json
from otelprov.journal.request import parse_line


def line(**attributes: Any) -> bytes:
    before, after = envelope({"service.name": "s"}, "otelprov", Scope("1"))
    span = EndedSpan("n", 1, 2, 3, 4, 5, attributes, events=[("e", 6, attributes)], links=[(7, 8)], status=2)
    return before + span_json(span).encode("ascii") + after


class Loud:
    def __str__(self) -> str:
        raise AssertionError("asked for str")

    __repr__ = __eq__ = __bool__ = __hash__ = __str__  # type: ignore[assignment]


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("asked for str")


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a", {"stringValue": "a"}),
        (True, {"boolValue": True}),
        (-5, {"intValue": "-5"}),
        (2**63, {"stringValue": "0x8000000000000000"}),
        (1.5, {"doubleValue": 1.5}),
        (float("nan"), {"doubleValue": "NaN"}),
        (float("-inf"), {"doubleValue": "-Infinity"}),
        (b"\x00\xff", {"bytesValue": "AP8="}),
        (None, {}),
        (["a", 1], {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}),
        ({"k": 1}, {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}}),
        (Loud(), {"stringValue": f"[{__name__}.Loud]"}),
        (Text("x"), {"stringValue": "x"}),
        ("a\ud800b", {"stringValue": "a\\ud800b"}),
    ],
)
def test_a_value_is_kept_or_named(value: Any, encoded: dict[str, Any]) -> None:
    assert json.loads(any_value(value)) == encoded


def test_a_cycle_and_a_very_long_text_are_cut_and_say_so() -> None:
    assert "[too deep]" in any_value(CYCLE)
    cut = json.loads(any_value("x" * 10_000_000))["stringValue"]
    assert len(cut) < MAX_TEXT + 100
    assert cut.endswith("[cut, 10000000 characters]")


scalars = st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False)


@given(st.dictionaries(st.text(min_size=1), scalars, max_size=5))
def test_scalars_come_back_as_they_were(values: dict[str, Any]) -> None:
    encoded = line(**{"provenance.kind": "io", **values})
    assert encoded.endswith(b"\n")
    assert encoded.count(b"\n") == 1
    (span,) = decode(encoded, Sift())
    expected = {"provenance.kind": "io", **{key: clean(value) for key, value in values.items()}}
    assert span.attributes == {clean(key): value for key, value in expected.items()}
    assert (span.trace_id, span.span_id, span.parent_id) == (f"{1:032x}", f"{2:016x}", f"{3:016x}")
    assert (span.start, span.end, span.status) == (4, 5, 2)
    assert span.events[0].attributes == span.attributes
    assert span.links[0].span_id == f"{8:016x}"


def clean(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


@pytest.mark.parametrize("torn", [b"", b"{", b'{"resourceSpans":[]}\n', b"null\n", b"\xff\xfe\n", line(a=1)[:-10]])
def test_a_line_that_is_not_ours_is_no_group(torn: bytes) -> None:
    assert parse_line(torn) is None
