# SPDX-License-Identifier: Apache-2.0
"""The one thread of ours in an observed process: things done once, and things done every so often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from otelprov.capture.guard import guard
from otelprov.capture.inside import quietly

_TICK = 0.2


class _Background:
    def __init__(self) -> None:
        self.jobs: dict[str, Callable[[], object]] = {}
        self.periodic: dict[str, tuple[float, Callable[[], object]]] = {}
        self.last: dict[str, Callable[[float], object]] = {}
        self.wake = threading.Event()
        self.idle = threading.Event()
        # time.monotonic() by which everything is to be done; 0.0 while the process lives.
        self.deadline = 0.0
        self.thread: threading.Thread | None = None

    def run(self) -> None:
        due = {name: time.monotonic() + seconds for name, (seconds, _job) in self.periodic.items()}
        with quietly():
            while not self.deadline:
                self.do_once()
                now = time.monotonic()
                for name, (seconds, job) in list(self.periodic.items()):
                    if now >= due.setdefault(name, now + seconds):
                        due[name] = now + seconds
                        with guard(name):
                            job()
                nearest = min(due.values(), default=now + 60.0)
                self.wake.wait(max(_TICK, nearest - time.monotonic()))
                self.wake.clear()
            self.do_once()
            for name, last in self.last.items():
                with guard(name):
                    last(self.deadline)

    def do_once(self) -> None:
        while self.jobs:
            name = next(iter(self.jobs))
            job = self.jobs[name]
            with guard(name):
                job()
            self.jobs.pop(name, None)
        self.idle.set()


_background = _Background()
_starting_in = 0


def once(name: str, job: Callable[[], object]) -> None:
    """Do something once, soon, off the program's threads."""
    _background.idle.clear()
    _background.jobs[name] = job
    _background.wake.set()


def every(name: str, seconds: float, job: Callable[[], object]) -> None:
    """Do something every so many seconds for as long as the process lives."""
    _background.periodic[name] = (seconds, job)
    _background.wake.set()


def at_stop(name: str, job: Callable[[float], object]) -> None:
    """Do something when the process ends, after its last record; it is given the deadline (time.monotonic())."""
    _background.last[name] = job


def start() -> None:
    """Start the thread; does nothing when it runs."""
    global _starting_in
    if _background.thread is None or not _background.thread.is_alive():
        _background.thread = threading.Thread(target=_background.run, name="otelprov", daemon=True)
        _starting_in = threading.get_ident()
        try:
            _background.thread.start()
        finally:
            _starting_in = 0


def is_starting() -> bool:
    """Whether the calling thread is just about to start ours."""
    return _starting_in == threading.get_ident()


def thread_ident() -> int:
    """`threading.get_ident()` of our thread, 0 where it does not run."""
    return (_background.thread.ident or 0) if _background.thread is not None else 0


def is_here() -> bool:
    """Whether the calling thread is ours."""
    return thread_ident() == threading.get_ident()


def finish_once(deadline: float) -> None:
    """Wait until what is to be done once is done, at most until the deadline (time.monotonic())."""
    if _background.jobs:
        _background.idle.wait(max(0.0, deadline - time.monotonic()))


def stop(deadline: float) -> None:
    """Let the thread do what is left for the end, and wait for it until the deadline (time.monotonic())."""
    _background.deadline = deadline
    _background.wake.set()
    if _background.thread is not None and _background.thread is not threading.current_thread():
        _background.thread.join(max(0.0, deadline - time.monotonic()))


def forget() -> None:
    """In a forked child: the thread is not there; what it does every so often and at the end stays."""
    global _background
    periodic, last = _background.periodic, _background.last
    _background = _Background()
    _background.periodic, _background.last = periodic, last
