# SPDX-License-Identifier: Apache-2.0
"""What a tracked list does with several elements at once: slices set and deleted, and what is added at its end."""

from __future__ import annotations

from collections.abc import Iterator
from operator import index as as_index
from operator import length_hint
from typing import Any

from otelprov.containers.change import Slice
from otelprov.containers.pending import MISSING
from otelprov.containers.recording import adopted, interrupted, record, released
from otelprov.containers.tracker import ALWAYS, Tracker

_get = list.__getitem__
_set = list.__setitem__
_size = list.__len__
# Stands for what was put in where values are not captured: of it only the type is kept.
_SOME: list[Any] = []


def _is_placed_first() -> bool:
    probe: list[int] = []

    def values() -> Iterator[int]:
        probe.append(1)
        yield 2

    probe[0:5] = values()
    return probe == [2, 1]


# Whether this interpreter finds the bounds of a slice before it iterates over what is put there: Python up to 3.12.
_PLACED_FIRST = _is_placed_first()


def replace(target: list[Any], tracker: Tracker, part: slice, values: Any) -> None:
    """As `target[part] = values`; one change."""
    part = _asked_once(part)
    start, stop, step = part.indices(_size(target))
    if type(values) is not list and type(values) is not tuple and values is not target:
        try:
            iterator = iter(values)
        except TypeError:
            # The built-in's own words.
            _set(target, part, None)  # type: ignore[call-overload]
            raise
        values = list(iterator)
        if not _PLACED_FIRST:
            start, stop, step = part.indices(_size(target))
    if step == 1:
        stop = max(start, stop)
        part = slice(start, stop)
    nested = tracker.options.nested
    if nested or values is target:
        values = list.copy(values) if isinstance(values, list) else list(values)
    if nested:
        memo: dict[int, tuple[Any, Any]] = {}
        values = [adopted(target, tracker, start + at * step, value, memo) for at, value in enumerate(values)]
    before, size = _get(target, part), _size(target)
    _set(target, part, values)
    if nested:
        _release(target, tracker, before, start, step)
    if before or values:
        new = list(values) if tracker.options.values else _SOME
        record(target, tracker, "set", _places(start, stop, step, size), before, new, len(values))


def delete(target: list[Any], tracker: Tracker, part: slice) -> None:
    """As `del target[part]`; one change."""
    part = _asked_once(part)
    start, stop, step = part.indices(_size(target))
    before, size = _get(target, part), _size(target)
    list.__delitem__(target, part)
    if tracker.options.nested:
        _release(target, tracker, before, start, step)
    if before:
        record(target, tracker, "delete", _places(start, stop, step, size), before, MISSING, len(before))


def extend(target: list[Any], tracker: Tracker, action: str, values: Any) -> None:
    """As `target.extend(values)`; one change, of what was added even where the iteration fails."""
    start = _size(target)
    if tracker.way == ALWAYS:
        _extend_carefully(target, tracker, action, values)
        return
    try:
        list.extend(target, values)
    finally:
        added = _size(target) - start
        if added > 0:
            record(target, tracker, action, Slice(start, start + added), MISSING, _SOME, added)


def _extend_carefully(target: list[Any], tracker: Tracker, action: str, values: Any) -> None:
    if type(values) is list or type(values) is tuple or values is target:
        iterator = iter(list.copy(values) if isinstance(values, list) else values)
    else:
        iterator = iter(values)
        length_hint(iterator, 8)
    memo: dict[int, tuple[Any, Any]] = {}
    nested = tracker.options.nested
    added: list[Any] = []

    def record_added() -> None:
        # All at the end of the list, where nothing else has come since.
        count = len(added)
        if count:
            end = _size(target)
            new = added.copy()
            added.clear()
            record(target, tracker, action, Slice(end - count, end), MISSING, new, count)

    try:
        with interrupted(tracker, record_added):
            for value in iterator:
                if nested:
                    value = adopted(target, tracker, _size(target), value, memo)
                list.append(target, value)
                added.append(value)
    finally:
        record_added()


def _release(target: list[Any], tracker: Tracker, gone: list[Any], start: int, step: int) -> None:
    for at, value in enumerate(gone):
        released(target, tracker, start + at * step, value)


def _places(start: int, stop: int, step: int, size: int) -> Slice:
    # Before the first is -1, which written as a bound would be the last.
    return Slice(start, stop if stop >= 0 else -size - 1, step)


def _asked_once(part: slice) -> slice:
    """A slice of plain ints: whatever else stands for one is asked once, in the order of the built-in."""
    step, start, stop = _plain(part.step), _plain(part.start), _plain(part.stop)
    return slice(start, stop, step)


def _plain(bound: Any) -> Any:
    if bound is None or type(bound) is int or not hasattr(type(bound), "__index__"):
        return bound
    return as_index(bound)
