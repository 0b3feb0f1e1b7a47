# SPDX-License-Identifier: Apache-2.0
"""`TrackedList`: a list that records every change of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from operator import index as as_index
from operator import indexOf, is_
from sys import _getframe
from time import time_ns
from typing import TYPE_CHECKING, Any, Self, TypeVar

from otelprov.containers import pending, slices
from otelprov.containers.copying import CopiedAnew
from otelprov.containers.history import TrackedMethods
from otelprov.containers.pending import MISSING, note
from otelprov.containers.recording import (
    adopted,
    begin,
    initialise,
    interrupted,
    new_tracker,
    ready,
    record,
    released,
    unbegun,
)
from otelprov.containers.tracker import ALWAYS, Options, Tracker
from otelprov.containers.values import MOST_KEPT, kept

T = TypeVar("T")

# The built-in's own: never those of a subclass.
_append = list.append
_get = list.__getitem__
_set = list.__setitem__
_size = list.__len__


class TrackedList(list[T], CopiedAnew, TrackedMethods):
    """A list that records every change: `TrackedList(...)` takes what `list(...)` takes.

    Each call is one change: that of an index, of a `Slice` with what is there now, or of the whole list.
    """

    __slots__ = ("__weakref__", "_tracking")

    _tracking: Tracker

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Self:
        """Make an empty one; the line that does is its name until it is given one."""
        self = list.__new__(cls)
        self._tracking = new_tracker("list", _getframe(1))
        return self

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        if kwargs and type(self).__new__ is TrackedList.__new__:
            # The built-in ignores them where `__new__` is not its own, as here it is not.
            list(**kwargs)
        initialise(self, list.__init__, args, {})

    @classmethod
    def _made(cls, content: Any, options: Options) -> Self:
        """One with this content and these options."""
        self = list.__new__(cls)
        tracker = unbegun(self, options)
        list.__init__(self, content)
        begin(self, tracker, content)
        return self

    def append(self, value: T, /) -> None:
        """As list.append."""
        try:
            tracker = self._tracking
        except AttributeError:
            tracker = unbegun(self)
        if tracker.way:
            ready(self)
            if tracker.way == ALWAYS:
                if tracker.options.nested:
                    value = adopted(self, tracker, _size(self), value, {})
                _append(self, value)
                record(self, tracker, "append", new=value)
                return
        _append(self, value)
        # What `kept` says of the usual ones, without the call of it.
        if type(value) is not int and (type(value) is not str or len(value) > MOST_KEPT):  # type: ignore[arg-type]
            value = kept(value)
        if not tracker.way:
            note((tracker, "append", time_ns(), MISSING, MISSING, value, pending.here()))
            return
        frame = _getframe(1)
        note((tracker, "append", time_ns(), MISSING, MISSING, value, pending.here(), frame.f_code, frame.f_lasti))

    if not TYPE_CHECKING:
        # For type checkers the signatures of the built-in stand.

        def __setitem__(self, key: Any, value: Any, /) -> None:
            try:
                tracker = self._tracking
            except AttributeError:
                tracker = unbegun(self)
            if type(key) is not int or tracker.way:
                if type(key) is slice:
                    slices.replace(self, ready(self), key, value)
                    return
                key = key if type(key) is int else _plain_index(self, key, value)
                ready(self)
            try:
                old = _get(self, key)
            except IndexError:
                _set(self, key, value)
                raise
            if tracker.way:
                _set_carefully(self, tracker, key, old, value)
                return
            _set(self, key, value)
            if key < 0:
                key += _size(self)
            if type(value) is not int and (type(value) is not str or len(value) > MOST_KEPT):
                value = kept(value)
            if type(old) is not int and (type(old) is not str or len(old) > MOST_KEPT):
                old = kept(old)
            note((tracker, "set", time_ns(), key, old, value, pending.here()))

    def __delitem__(self, key: Any, /) -> None:
        if type(key) is not int:
            if type(key) is slice:
                slices.delete(self, ready(self), key)
                return
            key = _plain_index(self, key)
        tracker = ready(self)
        try:
            old = _get(self, key)
        except IndexError:
            list.__delitem__(self, key)
            raise
        if key < 0:
            key += _size(self)
        list.__delitem__(self, key)
        _gone(self, tracker, "delete", key, old)

    if not TYPE_CHECKING:
        # For type checkers the signatures of the built-in stand.

        def insert(self, /, *args: Any) -> None:
            """As list.insert."""
            tracker = ready(self)
            if len(args) != 2 or not hasattr(type(args[0]), "__index__"):
                list.insert(self, *args)
                return
            key, value = as_index(args[0]), args[1]
            before = _size(self)
            if tracker.options.nested:
                value = adopted(self, tracker, key, value, {})
            list.insert(self, key, value)
            key = max(key + before, 0) if key < 0 else min(key, before)
            record(self, tracker, "insert", key, MISSING, value)

        def pop(self, /, *args: Any) -> Any:
            """As list.pop."""
            tracker = ready(self)
            if len(args) == 1 and type(args[0]) is not int and hasattr(type(args[0]), "__index__"):
                args = (as_index(args[0]),)
            old = list.pop(self, *args)
            key = args[0] if args else -1
            # It is shorter by one now.
            _gone(self, tracker, "pop", key + _size(self) + 1 if key < 0 else key, old)
            return old

    def remove(self, value: Any, /) -> None:
        """As list.remove."""
        tracker = ready(self)
        # Found at its end at the latest: the comparisons of the built-in, and no error that might be the program's own.
        key = indexOf(chain(list.__iter__(self), (value,)), value)
        if key >= _size(self):
            list.remove([], value)
        old = _get(self, key)
        list.__delitem__(self, key)
        _gone(self, tracker, "remove", key, old)

    def clear(self) -> None:
        """As list.clear: one change."""
        tracker = ready(self)
        before = list.copy(self)
        list.clear(self)
        if tracker.options.nested:
            for key, value in enumerate(before):
                released(self, tracker, key, value)
        if before:
            record(self, tracker, "clear", elements=len(before))

    def extend(self, values: Iterable[T], /) -> None:
        """As list.extend: one change; what was added before the iteration failed stays and is recorded."""
        slices.extend(self, ready(self), "extend", values)

    def __iadd__(self, other: Any, /) -> Any:  # type: ignore[misc]
        # A list has no addition of numbers: where the other operand has one, that is asked first.
        added = _reflected(self, other, "__radd__")
        if added is not NotImplemented:
            return added
        slices.extend(self, ready(self), "iadd", other)
        return self

    def __imul__(self, factor: Any, /) -> Any:  # type: ignore[misc]
        if type(factor) is not int:
            if not hasattr(type(factor), "__index__"):
                return list.copy(self) * factor
            product = _reflected(self, factor, "__rmul__")
            if product is not NotImplemented:
                return product
            factor = as_index(factor)
        tracker = ready(self)
        before = _size(self)
        gone = list.copy(self) if tracker.options.nested and factor <= 0 else []
        list.__imul__(self, factor)
        if tracker.options.nested:
            for key, value in enumerate(gone):
                released(self, tracker, key, value)
            for key in range(before, _size(self)):
                adopted(self, tracker, key, _get(self, key), {})
        if before and factor != 1:
            record(self, tracker, "imul", MISSING, MISSING, factor, elements=_size(self))
        return self

    def reverse(self) -> None:
        """As list.reverse: one change."""
        tracker = ready(self)
        list.reverse(self)
        if _size(self) > 1:
            record(self, tracker, "reverse", elements=_size(self))

    if not TYPE_CHECKING:
        # For type checkers the signatures of the built-in stand.

        def sort(self, /, *args: Any, **kwargs: Any) -> None:
            """As list.sort: one change; also where a comparison fails and leaves it half sorted."""
            tracker = ready(self)
            before = list.copy(self)
            meanwhile: list[bool] = []
            try:
                with interrupted(tracker, lambda: meanwhile.append(True)):
                    list.sort(self, *args, **kwargs)
            except BaseException:
                # What is done to the list meanwhile is undone, and it may be half sorted.
                if meanwhile or not all(map(is_, before, list.__iter__(self))):
                    _sorted(self, tracker)
                raise
            if len(before) > 1:
                _sorted(self, tracker)


def _set_carefully(target: TrackedList[Any], tracker: Tracker, key: int, old: Any, value: Any) -> None:
    if tracker.options.nested:
        value = adopted(target, tracker, key, value, {})
    _set(target, key, value)
    if key < 0:
        key += _size(target)
    if tracker.options.nested:
        released(target, tracker, key, old)
    record(target, tracker, "set", key, old, value)


def _sorted(target: TrackedList[Any], tracker: Tracker) -> None:
    new = list.copy(target) if tracker.options.values else MISSING
    record(target, tracker, "sort", MISSING, MISSING, new, elements=_size(target))


def _gone(target: TrackedList[Any], tracker: Tracker, action: str, key: int, old: Any) -> None:
    if tracker.options.nested:
        released(target, tracker, key, old)
    record(target, tracker, action, key, old)


def _plain_index(target: TrackedList[Any], key: Any, *value: Any) -> int:
    """The index that an object stands for, asked once; with the built-in's error for one that stands for none."""
    if not hasattr(type(key), "__index__"):
        if value:
            _set(target, key, value[0])
        list.__delitem__(target, key)
    return as_index(key)


def _reflected(target: Any, other: Any, name: str) -> Any:
    reflected = getattr(type(other), name, None)
    return NotImplemented if reflected is None else reflected(other, target)
