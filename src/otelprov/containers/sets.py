# SPDX-License-Identifier: Apache-2.0
"""`TrackedSet`: a set that records every change of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from sys import _getframe
from time import time_ns
from typing import Any, Self, TypeVar

from otelprov.containers import pending
from otelprov.containers.change import Element
from otelprov.containers.copying import CopiedAnew
from otelprov.containers.history import TrackedMethods
from otelprov.containers.pending import MISSING, note
from otelprov.containers.recording import (
    adopted,
    begin,
    initialise,
    new_tracker,
    ready,
    record,
    released,
    unbegun,
)
from otelprov.containers.tracker import Options, Tracker
from otelprov.containers.values import MOST_KEPT, kept

T = TypeVar("T")

# The built-in's own: never those of a subclass.
_add = set.add
_discard = set.discard
_size = set.__len__
_SETS = (set, frozenset)


class TrackedSet(set[T], CopiedAnew, TrackedMethods):
    """A set that records every change: `TrackedSet(...)` takes what `set(...)` takes.

    Operations on several elements record one change for each that was not there before, or is there no longer.
    """

    __slots__ = ("_tracking",)

    _tracking: Tracker

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Self:
        """Make an empty one; the line that does is its name until it is given one."""
        self = set.__new__(cls)
        self._tracking = new_tracker("set", _getframe(1))
        return self

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        if kwargs and type(self).__new__ is TrackedSet.__new__:
            # The built-in ignores them where `__new__` is not its own, as here it is not.
            set(**kwargs)
        initialise(self, set.__init__, args, {})

    @classmethod
    def _made(cls, content: Any, options: Options) -> Self:
        """One with this content and these options."""
        self = set.__new__(cls)
        tracker = unbegun(self, options)
        set.__init__(self, content)
        begin(self, tracker)
        return self

    def add(self, element: T, /) -> None:
        """As set.add; a change where the element was not there."""
        try:
            tracker = self._tracking
        except AttributeError:
            tracker = unbegun(self)
        if tracker.way:
            ready(self)
        before = _size(self)
        _add(self, element)
        if _size(self) == before:
            return
        if tracker.way:
            _added(self, tracker, "add", element)
            return
        if type(element) is not int and (type(element) is not str or len(element) > MOST_KEPT):  # type: ignore[arg-type]
            element = kept(element)
        note((tracker, "add", time_ns(), _element(Element, (element,)), MISSING, element, pending.here()))

    def discard(self, element: Any, /) -> None:
        """As set.discard; a change where the element was there."""
        tracker = ready(self)
        before = _size(self)
        _discard(self, element)
        if _size(self) < before:
            _gone(self, tracker, "discard", element)

    def remove(self, element: Any, /) -> None:
        """As set.remove."""
        tracker = ready(self)
        set.remove(self, element)
        _gone(self, tracker, "remove", element)

    def pop(self) -> T:
        """As set.pop."""
        tracker = ready(self)
        element = set.pop(self)
        _gone(self, tracker, "pop", element)
        return element

    def clear(self) -> None:
        """As set.clear: one change."""
        tracker = ready(self)
        before = _size(self)
        gone = set.copy(self) if tracker.options.nested else ()
        set.clear(self)
        for element in gone:
            released(self, tracker, MISSING, element)
        if before:
            record(self, tracker, "clear", elements=before)

    def update(self, *others: Iterable[Any]) -> None:
        """As set.update: one change for each element that was not there."""
        tracker = ready(self)
        for other in others:
            _update(self, tracker, "update", other)

    def __ior__(self, other: Any, /) -> Self:  # type: ignore[override,misc]
        if not isinstance(other, _SETS):
            return NotImplemented
        _update(self, ready(self), "ior", other)
        return self

    def difference_update(self, *others: Iterable[Any]) -> None:
        """As set.difference_update: one change for each element that was there."""
        tracker = ready(self)
        for other in others:
            _subtract(self, tracker, "difference_update", other)

    def __isub__(self, other: Any, /) -> Self:  # type: ignore[misc]
        if not isinstance(other, _SETS):
            return NotImplemented
        _subtract(self, ready(self), "isub", other)
        return self

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """As set.intersection_update: one change for each element that is there no longer."""
        _replaced(self, ready(self), "intersection_update", others)

    def __iand__(self, other: Any, /) -> Self:  # type: ignore[misc]
        if not isinstance(other, _SETS):
            return NotImplemented
        _replaced(self, ready(self), "iand", (other,))
        return self

    def symmetric_difference_update(self, other: Iterable[Any], /) -> None:
        """As set.symmetric_difference_update: one change for each element that has come or gone."""
        _exchange(self, ready(self), "symmetric_difference_update", other)

    def __ixor__(self, other: Any, /) -> Self:  # type: ignore[override,misc]
        if not isinstance(other, _SETS):
            return NotImplemented
        _exchange(self, ready(self), "ixor", other)
        return self


_element = tuple.__new__


def _added(target: TrackedSet[Any], tracker: Tracker, action: str, element: Any) -> None:
    if tracker.options.nested:
        adopted(target, tracker, MISSING, element, {})
    record(target, tracker, action, Element(element), MISSING, element)


def _gone(target: TrackedSet[Any], tracker: Tracker, action: str, element: Any) -> None:
    if tracker.options.nested:
        released(target, tracker, MISSING, element)
    record(target, tracker, action, Element(element), element)


def _hashed(other: Any) -> set[Any] | None:
    """The elements of a set or dict as a new set, which asks for no hash of theirs again; None for anything else."""
    if isinstance(other, _SETS) or type(other) is dict:
        return set.union(set(), other)
    return None


def _in_order(other: Any) -> Iterable[Any]:
    """The elements in the order of the built-in, which goes by the content of a set whatever a subclass makes of it."""
    if isinstance(other, set):
        return set.__iter__(other)
    return frozenset.__iter__(other) if isinstance(other, frozenset) else iter(other)


def _update(target: TrackedSet[Any], tracker: Tracker, action: str, other: Any) -> None:
    elements = _hashed(other)
    if elements is not None:
        # Where a comparison fails, it does so again below, when what comes before it is added.
        with suppress(Exception):
            fresh = set.difference(elements, target)
            set.update(target, other)
            for element in fresh:
                _added(target, tracker, action, element)
            return
    # One by one: what was added before the iteration failed stays.
    for element in _in_order(other):
        before = _size(target)
        _add(target, element)
        if _size(target) > before:
            _added(target, tracker, action, element)


def _subtract(target: TrackedSet[Any], tracker: Tracker, action: str, other: Any) -> None:
    elements = _hashed(other)
    if elements is not None:
        with suppress(Exception):
            gone = set.intersection(target, elements)
            set.difference_update(target, other)
            for element in gone:
                _gone(target, tracker, action, element)
            return
    for element in _in_order(other):
        before = _size(target)
        if isinstance(element, set):
            # discard would make a frozenset of it.
            set.difference_update(target, (element,))
        else:
            _discard(target, element)
        if _size(target) < before:
            _gone(target, tracker, action, element)
    # As the built-in at its end: makes the table smaller, on which the order of the elements depends.
    set.difference_update(target, ())


def _replaced(target: TrackedSet[Any], tracker: Tracker, action: str, others: tuple[Any, ...]) -> None:
    before = set.copy(target)
    set.intersection_update(target, *others)
    for element in set.difference(before, target):
        _gone(target, tracker, action, element)
    if tracker.options.values or tracker.options.nested:
        # An element may have given way to an equal one: True to 1.
        known = set(map(id, before))
        others_now = {element: element for element in before} if target else {}
        for element in [element for element in set.copy(target) if id(element) not in known]:
            _gone(target, tracker, action, others_now[element])
            _added(target, tracker, action, element)


def _exchange(target: TrackedSet[Any], tracker: Tracker, action: str, other: Any) -> None:
    elements = _hashed(other)
    if elements is None:
        other = elements = set(other)
    gone = set.intersection(target, elements)
    fresh = set.difference(elements, target)
    set.symmetric_difference_update(target, other)
    for element in gone:
        _gone(target, tracker, action, element)
    for element in fresh:
        _added(target, tracker, action, element)
