# SPDX-License-Identifier: Apache-2.0
"""Reads and writes that are planned: they happen, and are recorded, each time the plan is executed.

A plan (a lazy frame) is followed like any other object. Its origins hold what stands for the reads to come.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from otelprov.capture.calls import Call
from otelprov.capture.flow.identity import Origins, Read
from otelprov.capture.tables.sources import Given, expanded, record_reads
from otelprov.capture.tables.targets import Target
from otelprov.model.entity import Entity

_NOTHING = Entity("", "", "")
_numbers = itertools.count(1)


class Planned(Read):
    """A read that will happen: what will be read, and how."""

    given: Given
    format: str
    patterns: bool
    # What it came to when it was last executed.
    done: Origins | None = None


class PlannedWrite(Read):
    """A write that will happen: what it comes from, and where it goes."""

    sources: Origins | None
    target: Callable[[], Target]


def planned(given: Given, format_: str, *, patterns: bool = True) -> Origins:
    """The origins of a plan that reads what is given."""
    read = Planned(_NOTHING, 0, next(_numbers))
    read.given, read.format, read.patterns = given, format_, patterns
    return Origins(frozenset((read,)))


def planned_write(sources: Origins | None, target: Callable[[], Target]) -> Origins:
    """The origins of a plan that writes; `target` is called each time before it does."""
    write = PlannedWrite(_NOTHING, 0, next(_numbers))
    write.sources, write.target = sources, target
    return Origins(frozenset((write,)))


def is_planned(origins: Origins | None) -> bool:
    """Whether anything in some origins is yet to happen."""
    return origins is not None and any(isinstance(read, (Planned, PlannedWrite)) for read in origins.reads)


class Execution:
    """One execution of plans: made before it runs, since it may change what a pattern finds, and recorded after."""

    def __init__(self, plans: Sequence[Origins | None]) -> None:
        self.plans = plans
        planned = [found for found in plans if found is not None]
        writes = [read for found in planned for read in found.reads if isinstance(read, PlannedWrite)]
        planned += [write.sources for write in writes if write.sources is not None]
        self._writes = [(write.sources, write.target()) for write in writes]
        self.entities = {
            read: expanded(read.given.locations, patterns=read.patterns)
            for found in planned
            for read in found.reads
            if isinstance(read, Planned)
        }
        self._done: dict[Read, Origins] = {}
        self._doubted: dict[Read, frozenset[str]] = {}

    def keep(self, paths: frozenset[str], doubtful: Callable[[Entity | None], bool], *, whole: bool) -> None:
        """Leave out the doubtful files that are not among these paths.

        Where these are not the whole of what is scanned, what is left out is read all the same, but no source: a wrong
        edge is worse than a weak one.
        """
        for read, found in self.entities.items():
            kept = [each for each in found if each is None or each.name in paths or not doubtful(each)]
            if whole:
                self.entities[read] = kept
            elif len(kept) < len(found):
                self._doubted[read] = frozenset(each.name for each in found if each is not None) - frozenset(
                    each.name for each in kept if each is not None
                )

    def record_reads(self, call: Call) -> None:
        """Record what was read, each entity once."""
        done: dict[Entity, Origins | None] = {}
        for read, found in self.entities.items():
            origins = record_reads(found, call, read.format, more=read.given, done=done)
            doubted = self._doubted.get(read)
            if doubted is not None:
                sure = frozenset(each for each in origins.reads if each.entity.name not in doubted)
                origins = Origins(sure, complete=False)
            read.done = self._done[read] = origins

    def record_writes(self, call: Call) -> None:
        """Record what was written, after what was read."""
        for sources, target in self._writes:
            target.record(call, self.real(sources))

    def real(self, found: Origins | None) -> Origins | None:
        """Some origins with the reads that have been recorded in place of the planned ones."""
        if not is_planned(found):
            return found
        assert found is not None
        reads: set[Read] = set()
        complete = found.complete
        for read in found.reads:
            done = self._done.get(read)
            if done is not None:
                reads |= done.reads
                complete = complete and done.complete
            elif not isinstance(read, (Planned, PlannedWrite)):
                reads.add(read)
        return Origins(frozenset(reads), complete)
