# SPDX-License-Identifier: Apache-2.0
"""What a signal handler of the program's raises, wherever it hits: it reaches the program, and observing goes on."""

from __future__ import annotations

import asyncio
import functools
import gc
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any

import pytest
from greenlet import greenlet
from instrumented import instrumented

from otelprov.capture import inside
from otelprov.capture.guard import guard
from otelprov.capture.inside import is_inside, quietly, quietly_in_turns
from otelprov.capture.recorder import current
from otelprov.capture.remote import underway
from otelprov.containers import TrackedDict
from otelprov.interrupts import let_through
from otelprov.model.entity import Entity
from otelprov.testing import recording
from otelprov_instrumentors.files import FilesInstrumentor


class Alarm:
    """Raises again and again while `armed`; what it has raised is counted."""

    def __init__(self, kind: type[BaseException] = TimeoutError) -> None:
        self.kind = kind
        self.armed = False
        self.raised = 0

    def __call__(self, *_: object) -> None:
        if self.armed:
            self.armed = False
            self.raised += 1
            raise self.kind("the program's own")

    @contextmanager
    def every(self, seconds: float, handler: Callable[..., Any] | None = None) -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, handler or self)
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def during(self, work: Callable[[], object]) -> bool:
        """Whether it was raised out of `work`."""
        try:
            try:
                self.armed = True
                work()
            finally:
                self.armed = False
        except self.kind:
            return True
        return False


def _regions():
    for _ in range(100):
        with quietly(), quietly():
            pass


def test_inside_ends_wherever_a_signal_handler_raises():
    alarm = Alarm(KeyboardInterrupt)
    deadline = time.monotonic() + 60
    with alarm.every(0.0001):
        while alarm.raised < 5000 and time.monotonic() < deadline:
            alarm.during(_regions)
            assert not is_inside()
    assert alarm.raised >= 1000


def test_regions_within_regions_and_one_that_was_never_entered():
    quietly()
    assert not is_inside()
    with quietly():
        with quietly():
            assert is_inside()
        assert is_inside()
    assert not is_inside()


def test_a_call_that_was_interrupted_is_about_nothing_any_more():
    place = Entity("s3://b", "x", "object")
    seen = []

    def call() -> None:
        held = quietly_in_turns()
        underway.enter([place], held)
        with held:
            seen.append(_in_another_thread(lambda: underway.is_underway(place)))

    call()
    assert seen == [True]
    # Nobody has called `leave`.
    with quietly():
        assert not underway.is_underway(place)
    assert not _in_another_thread(lambda: underway.is_underway(place))


def _in_another_thread(ask: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


async def _ten_turns(found: list[bool]) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
        found.append(is_inside())


def test_what_awaits_is_inside_alone():
    of_the_call: list[bool] = []
    of_another: list[bool] = []

    async def call() -> None:
        with quietly_in_turns():
            await asyncio.gather(_ten_turns(of_the_call), _ten_turns(of_the_call))
        of_another.append(is_inside())

    async def both() -> None:
        await asyncio.gather(call(), _ten_turns(of_another))

    asyncio.run(both())
    assert of_the_call == [True] * 20
    assert of_another == [False] * 11


def test_a_finaliser_sets_no_context_variable_while_one_is_set():
    def in_a_finaliser() -> None:
        with inside._thread.setting, quietly_in_turns():
            assert is_inside()
            assert inside._task not in copy_context()
        assert not is_inside()

    Context().run(in_a_finaliser)


def test_greenlets_are_inside_alone():
    found = []

    def other() -> None:
        found.append(is_inside())

    def call() -> None:
        with quietly_in_turns():
            greenlet(other).switch()
            found.append(is_inside())

    greenlet(call).switch()
    assert found == [False, True]


class Late(Exception):
    """As of a program that gives a piece of work so much time."""


def _work(folder, number, orders) -> None:
    path = f"{folder}/{number % 10}.txt"
    for _ in range(10):
        with open(path, "w") as file:
            file.write("x")
        with open(path) as file:
            file.read()
    for each in range(30):
        orders[number % 100] = each


@pytest.fixture
def few_objects() -> Iterator[None]:
    """For tests that collect cycles often: only what they make themselves is looked at."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


# A file that is opened when the program is interrupted may be left open, as without us.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("few_objects")
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_timeout_reaches_the_program_and_what_comes_later_is_seen(tmp_path, wrapped):
    alarm = Alarm(Late)
    handler = functools.partial(lambda alarm, *given: alarm(*given), alarm) if wrapped else None
    orders = TrackedDict()
    with instrumented(FilesInstrumentor), recording(tmp_path / "home", strict=False) as recorded:
        # What is imported at the first use is not interrupted here.
        _work(tmp_path, 0, orders)
        caught = 0
        with alarm.every(0.0013, handler):
            for number in range(500):
                caught += alarm.during(lambda number=number: _work(tmp_path, number, orders))
                # Files that it has left open: nobody is told what is raised while they are closed.
                gc.collect()
        assert caught == alarm.raised > 100
        assert not is_inside()
        (tmp_path / "last.txt").write_text("x")
    assert "write last.txt" in recorded.names()


def test_a_span_that_is_interrupted_is_written_all_the_same_and_no_loss(tmp_path):
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        with recording(tmp_path) as recorded:
            journal = current().journal
            write = journal._file.write

            def interrupted(fd: int, line: bytes) -> int:
                signal.raise_signal(signal.SIGALRM)
                return write(fd, line)

            journal._file.write = interrupted
            for name in ("begins a file", "goes on"):
                alarm.armed = True
                with pytest.raises(TimeoutError):
                    current().emit("record", name, {})
            assert journal.lost == {}
    finally:
        signal.signal(signal.SIGALRM, before)
    assert recorded.names("record") == ["begins a file", "goes on"]


def test_ours_stay_with_us(monkeypatch):
    monkeypatch.setenv("OTELPROV_TESTING", "0")
    with guard("failing"):
        raise TimeoutError("ours")
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        with guard("failing with a handler installed"):
            raise TimeoutError("ours")
        alarm.armed = True
        with pytest.raises(TimeoutError), guard("interrupted"):
            signal.raise_signal(signal.SIGALRM)
        # A thread has no signal handlers: one that calls such a function calls a function.
        assert not _in_another_thread(lambda: _raised_again(alarm))
    finally:
        signal.signal(signal.SIGALRM, before)


def _raised_again(alarm: Alarm) -> bool:
    alarm.armed = True
    try:
        alarm()
    except TimeoutError as error:
        try:
            let_through(error)
        except TimeoutError:
            return True
    return False
