# SPDX-License-Identifier: Apache-2.0
"""Which reads an object in memory comes from: weak references with finalisers, never a bare id()."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple

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


class _Followed(weakref.ref[Any]):
    __slots__ = ("key", "origins")

    key: int
    origins: Origins


_followed: dict[int, _Followed] = {}


def _forget(reference: _Followed) -> None:
    # Another object may live at this address by now: only the entry of this very reference goes.
    if _followed.get(reference.key) is reference:
        del _followed[reference.key]


def remember(obj: Any, origins: Origins) -> bool:
    """Note where an object comes from, for as long as it lives; False where it can't be referred to weakly."""
    try:
        reference = _Followed(obj, _forget)
    except TypeError:
        return False
    reference.key = key = id(obj)
    reference.origins = origins
    _followed[key] = reference
    return True


def origins_of(obj: Any) -> Origins | None:
    """What an object comes from; None where nothing is known of it."""
    reference = _followed.get(id(obj))
    if reference is None or reference() is not obj:
        return None
    return reference.origins


def merged_origins(objects: Iterable[Any]) -> Origins | None:
    """Where something made of several objects comes from; None where nothing is known of any of them."""
    known = [origins_of(obj) for obj in objects]
    found = [origins for origins in known if origins is not None]
    if not found:
        return None
    reads = frozenset[Read]().union(*(origins.reads for origins in found))
    return Origins(reads, len(found) == len(known) and all(origins.complete for origins in found))


def count() -> int:
    """How many living objects are being followed."""
    return len(_followed)
