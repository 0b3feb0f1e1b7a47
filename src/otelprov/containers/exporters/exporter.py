# SPDX-License-Identifier: Apache-2.0
"""What all exporters share: a thread of its own, batches, retries with growing pauses, and exact counts of losses."""

from __future__ import annotations

import abc
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otelprov.capture.guard import guard
from otelprov.capture.inside import quietly
from otelprov.containers import pending
from otelprov.containers.change import Change
from otelprov.containers.exporters import ending
from otelprov.containers.exporters.shape import change_line
from otelprov.containers.observers.observer import Fetching
from otelprov.containers.observers.subscription import Subscription, declare

FAILED = "exporter_failed"
_LONGEST_PAUSE = 30.0
_FIRST_PAUSE = 0.1

logger = logging.getLogger("otelprov")


class Sent(NamedTuple):
    """What became of a batch: how many were taken and refused for good, and which to try again after `wait` seconds."""

    taken: int = 0
    refused: int = 0
    again: Sequence[str] = ()
    why: str = ""
    wait: float = 0.0


class Exporter(Fetching):
    """Sends changes on, off the program's threads. Give it to `observe`; close it or use `with` to be sure of the end.

    `sent` and `lost` count changes, `lost` those that found no room as well; `losses` has them by reason.
    """

    def __init__(self, *, values: bool = False, batch: int = 500, linger: float = 0.2, patience: float = 60.0) -> None:
        """`batch` is the most changes in one sending, which is begun `linger` seconds after the first of them.

        A batch that does not get through is tried again for `patience` seconds, and lost then. With `values`, plain
        values are exported, secrets cut from them.
        """
        if batch < 1 or linger < 0 or patience < 0:
            raise ValueError(f"batch {batch}, linger {linger} and patience {patience} must not be negative")
        self._values, self._batch, self._linger, self._patience = values, batch, linger, patience
        self.sent = 0
        self.losses: Counter[str] = Counter()
        self.last_error = ""
        self._closed = False
        self._subscriptions: dict[Subscription, None] = {}
        self._thread: threading.Thread | None = None
        # When everything must be sent (time.monotonic()), and how many are fetched and neither sent nor lost.
        self._until = float("inf")
        self._in_flight = 0
        self._renew()
        ending.register(self)

    @property
    def lost(self) -> int:
        """How many changes were lost, for whatever reason."""
        return sum(self.losses.values())

    @abc.abstractmethod
    def send(self, lines: Sequence[str], seconds: float) -> Sent:
        """Send changes, each a JSON object as text, within some seconds; what it raises means: all of them again."""

    def shut(self) -> None:
        """Give connections and files up; called in the exporter's thread when it ends."""

    def forget(self) -> None:
        """In a forked child: connections and files are the parent's, so drop them without a word on the wire."""
        self.shut()

    def joined(self, subscription: Subscription) -> None:
        """Begin to work for a subscription, now: when the process ends no thread can be started any more."""
        with self._changed:
            self._subscriptions[subscription] = None
        self._start()

    def ready(self, subscription: Subscription) -> None:
        """Note that changes wait, and see to it that somebody fetches them."""
        if self._closed:
            subscription.drop_waiting(FAILED)
            return
        with self._changed:
            self._subscriptions[subscription] = None
        self._start()
        self._wake.set()

    def missed(self, number: int, reason: str) -> None:
        """Count changes that were dropped before they came here."""
        with self._changed:
            self.losses[reason] += number

    def flush(self, timeout: float = 5.0) -> bool:
        """Send everything that was changed before; whether it has all been sent or counted as lost by then."""
        pending.drain()
        return self._flush_until(time.monotonic() + timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Send what there is, wait up to `timeout` seconds for it, count the rest as lost and end the thread."""
        pending.drain()
        self.end_by(time.monotonic() + timeout)
        self.join_until(time.monotonic() + timeout)

    def end_by(self, deadline: float) -> None:
        """Begin to end: everything is to be sent until then (time.monotonic()). Does not wait."""
        with self._changed:
            self._closed = True
            self._until = min(self._until, deadline)
            self._changed.notify_all()
        self._hurry.set()
        self._wake.set()

    def join_until(self, deadline: float) -> None:
        """Wait for the end until then; what is not sent by then is lost."""
        if not self._is_alive():
            # A forked child that is about to end has no thread for it.
            with quietly(), suppress_instrumentation():
                self._work()
                self.shut()
        self._flush_until(deadline)
        for subscription in list(self._subscriptions):
            subscription.drop_waiting(FAILED)
        with self._changed:
            if self._in_flight:
                # Whatever becomes of it, nobody will see it: it has been counted.
                self._abandoned = True
                self._lose(self._in_flight, "not sent in time")
                self._in_flight = 0
            self._changed.notify_all()
        self._say()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def after_fork_in_child(self) -> None:
        """Begin anew: the thread, and what it was about to send, are the parent's."""
        with guard("leaving an exporter to the parent"):
            self.forget()
        self.sent = 0
        self.losses.clear()
        self._subscriptions.clear()
        self._thread = None
        self._renew()

    def _renew(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._until = float("inf")
        self._in_flight = 0
        self._working = False
        self._abandoned = False
        self._unsaid = ""

    def _start(self) -> None:
        with self._changed:
            if not self._is_alive() and not self._closed:
                name = f"otelprov-{type(self).__name__}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _flush_until(self, deadline: float) -> bool:
        self._hurry.set()
        self._wake.set()
        try:
            with self._changed:
                return self._changed.wait_for(self._is_idle, max(0.0, deadline - time.monotonic()))
        finally:
            if not self._closed:
                self._hurry.clear()

    def _is_idle(self) -> bool:
        if not self._is_alive():
            return True
        return not self._working and not self._in_flight and not any(found.waiting for found in self._subscriptions)

    def _run(self) -> None:
        # Nothing of this is the program's doing: it is neither recorded nor traced.
        with quietly(), suppress_instrumentation():
            while not self._closed:
                self._wake.wait()
                self._wake.clear()
                if self._linger:
                    self._hurry.wait(self._linger)
                self._work()
            self._work()
            with guard("closing an exporter"):
                self.shut()

    def _work(self) -> None:
        with self._changed:
            self._working = True
        try:
            while lines := self._take():
                self._send_all(lines)
        except Exception as error:
            # Not expected; what was under way is lost, and told.
            with self._changed:
                self._lose(self._in_flight, f"{type(error).__name__}: {error}")
                self._in_flight = 0
        finally:
            with self._changed:
                self._working = False
                self._changed.notify_all()
            self._say()

    def _take(self) -> list[str]:
        lines: list[str] = []
        for subscription in list(self._subscriptions):
            if subscription.closed and not subscription.waiting:
                self._subscriptions.pop(subscription, None)
            while len(lines) < self._batch:
                with self._changed:
                    taken = None if self._abandoned else subscription.take()
                    if taken is None:
                        break
                    self._in_flight += 1
                line = self._line(subscription, taken[0])
                if line is not None:
                    lines.append(line)
        return lines

    def _line(self, subscription: Subscription, change: Change) -> str | None:
        if subscription.admits(change):
            try:
                line = change_line(change, values=self._values)
            except Exception as error:
                subscription.fail(error)
                with self._changed:
                    self._lose(1, f"no JSON could be made of a change: {type(error).__name__}")
            else:
                subscription.count()
                return line
        with self._changed:
            self._in_flight -= 1
        return None

    def _send_all(self, lines: Sequence[str]) -> None:
        give_up = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while lines:
            left = min(give_up, self._until) - time.monotonic()
            try:
                done = self.send(lines, max(0.05, left))
            except Exception as error:
                done = Sent(again=lines, why=f"{type(error).__name__}: {error}")
            lines = done.again
            left = min(give_up, self._until) - time.monotonic()
            with self._changed:
                if self._abandoned:
                    return
                self.sent += done.taken
                self._lose(done.refused, done.why)
                if lines and left <= 0:
                    self._lose(len(lines), done.why)
                    lines = ()
                elif lines:
                    self._note(done.why)
                self._in_flight = len(lines)
            self._say()
            if lines:
                # Not all at the same moment, where many processes wait for one server.
                self._pause(min(left, max(done.wait, pause * (0.5 + random.random()))))  # noqa: S311
                pause = min(_LONGEST_PAUSE, pause * 2)

    def _pause(self, seconds: float) -> None:
        """Wait; one that is asked to end tries once more at once."""
        end, closed = time.monotonic() + seconds, self._closed
        with self._changed:
            while (left := min(end, self._until) - time.monotonic()) > 0:
                self._changed.wait(left)
                if self._abandoned or self._closed != closed:
                    return

    def _lose(self, number: int, why: str) -> None:
        if number:
            self.losses[FAILED] += number
            declare(number, FAILED)
            self._note(why)

    def _note(self, why: str) -> None:
        if not self.last_error:
            self._unsaid = why
        self.last_error = why

    def _say(self) -> None:
        # Without a lock: a handler of the log is the program's code.
        unsaid, self._unsaid = self._unsaid, ""
        if unsaid:
            logger.warning("%s has trouble: %s", type(self).__name__, unsaid)
