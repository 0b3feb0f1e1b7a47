# SPDX-License-Identifier: Apache-2.0
"""Collects changes in a list of bounded length."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from otelprov.containers import pending
from otelprov.containers.change import Change
from otelprov.containers.observers.observer import Observer


class Collector(Observer):
    """Keeps the last `capacity` changes it was given; `forgotten` is how many came before those.

    Changes made up to the moment of asking are there: `changes`, `len()`, iterating.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        if type(capacity) is not int or capacity < 1:
            raise ValueError(f"capacity: a whole number above 0 is expected, not {capacity!r}")
        self._kept: deque[Change] = deque(maxlen=capacity)
        self._given = 0
        self._cleared = 0

    def __call__(self, change: Change) -> None:
        """Keep a change."""
        self._given += 1
        self._kept.append(change)

    @property
    def changes(self) -> list[Change]:
        """The changes that are kept, oldest first."""
        pending.drain()
        return list(self._kept)

    @property
    def forgotten(self) -> int:
        """How many changes had to make room for newer ones."""
        return max(0, self._given - self._cleared - len(self._kept))

    def clear(self) -> None:
        """Forget all changes up to now."""
        pending.drain()
        self._cleared = self._given
        self._kept.clear()

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)
