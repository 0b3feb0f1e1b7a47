# SPDX-License-Identifier: Apache-2.0
"""Classes of every kind, tracked, and what is recorded of their instances."""

from __future__ import annotations

import dataclasses
from typing import Any

import attrs
import pydantic

from otelprov.containers import TrackedObject, tracked, tracking


def told(instance: Any) -> list[tuple[Any, ...]]:
    """What is recorded of an object after its making: action, location, old, new."""
    changes = tracking(instance).changes()
    assert [change.number for change in changes] == list(range(len(changes)))
    assert changes[0].action == "create"
    return [(change.action, change.location, change.old, change.new) for change in changes[1:]]


class Plain:
    """Undecorated, for pickling both by name and beside the decorated one."""

    def __init__(self, x: int = 0) -> None:
        self.x = x


@tracked
class Cart:
    """A cart."""

    kind = "cart"

    def __init__(self, owner: str, total: int = 0) -> None:
        self.owner = owner
        self.total = total

    def add(self, price: int) -> Cart:
        self.total += price
        return self


@tracked
@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@tracked
@dataclasses.dataclass(slots=True, kw_only=True, order=True)
class Slotted:
    x: int
    y: list[int] = dataclasses.field(default_factory=list)
    start: dataclasses.InitVar[int] = 0

    def __post_init__(self, start: int) -> None:
        self.x += start


@tracked
class ByHand:
    __slots__ = ("__hidden", "x")

    def __init__(self) -> None:
        self.x = 1
        self.__hidden = 2

    def hidden(self) -> int:
        return self.__hidden


@tracked
class Model(pydantic.BaseModel):
    """A model."""

    model_config = pydantic.ConfigDict(validate_assignment=True, extra="allow")
    x: int = 0
    items: list[int] = pydantic.Field(default_factory=list)
    _secret: int = pydantic.PrivateAttr(default=3)


@tracked
@attrs.define
class Attrs:
    x: int = attrs.field(default=1, validator=attrs.validators.instance_of(int))


class Based(TrackedObject):
    def __init__(self) -> None:
        self.x = 1
