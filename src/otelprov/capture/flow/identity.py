# SPDX-License-Identifier: Apache-2.0
"""Which reads an object in memory comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from otelprov.capture.flow.by_object import ByObject
from otelprov.model.entity import Entity


class Read(NamedTuple):
    """One recorded read: what was read and the span that shows it (ids as integers)."""

    entity: Entity
    trace_id: int
    span_id: int


class Origins(NamedTuple):
    """Where an object comes from. `complete` says that nothing else went into it."""

    reads: frozenset[Read] = frozenset()
    complete: bool = True

    def __or__(self, other: Origins | None) -> Origins:
        if other is None:
            return Origins(self.reads, complete=False)
        if other.reads <= self.reads and self.complete == other.complete:
            return self
        return Origins(self.reads | other.reads, self.complete and other.complete)


# With a stamp, for whoever wants to know later whether the object has changed.
_followed: ByObject[tuple[Origins, int | None]] = ByObject()


def remember(obj: Any, origins: Origins, stamp: int | None = None) -> bool:
    """Note where an object comes from, for as long as it lives; False where it can't be referred to weakly."""
    return _followed.note(obj, (origins, stamp))


def origins_of(obj: Any) -> Origins | None:
    """What an object comes from; None where nothing is known of it."""
    found = _followed.get(obj)
    return None if found is None else found[0]


def stamp_of(obj: Any) -> int | None:
    """The stamp with which an object was remembered."""
    found = _followed.get(obj)
    return None if found is None else found[1]


def merged_origins(objects: Iterable[Any]) -> Origins | None:
    """Where something made of several objects comes from; None where nothing is known of any of them."""
    known = [origins_of(obj) for obj in objects]
    found = [origins for origins in known if origins is not None]
    if not found:
        return None
    reads = frozenset[Read]().union(*(origins.reads for origins in found))
    return Origins(reads, len(found) == len(known) and all(origins.complete for origins in found))


def followed() -> list[Any]:
    """The living objects that are being followed."""
    return _followed.objects()


def happened(origins: Origins) -> Origins:
    """Some origins with what a plan has read when it was last executed, in place of what it will read."""
    if all(read.trace_id for read in origins.reads):
        return origins
    reads = frozenset(read for read in origins.reads if read.trace_id)
    complete = origins.complete
    for planned in origins.reads - reads:
        done: Origins | None = getattr(planned, "done", None)
        reads |= frozenset() if done is None else done.reads
        complete = complete and done is not None and done.complete
    return Origins(reads, complete)


def count() -> int:
    """How many living objects are being followed."""
    return len(_followed)
