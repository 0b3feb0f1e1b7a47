# SPDX-License-Identifier: Apache-2.0
"""Whatever a program hands to telemetry, and whoever else listens: no call raises, hangs or loses a span."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from launch import OBSERVED, PLAIN, Ran, run

TRACER = "from opentelemetry import trace\ntracer = trace.get_tracer('app')\n"


def app_spans(ran: Ran) -> dict[str, dict[str, Any]]:
    """Spans of the program's own tracer as they stand in the journals, by name."""
    found = {}
    for line in ran.recorded.lines():
        scope = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]
        if scope["scope"]["name"] == "app":
            found[scope["spans"][0]["name"]] = scope["spans"][0]
    return found


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in span["attributes"]}


def succeeded(ran: Ran) -> dict[str, dict[str, Any]]:
    assert ran.process.returncode == 0, ran.process.stderr
    assert ran.run_span().attributes["provenance.run.status"] == "completed"
    return app_spans(ran)


def test_values_of_every_kind_arrive_and_raise_nothing(tmp_path: Path) -> None:
    source = """
    class Evil:
        def __str__(self):
            raise ValueError("evil")
        __repr__ = __str__
    cyclic = []
    cyclic += [cyclic] * 100
    deep = []
    for _ in range(150):
        deep = [deep]
    values = {"evil": Evil(), "cyclic": cyclic, "deep": deep, "surrogate": "a\\ud800b", "large": 2**64,
              "set": {1}, "dict": {1: Evil()}, "plain": "x"}
    span = tracer.start_span("file-\\udcff", attributes=values)
    for key, value in values.items():
        span.set_attribute(key, value)
        span.add_event("event \\udcff", {key: value})
    span.set_attributes(values)
    span.set_attribute(Evil(), 1)
    span.update_name("named")
    span.end()
    tracer.start_span("float", start_time=1_700_000_000.5).end(end_time=1_700_000_001.5)
    """
    spans = succeeded(run(tmp_path, TRACER + "import textwrap\n" + _dedented(source)))
    assert attributes(spans["named"])["plain"] == {"stringValue": "x"}
    assert attributes(spans["named"])["surrogate"] == {"stringValue": "a\\ud800b"}
    assert attributes(spans["named"])["large"] == {"stringValue": hex(2**64)}
    assert {"evil", "cyclic", "deep", "set", "dict"} <= set(attributes(spans["named"]))
    assert len(spans["named"]["events"]) == 8
    assert spans["float"]["startTimeUnixNano"] == "1700000000500000000"
    assert spans["float"]["endTimeUnixNano"] == "1700000001500000000"


def test_the_programs_own_exception_stays_the_very_object(tmp_path: Path) -> None:
    source = """
    class Mine(Exception):
        def __str__(self):
            raise TypeError("evil")
    error = Mine()
    for enter in (tracer.start_as_current_span, tracer.start_span):
        try:
            with enter(enter.__name__):
                raise error
        except BaseException as caught:
            assert caught is error, caught
        else:
            raise SystemExit("swallowed")
    """
    spans = succeeded(run(tmp_path, TRACER + _dedented(source)))
    for name in ("start_as_current_span", "start_span"):
        assert [event["name"] for event in spans[name]["events"]] == ["exception"]
        assert spans[name]["status"]["code"] == 2


def test_nothing_is_dropped_where_the_user_set_no_limit(tmp_path: Path) -> None:
    source = """
    with tracer.start_as_current_span("many") as span:
        for number in range(1000):
            span.add_event("e", {"i": number})
            span.set_attribute(f"k{number}", number)
    """
    many = succeeded(run(tmp_path, TRACER + _dedented(source)))["many"]
    assert len(many["events"]) == 1000
    assert len(many["attributes"]) >= 1000
    limits = {"OTEL_SPAN_EVENT_COUNT_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "7"}
    (tmp_path / "limited").mkdir()
    limited = succeeded(run(tmp_path / "limited", TRACER + _dedented(source), **limits))["many"]
    assert (len(limited["events"]), len(limited["attributes"])) == (5, 7)
    assert limited["droppedEventsCount"] == 995


def test_handlers_that_use_the_span_in_use_do_not_hang_the_program(tmp_path: Path) -> None:
    source = """
    import logging, signal
    class ToSpan(logging.Handler):
        def emit(self, record):
            trace.get_current_span().add_event("log")
            trace.get_current_span().set_attribute("logged", True)
    logging.getLogger().addHandler(ToSpan())
    handled = 0
    def on_alarm(*_):
        global handled
        handled += 1
        span.add_event("tick")
        span.set_attribute("tick", handled)
    signal.signal(signal.SIGALRM, on_alarm)
    with tracer.start_as_current_span("work") as span:
        span.set_attribute("odd", {1, 2})
        span.set_attribute("", 1)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        while handled < 300:
            span.add_event("work")
            span.set_attribute("work", handled)
        signal.setitimer(signal.ITIMER_REAL, 0)
    """
    assert "work" in succeeded(run(tmp_path, TRACER + _dedented(source)))


@pytest.mark.parametrize("hook", ["on_start", "on_end", "shutdown"])
def test_a_processor_that_raises_harms_neither_program_nor_journal(tmp_path: Path, hook: str) -> None:
    source = f"""
    from opentelemetry.sdk.trace import SpanProcessor
    class Bad(SpanProcessor):
        def {hook}(self, *_arguments, **_named):
            raise RuntimeError("bad")
    trace.get_tracer_provider().add_span_processor(Bad())
    for number in range(10):
        tracer.start_span(f"op{{number}}").end()
    """
    assert len(succeeded(run(tmp_path, TRACER + _dedented(source)))) == 10


def test_a_child_forked_while_a_span_is_in_use_does_not_hang(tmp_path: Path) -> None:
    source = """
    import os, threading, time
    shared, stop = tracer.start_span("shared"), threading.Event()
    def busy():
        while not stop.is_set():
            shared.set_attribute("k", "v")
    thread = threading.Thread(target=busy)
    thread.start()
    for number in range(10):
        child = os.fork()
        if child == 0:
            shared.set_attribute("child", number)
            tracer.start_span(f"child {number}").end()
            os._exit(0)
        deadline = time.monotonic() + 5
        while not os.waitpid(child, os.WNOHANG)[0]:
            if time.monotonic() > deadline:
                os.kill(child, 9)
                raise SystemExit("a child hangs")
            time.sleep(0.002)
    stop.set()
    thread.join()
    shared.end()
    """
    assert set(succeeded(run(tmp_path, TRACER + _dedented(source)))) == {"shared", *(f"child {n}" for n in range(10))}


@pytest.mark.parametrize("launcher", [OBSERVED, PLAIN], ids=["distro", "autoload"])
def test_spans_of_a_provider_of_the_programs_own_are_journalled(tmp_path: Path, launcher: list[str]) -> None:
    source = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    mine = TracerProvider()
    trace.set_tracer_provider(mine)
    mine.get_tracer("app").start_span("direct").end()
    trace.get_tracer("app").start_span("global").end()
    """
    ran = run(tmp_path, _dedented(source), launcher=launcher, OTELPROV_AUTOLOAD="1")
    assert set(succeeded(ran)) == {"direct", "global"}


def _dedented(source: str) -> str:
    import textwrap

    return textwrap.dedent(source)
