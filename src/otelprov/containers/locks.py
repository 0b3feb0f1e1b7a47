# SPDX-License-Identifier: Apache-2.0
"""Locked containers: a change to one, or to what hangs in it where it is nested, is refused before anything happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otelprov.containers.change import code_place, name_of
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import is_tracked_type, tracker_of

# Numbers of locked containers: where there are none, nobody has to look who holds whom.
_locked: set[int] = set()


class LockedError(RuntimeError):
    """A container was to be changed while it, or one that holds it, is locked; nothing was changed.

    `name` is the name of the locked container, `place` file and line of the call that locked it.
    """

    def __init__(self, message: str, name: str = "", place: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.place = place


def refuse(tracker: Tracker) -> None:
    """Raise LockedError where a container, or one that holds it, is locked."""
    holder = lock_holder(tracker)
    if holder is None:
        return
    name = name_of(holder)
    code, lasti = holder.locked
    found = code_place(code, lasti)
    place = f"{found.file}:{found.line}"
    what = f"{tracker.kind} {name!r}" if holder is tracker else f"{tracker.kind} inside {name!r}"
    raise LockedError(
        f"{what} is locked, by {os.path.basename(found.file)}:{found.line} in {found.function}: "
        "unlock it before changing it",
        name,
        place,
    )


def lock_holder(tracker: Tracker) -> Tracker | None:
    """The container that is locked: this one, or one that holds it; None where all are open."""
    if tracker.locked is not None:
        return tracker
    if tracker.parents is None or not _locked:
        return None
    from otelprov.containers.links import above

    return next((found for found in above(tracker) if found.locked is not None), None)


def lock(container: Any, frames: int = 1) -> None:
    """Refuse changes from now on; `frames` is how far up the call to be named in the error is."""
    tracker = tracker_needed(container)
    frame = sys._getframe(frames)
    _set(tracker, (frame.f_code, frame.f_lasti))


def unlock(container: Any) -> None:
    """Let changes through again; does nothing to a container that is not locked itself."""
    tracker = tracker_needed(container)
    _set(tracker, None)


@contextmanager
def locking(container: Any) -> Iterator[None]:
    """`with locking(cart):` refuses changes to a container inside; after it the container is as locked as before."""
    tracker = tracker_needed(container)
    before = tracker.locked
    # Two above: contextlib calls this.
    lock(container, frames=3)
    try:
        yield
    finally:
        _set(tracker, before)


def _set(tracker: Tracker, by: Any) -> None:
    if by is None:
        _locked.discard(tracker.number)
    else:
        _locked.add(tracker.number)
    tracker.locked = by
    tracker.choose_way()


def tracker_needed(container: Any) -> Tracker:
    """The tracker of a container, made where it has none yet; TypeError where it can't have one."""
    tracker = tracker_of(container)
    if tracker is None and is_tracked_type(type(container)):
        if isinstance(container, (dict, list, set)):
            from otelprov.containers.recording import begin, unbegun

            tracker = unbegun(container)
            begin(container, tracker)
        else:
            from otelprov.containers.objects import begin as begin_object

            tracker = begin_object(container)
    if tracker is None:
        raise TypeError(
            f"a tracked container is needed, not {type(container).__name__}: make one with otelprov.track(...), "
            "or put @tracked on its class"
        )
    return tracker
