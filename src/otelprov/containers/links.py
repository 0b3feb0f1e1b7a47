# SPDX-License-Identifier: Apache-2.0
"""Containers inside containers: which ones hold one, and every way down to it from outside.

A link from a container to one that holds it is weak, and its keys are hints: what a way says is verified by identity
when a change is made, so that an index is right after an insertion before it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from otelprov.containers.change import Attribute
from otelprov.containers.locks import tracker_needed
from otelprov.containers.pending import MISSING
from otelprov.containers.stored import attributes_of, stored
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import SMALL, is_tracked_type, kept, tracker_of

MOST_PATHS = 16
_MOST_LEVELS = 200

# Not held while code of the program's runs; a finaliser may come between, hence reentrant.
_linking = threading.RLock()


class Link:
    """One container that holds another, and the keys under which it was put there: `MISSING` for one not to be kept."""

    __slots__ = ("container", "hints", "tracker")

    def __init__(self, container: weakref.ref[Any], tracker: Tracker) -> None:
        self.container = container
        # Alone a tracker keeps nothing of the program's alive.
        self.tracker = tracker
        self.hints: list[Any] = []


def link(container: Any, tracker: Tracker, key: Any, value: Any) -> None:
    """Note that a container holds another under a key; does nothing where the value is no tracked container."""
    child = tracker_of(value)
    if child is None:
        if not is_tracked_type(type(value)):
            return
        child = tracker_needed(value)
    try:
        if tracker.owner is None:
            tracker.owner = weakref.ref(container)
        if child.owner is None:
            child.owner = weakref.ref(value)
    except TypeError:
        # A class with slots and without room for weak references: it is a container of its own.
        return
    with _linking:
        if child.parents is None:
            child.parents = {}
        elif len(child.parents) > MOST_PATHS:
            _prune(child)
        found = child.parents.get(tracker.number)
        if found is None:
            found = child.parents[tracker.number] = Link(tracker.owner, tracker)
        found.hints.append(_hint(key))
    child.choose_way()


def release(container: Any, tracker: Tracker, key: Any, value: Any) -> None:
    """Note that a container no longer holds another under a key; without any that holds it, it is on its own again."""
    child = tracker_of(value)
    if child is None or child.parents is None:
        return
    with _linking:
        found = child.parents.get(tracker.number) if child.parents is not None else None
        if found is None:
            return
        hint = _hint(key)
        if hint in found.hints:
            found.hints.remove(hint)
        else:
            # The element of a list that was moved since.
            found.hints.pop()
        if not found.hints:
            child.parents.pop(tracker.number, None)
        if not child.parents:
            child.parents = None
    child.choose_way()


def paths(tracker: Tracker) -> tuple[tuple[Tracker, tuple[Any, ...]], ...]:
    """All ways to a container: the outermost one and the keys down from it, at most 16; none where nothing holds it.

    A way that comes back to itself, or is very long, begins there.
    """
    if not tracker.parents or tracker.owner is None:
        return ()
    found: list[tuple[Tracker, tuple[Any, ...]]] = []
    # From the container up: those on the way, the key of each in the next, and who else holds it.
    on_the_way = [tracker]
    numbers = {tracker.number}
    keys: list[Any] = []
    others = [_higher(tracker, numbers)]
    while others and len(found) < MOST_PATHS:
        higher = next(others[-1], None)
        if higher is None:
            others.pop()
            numbers.discard(on_the_way.pop().number)
            if keys:
                keys.pop()
            continue
        parent, key = higher
        on_the_way.append(parent)
        numbers.add(parent.number)
        keys.append(key)
        above_it = list(_higher(parent, numbers)) if len(keys) < _MOST_LEVELS else []
        others.append(iter(above_it))
        if not above_it:
            found.append((parent, tuple(reversed(keys))))
    return tuple(found)


def _higher(tracker: Tracker, on_the_way: set[int]) -> Iterator[tuple[Tracker, Any]]:
    for parent, places in holders(tracker):
        if parent.number not in on_the_way:
            for key in places:
                yield parent, key


def holders(tracker: Tracker) -> Iterator[tuple[Tracker, list[Any]]]:
    """The containers that hold one at this moment, each with the keys at which they do."""
    child = tracker.owner() if tracker.owner is not None else None
    if child is None or tracker.parents is None:
        return
    for held in list(tracker.parents.values()):
        parent = held.container()
        if parent is not None:
            places = _places(parent, child, held)
            if places:
                yield held.tracker, places


def above(tracker: Tracker) -> Iterator[Tracker]:
    """Every container that holds one, directly or not, each once."""
    seen = {tracker.number}
    ways = [tracker]
    while ways:
        for parent, _places_in in holders(ways.pop()):
            if parent.number not in seen:
                seen.add(parent.number)
                ways.append(parent)
                yield parent


def _places(parent: Any, child: Any, held: Link) -> list[Any]:
    if isinstance(parent, dict):
        return _places_in_dict(parent, child, held)
    if isinstance(parent, list):
        return _places_in_list(parent, child, held)
    known = list(dict.fromkeys(hint for hint in held.hints if hint is not MISSING and stored(parent, hint) is child))
    if known and len(known) == len(held.hints):
        return [Attribute(name) for name in known]
    return [Attribute(name) for name, value in attributes_of(parent) if value is child]


def _places_in_dict(parent: dict[Any, Any], child: Any, held: Link) -> list[Any]:
    hints = dict.fromkeys(held.hints)
    known = [hint for hint in hints if hint is not MISSING and dict.get(parent, hint) is child]
    if known and len(known) == len(hints):
        return known
    return [kept(key) for key, value in list(dict.items(parent)) if value is child]


def _places_in_list(parent: list[Any], child: Any, held: Link) -> list[Any]:
    if len(held.hints) == 1:
        index = _near(parent, child, held.hints[0])
        if index < 0:
            return []
        held.hints[:] = [index]
        return [index]
    return [index for index, value in enumerate(list.__iter__(parent)) if value is child]


def _near(parent: list[Any], child: Any, hint: Any) -> int:
    # Outwards from where it was: what is inserted or removed before it moves it by little.
    get, length = list.__getitem__, list.__len__(parent)
    start = min(max(hint, 0), length - 1) if type(hint) is int else 0
    try:
        for distance in range(length):
            if start >= distance and get(parent, start - distance) is child:
                return start - distance
            if start + distance < length and get(parent, start + distance) is child:
                return start + distance
    except IndexError:
        # Another thread has made it shorter.
        pass
    return -1


def _hint(key: Any) -> Any:
    kind = type(key)
    return key if kind is str or kind in SMALL or kind is Attribute else MISSING


def _prune(child: Tracker) -> None:
    for number, held in list(child.parents.items()):
        if held.container() is None:
            del child.parents[number]


def _after_fork_in_child() -> None:
    global _linking
    _linking = threading.RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)
