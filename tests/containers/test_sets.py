# SPDX-License-Identifier: Apache-2.0
"""Tracked sets: what is recorded of each operation, and what the state machines do not try."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
from both_containers import Both, Failed, Unequal, changes

from otelprov.containers.change import Element
from otelprov.containers.pending import MISSING
from otelprov.containers.sets import TrackedSet


def _said(container: Any) -> list[tuple[Any, ...]]:
    return [
        (change.action, change.key.value if type(change.key) is Element else change.key, change.old, change.new)
        for change in changes(container)
    ]


def test_each_operation_says_what_it_did() -> None:
    tags = TrackedSet(["a"])
    tags.add("b")
    tags.add("b")
    tags.discard("nothing")
    tags.discard("a")
    tags.update(["b", "c"], ["d"])
    tags |= {"e", "b"}
    tags.remove("b")
    tags -= {"c", "nothing"}
    tags &= {"d"}
    tags ^= {"d"}
    tags ^= {"f"}
    tags.symmetric_difference_update("f")
    tags.update(x for x in "gh")
    tags.difference_update("g", "h")
    tags.update("i")
    tags.intersection_update("xyz")
    tags.add("j")
    tags.pop()
    tags.add("k")
    tags.clear()
    tags.clear()
    assert _said(tags) == [
        ("create", MISSING, MISSING, MISSING),
        ("add", "b", MISSING, "b"),
        ("discard", "a", "a", MISSING),
        ("update", "c", MISSING, "c"),
        ("update", "d", MISSING, "d"),
        ("ior", "e", MISSING, "e"),
        ("remove", "b", "b", MISSING),
        ("isub", "c", "c", MISSING),
        ("iand", "e", "e", MISSING),
        ("ixor", "d", "d", MISSING),
        ("ixor", "f", MISSING, "f"),
        ("symmetric_difference_update", "f", "f", MISSING),
        ("update", "g", MISSING, "g"),
        ("update", "h", MISSING, "h"),
        ("difference_update", "g", "g", MISSING),
        ("difference_update", "h", "h", MISSING),
        ("update", "i", MISSING, "i"),
        ("intersection_update", "i", "i", MISSING),
        ("add", "j", MISSING, "j"),
        ("pop", "j", "j", MISSING),
        ("add", "k", MISSING, "k"),
        ("clear", MISSING, MISSING, MISSING),
    ]


def test_an_operator_with_what_is_no_set_is_refused_as_by_the_built_in() -> None:
    both = Both(TrackedSet, [1, 2])
    for operation in ("__ior__", "__iand__", "__isub__", "__ixor__"):
        assert getattr(both.tracked, operation)([1]) is NotImplemented
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \|=: 'TrackedSet' and 'list'"):
        both.tracked |= [3]
    assert changes(both.tracked) == []


def test_an_element_that_gives_way_to_an_equal_one_is_told() -> None:
    both = Both(TrackedSet, [1, 2])
    both.do(lambda s: s.intersection_update([True]))
    assert repr(both.tracked) == "TrackedSet({True})"


def test_elements_that_fail_leave_what_was_added_before() -> None:
    tags = TrackedSet([Unequal(3)])
    for attempt in (lambda: tags.update({1, 2, 3, 4}), lambda: tags.update([5, 3]), lambda: tags.__ior__({3})):
        with pytest.raises(Failed, match="eq"):
            attempt()
    assert [change.key.value for change in changes(tags)[1:]] == [1, 2, 5]
    plain = {Unequal(3)}
    with pytest.raises(Failed):
        plain.update({1, 2, 3, 4})
    assert len(plain) == 3


class _Counting(int):
    hashes = 0

    def __hash__(self) -> int:
        _Counting.hashes += 1
        return int.__hash__(self)


def test_hashes_are_asked_for_as_often_as_by_the_built_in() -> None:
    def asked(kind: Any) -> list[int]:
        counts = []
        elements = {_Counting(number) for number in range(5)}
        container = kind()
        for operation, argument in (
            ("update", elements),
            ("update", list(elements)),
            ("difference_update", dict.fromkeys(elements)),
            ("symmetric_difference_update", elements),
            ("intersection_update", elements),
            ("add", _Counting(3)),
            ("discard", _Counting(3)),
        ):
            before = _Counting.hashes
            getattr(container, operation)(argument)
            counts.append(_Counting.hashes - before)
        return counts

    assert asked(TrackedSet) == asked(set)


def test_one_that_c_code_made_is_tracked_from_its_first_change() -> None:
    made = set.__new__(TrackedSet)
    set.update(made, [1])
    made.add(2)
    assert [(change.action, change.elements) for change in changes(made)] == [("create", 1), ("add", -1)]


def test_it_is_a_set_wherever_one_is_needed() -> None:
    tags: TrackedSet[int] = TrackedSet([1])
    assert isinstance(tags, set)
    assert tags == {1}
    assert repr(tags) == "TrackedSet({1})"
    assert tags | {2} == {1, 2}
    assert frozenset([1]) in {frozenset(tags)}
    assert weakref.ref(tags)() is tags
    with pytest.raises(TypeError, match="unhashable type: 'TrackedSet'"):
        hash(tags)
    with pytest.raises(AttributeError):
        tags.attribute = 1  # type: ignore[attr-defined]
