# SPDX-License-Identifier: Apache-2.0
"""Copies and pickles of tracked dicts, lists and sets, and changes of them by many threads."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
from both_containers import changes, plain

from otelprov.containers.dicts import TrackedDict
from otelprov.containers.history import tracking
from otelprov.containers.lists import TrackedList
from otelprov.containers.sets import TrackedSet
from otelprov.containers.tracker import Options

_THREADS = 8
_SETS = 5000
_WAYS: dict[str, Any] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda made, protocol=protocol: pickle.loads(pickle.dumps(made, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


class Orders(TrackedDict[str, int]):
    """With a constructor, attributes and a method of its own."""

    def __init__(self, owner: str = "nobody") -> None:
        super().__init__(first=1)
        self.owner = owner

    def __setitem__(self, key: str, value: int) -> None:
        super().__setitem__(key.upper(), value)


class Names(TrackedList[str]):
    """With a slot of its own."""

    __slots__ = ("language",)


class Tags(TrackedSet[str]):
    """With a constructor of its own that takes what the built-in's takes."""

    def __init__(self, elements: Any = ()) -> None:
        super().__init__(elements)
        self.seen = True


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize(
    ("kind", "content"), [(TrackedDict, {"a": 1, "b": [2]}), (TrackedList, [1, "x"]), (TrackedSet, {"a", "b"})]
)
@pytest.mark.parametrize("options", [Options(), Options(name="orders", values=True, history=7)])
def test_a_copy_is_tracked_anew_with_the_same_options(way: str, kind: Any, content: Any, options: Options) -> None:
    container = kind._made(content, options)
    container.__init__(content)
    other = _WAYS[way](container)
    assert type(other) is kind
    assert other == content
    assert other._tracking.options == options
    assert other._tracking is not container._tracking
    told = tracking(other).changes()
    # The container was initialised a second time; its history stays its own.
    assert told[0].action == "create"
    assert "init" not in [change.action for change in told]
    if way in ("copy", "deepcopy"):
        assert [change.elements for change in told] == [2]
    if not options.name:
        assert " test_container_copies.py:" in tracking(other).name
    other.clear()
    assert len(tracking(other).changes()) == len(told) + 1
    assert container == content


@pytest.mark.parametrize("way", _WAYS)
def test_copies_of_subclasses_are_made_as_they_make_themselves(way: str) -> None:
    orders = Orders("me")
    orders["x"] = 2
    other = _WAYS[way](orders)
    assert (type(other), other.owner) == (Orders, "me")
    assert other == {"FIRST": 1, "X": 2}
    names = Names("ab")
    names.language = "en"
    named = _WAYS[way](names)
    assert (named, named.language, named._tracking is names._tracking) == (["a", "b"], "en", False)
    tags = _WAYS[way](Tags("ab"))
    assert (tags, tags.seen) == ({"a", "b"}, True)
    assert changes(tags)[0].elements == 2


def test_a_cycle_stays_a_cycle() -> None:
    orders: Any = TrackedDict(a=TrackedList())
    orders["a"].append(orders)
    orders["self"] = orders
    for way in (copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))):
        other = way(orders)
        assert other["self"] is other
        assert other["a"][0] is other
        assert other is not orders


def test_a_copy_shares_what_it_holds_and_a_deep_copy_does_not() -> None:
    inside: list[int] = []
    orders = TrackedDict(a=inside)
    assert copy.copy(orders)["a"] is inside
    assert copy.deepcopy(orders)["a"] is not inside


class Page:
    """Has containers that all of its instances share."""

    seen: TrackedDict[str, int] = TrackedDict()
    names: TrackedList[str] = TrackedList()


def test_containers_of_a_class() -> None:
    Page().seen["a"] = 1
    Page.names += ["x"]
    assert [change.action for change in changes(Page.seen)] == ["create", "set"]
    assert [change.action for change in changes(Page.names)] == ["create", "iadd"]


@pytest.mark.parametrize("values", [False, True])
def test_all_changes_of_many_threads_are_recorded(values: bool) -> None:
    container = TrackedDict._made({}, Options(history=None, values=values))
    shared = TrackedList._made([], Options(history=None, values=values))
    steps = _SETS // (10 if values else 1)
    failures: list[BaseException] = []

    def change(number: int) -> None:
        try:
            for step in range(steps):
                container[number] = step
                shared.append(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    told = changes(container)[1:]
    assert len(told) == len(changes(shared)) - 1 == steps * _THREADS
    assert [change.number for change in told] == list(range(1, steps * _THREADS + 1))
    for number in range(_THREADS):
        mine = [change for change in told if change.key == number]
        assert [change.new for change in mine] == list(range(steps))
        assert len({change.thread_id for change in mine}) == 1
    assert plain(container) == dict.fromkeys(range(_THREADS), steps - 1)
