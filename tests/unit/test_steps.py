# SPDX-License-Identifier: Apache-2.0
"""Declared steps, and how steps find their trace."""

from __future__ import annotations

import asyncio
import gc
import os
import time

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otelprov.capture.declared import step
from otelprov.capture.io import record_io
from otelprov.capture.life import sampling
from otelprov.capture.recorder import current, current_step
from otelprov.capture.steps import SERVER, begin_step, function_attributes
from otelprov.model.entity import Entity
from otelprov.semconv import names
from otelprov.testing import recording


def touch(name: str) -> None:
    now = time.time_ns()
    record_io("write", Entity("file", f"/data/{name}", "file"), scope="otelprov.test", start=now, end=now)


def request(**more):
    return begin_step("GET", "request", new_trace=True, span_kind=SERVER, **more)


def test_a_declared_step_holds_what_happens_in_it(tmp_path):
    with recording(tmp_path) as recorded:
        with step("clean"):
            touch("a")
            with step("inner"):
                touch("b")
        run = current().run
    a, b = recorded.io()
    inner, outer = recorded.spans(names.PROVENANCE_KIND_STEP)
    assert (outer.name, outer.attributes[names.PROVENANCE_STEP_TYPE]) == ("clean", "stage")
    assert outer.attributes[names.CODE_FILE_PATH] == __file__
    assert (outer.trace_id, outer.parent_id) == (f"{run.trace_id:032x}", f"{run.span_id:016x}")
    assert outer.links == []
    assert a.attributes[names.PROVENANCE_STEP_ID] == outer.span_id
    assert b.attributes[names.PROVENANCE_STEP_ID] == inner.span_id
    assert inner.attributes[names.PROVENANCE_STEP_ID] == inner.parent_id == outer.span_id
    assert names.PROVENANCE_STEP_ID not in outer.attributes


def test_a_decorated_function_is_a_step_at_each_call(tmp_path):
    @step("double")
    def double(number: int) -> int:
        return 2 * number

    @step("wait", "task")
    async def wait(number: int) -> int:
        await asyncio.sleep(0)
        touch(str(number))
        return number

    async def both() -> list[int]:
        return list(await asyncio.gather(wait(1), wait(2)))

    assert double(1) == 2
    with recording(tmp_path) as recorded:
        assert double(2) == 4
        assert asyncio.run(both()) == [1, 2]
    found = recorded.spans(names.PROVENANCE_KIND_STEP)
    assert sorted(span.name for span in found) == ["double", "wait", "wait"]
    assert len({span.attributes[names.PROVENANCE_STEP_ID] for span in recorded.io()}) == 2


def test_what_goes_wrong_passes_unchanged_and_is_noted(tmp_path):
    wrong = ValueError("secret")
    with recording(tmp_path) as recorded:
        with pytest.raises(ValueError) as caught, step("clean"):
            raise wrong
        assert current_step.get() == ""
    [found] = recorded.spans(names.PROVENANCE_KIND_STEP)
    assert caught.value is wrong
    assert (found.status, found.attributes[names.ERROR_TYPE]) == (2, "ValueError")
    assert "secret" not in str(found)


def test_without_a_run_a_step_does_nothing():
    with step("clean") as begun:
        assert begun is None
    assert request() is None


def test_a_new_trace_asks_the_sampler_of_the_application(tmp_path, monkeypatch):
    monkeypatch.setattr(sampling.trace, "get_tracer_provider", lambda: TracerProvider(sampler=ALWAYS_OFF))
    with recording(tmp_path) as recorded:
        begun = request()
        begun.attach()
        assert not trace.get_current_span().get_span_context().trace_flags.sampled
        begun.detach()
        begun.finish()
    assert len(recorded.spans(names.PROVENANCE_KIND_STEP)) == 1


def test_a_remote_parent_brings_its_sampling_state_and_baggage(tmp_path):
    carrier = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00", "tracestate": "x=1", "baggage": "tenant=acme"}
    with recording(tmp_path) as recorded:
        begun = request(carrier=carrier)
        begun.attach()
        own = trace.get_current_span().get_span_context()
        assert (own.trace_flags, own.trace_state.get("x")) == (0, "1")
        assert baggage.get_baggage("tenant") == "acme"
        begun.detach()
        begun.finish()
    assert recorded.spans(names.PROVENANCE_KIND_STEP)[0].parent_id == "b" * 16


@pytest.mark.parametrize("broken", ["", "00-zz-1-01", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "x" * 9999])
def test_a_broken_parent_counts_as_none(tmp_path, broken):
    with recording(tmp_path) as recorded:
        request(carrier={"traceparent": broken}).finish()
    assert recorded.spans(names.PROVENANCE_KIND_STEP)[0].parent_id == ""


def test_a_step_is_emitted_once_and_only_where_it_began(tmp_path):
    with recording(tmp_path) as recorded:
        begun = begin_step("clean", "stage")
        child = os.fork()
        if child == 0:
            current().after_fork_in_child()
            begun.finish()
            os._exit(0)
        os.waitpid(child, 0)
        assert recorded.spans(names.PROVENANCE_KIND_STEP) == []
        begun.finish()
        begun.finish()
    assert len(recorded.spans(names.PROVENANCE_KIND_STEP)) == 1


def test_detaching_in_another_context_is_silent(tmp_path, caplog):
    async def given_up() -> None:
        with step("long"):
            await asyncio.sleep(3600)

    with recording(tmp_path) as recorded:
        coroutine = given_up()

        async def drive() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(coroutine, 0.01)

        asyncio.run(drive())
        begun = begin_step("other", "stage")
        context_of_its_own = __import__("contextvars").copy_context()
        context_of_its_own.run(begun.attach)
        begun.detach()
        begun.finish()
        gc.collect()
    assert len(recorded.spans(names.PROVENANCE_KIND_STEP)) == 2
    assert caplog.records == []
    assert context.get_current() == {}


def test_code_of_a_decorated_function_is_its_own():
    import functools

    def original() -> None: ...

    @functools.wraps(original)
    def decorated() -> None: ...

    assert function_attributes(decorated)[names.CODE_LINE_NUMBER] == original.__code__.co_firstlineno
    assert function_attributes(len) == {}
    assert function_attributes(None) == {}
    looped = decorated
    looped.__wrapped__ = looped
    assert function_attributes(looped)[names.CODE_FUNCTION_NAME] == decorated.__code__.co_qualname
