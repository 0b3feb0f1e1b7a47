# SPDX-License-Identifier: Apache-2.0
"""What is known of a class whose attributes are recorded: which of them, and where the class's own code has a say."""

from __future__ import annotations

import threading
from types import MemberDescriptorType
from typing import Any

from otelprov.containers.change import Attribute
from otelprov.containers.pending import MISSING
from otelprov.containers.tracker import ALWAYS, DEFAULT, Options, Tracker

# Names are few; a class that makes them up as it goes pays a little more for each.
_MOST_NAMES = 4096
_PLAN = "__tracked__"

# The key of an attribute in a change, and its slot; None is the `__dict__` of the instance.
Place = tuple[Attribute, MemberDescriptorType | None]


class Plan:
    """How the attributes of one class are recorded.

    `names` has those that no descriptor of the class has a say in and that instances keep in their `__dict__`, each
    with the key it has in a change; `places` also those of slots. A descriptor that is put on the class after the first
    assignment to its name is not noticed.
    """

    __slots__ = ("keys", "names", "only", "options", "owner", "places", "slot")

    def __init__(self, owner: type, options: Options, only: frozenset[str] | None) -> None:
        self.owner = owner
        self.options = options
        self.only = only
        self.keys: dict[str, Attribute | None] = {}
        self.names: dict[str, Attribute] = {}
        self.places: dict[str, Place] = {}
        self.slot: Any = next(base.__dict__["_tracking"] for base in owner.__mro__ if "_tracking" in base.__dict__)

    def key(self, name: str) -> Attribute | None:
        """The key of an attribute in a change; None where its changes are not recorded, as of `__class__`."""
        try:
            return self.keys[name]
        except (KeyError, TypeError):
            pass
        if type(name) is not str or (name.startswith("__") and name.endswith("__")):
            return None
        key = Attribute(name) if self.only is None or name in self.only else None
        if len(self.keys) < _MOST_NAMES:
            self.keys[name] = key
        return key

    def place(self, name: str) -> Place | None:
        """Where `object.__setattr__` stores a value, calling nothing; None where it calls, or we can't say."""
        try:
            return self.places[name]
        except (KeyError, TypeError):
            return self._learn(name)

    def _learn(self, name: str) -> Place | None:
        key = self.key(name)
        if key is None or len(self.places) >= _MOST_NAMES:
            return None
        found = self._on_class(name)
        if type(found) is MemberDescriptorType:
            self.places[name] = key, found
        elif not self.is_described(name) and _has_dict(self.owner):
            self.names[name] = key
            self.places[name] = key, None
        return self.places.get(name)

    def is_described(self, name: str) -> bool:
        """Whether a property or another descriptor decides what an assignment means."""
        kind = type(self._on_class(name))
        return hasattr(kind, "__set__") or hasattr(kind, "__delete__")

    def _on_class(self, name: str) -> Any:
        return next((base.__dict__[name] for base in self.owner.__mro__ if name in base.__dict__), MISSING)


def plan_of(kind: type) -> Plan:
    """The plan of a class: its own, or one made after that of its nearest base that has one."""
    found = kind.__dict__.get(_PLAN)
    if type(found) is Plan and found.owner is kind:
        return found
    plans = (base.__dict__.get(_PLAN) for base in kind.__mro__)
    above = next((plan for plan in plans if type(plan) is Plan), None)
    return plan_for(kind, *((above.options, above.only) if above is not None else (DEFAULT, None)))


def plan_for(kind: type, options: Options, only: frozenset[str] | None) -> Plan:
    """Give a class a plan of its own."""
    plan = Plan(kind, options, only)
    # Around the metaclass, which may have an opinion on attributes.
    type.__setattr__(kind, _PLAN, plan)
    return plan


def _has_dict(kind: type) -> bool:
    return kind.__dictoffset__ != 0 and not any(
        "__dict__" in base.__dict__ and type(base.__dict__["__dict__"]).__name__ != "getset_descriptor"
        for base in kind.__mro__
    )


class _Inside(threading.local):
    def __init__(self) -> None:
        self.frames: list[Assigning] = []


_inside = _Inside()


class Assigning:
    """While the class's own code assigns: the names that this has recorded of the same object, in this thread."""

    __slots__ = ("before", "names", "tracker")

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.before = ALWAYS
        self.names: set[str] = set()

    def __enter__(self) -> set[str]:
        _inside.frames.append(self)
        # The short way does not tell us.
        self.before = self.tracker.way
        self.tracker.take_way(ALWAYS)
        return self.names

    def __exit__(self, *_exc: object) -> None:
        _inside.frames.remove(self)
        if self.before != ALWAYS:
            self.tracker.choose_way()


def was_assigned(tracker: Tracker, name: str) -> None:
    """Tell whatever assignments are under way in this thread that an attribute of the object was recorded."""
    for frame in _inside.frames:
        if frame.tracker is tracker:
            frame.names.add(name)
