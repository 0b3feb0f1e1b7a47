# SPDX-License-Identifier: Apache-2.0
"""Server spans of other instrumentations, below a run, below a step and below a span of the program's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import context, trace
from opentelemetry.instrumentation import utils
from opentelemetry.propagators.textmap import default_getter
from opentelemetry.sdk.trace import TracerProvider

from otelprov.capture.declared import step
from otelprov.capture.recorder import current
from otelprov.distro.servers import keep_server_spans
from otelprov.testing import recording

CALLER = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


@pytest.fixture
def original(monkeypatch) -> Iterator[object]:
    found = getattr(utils._start_internal_or_server_span, "__wrapped__", utils._start_internal_or_server_span)
    monkeypatch.setattr(utils, "_start_internal_or_server_span", found)
    keep_server_spans()
    return found


def serve(carrier=None):
    """Begin and end a span as instrumentations of web frameworks do."""
    tracer = TracerProvider().get_tracer("another")
    before = context.get_current()
    span, token = utils._start_internal_or_server_span(tracer, "GET /", None, carrier or {}, default_getter, {"a": 1})
    span.end()
    if token is not None:
        context.detach(token)
    assert context.get_current() == before
    return span


def below_the_run():
    run = current().run
    return trace.use_span(trace.NonRecordingSpan(trace.SpanContext(run.trace_id, run.span_id, is_remote=False)))


def test_below_the_run_it_is_a_root(tmp_path, original):
    with recording(tmp_path), below_the_run():
        span = serve()
    assert (span.kind, span.parent, dict(span.attributes)) == (trace.SpanKind.SERVER, None, {"a": 1})


def test_below_the_run_it_continues_its_callers_trace(tmp_path, original):
    with recording(tmp_path), below_the_run():
        span = serve(CALLER)
    assert (span.kind, span.parent.span_id) == (trace.SpanKind.SERVER, int("b" * 16, 16))


def test_below_a_step_it_is_a_server_span_all_the_same(tmp_path, original):
    with recording(tmp_path), step("GET", "request", new_trace=True, carrier=CALLER) as begun:
        span = serve(CALLER)
    assert (span.kind, span.parent.span_id) == (trace.SpanKind.SERVER, begun.span_id)


def test_below_a_span_of_the_programs_own_it_is_internal_as_ever(tmp_path, original):
    tracer = TracerProvider().get_tracer("program")
    with recording(tmp_path), step("outer"), tracer.start_as_current_span("own") as own:
        span = serve()
    assert (span.kind, span.parent.span_id) == (trace.SpanKind.INTERNAL, own.get_span_context().span_id)


def test_without_a_run_nothing_is_different(original):
    assert serve().kind is trace.SpanKind.SERVER


def test_it_is_changed_once(original):
    keep_server_spans()
    assert utils._start_internal_or_server_span.__wrapped__ is original
