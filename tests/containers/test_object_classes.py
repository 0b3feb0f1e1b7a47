# SPDX-License-Identifier: Apache-2.0
"""Which classes can be tracked: dataclasses, models, generic and abstract ones, bases and subclasses."""

from __future__ import annotations

import abc
import ctypes
import dataclasses
import enum
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import pydantic
import pytest
from tracked_classes import Attrs, Based, Model, Plain, Point, Slotted, told

from otelprov.containers import MISSING, TrackedDict, TrackedObject, tracked, tracking

T = TypeVar("T")


class _Slotted:
    __slots__ = ("q",)


def test_inheritance_both_ways() -> None:
    registered: list[str] = []

    class Registry:
        def __init_subclass__(cls, *, key: str, **options: Any) -> None:
            super().__init_subclass__(**options)
            registered.append(f"{key}:{cls.__name__}")

    @tracked
    class First(Registry, key="first"):
        def __init__(self) -> None:
            super().__init__()
            self.x = 1

    class Second(First, key="second"):
        __slots__ = ("y",)

        def __init__(self) -> None:
            super().__init__()
            self.y = 2

    @tracked
    class Other:
        def more(self) -> None:
            self.z = 3

    class Both(Second, Other, key="both"):
        @property
        def x(self) -> int:
            return 5

        @x.setter
        def x(self, value: int) -> None:
            self.real = value

    assert registered == ["first:First", "second:Second", "both:Both"]
    assert told(Second()) == [("set", ".x", MISSING, 1), ("set", ".y", MISSING, 2)]
    both = Both()
    both.more()
    assert told(both) == [("set", ".real", MISSING, 1), ("set", ".y", MISSING, 2), ("set", ".z", MISSING, 3)]
    assert isinstance(both, First)
    assert isinstance(both, Other)
    assert issubclass(Second, First)

    class Mixed(Based, Other):
        pass

    mixed = Mixed()
    mixed.more()
    assert told(mixed) == [("set", ".x", MISSING, 1), ("set", ".z", MISSING, 3)]

    class Shown(Other):
        @property
        def z(self) -> int:  # type: ignore[override]
            return self._z

        @z.setter
        def z(self, value: int) -> None:
            self._z = value

    changed: Any = Other()
    changed.z = 1
    changed.__class__ = Shown
    changed.z = 2
    assert told(changed) == [("set", ".z", MISSING, 1), ("set", "._z", MISSING, 2)]

    @tracked(name="by name")
    class ByName(TrackedObject):
        def __init__(self) -> None:
            super(ByName, self).__init__()  # noqa: UP008 - no other class stands for this one
            self.x = 1

    assert told(ByName()) == [("set", ".x", MISSING, 1)]

    @tracked(name="again")
    class Again(First, key="again"):
        pass

    assert tracking(Again()).name == "again"
    assert told(Again()) == [("set", ".x", MISSING, 1)]


def test_abstract_and_generic_classes() -> None:
    @tracked
    class Shape(abc.ABC, Generic[T]):
        @abc.abstractmethod
        def area(self) -> T: ...

    class Square(Shape[int]):
        def __init__(self) -> None:
            self.side = 2

        def area(self) -> int:
            return self.side**2

    with pytest.raises(TypeError, match="abstract"):
        Shape()  # type: ignore[abstract]
    square = Square()
    assert square.area() == 4
    assert told(square) == [("set", ".side", MISSING, 2)]

    @tracked
    class Box(Generic[T]):
        def __init__(self, held: T) -> None:
            self.held = held

    assert told(Box[int](3)) == [("set", ".held", MISSING, 3)]
    assert Box.__parameters__ == (T,)  # type: ignore[attr-defined]


def test_dataclasses_of_every_kind() -> None:
    slotted = Slotted(x=1, start=4)
    slotted.y = [1]
    assert told(slotted) == [
        ("set", ".x", MISSING, 1),
        ("set", ".y", MISSING, list),
        ("set", ".x", 1, 5),
        ("set", ".y", list, list),
    ]
    assert slotted == Slotted(x=5, y=[1])
    assert slotted < Slotted(x=6)
    assert dataclasses.replace(slotted, x=9, start=0).x == 9
    with pytest.raises(AttributeError, match="'Slotted' object has no attribute 'z'"):
        slotted.z = 1  # type: ignore[attr-defined]

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        x: int

    assert tracked(Frozen) is Frozen

    @dataclasses.dataclass
    @tracked
    class Above:
        x: int
        y: list[int] = dataclasses.field(default_factory=list)

    above = Above(1)
    above.x = 2
    assert above == Above(2, [])
    assert told(above)[-1] == ("set", ".x", 1, 2)

    @dataclasses.dataclass
    class Below(Point):
        z: int = 3

    below = Below(1, 2)
    below.z = 4
    assert repr(below).endswith("Below(x=1, y=2, z=4)")
    assert told(below)[-1] == ("set", ".z", 3, 4)

    with pytest.raises((TypeError, RuntimeError)) as found:

        @dataclasses.dataclass(slots=True)
        @tracked
        class Anew(_Slotted):
            z: int

    assert "put @tracked above" in f"{found.value} {found.value.__cause__}"


def test_pydantic_models() -> None:
    model = Model(x=1)
    model.x = "5"  # type: ignore[assignment]
    model._secret = 7
    model.more = 3  # type: ignore[attr-defined]
    model.items = [1, 2]
    with pytest.raises(pydantic.ValidationError, match="1 validation error for Model"):
        model.x = "abc"  # type: ignore[assignment]
    del model.more  # type: ignore[attr-defined]
    assert told(model) == [
        ("set", ".x", 1, 5),
        ("set", "._secret", 3, 7),
        ("set", ".more", MISSING, 3),
        ("set", ".items", list, list),
        ("delete", ".more", 3, MISSING),
    ]
    assert model.model_dump() == {"x": 5, "items": [1, 2]}
    assert repr(model) == "Model(x=5, items=[1, 2])"
    other = model.model_copy(update={"x": 9})
    assert (other.x, other._secret, model.x) == (9, 7, 5)
    assert list(Model.model_fields) == ["x", "items"]
    assert Model.model_validate_json(model.model_dump_json()) == Model(x=5, items=[1, 2])

    @tracked
    class Page(pydantic.BaseModel, Generic[T]):
        value: T

        @pydantic.field_validator("value")
        @classmethod
        def checked(cls, value: T) -> T:
            return value

    page = Page[int](value="3")  # type: ignore[arg-type]
    page.value = 4
    assert told(page) == [("set", ".value", 3, 4)]

    class Child(Model):
        y: int = 1

        @pydantic.model_validator(mode="after")
        def together(self) -> Child:
            if self.y > 5:
                self.__dict__["x"] = 0
            return self

    child = Child(y=2)
    child.y = 6
    assert told(child)[0] == ("set", ".y", 2, 6)
    with pytest.raises(AttributeError):
        child.model_fields_set = 3  # type: ignore[misc, assignment]


def test_attrs_classes() -> None:
    made = Attrs(3)
    made.x = 5
    with pytest.raises(TypeError, match="must be"):
        made.x = "s"  # type: ignore[assignment]
    assert told(made) == [("set", ".x", 3, 5)]
    assert attrs.evolve(made, x=4) == Attrs(4)
    assert attrs.asdict(made) == {"x": 5}


def test_classes_that_cannot_be_tracked_say_why() -> None:
    class Pair(NamedTuple):
        x: int

    class Old(Plain):
        def __init__(self) -> None:
            super(Old, self).__init__()  # noqa: UP008 - that is the point

    for kind, why in (
        (enum.Enum("Colour", "red"), "the members of an Enum are constants"),
        (Pair, "no room for a slot"),
        (int, "no room for a slot"),
        (type("Mine", (dict,), {}), "inherit from otelprov.TrackedDict"),
        (TrackedDict, "inherit from otelprov.TrackedDict"),
        (Old, r"calls super\(Old, ...\)"),
        (type("Raw", (ctypes.Structure,), {}), "metaclass PyCStructType is written in C"),
        (3, "is for classes, not int"),
    ):
        with pytest.raises(TypeError, match=why):
            tracked(kind)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="put @tracked on its class"):
        tracking(Plain())
