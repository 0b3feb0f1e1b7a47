# SPDX-License-Identifier: Apache-2.0
"""Starlette beside other instrumentations, and with none."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from opentelemetry import context, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette_plots import INTERNAL, ask, only_step, recorded  # noqa: F401

from otelprov.capture.recorder import current
from otelprov_instrumentors.starlette import StarletteInstrumentor


@pytest.fixture
def exporter() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    yield provider, spans
    provider.shutdown()


def test_another_instrumentation_hangs_under_the_step(recorded, exporter):
    provider, spans = exporter
    app = FastAPI()

    @app.get("/{number}")
    def show(number: int) -> None: ...

    app.add_middleware(OpenTelemetryMiddleware, tracer_provider=provider)
    run = current().run
    made_current = trace.set_span_in_context(
        trace.NonRecordingSpan(trace.SpanContext(run.trace_id, run.span_id, is_remote=False))
    )
    token = context.attach(made_current)
    try:
        ask(app, ("GET", "/1"))
    finally:
        context.detach(token)
    step = only_step(recorded)
    [server] = [span for span in spans.get_finished_spans() if span.name == "GET /1" or "http send" not in span.name]
    assert step.parent_id == ""
    assert f"{server.context.trace_id:032x}" == step.trace_id != f"{run.trace_id:032x}"
    assert f"{server.parent.span_id:016x}" == step.span_id


def test_a_request_within_a_span_of_the_program_stays_in_its_trace(recorded, exporter):
    provider, _spans = exporter
    with provider.get_tracer("program").start_as_current_span("outer") as outer:
        ask(FastAPI(), ("GET", "/"))
    step = only_step(recorded)
    assert int(step.trace_id, 16) == outer.get_span_context().trace_id
    assert int(step.parent_id, 16) == outer.get_span_context().span_id
    assert step.kind == INTERNAL


def test_fastapis_own_telemetry_holds_the_step(recorded, exporter):
    provider, spans = exporter
    app = FastAPI(telemetry={"tracer_provider": provider})

    @app.get("/{number}")
    def show(number: int) -> None: ...

    ask(app, ("GET", "/1"))
    step = only_step(recorded)
    [server] = [span for span in spans.get_finished_spans() if span.kind is trace.SpanKind.SERVER]
    assert server.parent is None
    assert (int(step.trace_id, 16), int(step.parent_id, 16)) == (server.context.trace_id, server.context.span_id)
    assert len(step.links) == 1


def test_nothing_stays_after_uninstrumenting(tmp_path):
    before = Starlette.__call__, Mount.handle, Route.handle
    instrumentor = StarletteInstrumentor()
    instrumentor.instrument()
    assert Starlette.__call__ is not before[0]
    assert inspect.iscoroutinefunction(Starlette.__call__)
    instrumentor.uninstrument()
    assert (Starlette.__call__, Mount.handle, Route.handle) == before


def test_wrong_arguments_are_refused_at_the_call(recorded):
    # How uvicorn finds out that something is an application and no factory of applications.
    with pytest.raises(TypeError, match="missing 3 required positional arguments"):
        Starlette()()
    assert inspect.iscoroutinefunction(Starlette().__call__)


def test_without_a_run_requests_are_answered_all_the_same():
    instrumentor = StarletteInstrumentor()
    instrumentor.instrument()
    try:
        assert ask(FastAPI(), ("GET", "/docs"))[0].status_code == 200
    finally:
        instrumentor.uninstrument()
