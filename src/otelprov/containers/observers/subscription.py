# SPDX-License-Identifier: Apache-2.0
"""One observer and what it is given: its queue, with a declared overflow, and exact counts of what became of it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, TracebackType
from typing import Any, Self

from otelprov.capture import recorder
from otelprov.containers.change import Change
from otelprov.containers.observers.filters import Filter
from otelprov.containers.observers.observer import Observer

DROP_OLDEST, DROP_NEWEST, BLOCK = "drop_oldest", "drop_newest", "block"
OVERFLOWS = (DROP_OLDEST, DROP_NEWEST, BLOCK)
# Reasons in the telemetry.
OVERFLOW, LOOP, SUSPENDED = "observer_overflow", "observer_loop", "observer_suspended"
# With overflow="block", the thread that hands changes on waits this long for room, in seconds.
PATIENCE = 0.5
_FAILURES_IN_A_ROW = 100

logger = logging.getLogger("otelprov")


class Subscription:
    """An observer of some containers, until `close()`; `with` closes it too.

    Of the changes that it wants, each is in `delivered`, `failed`, `skipped` (by `where`), `dropped` or still waiting.
    """

    def __init__(
        self,
        observer: Callable[[Change], object],
        *,
        wanted: Filter | None,
        where: Callable[[Change], object] | None,
        priority: int,
        capacity: int,
        overflow: str,
        name: str,
    ) -> None:
        self.observer = observer
        self.wanted = wanted
        self.where = where
        self.priority = priority
        self.capacity = capacity
        self.overflow = overflow
        self.name = name
        # Whether it is to be called right after each change, in the thread that made it.
        self.eager = observer.eager if isinstance(observer, Observer) else True
        self.last_error: Exception | None = None
        self.suspended = False
        self.closed = False
        self.waiting: deque[tuple[Change, int]] = deque()
        # Whether somebody has been told that changes wait.
        self.announced = False
        self.last: object = None
        # Whether it was told that observers keep each other busy.
        self.loops = False
        self._in_a_row = 0
        self._stuck = False
        self._leave: Callable[[Subscription], object] | None = None
        self.renew()

    def renew(self) -> None:
        """Begin to count; in a forked child what waited is the parent's, and so are the threads that held the locks."""
        self.waiting.clear()
        self.announced = False
        self.delivered = self.dropped = self.failed = self.skipped = 0
        self._counting = threading.RLock()
        self._room = threading.Condition(threading.RLock())
        self.busy = threading.Lock()

    def offer(self, change: Change, generation: int) -> bool:
        """Queue a change, and say whether there is one more than before. Calls nothing and does not wait."""
        if self.suspended:
            self.drop(1, SUSPENDED)
            return False
        if len(self.waiting) >= self.capacity and self.overflow != BLOCK:
            if self.overflow == DROP_OLDEST:
                try:
                    self.waiting.popleft()
                except IndexError:
                    # Taken in this moment: there is room after all.
                    self.waiting.append((change, generation))
                    return True
                self.waiting.append((change, generation))
            self.drop(1)
            return False
        self.waiting.append((change, generation))
        return True

    def make_room(self) -> None:
        """Where changes above the capacity wait for it to be blocked for them: wait, then drop the newest."""
        if self.overflow != BLOCK or len(self.waiting) <= self.capacity:
            return
        if not self._stuck:
            with self._room:
                found = self._room.wait_for(lambda: len(self.waiting) <= self.capacity, PATIENCE)
            # Where nothing at all moves, waiting again with the next change would stop the program.
            self._stuck = not found
        dropped = 0
        while len(self.waiting) > self.capacity:
            self.waiting.pop()
            dropped += 1
        if dropped:
            self.drop(dropped)

    def take(self) -> tuple[Change, int] | None:
        """The oldest change that waits, with its generation; None where there is none."""
        try:
            taken = self.waiting.popleft()
        except IndexError:
            return None
        if self.overflow == BLOCK:
            self._stuck = False
            if len(self.waiting) <= self.capacity:
                with self._room:
                    self._room.notify_all()
        return taken

    def call(self, change: Change) -> None:
        """Give the observer a change; what it raises is counted and told, and goes no further."""
        if not self.admits(change):
            return
        try:
            self.observer(change)
        except Exception as error:
            self.fail(error)
        except BaseException:
            # An interrupt, or an end that was asked for: the program's to handle.
            with self._counting:
                self.failed += 1
            raise
        else:
            self.count()

    def admits(self, change: Change) -> bool:
        """Whether `where` says yes; a change that it does not want, or fails on, has found its end with that."""
        try:
            if self.where is None or self.where(change):
                return True
        except Exception as error:
            self.fail(error)
        else:
            with self._counting:
                self.skipped += 1
        return False

    def count(self) -> None:
        """Count a change as delivered."""
        with self._counting:
            self.delivered += 1
            self._in_a_row = 0

    def fail(self, error: Exception) -> None:
        """Count a failure of the observer; after many in a row it is given nothing any more."""
        with self._counting:
            self.failed += 1
            self._in_a_row += 1
            first, last = self.failed == 1, self._in_a_row == _FAILURES_IN_A_ROW
            self.suspended = self.suspended or last
        if first:
            logger.warning("observer %s failed: the change and its other observers are unharmed", self, exc_info=error)
        if last:
            logger.warning("observer %s failed %d times in a row and is suspended", self, _FAILURES_IN_A_ROW)
        # Its traceback would keep what the observer held.
        self.last_error = error.with_traceback(None)

    def resume(self) -> None:
        """Let a suspended observer try again."""
        with self._counting:
            self._in_a_row, self.suspended = 0, False

    def drop(self, number: int, reason: str = OVERFLOW) -> None:
        """Count changes that the observer does not get, here and in the telemetry."""
        if not number:
            return
        with self._counting:
            self.dropped += number
        declare(number, reason)
        if isinstance(self.observer, Observer):
            self.observer.missed(number, reason)

    def drop_waiting(self, reason: str) -> None:
        """Drop everything that waits."""
        number = 0
        while self.take() is not None:
            number += 1
        self.drop(number, reason)

    def on_close(self, leave: Callable[[Subscription], object]) -> None:
        """What takes the subscription off its containers."""
        self._leave = leave

    def close(self) -> None:
        """End it; what was changed before is still delivered. Closing twice is closing once."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Subscription {self}>"

    def __str__(self) -> str:
        return self.name or _name_of(self.observer)


def declare(number: int, reason: str) -> None:
    """Have a loss told in the telemetry, where something is recorded."""
    current = recorder.current()
    if current is not None:
        current.journal.losses.add(reason, number)


def _name_of(observer: Any) -> str:
    kind = type(observer)
    if kind in (FunctionType, MethodType, BuiltinFunctionType):
        return str(observer.__qualname__)
    return kind.__qualname__
