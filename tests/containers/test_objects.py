# SPDX-License-Identifier: Apache-2.0
"""Objects whose attributes are recorded: behave as the undecorated class, and say each change once."""

from __future__ import annotations

import abc
import copy
import dataclasses
import enum
import inspect
import json
import pickle
import subprocess
import sys
import types
import typing
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelprov.containers import MISSING, LockedError, TrackedDict, TrackedObject, tracked, tracking

T = TypeVar("T")


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


def test_every_assignment_and_deletion_is_told_once() -> None:
    cart = Cart("ann")
    cart.total += 5
    cart.add(7)
    cart.extra = None  # type: ignore[attr-defined]
    setattr(cart, "owner", "bea")  # noqa: B010 - as programs do
    del cart.extra  # type: ignore[attr-defined]
    delattr(cart, "owner")
    assert told(cart) == [
        ("set", ".owner", MISSING, "ann"),
        ("set", ".total", MISSING, 0),
        ("set", ".total", 0, 5),
        ("set", ".total", 5, 12),
        ("set", ".extra", MISSING, None),
        ("set", ".owner", "ann", "bea"),
        ("delete", ".extra", None, MISSING),
        ("delete", ".owner", "bea", MISSING),
    ]


def test_what_fails_is_not_told() -> None:
    class Odd:
        def __init__(self) -> None:
            self.x = 1

        @property
        def fixed(self) -> int:
            return 1

        @property
        def picky(self) -> int:
            return 1

        @picky.setter
        def picky(self, value: int) -> None:
            raise ValueError("no")

    plain, odd = Odd(), tracked(Odd)()
    for attempt in (
        lambda o: setattr(o, "fixed", 2),
        lambda o: delattr(o, "fixed"),
        lambda o: setattr(o, "picky", 2),
        lambda o: delattr(o, "absent"),
        lambda o: o.absent,
        lambda o: setattr(o, 5, 2),
        lambda o: o.__setattr__(5, 2),
        lambda o: o.__setattr__([], 2),
        lambda o: setattr(o, "__class__", int),
        lambda o: setattr(o, "__dict__", 3),
    ):
        with pytest.raises(Exception) as expected:
            attempt(plain)
        with pytest.raises(type(expected.value)) as found:
            attempt(odd)
        assert str(found.value) == str(expected.value)
    assert told(odd) == [("set", ".x", MISSING, 1)]


def test_nothing_of_ours_is_on_the_object() -> None:
    point = Point(1, 2)
    assert vars(point) == {"x": 1, "y": 2}
    assert json.dumps(vars(point)) == '{"x": 1, "y": 2}'
    assert dataclasses.asdict(point) == {"x": 1, "y": 2}
    assert [field.name for field in dataclasses.fields(Point)] == ["x", "y"]
    assert repr(point) == "Point(x=1, y=2)"
    assert point == Point(1, 2) != Point(1, 3)
    match point:
        case Point(x, y):
            assert (x, y) == (1, 2)
        case _:
            raise AssertionError
    assert type(point) is Point is point.__class__
    assert dataclasses.replace(point, y=5) == Point(1, 5)
    assert "_tracking" not in vars(Point(1))


def test_the_class_says_of_itself_what_it_said() -> None:
    assert (Cart.__name__, Cart.__qualname__, Cart.__module__, Cart.__doc__) == ("Cart", "Cart", __name__, "A cart.")
    assert str(inspect.signature(Cart)) == "(owner: 'str', total: 'int' = 0) -> 'None'"
    assert typing.get_type_hints(Point) == {"x": int, "y": int}
    assert Point.__annotations__ == {"x": "int", "y": "int"}
    assert Point.__match_args__ == ("x", "y")
    assert Slotted.__slots__ == ("x", "y")
    assert not hasattr(Cart, "__slots__")
    assert inspect.getsource(Cart.add).startswith("    def add")
    assert Model.model_json_schema()["description"] == "A model."


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "made", [Point(1, 2), Cart("ann", 3), Slotted(x=1, y=[2]), ByHand(), Model(x=1, z=3), Attrs(5), Based()]
)
def test_pickles_are_those_of_the_class(made: Any, protocol: int) -> None:
    if getattr(type(made), "__slots__", None) and type(made) in (Slotted, ByHand) and protocol < 2:
        with pytest.raises(TypeError, match="a class that defines __slots__ without defining __getstate__"):
            pickle.dumps(made, protocol)
        return
    data = pickle.dumps(made, protocol)
    assert b"otelprov" not in data
    again = pickle.loads(data)
    assert type(again) is type(made)
    assert _content(again) == _content(made)
    again.x = 77
    assert told(again)[-1][:2] == ("set", ".x")
    assert made.x != 77 if hasattr(made, "x") else True


def _content(instance: Any) -> Any:
    if isinstance(instance, pydantic.BaseModel):
        return instance.model_dump(), instance.__pydantic_private__
    return getattr(instance, "__dict__", None), [
        getattr(instance, name, None) for name in ("x", "y", "_ByHand__hidden")
    ]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_tracked_on_their_own(copied: Callable[[Any], Any]) -> None:
    for made in (Point(1, 2), Cart("ann", 3), Slotted(x=1, y=[2]), ByHand(), Model(x=1), Attrs(5), Based()):
        made.x = 77 if isinstance(made, Cart) else made.x
        before, before_x = told(made), made.x
        other = copied(made)
        assert type(other) is type(made)
        assert _content(other) == _content(made)
        other.x = 8
        # The copy has a history of its own.
        assert told(other)[-1] == ("set", ".x", 77 if isinstance(made, Cart) else before_x, 8)
        assert told(made) == before
    # Slots are not shared either.
    first = Slotted(x=1, y=[2])
    assert copy.copy(first).y is first.y
    assert copy.deepcopy(first).y is not first.y


def test_a_class_that_cannot_be_pickled_is_refused_as_before() -> None:
    class Lock(types.SimpleNamespace):
        pass

    class File(__import__("io").BytesIO):
        pass

    class Generator(weakref.ref):
        pass

    for kind in (File, Lock):
        made, plain = tracked(kind), kind
        results = []
        for chosen in (plain, made):
            try:
                results.append(chosen().__reduce_ex__(2)[1:])
            except TypeError as error:
                results.append(str(error))
        assert _without_class(results[0]) == _without_class(results[1])
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.copy(tracked(Generator)(Plain()))
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.copy(Generator(Plain()))


def _without_class(result: Any) -> Any:
    return result if isinstance(result, str) else tuple(part for part in result if not isinstance(part, type | tuple))


def test_properties_and_descriptors_are_told_by_what_they_store() -> None:
    class Positive:
        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: Any, owner: type) -> Any:
            return self if instance is None else instance.__dict__[self.name]

        def __set__(self, instance: Any, value: int) -> None:
            if value < 0:
                raise ValueError("negative")
            instance.__dict__[self.name] = int(value)

        def __delete__(self, instance: Any) -> None:
            del instance.__dict__[self.name]

    outside: dict[str, int] = {}

    @tracked
    class Account:
        amount = Positive()

        @property
        def limit(self) -> int:
            return self._limit

        @limit.setter
        def limit(self, value: int) -> None:
            self._limit = value
            self.changed = True

        @limit.deleter
        def limit(self) -> None:
            del self._limit

        @property
        def elsewhere(self) -> int:
            return outside["x"]

        @elsewhere.setter
        def elsewhere(self, value: int) -> None:
            outside["x"] = value

    account = Account()
    account.amount = 3.7  # type: ignore[assignment]
    with pytest.raises(ValueError, match="negative"):
        account.amount = -1
    account.limit = 10
    del account.limit
    account.elsewhere = 4
    del account.amount
    assert told(account) == [
        ("set", ".amount", MISSING, 3),
        ("set", "._limit", MISSING, 10),
        ("set", ".changed", MISSING, True),
        ("delete", "._limit", 10, MISSING),
        ("set", ".elsewhere", MISSING, 4),
        ("delete", ".amount", 3, MISSING),
    ]


def test_classes_with_a_say_of_their_own_in_attributes() -> None:
    asked: list[str] = []

    @tracked
    class Own:
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "both":
                self.one = value
                self.two = value
            elif name == "refused":
                raise AttributeError("refused")
            elif name == "doubled":
                super().__setattr__(name, value * 2)
            else:
                object.__setattr__(self, name, value)

        def __delattr__(self, name: str) -> None:
            if name == "kept":
                raise AttributeError("kept")
            super().__delattr__(name)

    own = Own()
    own.both = 1
    own.doubled = 4
    with pytest.raises(AttributeError, match="refused"):
        own.refused = 1
    with pytest.raises(AttributeError, match="kept"):
        del own.kept
    del own.doubled
    assert told(own) == [
        ("set", ".one", MISSING, 1),
        ("set", ".two", MISSING, 1),
        ("set", ".doubled", MISSING, 8),
        ("delete", ".doubled", 8, MISSING),
    ]

    @tracked
    class Answers:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return name.upper()

    class Reads(Answers):
        def __getattribute__(self, name: str) -> Any:
            asked.append(name)
            return super().__getattribute__(name)

    for kind in (Answers, Reads):
        answers = kind()
        asked.clear()
        answers.x = 1
        answers.x = 2
        assert asked == []
        assert told(answers) == [("set", ".x", MISSING, 1), ("set", ".x", 1, 2)]
        assert answers.nothing == "NOTHING"

    class Later(Based):
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return 1

    asked.clear()
    assert told(Later()) == [("set", ".x", MISSING, 1)]
    assert asked == []


def test_only_names_what_is_recorded() -> None:
    @tracked(only=("x", "limit"), name="chosen")
    class Chosen:
        pass

    chosen = Chosen()
    chosen.x = 1  # type: ignore[attr-defined]
    chosen.y = 2  # type: ignore[attr-defined]
    del chosen.y  # type: ignore[attr-defined]
    assert told(chosen) == [("set", ".x", MISSING, 1)]
    assert tracking(chosen).name == "chosen"
    for wrong in ("x", (1,)):
        with pytest.raises(TypeError, match="only takes names"):
            tracked(only=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'valeus' is no option of a tracked container: did you mean values"):
        tracked(valeus=True)


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
        class Anew(_Slots):
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
        (3, "is for classes, not int"),
    ):
        with pytest.raises(TypeError, match=why):
            tracked(kind)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="put @tracked on its class"):
        tracking(Plain())


def test_a_locked_object_refuses() -> None:
    for made in (Cart("ann"), Slotted(x=1), Model(x=1), Based()):
        before = told(made)
        tracking(made).lock()
        for attempt in (lambda o: setattr(o, "x", 9), lambda o: delattr(o, "x")):
            with pytest.raises(LockedError, match=r"is locked, by test_objects.py:\d+ in test_a_locked_object_refuses"):
                attempt(made)
        assert told(made) == before
        tracking(made).unlock()
        made.x = 9  # type: ignore[attr-defined]
        assert told(made)[-1][:2] == ("set", ".x")


def test_it_is_named_after_the_line_that_makes_it() -> None:
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    point = Point(1)
    assert tracking(point).name == f"Point test_objects.py:{line}"


def test_nothing_of_the_program_is_kept_alive() -> None:
    class Thing:
        pass

    cart = Cart("ann")
    thing = Thing()
    gone = weakref.ref(thing)
    cart.thing = thing  # type: ignore[attr-defined]
    cart.thing = "x" * 10_000  # type: ignore[attr-defined]
    cart.thing = 1  # type: ignore[attr-defined]
    del thing
    assert gone() is None
    assert told(cart)[2][3] is Thing
    assert told(cart)[3][3].length == 10_000
    gone_cart = weakref.ref(cart)
    changes = tracking(cart).changes()
    del cart
    assert gone_cart() is None
    assert changes[-1].new == 1


_NAMES = st.sampled_from(["x", "y", "prop", "_hid", "slot"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), _NAMES, st.one_of(st.integers(), st.text(max_size=3), st.none())),
        st.tuples(st.just("delete"), _NAMES, st.none()),
    ),
    max_size=30,
)


class _Slots:
    __slots__ = ("slot",)


class _Subject(_Slots):
    y = "class"

    @property
    def prop(self) -> Any:
        return self._prop

    @prop.setter
    def prop(self, value: Any) -> None:
        self._prop = value

    @prop.deleter
    def prop(self) -> None:
        del self._prop


_TrackedSubject = tracked(history=None)(type("_Subject", (_Subject,), {"__module__": __name__}))
_ValuesSubject = tracked(history=None, values=True, snapshot=True)(type("_Subject", (_Subject,), {}))


class _PlainDict:
    pass


_PLAIN_KINDS = {
    "slots": (_Subject, _TrackedSubject),
    "values": (_Subject, _ValuesSubject),
    "dict": (_PlainDict, tracked(history=None)(type("_PlainDict", (_PlainDict,), {}))),
}


@pytest.mark.parametrize("kind", list(_PLAIN_KINDS))
@given(steps=_STEPS)
def test_any_operations_as_the_undecorated_class_and_replayed(kind: str, steps: list[tuple[str, str, Any]]) -> None:
    plain, made = (cls() for cls in _PLAIN_KINDS[kind])
    for action, name, value in steps:
        outcomes = []
        for subject in (plain, made):
            try:
                setattr(subject, name, value) if action == "set" else delattr(subject, name)
                outcomes.append("done")
            except AttributeError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]
    assert vars(made) == vars(plain)
    replayed: dict[str, Any] = {}
    if steps and tracking(made).changes():
        for action, location, old, new in told(made):
            name = location[1:]
            assert replayed.get(name, MISSING) == old
            if action == "set":
                replayed[name] = new
            else:
                del replayed[name]
    assert replayed == {**vars(plain), **({"slot": plain.slot} if hasattr(plain, "slot") else {})}


def test_pydantic_is_not_imported_by_us(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom otelprov import tracked, tracking\n@tracked\nclass A: pass\na = A()\na.x = 1\n"
        "assert len(tracking(a).changes()) == 2\n"
        "print([name for name in ('pydantic', 'attrs', 'attr', 'hypothesis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "[]"
