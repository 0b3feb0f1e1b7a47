# SPDX-License-Identifier: Apache-2.0
"""What every source promises: batches of spans, where to go on from, and what could not be taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from otelprov.ingest.sift import Sift
from otelprov.model.span import Span

# A source made of garbage must not fill the memory with complaints about it.
MAX_PROBLEMS = 1000


class MalformedError(ValueError):
    """A document or message as a whole can't be read; the message says what is wrong with it."""


@dataclass(slots=True)
class Batch:
    """Spans that belong together.

    `key` says which file or window they come from; `offset` is the byte offset behind them, from which the next
    reading goes on, 0 where the source can't be resumed.
    """

    spans: list[Span]
    key: str
    offset: int = 0


@dataclass(slots=True)
class Problem:
    """Something that was not taken in: where it was, what is wrong with it, how often it was met."""

    where: str
    what: str
    count: int = 1

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.where}: {self.what}{times}"


class Problems(list[Problem]):
    """Problems in the order in which they were met; the same one twice is counted, not repeated."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, str], Problem] = {}

    def note(self, where: str, what: str, count: int = 1) -> None:
        """Count a problem; past `MAX_PROBLEMS` different ones, those that follow are counted together."""
        if len(self) >= MAX_PROBLEMS and (where, what) not in self._known:
            where, what = "elsewhere", "further problems, not listed one by one"
        known = self._known.get((where, what))
        if known is None:
            known = self._known[where, what] = Problem(where, what, 0)
            self.append(known)
        known.count += count

    def take(self, where: str, sift: Sift) -> None:
        """Count the faults that decoding met since the last time as problems of `where`."""
        for what, count in sift.faults.items():
            self.note(where, what, count)
        sift.faults.clear()


class Source(Protocol):
    """Where spans come from; `problems` and `sift` fill while `batches` is read."""

    name: str
    problems: Problems
    sift: Sift

    def batches(self) -> Iterator[Batch]:
        """Read the source once, from the positions it was given."""
        ...
