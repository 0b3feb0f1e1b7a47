# SPDX-License-Identifier: Apache-2.0
"""`TrackedDict`: a dict that records every change of it."""

from __future__ import annotations

from collections.abc import Iterator
from sys import _getframe
from time import time_ns
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from otelprov.containers import pending
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
from otelprov.containers.tracker import ALWAYS, SITED, Options, Tracker
from otelprov.containers.values import MOST_KEPT, kept

K = TypeVar("K")
V = TypeVar("V")

# The built-in's own: never those of a subclass.
_set = dict.__setitem__
_get = dict.get
_pop = dict.pop
_size = dict.__len__


class TrackedDict(dict[K, V], CopiedAnew, TrackedMethods):
    """A dict that records every change: `TrackedDict(...)` takes what `dict(...)` takes.

    `otelprov.track({}, name="orders")` makes one with a name and options. Operations on several keys record one change
    for each.
    """

    __slots__ = ("__weakref__", "_tracking")

    _tracking: Tracker

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Self:
        """Make an empty one; the line that does is its name until it is given one."""
        self = dict.__new__(cls)
        self._tracking = new_tracker("dict", _getframe(1))
        return self

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        initialise(self, dict.__init__, args, kwargs)

    @classmethod
    def _made(cls, content: Any, options: Options) -> Self:
        """One with this content and these options."""
        self = dict.__new__(cls)
        tracker = unbegun(self, options)
        dict.__init__(self, content)
        begin(self, tracker, content)
        return self

    def __setitem__(self, key: K, value: V, /) -> None:
        try:
            tracker = self._tracking
        except AttributeError:
            tracker = unbegun(self)
        if tracker.way:
            ready(self)
            if tracker.way == ALWAYS:
                _assign(self, tracker, "set", key, value, {})
                return
            if tracker.way == SITED:
                _set_at_site(self, tracker, key, value, _getframe(1))
                return
        old: Any = _get(self, key, MISSING)
        _set(self, key, value)
        # What `kept` says of the usual ones, without the call of it; each step here is a tenth of a plain dict's cost.
        if type(value) is not int and (type(value) is not str or len(value) > MOST_KEPT):  # type: ignore[arg-type]
            value = kept(value)
        if type(old) is not int and (type(old) is not str or len(old) > MOST_KEPT):
            old = kept(old)
        if type(key) is not str:
            key = kept(key)
        note((tracker, "set", time_ns(), key, old, value, pending.here()))

    def __delitem__(self, key: K, /) -> None:
        tracker = ready(self)
        if not _size(self):
            dict.__delitem__(self, key)
        old = _pop(self, key)
        _gone(self, tracker, "delete", key, old)

    if not TYPE_CHECKING:
        # For type checkers the signatures of the built-in stand.

        def setdefault(self, /, *args: Any) -> Any:
            """As dict.setdefault; a change where the key was not there."""
            tracker = ready(self)
            if tracker.options.nested and 1 <= len(args) <= 2:
                key = args[0]
                old = _get(self, key, MISSING)
                if old is not MISSING:
                    return old
                _assign(self, tracker, "setdefault", key, args[1] if len(args) > 1 else None, {}, old)
                return _get(self, key)
            before = _size(self)
            value = dict.setdefault(self, *args)
            if _size(self) > before:
                record(self, tracker, "setdefault", args[0], MISSING, value)
            return value

        def pop(self, /, *args: Any) -> Any:
            """As dict.pop; a change where the key was there."""
            tracker = ready(self)
            before = _size(self)
            value = _pop(self, *args)
            if _size(self) < before:
                _gone(self, tracker, "pop", args[0], value)
            return value

    def popitem(self) -> tuple[K, V]:
        """As dict.popitem."""
        tracker = ready(self)
        key, value = dict.popitem(self)
        _gone(self, tracker, "popitem", key, value)
        return key, value

    def clear(self) -> None:
        """As dict.clear: one change."""
        tracker = ready(self)
        before = _size(self)
        gone = dict.copy(self) if tracker.options.nested else {}
        dict.clear(self)
        for key, value in gone.items():
            released(self, tracker, key, value)
        if before:
            record(self, tracker, "clear", elements=before)

    if not TYPE_CHECKING:
        # For type checkers the signatures of the built-in stand.

        def update(self, /, *args: Any, **kwargs: Any) -> None:
            """As dict.update: one change for each key."""
            tracker = ready(self)
            if len(args) > 1:
                dict.update({}, *args)
            for source in (*args, kwargs) if kwargs else args:
                _update(self, tracker, "update", source)

    def __ior__(self, other: Any, /) -> Self:  # type: ignore[override,misc]
        _update(self, ready(self), "ior", other)
        return self


def _set_at_site(target: TrackedDict[Any, Any], tracker: Tracker, key: Any, value: Any, frame: FrameType) -> None:
    old = _get(target, key, MISSING)
    _set(target, key, value)
    code, lasti = frame.f_code, frame.f_lasti
    note((tracker, "set", time_ns(), kept(key), kept(old), kept(value), pending.here(), code, lasti))


def _assign(
    target: TrackedDict[Any, Any],
    tracker: Tracker,
    action: str,
    key: Any,
    value: Any,
    memo: dict[int, tuple[Any, Any]],
    old: Any = None,
) -> None:
    """Set a key and record it, whatever the container was asked to record."""
    if old is not MISSING:
        old = _get(target, key, MISSING)
    if tracker.options.nested:
        value = adopted(target, tracker, key, value, memo)
        _set(target, key, value)
        released(target, tracker, key, old)
    else:
        _set(target, key, value)
    record(target, tracker, action, key, old, value)


def _gone(target: TrackedDict[Any, Any], tracker: Tracker, action: str, key: Any, old: Any) -> None:
    if tracker.options.nested:
        released(target, tracker, key, old)
    record(target, tracker, action, key, old)


def _update(target: TrackedDict[Any, Any], tracker: Tracker, action: str, source: Any) -> None:
    """As dict.update with one argument, in its order and with its errors; records each key as it is set."""
    if source is target:
        return
    memo: dict[int, tuple[Any, Any]] = {}
    for key, value in _pairs(source):
        _assign(target, tracker, action, key, value, memo)


def _pairs(source: Any) -> Iterator[tuple[Any, Any]]:
    # The built-in goes by the content of a dict, whatever a subclass makes of it, unless it iterates in its own way.
    if isinstance(source, dict) and type(source).__iter__ is dict.__iter__:
        yield from dict.items(source)
        return
    if hasattr(source, "keys"):
        for key in _keys(source):
            yield key, source[key]
        return
    for index, item in enumerate(source):
        pair = item
        if type(item) is not tuple and type(item) is not list:
            try:
                pair = list(item)
            except TypeError:
                _refuse(index, None)
        if len(pair) != 2:
            _refuse(index, (0,) * len(pair))
        yield pair[0], pair[1]


def _keys(source: Any) -> list[Any]:
    keys = source.keys()
    try:
        iterator = iter(keys)
    except TypeError:
        name = type(source).__name__
        raise TypeError(f"{name}.keys() returned a non-iterable (type {type(keys).__name__})") from None
    return list(iterator)


def _refuse(index: int, item: Any) -> None:
    # The built-in's own words, which differ between versions of Python.
    try:
        dict([*((0, 0),) * index, item])
    except (TypeError, ValueError) as error:
        raise error.with_traceback(None) from None
