# SPDX-License-Identifier: Apache-2.0
"""Plain dicts, lists and sets that are put into a nested container become tracked ones, with all that is in them."""

from __future__ import annotations

from typing import Any, NamedTuple

from otelprov.containers.links import link, paths, release
from otelprov.containers.pending import MISSING
from otelprov.containers.tracker import Options, Tracker

__all__ = ["Memo", "adopt", "converted", "paths", "release"]

# What lies deeper stays as it is; so does what the interpreter's own limit doesn't let us reach.
_MOST_DEPTH = 200
_PLAIN = (dict, list, set)

# By id of a plain container: itself, so that the id stays its own, and what it became (MISSING while it is being made).
Memo = dict[int, tuple[Any, Any]]


class _Later(NamedTuple):
    """A place to be filled when the container above it, which it leads back to, is there."""

    container: Any
    key: Any
    original: Any


def adopt(container: Any, tracker: Tracker, key: Any, value: Any, memo: Memo | None = None) -> Any:
    """What is to be stored instead of a value: a tracked container of the same content for a plain one.

    Everything else, tracked containers included, is returned as it is. Either is linked to the container. With the same
    `memo` for all values of one operation, a container that occurs twice in them stays one.
    """
    if type(value) in _PLAIN:
        value = converted(value, tracker.options, {} if memo is None else memo)
    link(container, tracker, key, value)
    return value


def converted(value: Any, options: Options, memo: Memo) -> Any:
    """A plain dict, list or set as a tracked one, recursively; shared parts stay shared, cycles stay cycles."""
    later: list[_Later] = []
    try:
        made = _converted(value, options._replace(name=""), memo, later, 0)
    except RecursionError:
        return value
    for place in later:
        place.container[place.key] = memo[id(place.original)][1]
    return made


def _converted(value: Any, options: Options, memo: Memo, later: list[_Later], depth: int) -> Any:
    if id(value) in memo:
        return memo[id(value)][1]
    if depth > _MOST_DEPTH:
        return value
    memo[id(value)] = (value, MISSING)
    if type(value) is set:
        from otelprov.containers.sets import TrackedSet

        made: Any = TrackedSet._made(value, options)
        memo[id(value)] = (value, made)
        return made
    content: Any = value.copy()
    back: list[tuple[Any, Any]] = []
    for key, item in list(value.items() if type(value) is dict else enumerate(value)):
        if type(item) in _PLAIN:
            inside = _converted(item, options, memo, later, depth + 1)
            if inside is MISSING:
                # Leads back to one that is being made: filled in afterwards, a change like any other.
                back.append((key, item))
                inside = None
            content[key] = inside
    if type(value) is dict:
        from otelprov.containers.dicts import TrackedDict

        made = TrackedDict._made(content, options)
    else:
        from otelprov.containers.lists import TrackedList

        made = TrackedList._made(content, options)
    memo[id(value)] = (value, made)
    later.extend(_Later(made, key, item) for key, item in back)
    return made
