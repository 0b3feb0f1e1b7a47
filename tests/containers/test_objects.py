# SPDX-License-Identifier: Apache-2.0
"""Objects whose attributes are recorded: behave as the undecorated class, and say each change once."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
import typing
import weakref
from pathlib import Path
from typing import Any

import pytest
from tracked_classes import Based, Cart, Model, Plain, Point, Slotted, told

from otelprov.containers import MISSING, LockedError, tracked, tracking
from otelprov.containers.tracker import FAST
from otelprov.containers.values import tracker_of


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
    assert (Cart.__name__, Cart.__qualname__, Cart.__module__, Cart.__doc__) == (
        "Cart",
        "Cart",
        told.__module__,
        "A cart.",
    )
    assert str(inspect.signature(Cart)) == "(owner: 'str', total: 'int' = 0) -> 'None'"
    assert typing.get_type_hints(Point) == {"x": int, "y": int}
    assert Point.__annotations__ == {"x": "int", "y": "int"}
    assert Point.__match_args__ == ("x", "y")
    assert Slotted.__slots__ == ("x", "y")
    assert not hasattr(Cart, "__slots__")
    assert inspect.getsource(Cart.add).startswith("    def add")
    assert Model.model_json_schema()["description"] == "A model."


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
    # Back to the short way.
    assert tracker_of(account).way == FAST  # type: ignore[union-attr]


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


def test_a_locked_object_refuses() -> None:
    for made in (Cart("ann"), Slotted(x=1), Model(x=1), Based()):
        before = told(made)
        tracking(made).lock()
        for attempt in (lambda o: setattr(o, "x", 9), lambda o: delattr(o, "x")):
            with pytest.raises(LockedError, match=r"is locked, by test_objects.py:\d+ in test_a_locked_object_refuses"):
                attempt(made)
        with pytest.raises(LockedError):
            made.__class__ = Plain  # type: ignore[assignment]
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


def test_pydantic_is_not_imported_by_us(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom otelprov import tracked, tracking\n@tracked\nclass A: pass\na = A()\na.x = 1\n"
        "assert len(tracking(a).changes()) == 2\n"
        "print([name for name in ('pydantic', 'attrs', 'attr', 'hypothesis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "[]"
