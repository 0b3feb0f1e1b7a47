# SPDX-License-Identifier: Apache-2.0
"""What could not be kept and has not been declared yet, counted exactly under threads, signals and without a lock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from otelprov.semconv import (
    PROVENANCE_LOSS_COUNT,
    PROVENANCE_LOSS_FIRST,
    PROVENANCE_LOSS_LAST,
    PROVENANCE_LOSS_REASON,
)

_FOLD_AT = 1024
_LONGEST_PAUSE = 3600.0
_QUIET_NS = 60_000_000_000


class Loss(NamedTuple):
    """`number` records lost for one reason between `first` and `last` (nanoseconds since the epoch)."""

    reason: str
    number: int
    first: int
    last: int

    def details(self) -> dict[str, Any]:
        """The attributes of the event that declares it."""
        return {
            PROVENANCE_LOSS_COUNT: self.number,
            PROVENANCE_LOSS_REASON: self.reason,
            PROVENANCE_LOSS_FIRST: self.first,
            PROVENANCE_LOSS_LAST: self.last,
        }


class Losses:
    """Losses that wait to be declared. Every step on the queue is atomic, so nothing is counted twice or forgotten."""

    def __init__(self) -> None:
        self._queue: deque[Loss] = deque()
        self._pause = 0.0
        self._declared_at = 0.0
        self._last = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, reason: str, number: int = 1) -> None:
        """Count records as lost, now."""
        now = time.time_ns()
        if now - self._last > _QUIET_NS:
            # The first after a quiet time is declared at once.
            self._pause = 0.0
        self._last = now
        self._queue.append(Loss(reason, number, now, now))
        if len(self._queue) > _FOLD_AT:
            self._queue.extend(self.take())

    def give_back(self, details: Mapping[str, Any]) -> None:
        """Take a declaration back that was lost itself; `details` are the attributes of its event."""
        count, first, last = (
            details.get(key, 0) for key in (PROVENANCE_LOSS_COUNT, PROVENANCE_LOSS_FIRST, PROVENANCE_LOSS_LAST)
        )
        self._queue.append(Loss(str(details.get(PROVENANCE_LOSS_REASON, "unknown")), count, first, last))

    def take(self) -> list[Loss]:
        """All that is to be declared, one for each reason; the caller declares it."""
        found: dict[str, Loss] = {}
        while True:
            try:
                loss = self._queue.popleft()
            except IndexError:
                return list(found.values())
            known = found.get(loss.reason, loss)
            count = loss.number if known is loss else known.number + loss.number
            found[loss.reason] = Loss(loss.reason, count, min(known.first, loss.first), max(known.last, loss.last))

    def due(self) -> bool:
        """Whether it is time to declare: at once at first, then after pauses that double while losses go on."""
        return bool(self._queue) and time.monotonic() >= self._declared_at + self._pause

    def declared(self) -> None:
        """Note that losses have just been declared."""
        self._declared_at = time.monotonic()
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or 1.0)

    def counts(self) -> dict[str, int]:
        """How many are not declared yet, by reason."""
        counted: dict[str, int] = {}
        for loss in self._queue.copy():
            counted[loss.reason] = counted.get(loss.reason, 0) + loss.number
        return counted
