# SPDX-License-Identifier: Apache-2.0
"""What an object holds in its attributes, seen without running the program's code: no property, no `__getattr__`."""

from __future__ import annotations

from types import MemberDescriptorType
from typing import Any

from otelprov.containers.pending import MISSING

_dict_of = object.__getattribute__
# Where pydantic puts what is not a field; both are dicts or None.
_ASIDE = ("__pydantic_private__", "__pydantic_extra__")


def stored(instance: Any, name: str) -> Any:
    """The value of an attribute of the instance itself, in its `__dict__` or a slot; `MISSING` where there is none."""
    attributes = instance_dict(instance)
    if attributes is not None and name in attributes:
        return attributes[name]
    slot = slot_of(type(instance), name)
    if slot is not None:
        return _in_slot(slot, instance)
    for aside in _ASIDE:
        held = _in_slot(slot_of(type(instance), aside), instance)
        if type(held) is dict and name in held:
            return held[name]
    return MISSING


def store(instance: Any, name: str, value: Any) -> None:
    """Put another value where the instance keeps an attribute that it has."""
    attributes = instance_dict(instance)
    slot = slot_of(type(instance), name)
    if attributes is not None and name in attributes:
        attributes[name] = value
    elif slot is not None:
        slot.__set__(instance, value)
    else:
        for aside in _ASIDE:
            held = _in_slot(slot_of(type(instance), aside), instance)
            if type(held) is dict and name in held:
                held[name] = value


def attributes_of(instance: Any) -> list[tuple[str, Any]]:
    """Names and values of all attributes of the instance itself: those in slots, then those in its `__dict__`."""
    found: dict[str, Any] = {}
    for kind in reversed(type(instance).__mro__):
        for name, slot in list(kind.__dict__.items()):
            if type(slot) is MemberDescriptorType and not _is_ours_or_aside(name):
                value = _in_slot(slot, instance)
                if value is not MISSING:
                    found[name] = value
    found.update(instance_dict(instance) or {})
    for aside in _ASIDE:
        held = _in_slot(slot_of(type(instance), aside), instance)
        if type(held) is dict:
            found.update(held)
    return list(found.items())


def instance_dict(instance: Any) -> dict[str, Any] | None:
    """The `__dict__` of an instance, None where its class has none."""
    try:
        found = _dict_of(instance, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def slot_of(kind: type, name: str) -> MemberDescriptorType | None:
    """The slot that an attribute of a class is; None where it is something else."""
    for base in kind.__mro__:
        if name in base.__dict__:
            found = base.__dict__[name]
            return found if type(found) is MemberDescriptorType else None
    return None


def _in_slot(slot: MemberDescriptorType | None, instance: Any) -> Any:
    if slot is None:
        return MISSING
    try:
        return slot.__get__(instance)
    except AttributeError:
        return MISSING


def _is_ours_or_aside(name: str) -> bool:
    return name == "_tracking" or name.startswith("__")
