# SPDX-License-Identifier: Apache-2.0
"""A live OTLP/HTTP stream as a source: it ends when the user or the clock says so, not by itself."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from otelprov.cli.output import note
from otelprov.errors import UsageError

if TYPE_CHECKING:
    from otelprov.lineage.intake import IntakeReport
    from otelprov.store.contract import Store

KIND = "listen="
_DEFAULT_HOST, _DEFAULT_PORT = "127.0.0.1", 4318
_TIME = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def listen(store: Store, address: str, seconds: float | None) -> IntakeReport:
    """Take in what is sent to `HOST:PORT` until Ctrl-C, SIGTERM, or so many seconds have passed."""
    from otelprov.ingest.receiver import Receiver
    from otelprov.lineage.intake import LiveIntake

    host, port = host_and_port(address)
    intake = LiveIntake(store)
    receiver = Receiver(intake.take, host, port)
    # Asked to end before it is ready, it ends at once.
    with _told_to_end() as ending:
        with receiver:
            note(f"listening on {receiver.url} (OTLP/HTTP); Ctrl-C ends it")
            ending.wait(seconds)
        report = intake.finish(receiver.sift)
    if receiver.last_error:
        note(f"the last thing that went wrong: {receiver.last_error}")
    return report


def host_and_port(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; either may be left out. Raises UsageError."""
    host, colon, port = address.rpartition(":")
    if not colon and not address.isdigit():
        host, port = address, ""
    if port and not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f"'{KIND}{address}' names no port; write {KIND}{_DEFAULT_HOST}:{_DEFAULT_PORT}")
    return host.strip("[]") or _DEFAULT_HOST, int(port) if port else _DEFAULT_PORT


def seconds_of(text: str) -> float:
    """The seconds that `10s`, `5m`, `2h` or `1d` stands for. Raises UsageError."""
    found = _TIME.fullmatch(text)
    if found is None or len(found.group(1)) > 6:
        raise UsageError(f"'{text}' is no length of time; write --for 10s, 5m or 2h")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))}).total_seconds()


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, instead of what they did before."""
    ending = threading.Event()

    def told(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, told)
        yield ending
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)
