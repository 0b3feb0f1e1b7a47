# SPDX-License-Identifier: Apache-2.0
"""Objects whose attributes are recorded: what takes the place of `__setattr__` and `__delattr__`, and a base class."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable
from time import time_ns
from typing import Any

from otelprov.containers import pending
from otelprov.containers.attributes import Assigning, Plan, plan_of, was_assigned
from otelprov.containers.change import Attribute
from otelprov.containers.history import TrackedMethods
from otelprov.containers.originals import plain_copy
from otelprov.containers.pending import MISSING, note
from otelprov.containers.recording import record
from otelprov.containers.stored import attributes_of, store, stored
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import MOST_KEPT, kept, tracker_of

_getframe = sys._getframe
_get = object.__getattribute__
_set = object.__setattr__
_delete = object.__delattr__
_beginning = threading.RLock()
# Frames above the first assignment that are looked at for the line that made the object.
_MOST_FRAMES = 16
# Code that @dataclass and attrs write.
_GENERATED = ("<string>", "<attrs")
_MAKING = frozenset(
    {"__init__", "__new__", "__post_init__", "__setattr__", "__call__", "__setstate__", "model_post_init"}
)


def set_plainly(self: Any, name: str, value: Any) -> None:
    """`__setattr__` of classes that leave it, and reading attributes, to `object`."""
    try:
        tracker = self._tracking
    except AttributeError:
        tracker = begin(self)
    try:
        key = tracker.names[name]
    except (KeyError, TypeError):
        set_guarded(self, name, value)
        return
    # No descriptor has a say in this name, and nothing wants more care: what `object.__setattr__` does, and cheaper.
    attributes = self.__dict__
    try:
        old = attributes[name]
    except KeyError:
        old = MISSING
    attributes[name] = value
    if type(old) is not int and (type(old) is not str or len(old) > MOST_KEPT):
        old = kept(old)
    if type(value) is not int and (type(value) is not str or len(value) > MOST_KEPT):
        value = kept(value)
    note((tracker, "set", time_ns(), key, old, value, pending.here()))


def set_guarded(self: Any, name: str, value: Any) -> None:
    """`__setattr__` of classes that leave it to `object`, but have slots, or a say in how attributes are read."""
    plan = plan_of(type(self))
    try:
        tracker = plan.slot.__get__(self)
    except AttributeError:
        tracker = begin(self)
    place = plan.place(name)
    if place is None or (tracker.way and (tracker.careful() or tracker.site)):
        set_through(self, name, value, _set)
        return
    key, member = place
    if member is None:
        attributes = _get(self, "__dict__")
        old = attributes.get(name, MISSING)
        attributes[name] = value
    else:
        try:
            old = member.__get__(self)
        except AttributeError:
            old = MISSING
        member.__set__(self, value)
    note((tracker, "set", time_ns(), key, kept(old), kept(value), pending.here()))


def delete_plainly(self: Any, name: str) -> None:
    """`__delattr__` of classes that leave it to `object`."""
    delete_through(self, name, _delete)


def set_through(self: Any, name: str, value: Any, setter: Callable[[Any, str, Any], object]) -> None:
    """Set an attribute as the class does, and record it once: here, or where the class's own code has assigned it."""
    plan = plan_of(type(self))
    try:
        tracker = plan.slot.__get__(self)
    except AttributeError:
        tracker = begin(self)
    if tracker.way:
        tracker.careful()
    key = plan.key(name)
    if key is None:
        setter(self, name, value)
        if name == "__class__":
            tracker.plain_names = plan_of(type(self)).names
            tracker.choose_way()
        return
    old = stored(self, name)
    assigned: set[str] = set()
    if setter is _set and plan.place(name) is not None:
        setter(self, name, value)
    else:
        with Assigning(tracker) as assigned:
            setter(self, name, value)
    new = stored(self, name)
    if name in assigned or (assigned and (new is MISSING or (new is old and plan.is_described(name)))):
        return
    if tracker.options.nested:
        if new is not MISSING:
            new = _adopted(self, tracker, key, new)
        _release(self, tracker, key, old)
    was_assigned(tracker, name)
    record(self, tracker, "set", key, old, value if new is MISSING else new)


def delete_through(self: Any, name: str, deleter: Callable[[Any, str], object]) -> None:
    """Delete an attribute as the class does, and record it once."""
    plan = plan_of(type(self))
    try:
        tracker = plan.slot.__get__(self)
    except AttributeError:
        tracker = begin(self)
    if tracker.way:
        tracker.careful()
    key = plan.key(name)
    if key is None:
        deleter(self, name)
        return
    old = stored(self, name)
    with Assigning(tracker) as assigned:
        deleter(self, name)
    if name in assigned or (old is MISSING and assigned):
        return
    if tracker.options.nested:
        _release(self, tracker, key, old)
    was_assigned(tracker, name)
    record(self, tracker, "delete", key, old)


def begin(instance: Any) -> Tracker:
    """The tracker of an object, made when it is first needed: how objects come to be is up to their class."""
    with _beginning:
        tracker = tracker_of(instance)
        if tracker is not None:
            return tracker
        plan = plan_of(type(instance))
        tracker = Tracker(_kind(type(instance)), plan.options)
        tracker.plain_names = plan.names
        tracker.choose_way()
        tracker.code, tracker.lasti = _maker()
        plan.slot.__set__(instance, tracker)
    _record_making(instance, tracker, plan)
    return tracker


def _record_making(instance: Any, tracker: Tracker, plan: Plan) -> None:
    options = plan.options
    held = {name: value for name, value in attributes_of(instance) if plan.key(name) is not None}
    if options.nested:
        held = {name: _adopted(instance, tracker, Attribute(name), value) for name, value in held.items()}
    if options.original:
        tracker.original = plain_copy(held)
    record(instance, tracker, "create", new=held if options.values else MISSING, elements=len(held))


def remember_original(instance: Any) -> None:
    """Take what an object holds now as what it held at first: its `__init__` is done."""
    tracker = tracker_of(instance) or begin(instance)
    plan = plan_of(type(instance))
    tracker.original = plain_copy(
        {name: value for name, value in attributes_of(instance) if plan.key(name) is not None}
    )


def _kind(cls: type) -> str:
    name = cls.__name__
    return name if name not in ("dict", "list", "set") else f"{cls.__module__}.{name}"


def _maker() -> tuple[Any, int]:
    frame: types.FrameType | None = _getframe(2)
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        code = frame.f_code
        module = frame.f_globals.get("__name__")
        ours = type(module) is str and module.startswith("otelprov.containers.")
        if code.co_name not in _MAKING and not code.co_filename.startswith(_GENERATED) and not ours:
            return code, frame.f_lasti
        frame = frame.f_back
    return None, -1


def _adopted(instance: Any, tracker: Tracker, key: Attribute, value: Any) -> Any:
    # After it was stored, because the class may have made another value of it.
    from otelprov.containers.nested import adopt

    adopted = adopt(instance, tracker, key, value)
    if adopted is not value:
        store(instance, str.__str__(key), adopted)
    return adopted


def _release(instance: Any, tracker: Tracker, key: Attribute, value: Any) -> None:
    if value is not MISSING:
        from otelprov.containers.links import release

        release(instance, tracker, key, value)


def reads_plainly(kind: type) -> bool:
    """Whether a class leaves reading attributes to `object`."""
    read: Any = kind.__getattribute__
    return read is object.__getattribute__ and not any("__getattr__" in base.__dict__ for base in kind.__mro__)


class Slot:
    """Where the tracker is, for all classes that have no slots of their own; nothing that copies or pickles sees it."""

    __slots__ = ("_tracking",)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__setattr__ is set_plainly and not reads_plainly(cls):
            type.__setattr__(cls, "__setattr__", set_guarded)

    def __getstate__(self) -> object:
        # Asked for like this, `object` does not compare the size of the instance with the slots it knows.
        return object.__getstate__(self)


# What `copyreg` goes by.
del Slot.__slots__


class TrackedObject(Slot, TrackedMethods):
    """A base class: every attribute that is set or deleted on an instance is recorded.

    Options are given by `@tracked(...)` on a subclass. What goes around the assignment of attributes is not seen, see
    docs/reference/containers.md.
    """

    __slots__ = ("__weakref__",)

    __setattr__ = set_plainly
    __delattr__ = delete_plainly


def _after_fork_in_child() -> None:
    global _beginning
    _beginning = threading.RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)
