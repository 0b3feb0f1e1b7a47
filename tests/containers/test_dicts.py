# SPDX-License-Identifier: Apache-2.0
"""Tracked dicts: what is recorded of each operation, and what the state machines do not try."""

from __future__ import annotations

import json
import weakref
from typing import Any

import pytest
from both_containers import Both, Failed, Unequal, Unhashable, changes

from otelprov.containers.dicts import TrackedDict
from otelprov.containers.history import tracking
from otelprov.containers.pending import MISSING
from otelprov.containers.tracker import Options
from otelprov.containers.values import Large


def _said(container: Any) -> list[tuple[Any, ...]]:
    return [(change.action, change.key, change.old, change.new) for change in changes(container)]


def test_each_operation_says_what_it_did() -> None:
    orders = TrackedDict({"a": 1}, b=2)
    orders["c"] = 3
    orders["a"] = "one"
    orders.setdefault("c", 4)
    orders.setdefault("d")
    del orders["b"]
    orders.pop("c")
    orders.pop("nothing", None)
    orders.popitem()
    orders.update({"e": 5}, f=6)
    orders |= [("e", 7)]
    orders.update()
    orders.clear()
    orders.clear()
    assert _said(orders) == [
        ("create", MISSING, MISSING, MISSING),
        ("set", "c", MISSING, 3),
        ("set", "a", 1, "one"),
        ("setdefault", "d", MISSING, None),
        ("delete", "b", 2, MISSING),
        ("pop", "c", 3, MISSING),
        ("popitem", "d", None, MISSING),
        ("update", "e", MISSING, 5),
        ("update", "f", MISSING, 6),
        ("ior", "e", 5, 7),
        ("clear", MISSING, MISSING, MISSING),
    ]


def test_the_making_is_change_0_and_tells_how_much_there_was() -> None:
    orders = TrackedDict(a=1, b=2)
    made = tracking(orders).changes()[0]
    assert (made.number, made.action, made.elements) == (0, "create", 2)
    orders["a"] = 1
    last = tracking(orders).last_change()
    assert last is not None
    assert last.number == 1


def test_it_is_called_after_the_line_that_makes_it() -> None:
    orders = TrackedDict()
    line = test_it_is_called_after_the_line_that_makes_it.__code__.co_firstlineno + 1
    assert tracking(orders).name == f"dict test_dicts.py:{line}"

    class Orders(TrackedDict[str, int]):
        def __init__(self, size: int) -> None:
            super().__init__(size=size)

    mine = Orders(3)
    assert tracking(mine).name == f"dict test_dicts.py:{line + 8}"


def test_the_line_of_a_change_where_it_is_asked_for() -> None:
    line = test_the_line_of_a_change_where_it_is_asked_for.__code__.co_firstlineno
    orders = TrackedDict._made({}, Options(site=True))
    orders["a"] = 1
    orders.update(b=2)
    places = [change.code for change in changes(orders)[1:]]
    assert [(place.line, place.function) for place in places if place] == [
        (line + 3, "test_the_line_of_a_change_where_it_is_asked_for"),
        (line + 4, "test_the_line_of_a_change_where_it_is_asked_for"),
    ]


def test_the_calls_and_the_content_where_they_are_asked_for() -> None:
    orders = TrackedDict._made({}, Options(stack=True, snapshot=True))
    orders["a"] = 1
    change = changes(orders)[1]
    assert change.snapshot == '{"d":[["a",1]]}'
    stack = change.stack.splitlines()
    assert len(stack) <= 20
    assert stack[-1].endswith(" test_the_calls_and_the_content_where_they_are_asked_for")
    assert stack[-1].startswith(f"{__file__}:")


class _Value:
    """Something that must not be kept alive."""


def test_nothing_of_the_program_is_kept_alive() -> None:
    value = _Value()
    gone = weakref.ref(value)
    cache = TrackedDict(first=value)
    cache[(1, value)] = value
    cache["old"] = value
    cache["old"] = 5
    cache.clear()
    del value
    assert gone() is None
    assert [change.old for change in changes(cache)][3] is _Value


def test_a_long_text_is_told_by_its_length() -> None:
    texts = TrackedDict()
    texts["k" * 5000] = "v" * 5000
    change = changes(texts)[1]
    assert (change.key.length, change.new.length) == (5000, 5000)


def test_keys_that_fail_change_nothing_and_raise_what_the_built_in_raises() -> None:
    both = Both(TrackedDict, {"a": 1})
    for operation in (
        lambda d: d.__setitem__(Unhashable(), 1),
        lambda d: d.setdefault(Unhashable(), 1),
        lambda d: d.pop(Unhashable(), 1),
        lambda d: d.update([("b", 1), (Unhashable(), 1), ("c", 1)]),
        lambda d: d.__delitem__(Unhashable()),
    ):
        assert both.do(operation).kind == "Failed"
    assert both.plain == {"a": 1, "b": 1}

    stored = TrackedDict({Unequal(7): 1})
    for attempt in (
        lambda: stored.__setitem__(Unequal(7), 1),
        lambda: stored.pop(Unequal(7)),
        lambda: stored.update({1: 2, Unequal(7): 3, 4: 5}),
    ):
        with pytest.raises(Failed, match="eq"):
            attempt()
    assert [change.action for change in changes(stored)] == ["create", "update"]
    assert list(stored.values()) == [1, 2]


class _Counting:
    """A key that counts what is asked of it."""

    def __init__(self) -> None:
        self.hashes = self.comparisons = 0

    def __hash__(self) -> int:
        self.hashes += 1
        return 1

    def __eq__(self, other: object) -> bool:
        self.comparisons += 1
        return self is other


def test_a_key_is_asked_once_more_for_what_was_there_before_and_not_more() -> None:
    key, values = _Counting(), TrackedDict[Any, int]()
    values[key] = 1
    assert (key.hashes, key.comparisons) == (2, 0)
    values.setdefault(key, 2)
    assert key.hashes == 3
    del values[key]
    assert (key.hashes, key.comparisons) == (4, 0)


def test_changes_made_while_it_is_made_come_after_its_making() -> None:
    class Own(TrackedDict[str, int]):
        def __init__(self) -> None:
            self["before"] = 1
            super().__init__(inside=2)

    assert [(change.number, change.action, change.elements) for change in changes(Own())] == [
        (0, "create", 0),
        (1, "set", -1),
        (2, "init", 2),
    ]


def test_one_that_no_constructor_has_seen_is_tracked_from_its_first_change() -> None:
    made = dict.__new__(TrackedDict)
    dict.__setitem__(made, "there", 1)
    made["a"] = 2
    assert [(change.action, change.elements) for change in changes(made)] == [("create", 1), ("set", -1)]
    only_new = TrackedDict.__new__(TrackedDict)
    only_new.update(a=1)
    assert [change.action for change in changes(only_new)] == ["create", "update"]


def test_a_subclass_with_methods_of_its_own() -> None:
    class Lower(TrackedDict[str, int]):
        def __setitem__(self, key: str, value: int) -> None:
            super().__setitem__(key.lower(), value)

        def __missing__(self, key: str) -> int:
            return -1

        def __len__(self) -> int:
            raise AssertionError("asked by us")

    lower = Lower.fromkeys(["A", "B"], 0)
    lower["C"] = 3
    assert lower["none"] == -1
    lower.pop("a")
    assert [(change.action, change.key) for change in changes(lower)] == [
        ("create", MISSING),
        ("set", "a"),
        ("set", "b"),
        ("set", "c"),
        ("pop", "a"),
    ]


def test_it_is_a_dict_wherever_one_is_needed() -> None:
    orders: TrackedDict[str, int] = TrackedDict(a=1)
    assert isinstance(orders, dict)
    assert json.dumps(orders) == '{"a": 1}'
    assert orders == {"a": 1}
    assert repr(orders) == "{'a': 1}"
    assert {**orders} == {"a": 1}
    assert type(orders | {"b": 2}) is dict
    assert weakref.ref(orders)() is orders
    with pytest.raises(TypeError, match="unhashable type: 'TrackedDict'"):
        hash(orders)
    with pytest.raises(AttributeError):
        orders.attribute = 1  # type: ignore[attr-defined]
    match orders:
        case {"a": value}:
            assert value == 1
        case _:
            raise AssertionError("no mapping")
    assert TrackedDict[str, int].__origin__ is TrackedDict  # type: ignore[attr-defined]


def test_no_history_keeps_a_long_text() -> None:
    text = "k" * 5000
    container = TrackedDict()
    container[text] = text
    container[text] = 1
    container.pop(text)
    long = Large(str, 5000)
    seen = [(change.key, change.old, change.new) for change in container.tracking_changes()[1:]]
    assert seen == [(long, MISSING, long), (long, long, 1), (long, 1, MISSING)]
