# SPDX-License-Identifier: Apache-2.0
"""Who makes a change, as the program says: by block, function, task and generator, never mixed up."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider

from otelprov.containers import track, tracking_actor
from otelprov.containers.actor import actor_in


def now() -> str:
    return actor_in(context.get_current())


@pytest.fixture(autouse=True)
def nothing_is_left_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    before = context.get_current()
    yield
    assert dict(context.get_current()) == dict(before)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_blocks_in_blocks() -> None:
    made = track({}, name="made")
    with tracking_actor("outer") as outer:
        made["x"] = 1
        with tracking_actor("inner"), outer:
            made["x"] = 2
        made["x"] = 3
        with pytest.raises(ZeroDivisionError), tracking_actor("failing"):
            1 / 0  # noqa: B018
        made["x"] = 4
    made["x"] = 5
    assert [change.actor for change in made.tracking_changes()] == ["", "outer", "outer", "outer", "outer", ""]
    for wrong in (None, 3, b"x"):
        with pytest.raises(TypeError, match="the name of an actor is a str"):
            tracking_actor(wrong)  # type: ignore[arg-type]


def test_decorated_functions_keep_what_they_are() -> None:
    @tracking_actor("worker")
    def work(x: int, *, fail: bool = False) -> int:
        """Works."""
        if fail:
            raise ValueError(now())
        return x + (now() == "worker")

    assert work(1) == 2
    with pytest.raises(ValueError, match="worker"):
        work(1, fail=True)
    assert (work.__name__, work.__doc__) == ("work", "Works.")
    assert list(inspect.signature(work).parameters) == ["x", "fail"]

    class Holder:
        @tracking_actor("method")
        def method(self) -> tuple[Any, str]:
            return self, now()

        @staticmethod
        @tracking_actor("static")
        def static() -> str:
            return now()

    holder = Holder()
    assert holder.method() == (holder, "method")
    assert Holder.static() == "static"

    @tracking_actor("deep")
    def recursive(depth: int) -> str:
        return recursive(depth - 1) if depth else now()

    assert recursive(5) == "deep"
    with pytest.raises(TypeError, match="is for functions, not type"):
        tracking_actor("x")(Holder)


def test_coroutine_functions_and_tasks() -> None:
    @tracking_actor("coroutine")
    async def work() -> str:
        await asyncio.sleep(0)
        return now()

    async def bystander() -> str:
        await asyncio.sleep(0)
        return now()

    async def main() -> None:
        assert inspect.iscoroutinefunction(work)
        assert await asyncio.gather(work(), bystander(), work()) == ["coroutine", "", "coroutine"]
        assert await work() == "coroutine"
        assert now() == ""
        async with tracking_actor("block"):
            task = asyncio.create_task(bystander())
        assert now() == ""
        # The task was started inside.
        assert await task == "block"
        cancelled = asyncio.create_task(sleeping())
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    async def sleeping() -> None:
        async with tracking_actor("sleeping"):
            await asyncio.sleep(60)

    asyncio.run(main())


def test_a_decorated_generator_does_not_leak_into_its_caller() -> None:
    told: list[str] = []

    @tracking_actor("generator")
    def numbers(count: int) -> Generator[str, str, str]:
        try:
            for _ in range(count):
                try:
                    told.append((yield now()))
                except KeyError as error:
                    told.append(f"{error} {now()}")
            return now()
        finally:
            told.append(f"closed {now()}")

    assert inspect.isgeneratorfunction(numbers)
    with tracking_actor("caller"):
        running = numbers(3)
        assert now() == "caller"
        assert next(running) == "generator"
        assert now() == "caller"
        assert running.send("sent") == "generator"
        assert running.throw(KeyError("thrown")) == "generator"
        assert now() == "caller"
        with pytest.raises(StopIteration) as end:
            next(running)
        assert end.value.value == "generator"
        closing = numbers(2)
        next(closing)
        closing.close()
        assert now() == "caller"

        def delegating() -> Iterator[str]:
            result = yield from numbers(1)
            told.append(f"result {result} {now()}")

        assert list(delegating()) == ["generator"]
        failing = numbers(1)
        next(failing)
        with pytest.raises(RuntimeError, match="mine"):
            failing.throw(RuntimeError("mine"))
    assert told == [
        "sent",
        "'thrown' generator",
        None,
        "closed generator",
        "closed generator",
        None,
        "closed generator",
        "result generator caller",
        "closed generator",
    ]


def test_a_decorated_asynchronous_generator() -> None:
    told: list[str] = []

    @tracking_actor("generator")
    async def numbers() -> AsyncIterator[str]:
        try:
            yield now()
            await asyncio.sleep(0)
            yield now()
        finally:
            told.append(f"closed {now()}")

    async def main() -> None:
        assert inspect.isasyncgenfunction(numbers)
        async for found in numbers():
            assert (found, now()) == ("generator", "")
        running = numbers()
        assert await anext(running) == "generator"
        await running.aclose()  # type: ignore[attr-defined]
        failing = numbers()
        await anext(failing)
        with pytest.raises(RuntimeError, match="mine"):
            await failing.athrow(RuntimeError("mine"))  # type: ignore[attr-defined]

    asyncio.run(main())
    assert told == ["closed generator"] * 3


def test_blocks_in_generators_that_end_out_of_order() -> None:
    def held(name: str) -> Iterator[str]:
        with tracking_actor(name):
            yield now()
            yield now()

    first, second = held("first"), held("second")
    next(first)
    next(second)
    assert now() == "second"
    # The one that was entered first is left first.
    assert list(first) == ["second"]
    assert now() == "second"
    assert list(second) == ["second"]
    assert now() == ""

    running = held("running")
    next(running)
    with tracking_actor("caller"):
        running.close()
        assert now() == "caller"
    assert now() == ""


def test_a_block_that_ends_in_another_context_harms_nothing() -> None:
    def held() -> Iterator[None]:
        with tracking_actor("held"):
            yield

    elsewhere = contextvars.copy_context()
    running = held()
    elsewhere.run(next, running)
    running.close()
    assert now() == ""
    assert elsewhere.run(now) == "held"

    inside = held()
    next(inside)
    contextvars.copy_context().run(inside.close)
    # Left in a copy; where it was entered it is still on, and whoever entered before it puts that right.
    assert now() == "held"
    with tracking_actor("next"):
        pass
    assert now() == ""


def test_spans_that_begin_inside_stay_current() -> None:
    tracer = TracerProvider().get_tracer("test")

    def held() -> Iterator[None]:
        with tracking_actor("held"):
            yield

    running = held()
    next(running)
    with tracer.start_as_current_span("span") as span:
        running.close()
        assert trace.get_current_span() is span
        assert now() == ""
    # The span puts back what was there when it began.
    with tracking_actor("next"):
        pass
    assert now() == ""


def test_threads_have_actors_of_their_own_even_with_one_object() -> None:
    shared = tracking_actor("shared")
    inside = threading.Barrier(3)

    def work() -> list[str]:
        with shared:
            inside.wait(10)
            before = now()
        return [before, now()]

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(work) for _ in range(3)]
    assert [future.result() for future in futures] == [["shared", ""]] * 3
