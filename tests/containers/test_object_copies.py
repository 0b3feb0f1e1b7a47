# SPDX-License-Identifier: Apache-2.0
"""Copies and pickles of tracked objects: those of the class, and tracked on their own."""

from __future__ import annotations

import collections
import copy
import datetime
import decimal
import functools
import io
import pathlib
import pickle
import queue
import random
import types
import weakref
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from tracked_classes import Attrs, Based, ByHand, Cart, Model, Plain, Point, Slotted, told

from otelprov.containers import MISSING, tracked


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


@pytest.mark.parametrize(
    ("base", "arguments"),
    [
        (Exception, ("a",)),
        (OSError, (2, "x")),
        (io.StringIO, ("abc",)),
        (types.SimpleNamespace, ()),
        (collections.UserDict, ({"a": 1},)),
        (collections.deque, ([1],)),
        (str, ("s",)),
        (float, (1.5,)),
        (frozenset, ([1],)),
        (datetime.datetime, (2020, 1, 1)),
        (decimal.Decimal, ("1.5",)),
        (queue.Queue, ()),
        (random.Random, (3,)),
        (functools.partial, (print,)),
        (pathlib.PurePosixPath, ("a",)),
        (weakref.WeakValueDictionary, ()),
    ],
)
def test_classes_of_the_standard_library_as_bases(base: type, arguments: tuple[Any, ...]) -> None:
    outcomes = []
    kind = type("Kind", (base,), {})
    for chosen in (kind, tracked(kind)):
        made: Any = chosen(*arguments)
        made.x = 1
        made.x += 1
        assert made.x == 2
        found: list[Any] = [sorted(vars(made))]
        for attempt in (copy.copy, copy.deepcopy, lambda made: made.__reduce_ex__(4)):
            try:
                other = attempt(made)
                found.append([type(part).__name__ for part in other] if type(other) is tuple else other.x)
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}")
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]
    assert [one for one in told(made) if one[1] == ".x"] == [("set", ".x", MISSING, 1), ("set", ".x", 1, 2)]
