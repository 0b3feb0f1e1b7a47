# SPDX-License-Identifier: Apache-2.0
"""Values as text and back: exact with the exact types, within the bound, and safe with a text that others made."""

from __future__ import annotations

import json
import math
import sys
from collections import OrderedDict, UserList
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otelprov.model.values import MAX_DEPTH, MAX_LENGTH, Child, Cut, Opaque, freeze, thaw, type_name

NUMBERS = st.one_of(st.integers(), st.integers(-(2**70), 2**70), st.floats(), st.complex_numbers())
TEXTS = st.text(st.characters(codec=None, exclude_categories=()))
ATOMS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.binary())
HASHABLE = st.recursive(
    ATOMS,
    lambda inner: st.one_of(st.lists(inner, max_size=4).map(tuple), st.frozensets(inner, max_size=4)),
    max_leaves=8,
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=5),
        st.sets(HASHABLE, max_size=5),
        st.binary().map(bytearray),
    )


VALUES = st.recursive(st.one_of(ATOMS, HASHABLE), _containers, max_leaves=20)


def shape(value: Any) -> Any:
    """A value with its types, so that 1, 1.0 and True differ, -0.0 and 0.0 too, and nan is equal to itself."""
    kind = type(value)
    if kind is float:
        return "float", repr(value), math.copysign(1.0, value)
    if kind is complex:
        return "complex", shape(value.real), shape(value.imag)
    if kind is dict:
        return "dict", [(shape(key), shape(held)) for key, held in value.items()]
    if kind in (list, tuple):
        return kind.__name__, [shape(item) for item in value]
    if kind in (set, frozenset):
        return kind.__name__, sorted(map(repr, map(shape, value)))
    return kind.__name__, value


def nested(kind: type, deep: int) -> Any:
    value: Any = 7
    for _ in range(deep):
        value = {"k": value} if kind is dict else kind([value])
    return value


@given(VALUES)
@settings(max_examples=400, deadline=None)
@example(float("nan"))
@example([-0.0, 0, False, 0.0, -float("nan"), float("-inf")])
@example("\ud83d\ude00 as two halves, and as one \U0001f600, and alone \ud800")
@example({"a": {1: 1, 1.5: 2, (1, "x"): [b"\x00", bytearray(b"y")]}})
@example(complex(float("nan"), -0.0))
@example(-(7**4000))
def test_a_plain_value_comes_back_as_it_was(value: Any) -> None:
    text, cut = freeze(value)
    json.loads(text)
    assert text.isascii()
    assert not cut
    assert shape(thaw(text)) == shape(value)


@pytest.mark.parametrize("kind", [list, tuple, dict, frozenset])
def test_nesting_is_followed_to_its_bound(kind: type) -> None:
    value = nested(kind, MAX_DEPTH)
    text, cut = freeze(value)
    assert not cut
    assert shape(thaw(text)) == shape(value)
    text, cut = freeze(nested(kind, MAX_DEPTH + 1))
    assert cut
    assert f'{{"o":"{kind.__name__}"}}' in text
    thaw(text)


def test_a_cycle_ends() -> None:
    looped: list[Any] = [1]
    looped.append({"again": looped})
    text, cut = freeze(looped)
    assert (thaw(text), cut) == ([1, {"again": Opaque("list")}], True)
    twice = [3]
    # The same one twice is no cycle.
    assert freeze([twice, twice]) == ("[[3],[3]]", False)


LARGE = [
    "x" * 70_000,
    "\U0001f600" * 40_000,
    "\ud83d\ude00" * 40_000,
    b"\xff" * 60_000,
    bytearray(b"\xff" * 60_000),
    list(range(100_000)),
    [["y" * 500] * 20] * 20,
    dict.fromkeys(range(20000), "z" * 40),
    {"k" * 70_000: 1},
    {("k" * 66_000,): "v" * 70_000},
    set(range(50_000)),
    1 << 400_000,
    [1 << 400_000, "after"],
    nested(tuple, 15) and [["a" * 64_000], "b" * 5_000, {"c": "d" * 5_000}, 1],
]


@pytest.mark.parametrize("value", LARGE, ids=range(len(LARGE)))
def test_what_is_too_long_is_cut_and_says_so(value: Any) -> None:
    text, cut = freeze(value)
    assert cut
    assert len(text) <= MAX_LENGTH
    json.loads(text)
    thaw(text)


@given(st.lists(st.one_of(TEXTS, st.binary(), st.dictionaries(TEXTS, st.integers())), max_size=6), st.integers(0, 9000))
@settings(max_examples=100, deadline=None)
def test_no_text_is_longer_than_the_bound(values: list[Any], times: int) -> None:
    text, _cut = freeze([values * times, {"k": values * times}])
    assert len(text) <= MAX_LENGTH
    thaw(text)


def test_the_head_of_what_is_cut_is_told() -> None:
    found = thaw(freeze("héllo " * 20_000)[0])
    assert found.length == 120_000
    assert found.head.startswith("héllo héllo")
    found = thaw(freeze(list(range(100_000)))[0])
    assert found.length == 100_000
    assert found.head == list(range(len(found.head)))
    assert len(found.head) > 10_000
    found = thaw(freeze({number: number for number in range(100_000)})[0])
    assert list(found.head.items())[:2] == [(0, 0), (1, 1)]


class _Meta(type):
    """A class of classes whose every attribute runs code of the program."""

    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError(f"the program's code ran: {name}")


class Loud(dict[str, int], metaclass=_Meta):
    """Whose every method is the program's."""

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("the program's code ran")

    __repr__ = __str__ = __iter__ = __len__ = __eq__ = __hash__ = items = keys = _refuse  # type: ignore[assignment]


class Text(str):
    """Only looks like a text."""

    __slots__ = ()

    def __len__(self) -> int:
        raise AssertionError("the program's code ran")


def test_nothing_of_the_programs_runs() -> None:
    values = [dict.__new__(Loud), Text("x"), OrderedDict(a=1), UserList([1]), len, test_nothing_of_the_programs_runs]
    text, cut = freeze(values)
    assert cut
    names = [found.type for found in thaw(text)]
    module = __name__
    assert names == [
        f"{module}.Loud",
        f"{module}.Text",
        "collections.OrderedDict",
        "collections.UserList",
        "builtin_function_or_method",
        "function",
    ]


def test_tracked_containers_inside_are_named() -> None:
    inner = UserList([1])

    def child(value: Any) -> tuple[str, str] | None:
        return ("3f2a9c0d1e4b5a67-12", "list") if value is inner else None

    text, cut = freeze({"items": inner}, child)
    assert (text, cut) == ('{"d":[["items",{"id":"3f2a9c0d1e4b5a67-12","of":"list"}]]}', False)
    assert thaw(text) == {"items": Child("3f2a9c0d1e4b5a67-12", "list")}
    assert thaw(text, lambda number, of: (number, of)) == {"items": ("3f2a9c0d1e4b5a67-12", "list")}


def test_names_of_types() -> None:
    assert [type_name(kind) for kind in (int, type(None), OrderedDict)] == [
        "int",
        "NoneType",
        "collections.OrderedDict",
    ]
    assert type_name(Loud) == f"{__name__}.Loud"
    long = type("N" * 500, (), {"__module__": property(lambda _self: "x")})
    assert len(type_name(long)) <= 96


def test_a_program_at_its_own_depth_gets_an_answer() -> None:
    def deeper(left: int) -> tuple[str, bool]:
        try:
            return deeper(left - 1) if left else freeze(nested(list, 15))
        except RecursionError:
            return freeze([1])

    text, _cut = deeper(sys.getrecursionlimit() - 40)
    thaw(text)


HOSTILE = [
    "",
    "{",
    "nan",
    "NaN",
    "[Infinity]",
    "{}",
    '{"d":[[1]]}',
    '{"d":[[[1],2]]}',
    '{"d":{"a":1}}',
    '{"d":["ab"]}',
    '{"s":[[1]]}',
    '{"t":"ab"}',
    '{"b":"%%%"}',
    '{"b":"YQ"}',
    '{"c":["1"]}',
    '{"c":["1","x"]}',
    '{"f":"1.0"}',
    '{"i":"xyz"}',
    '{"i":12}',
    '{"u":[1]}',
    '{"u":"ab"}',
    '{"x":"many","h":"a"}',
    '{"x":1}',
    '{"id":1,"of":"dict"}',
    '{"__import__":"os"}',
    '{"a":1,"b":2}',
    "[" * 60_000,
    "[" * 20_000 + "]" * 20_000,
    '{"t":[' * 40 + "]}" * 40,
    '{"d":[[1,' * 40 + "1" + "]]}" * 40,
    '{"x":1,"h":' * 5_000 + "1" + "}" * 5_000,
    "9" * 64_000,
    '"' + "x" * MAX_LENGTH + '"',
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_text_of_others_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^reading a value: "):
        thaw(text)


@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=3),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("dtszbycfiuoxh"), inner, max_size=2)
        ),
        max_leaves=12,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_or_refused(document: Any) -> None:
    try:
        found = thaw(json.dumps(document))
    except ValueError:
        return
    assert not isinstance(found, Cut) or type(found.length) is int
