# SPDX-License-Identifier: Apache-2.0
"""Ships journals to an OTLP endpoint: resumable, off the program's threads, for as long as the journals live."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otelprov import config
from otelprov.errors import UsageError
from otelprov.journal.endpoint import Endpoint, from_environment, parse
from otelprov.journal.folder import journal_files, open_journal
from otelprov.journal.late_end import complete
from otelprov.journal.position import POSITION_DIGITS, SHIPPED
from otelprov.journal.request import combine, parse_line, yield_to_program
from otelprov.journal.senders import Answer, Outcome, Sender, sender_for

logger = logging.getLogger("otelprov")

_BATCH_LINES = 2048
_BATCH_BYTES = 1024 * 1024
# So many refusals without a single span taken are the endpoint's fault, not that of what is sent.
_REFUSALS_OF_ENDPOINT = 16
_LONGEST_PAUSE = 5.0
_ADOPT_EVERY = 10.0


@dataclass(slots=True)
class ShipReport:
    """What shipping did: files looked at, spans taken by the other side, spans refused, and the last complaint.

    `wait` is for how many seconds the other side asked to be left alone.
    """

    files: int = 0
    spans: int = 0
    refused: int = 0
    failed: bool = False
    message: str = ""
    wait: float = 0.0


@dataclass(slots=True)
class _Reader:
    """One journal file from where it was shipped up to; `state` is the descriptor of the locked position file."""

    path: str
    state: int
    position: int
    resource: dict[str, Any] | None = field(default=None)

    def advance(self, position: int) -> None:
        self.position = position
        os.pwrite(self.state, f"{position:0{POSITION_DIGITS}d}".encode(), 0)


class Shipper:
    """Sends what is in journals and not yet sent; one thread at a time."""

    def __init__(self, folder: str, sender: Sender) -> None:
        self._folder = folder
        self._sender = sender
        self._pause_until = 0.0
        self._pause = 0.0
        self._adopt_at = 0.0
        self._told = ""
        # Since the last span that was taken; it says whether the endpoint takes any at all.
        self._refusals = 0
        self._has_taken = False

    def tick(self, own_path: str) -> None:
        """Ship our own journal, and every so often those of processes that have died."""
        now = time.monotonic()
        if now < self._pause_until:
            return
        report = ShipReport()
        if own_path:
            self.ship_file(own_path, report)
        if not report.failed and now >= self._adopt_at:
            self._adopt_at = now + _ADOPT_EVERY
            for file in journal_files(self._folder):
                if not file.alive and not report.failed:
                    complete(file.path)
                    self.ship_file(file.path, report)
        self._after(report)

    def ship_own(self, path: str, deadline: float) -> None:
        """Ship one journal by the deadline (time.monotonic()), as far as that goes."""
        self.ship_file(path, ShipReport(), deadline)

    def _after(self, report: ShipReport) -> None:
        if not report.failed:
            self._pause = 0.0
            return
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or 0.5)
        # An endpoint that says when to come back is not asked before.
        self._pause_until = time.monotonic() + max(self._pause, report.wait)
        if report.message != self._told:
            self._told = report.message
            logger.warning("otelprov could not ship its journal and will try again: %s", report.message)

    def ship_file(self, path: str, report: ShipReport, deadline: float = 0.0) -> None:
        """Ship one journal up to its last whole line; another process shipping it is left to it."""
        with _opened(path) as reader:
            if reader is None:
                return
            report.files += 1
            while not report.failed and self._ship_batch(reader, report, deadline):
                if deadline and time.monotonic() >= deadline:
                    break

    def _ship_batch(self, reader: _Reader, report: ShipReport, deadline: float) -> bool:
        lines, position = _read_lines(reader)
        if position == reader.position:
            return False
        groups = []
        for number, line in enumerate(lines):
            group = parse_line(line)
            if group is not None and _leaves(group):
                groups.append(group)
            yield_to_program(number)
        if groups and not self._send(reader, groups, report, deadline):
            return False
        reader.advance(position)
        return True

    def _send(self, reader: _Reader, groups: list[dict[str, Any]], report: ShipReport, deadline: float) -> bool:
        timeout = max(0.05, deadline - time.monotonic()) if deadline else None
        with suppress_instrumentation():
            answer = self._sender.send(combine(groups, reader.resource), timeout)
        if answer.outcome is Outcome.TAKEN:
            self._has_taken = True
            self._refusals = 0
            report.spans += len(groups) - answer.rejected
            report.refused += answer.rejected
            if answer.rejected:
                logger.warning("the OTLP endpoint rejected %d spans: %s", answer.rejected, answer.message)
            return True
        if answer.outcome is Outcome.REFUSED:
            return self._split(reader, groups, report, deadline, answer)
        report.failed = True
        report.message = answer.message
        report.wait = answer.wait
        return False

    def _split(
        self, reader: _Reader, groups: list[dict[str, Any]], report: ShipReport, deadline: float, answer: Answer
    ) -> bool:
        """Find the span that the endpoint refuses, so that the others get through; the refused one stays here."""
        self._refusals += 1
        if not self._has_taken and (self._refusals >= _REFUSALS_OF_ENDPOINT or len(groups) == 1 == self._refusals):
            self._refusals = 0
            report.failed = True
            report.message = f"{answer.message}, for everything"
            return False
        if len(groups) == 1:
            report.refused += 1
            report.message = answer.message
            logger.warning("the OTLP endpoint refused a span, which stays in %s: %s", reader.path, answer.message)
            return True
        half = len(groups) // 2
        return self._send(reader, groups[:half], report, deadline) and self._send(
            reader, groups[half:], report, deadline
        )

    def close(self) -> None:
        """Give the connection up."""
        self._sender.close()


def _leaves(group: dict[str, Any]) -> bool:
    """Whether a line is to be shipped: everything of ours, and of others what their sampler let through."""
    scope_spans = group["scopeSpans"][0]
    if scope_spans.get("scope", {}).get("name", "").startswith("otelprov"):
        return True
    return bool(scope_spans["spans"][0].get("flags", 1))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[_Reader | None]:
    try:
        # Read and written by the one shipper that holds its lock; the position in it outlives us.
        state = os.open(path + SHIPPED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        yield None
        return
    try:
        try:
            fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        text = os.pread(state, POSITION_DIGITS, 0)
        position = int(text) if text.isdigit() else 0
        try:
            reader = _Reader(path, state, position)
            reader.resource = _resource(path)
        except OSError:
            yield None
            return
        yield reader
    finally:
        os.close(state)


def _resource(path: str) -> dict[str, Any] | None:
    fd = open_journal(path)
    with open(fd, "rb") as file:
        group = parse_line(file.readline(_BATCH_BYTES))
    return group.get("resource") if group is not None else None


def _read_lines(reader: _Reader) -> tuple[list[bytes], int]:
    """Whole lines from the reader's position, and the position behind them."""
    fd = open_journal(reader.path)
    with open(fd, "rb", buffering=0) as file:
        file.seek(reader.position)
        data = file.read(_BATCH_BYTES) or b""
        while b"\n" not in data:
            # A single line longer than a batch, or a torn end.
            more = file.read(_BATCH_BYTES)
            if not more:
                return [], reader.position
            data += more
    lines: list[bytes] = []
    position = reader.position
    for line in data.splitlines(keepends=True):
        if not line.endswith(b"\n") or len(lines) >= _BATCH_LINES:
            break
        lines.append(line)
        position += len(line)
    return lines, position


def ship_all(endpoint: Endpoint | str | None = None, folder: str = "") -> ShipReport:
    """Ship every journal now, also of processes that have died; raises UsageError where no endpoint is known."""
    if isinstance(endpoint, str):
        endpoint = parse(endpoint)
    endpoint = endpoint or from_environment()
    if endpoint is None:
        raise UsageError("no OTLP endpoint is set: give --to URL or set OTEL_EXPORTER_OTLP_ENDPOINT")
    shipper = Shipper(folder or config.journal_folder(), sender_for(endpoint))
    report = ShipReport()
    try:
        for file in journal_files(folder or config.journal_folder()):
            if report.failed:
                break
            if not file.alive:
                complete(file.path)
            shipper.ship_file(file.path, report)
    finally:
        shipper.close()
    return report
