# SPDX-License-Identifier: Apache-2.0
"""The fast way of setting an attribute keeps what the SDK promises: limits, and that an ended span stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from otelprov.distro.safe import SafeSpan


def started(**limits: int) -> Any:
    span = TracerProvider(span_limits=SpanLimits(**limits)).get_tracer("app").start_span("work")
    SafeSpan.adopt(span)  # type: ignore[arg-type]
    return span


def test_texts_are_as_long_as_the_user_allows() -> None:
    span = started(max_span_attribute_length=5)
    span.set_attribute("plain", "longer")
    span.set_attribute("other", "l\u00e4nger")
    span.set_attribute("number", 1234567)
    assert dict(span.attributes) == {"plain": "longe", "other": "l\u00e4nge", "number": 1234567}


def test_who_wants_no_attributes_gets_none() -> None:
    span = started(max_span_attributes=0)
    for value in ("a", 1, 1.5, True):
        span.set_attribute("key", value)
    assert dict(span.attributes) == {}
    assert span.dropped_attributes == 4


def test_the_newest_attributes_stay_where_there_are_too_many() -> None:
    span = started(max_span_attributes=2)
    for number in range(4):
        span.set_attribute(f"k{number}", number)
    assert dict(span.attributes) == {"k2": 2, "k3": 3}
    assert span.dropped_attributes == 2


def test_an_ended_span_stays_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    span = started()
    span.set_attribute("a", 1)
    span.end()
    span.set_attribute("a", 2)
    span.set_attribute("b", 3)
    assert dict(span.attributes) == {"a": 1}
    assert "ended span" in caplog.text
