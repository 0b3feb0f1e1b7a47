# SPDX-License-Identifier: Apache-2.0
"""Tracked lists: what is recorded of each operation, and what the state machines do not try."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from both_containers import Both, Failed, Index, Unequal, changes

from otelprov.containers.change import Slice
from otelprov.containers.history import tracking
from otelprov.containers.lists import TrackedList
from otelprov.containers.pending import MISSING
from otelprov.containers.tracker import Options


def _said(container: Any) -> list[tuple[Any, ...]]:
    return [(change.action, change.key, change.old, change.new, change.elements) for change in changes(container)]


def test_each_operation_says_what_it_did() -> None:
    items = TrackedList([3, 1])
    items.append(2)
    items.insert(-9, 0)
    items.extend((7, 8))
    items += [9]
    items[-1] = 5
    items[1:3] = "xyz"
    items[::2] = [0, 0, 0, 0]
    del items[0]
    del items[-2:]
    items.pop()
    items.pop(0)
    items.remove("z")
    items.reverse()
    items *= 3
    items.sort()
    items.clear()
    items.clear()
    assert (
        _said(items)
        == [
            ("create", MISSING, MISSING, MISSING, 2),
            ("append", MISSING, MISSING, 2, -1),
            ("insert", 0, MISSING, 0, -1),
            ("extend", Slice(4, 6), MISSING, list, 2),
            ("iadd", Slice(6, 7), MISSING, list, 1),
            ("set", 6, 9, 5, -1),
            ("set", Slice(1, 3), list, list, 3),
            ("set", Slice(0, 8, 2), list, list, 4),
            ("delete", 0, 0, MISSING, -1),
            ("delete", Slice(5, 7), list, MISSING, 2),
            ("pop", 4, 7, MISSING, -1),
            ("pop", 0, "x", MISSING, -1),
            ("remove", 1, "z", MISSING, -1),
            ("reverse", MISSING, MISSING, MISSING, 2),
            ("imul", MISSING, MISSING, 3, 6),
            ("sort", MISSING, MISSING, MISSING, 6),
            ("clear", MISSING, MISSING, MISSING, 6),
        ]
        or items
    )


def test_an_index_is_told_from_the_beginning() -> None:
    items = TrackedList("abc")
    items[-3] = "x"
    items[True] = "y"
    items[Index(2)] = "z"
    del items[-1]
    items.insert(100, "end")
    items.pop(-2)
    assert [change.key for change in changes(items)][1:] == [0, 1, 2, 2, 2, 1]
    assert items == ["x", "end"]


def test_what_stands_for_an_index_is_asked_once() -> None:
    items, asked = TrackedList(range(9)), [Index(1) for _ in range(9)]
    items[asked[0]] = 0
    del items[asked[1]]
    items.insert(asked[2], 0)
    items.pop(asked[3])
    items *= asked[4]
    items[asked[5] : asked[6] : asked[7]] = [5]
    del items[: asked[8]]
    assert [index.asked for index in asked] == [1] * 9


def test_what_was_added_before_an_iteration_failed_is_recorded() -> None:
    def failing() -> Any:
        yield 1
        yield 2
        raise Failed("half-way")

    items = TrackedList([0])
    with pytest.raises(Failed):
        items.extend(failing())
    with pytest.raises(Failed):
        items += failing()
    with pytest.raises(Failed):
        items[1:2] = failing()
    assert items == [0, 1, 2, 1, 2]
    assert _said(items)[1:] == [
        ("extend", Slice(1, 3), MISSING, list, 2),
        ("iadd", Slice(3, 5), MISSING, list, 2),
    ]


def test_a_sort_that_fails_is_recorded_where_it_moved_something() -> None:
    def fail(_value: Any) -> Any:
        raise Failed("key")

    items = TrackedList([3, 1, 2])
    with pytest.raises(Failed):
        items.sort(key=fail)
    assert [change.action for change in changes(items)] == ["create"]
    numbers = list(range(100))
    random.Random(4).shuffle(numbers)
    both = Both(TrackedList, [*numbers, "text"])
    assert both.do(lambda x: x.sort()).kind == "TypeError"
    assert both.plain != [*numbers, "text"]


def test_while_it_is_sorted_it_is_empty_and_must_not_be_changed() -> None:
    items, lengths = TrackedList([2, 1]), []
    items.sort(key=lambda value: lengths.append(len(items)) or value)
    assert lengths == [0, 0]
    with pytest.raises(ValueError, match="list modified during sort"):
        items.sort(key=lambda value: items.append(value) or value)
    assert items == [1, 2]
    assert [change.action for change in changes(items)] == ["create", "sort", "append", "append", "sort"]


def test_comparisons_of_remove_are_those_of_the_built_in() -> None:
    items = TrackedList([Unequal(1), 2])
    with pytest.raises(Failed, match="eq"):
        items.remove(2)
    with pytest.raises(ValueError, match=r"^list.remove\(x\): x not in list$"):
        TrackedList([1]).remove(2)
    assert [change.action for change in changes(items)] == ["create"]


class _Reflecting:
    """Adds and multiplies itself, as arrays do."""

    def __radd__(self, other: Any) -> str:
        return "sum"

    def __rmul__(self, other: Any) -> str:
        return "product"

    def __iter__(self) -> Any:
        return iter((1, 2))


def test_an_operand_that_adds_itself_is_asked_first() -> None:
    items: Any = TrackedList([1])
    total: Any = items
    total += _Reflecting()
    product: Any = items
    product *= _Reflecting()
    assert (total, product, items) == ("sum", "product", [1])
    with pytest.raises(TypeError, match="can't multiply sequence by non-int of type 'str'"):
        items *= "a"


def test_values_are_told_in_full_where_they_are_asked_for() -> None:
    items = TrackedList._made([1], Options(values=True))
    items += (2, "x")
    items[0:2] = []
    made, added, cut = (change._extra() for change in changes(items))
    assert (made.frozen_new, made.elements) == ("[1]", 1)
    assert (added.frozen_key, added.frozen_new) == ('{"t":[1,3,1]}', '[2,"x"]')
    assert (cut.frozen_old, cut.frozen_new) == ("[1,2]", "[]")


def test_it_is_a_list_wherever_one_is_needed() -> None:
    items: TrackedList[int] = TrackedList([1, 2])
    assert isinstance(items, list)
    assert json.dumps(items) == "[1, 2]"
    assert repr(items) == "[1, 2]"
    assert type(items[:1]) is type(items.copy()) is type(items * 2) is list
    assert items < [2]
    with pytest.raises(TypeError, match="unhashable type: 'TrackedList'"):
        hash(items)
    match items:
        case [first, *rest]:
            assert (first, rest) == (1, [2])
        case _:
            raise AssertionError("no sequence")
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        TrackedList(sequence=[])


def test_the_first_content_where_it_is_asked_for() -> None:
    items = TrackedList._made([1, [2]], Options(original=True))
    items.clear()
    assert tracking(items).original == [1, [2]]
    with pytest.raises(ValueError, match="original=True"):
        _ = tracking(TrackedList([1])).original
