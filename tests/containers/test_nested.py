# SPDX-License-Identifier: Apache-2.0
"""Containers in containers: converted without a difference, and every change says every way to where it was made."""

from __future__ import annotations

import copy
import dataclasses
import gc
import json
import threading
import weakref
from typing import Any

import pytest

from otelprov.containers import (
    LockedError,
    TrackedDict,
    TrackedList,
    TrackedSet,
    observe,
    track,
    tracked,
    tracking,
)
from otelprov.containers.change import Attribute
from otelprov.containers.values import tracker_of


@tracked(nested=True)
class Node:
    pass


@tracked(nested=True, name="order")
@dataclasses.dataclass(slots=True)
class Order:
    lines: list[dict[str, int]]
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)


def locations(container: Any) -> list[str]:
    return [f"{change.name}{change.location}" for change in tracking(container).changes()[1:]]


def test_plain_containers_inside_become_tracked_with_the_path() -> None:
    plain = {"items": [{"price": 1}, {"price": 2}], "tags": {"a"}, "deep": {"er": {"still": {}}}, "pair": ([], {})}
    cart = track(plain, name="cart", nested=True)
    assert cart == plain
    assert plain["items"].__class__ is list
    assert type(cart["items"]) is TrackedList
    assert type(cart["items"][1]) is TrackedDict  # type: ignore[index]
    assert type(cart["tags"]) is TrackedSet
    # What is in a tuple stays as it is.
    assert [type(item) for item in cart["pair"]] == [list, dict]
    cart["items"][1]["price"] = 3  # type: ignore[index]
    cart["tags"].add("b")  # type: ignore[union-attr]
    cart["deep"]["er"]["still"]["x"] = 1  # type: ignore[index, call-overload]
    assert locations(cart["items"][1]) == ["cart['items'][1]['price']"]  # type: ignore[index]
    assert locations(cart["tags"]) == ["cart['tags']{'b'}"]
    assert locations(cart["deep"]["er"]["still"]) == ["cart['deep']['er']['still']['x']"]  # type: ignore[index, call-overload]
    assert tracking(cart["deep"]["er"]).changes()[0].action == "create"  # type: ignore[index, call-overload]
    assert tracking(cart["items"]).name.startswith("list test_nested.py:")
    assert json.dumps(cart["items"]) == '[{"price": 1}, {"price": 3}]'


def test_without_the_option_nothing_inside_is_touched() -> None:
    inner: dict[str, int] = {}
    outer = track({"a": inner})
    outer["b"] = [1]
    assert outer["a"] is inner
    assert type(outer["b"]) is list


def test_what_is_put_in_later_is_converted_too() -> None:
    root: Any = track({}, name="root", nested=True)
    root["a"] = {"b": []}
    root.update(c=[[1]], d={"e": {2}})
    root |= {"f": {}}
    root.setdefault("g", [{}])[0]["x"] = 1
    root["c"][0] += [{}]
    root["c"].insert(0, {})
    root["c"][0]["y"] = 1
    root["c"][1][1]["z"] = 1
    root["c"][:0] = [{}, {}]
    root["c"][3][1]["z"] = 2
    root["a"]["b"].extend([{}])
    root["a"]["b"][0]["k"] = 0
    assert locations(root["g"][0]) == ["root['g'][0]['x']"]
    assert locations(root["c"][3][1]) == ["root['c'][1][1]['z']", "root['c'][3][1]['z']"]
    assert locations(root["a"]["b"][0]) == ["root['a']['b'][0]['k']"]
    assert {type(value) for value in root.values()} == {TrackedDict, TrackedList}


def test_a_container_in_two_places_has_two_paths_and_one_that_is_taken_out_none() -> None:
    shared: Any = track({}, name="shared", nested=True)
    left: Any = track({}, name="left", nested=True)
    right: Any = track([], name="right", nested=True)
    left["s"] = shared
    right.extend([shared, 0, shared])
    assert left["s"] is shared is right[2]
    shared["x"] = 1
    found = {(root.options.name, keys) for root, keys in _paths(shared)}
    assert found == {("left", ("s",)), ("right", (0,)), ("right", (2,))}
    del right[0]
    left.pop("s")
    shared["x"] = 2
    assert [(root.options.name, keys) for root, keys in _paths(shared)] == [("right", (1,))]
    right.clear()
    shared["x"] = 3
    assert _paths(shared) == ()
    assert tracking(shared).last_change().location == "['x']"  # type: ignore[union-attr]
    assert tracker_of(shared).parents is None  # type: ignore[union-attr]


def test_an_index_is_that_of_the_moment() -> None:
    class Never:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

    child: Any = track({}, name="child", nested=True)
    row: Any = track([child], name="row", nested=True)
    row[:0] = [Never() for _ in range(100)]
    child["x"] = 1
    assert locations(child) == ["row[100]['x']"]
    # It is looked for where it was last.
    assert [link.hints for link in tracker_of(child).parents.values()] == [[100]]  # type: ignore[union-attr]
    row.append(child)
    child["x"] = 2
    assert [keys for _root, keys in _paths(child)] == [(100,), (101,)]
    del row[100]
    row.insert(0, Never())
    row.pop()
    assert tracker_of(child).parents is None  # type: ignore[union-attr]
    # Taken out where it was never looked for since it moved.
    row.append(child)
    row.insert(0, Never())
    del row[-1]
    assert tracker_of(child).parents is None  # type: ignore[union-attr]


def test_parents_that_are_gone_are_no_way() -> None:
    child: Any = track({}, name="child")
    parent: Any = track({"c": child}, name="parent", nested=True)
    child["x"] = 1
    assert locations(child) == ["parent['c']['x']"]
    gone = weakref.ref(parent)
    del parent
    gc.collect()
    assert gone() is None
    child["x"] = 2
    assert locations(child)[-1] == "child['x']"
    for number in range(100):
        track([child], name=f"p{number}", nested=True)
    assert len(tracker_of(child).parents) < 40  # type: ignore[union-attr]


def test_cycles_and_shared_parts_are_kept() -> None:
    plain: Any = {"list": []}
    plain["list"].append(plain["list"])
    plain["again"] = plain["list"]
    plain["inner"] = {"up": {}}
    plain["inner"]["up"]["top"] = plain["inner"]
    made: Any = track(plain, name="made", nested=True)
    assert made["list"] is made["again"] is made["list"][0]
    assert made["inner"]["up"]["top"] is made["inner"]
    made["inner"]["up"]["x"] = 1
    assert locations(made["inner"]["up"])[-1] == "made['inner']['up']['x']"
    made["self"] = made
    made["x"] = 1
    assert locations(made)[-1] == "made['x']"
    plain["whole"] = plain
    whole: Any = track(plain, nested=True)
    assert whole["whole"] is whole
    ring: list[Any] = [track({}, name=name, nested=True) for name in "abc"]
    for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
        one["next"] = other
    ring[0]["x"] = 1
    assert locations(ring[0])[-1] == "b['next']['next']['x']"


def test_very_deep_and_very_wide_structures() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"d": deep}
    root: Any = track({}, name="root", nested=True)
    root["deep"] = deep
    level, depth = root, 0
    while type(level) is TrackedDict:
        level, depth = next(iter(level.values()), None), depth + 1
    assert depth > 100
    whole: Any = track({}, name="chain", nested=True)
    chain = whole
    for _ in range(1000):
        chain["next"] = {}
        chain = chain["next"]
    chain["x"] = 1
    # As far up as anybody reads.
    assert [len(keys) for _root, keys in _paths(chain)] == [200]
    whole["next"]["next"]["x"] = 1
    assert locations(whole["next"]["next"]) == ["chain['next']['next']['next']", "chain['next']['next']['x']"]
    many = track({}, name="many", nested=True)
    holders = [track([many], name=f"h{number}", nested=True) for number in range(50)]
    many["x"] = 1
    assert len(_paths(many)) == 16
    # Every one holds every other: there is no end of ways, and a change has an end.
    knot: list[Any] = [track([], nested=True) for _ in range(12)]
    for one in knot:
        one.extend(knot)
    knot[3].append(1)
    assert len(_paths(knot[3])) <= 16
    assert len(holders) == 50
    del level
    while deep:
        deep = deep.popitem()[1]


def test_objects_hold_and_are_held() -> None:
    order = Order([{"price": 1}])
    order.notes["a"] = []
    order.notes["a"].append({})
    order.lines[0]["price"] = 2
    assert type(order.lines) is TrackedList
    assert locations(order.lines[0]) == ["order.lines[0]['price']"]
    assert locations(order.notes["a"]) == ["order.notes['a']"]
    orders: Any = track([order], name="orders", nested=True)
    order.lines[0]["price"] = 3
    before = order.notes
    order.notes = {}
    assert tracker_of(before).parents is None  # type: ignore[union-attr]
    assert locations(order.lines[0])[-1] == "orders[0].lines[0]['price']"
    assert locations(order)[-1] == "orders[0].notes"
    node: Any = Node()
    node.child = Node()
    node.child.child = node
    node.child.x = {}
    node.child.x["y"] = 1
    assert locations(node.child.x)[-1].endswith(".child.x['y']")
    del node.child.x
    assert dataclasses.asdict(order) == {"lines": [{"price": 3}], "notes": {}}
    orders.clear()
    order.notes["q"] = 1
    assert locations(order.notes)[-1] == "order.notes['q']"


def test_a_locked_container_locks_what_is_in_it() -> None:
    root: Any = track({"a": [{}]}, name="root", nested=True)
    inner = root["a"][0]
    root.lock()
    for attempt in (lambda: inner.update(x=1), lambda: root["a"].append(1), lambda: root.clear()):
        with pytest.raises(LockedError, match="'root'"):
            attempt()
    assert root == {"a": [{}]}
    assert tracking(inner).locked
    root.unlock()
    assert not tracking(inner).locked
    kept = root.pop("a")
    root.lock()
    kept[0]["x"] = 1
    assert root == {}
    other: Any = track({"k": kept}, nested=True)
    with pytest.raises(LockedError):
        root["k"] = kept
    other["k"].append(1)


def test_observers_of_the_outermost_see_what_is_inside() -> None:
    root: Any = track({"a": [{}]}, name="root", nested=True)
    seen: list[str] = []
    with observe(root, lambda change: seen.append(change.location)):
        root["a"][0]["x"] = 1
        root["a"].append(2)
        root["a"][0]["x"] = 2
    assert seen == ["['a'][0]['x']", "['a']", "['a'][0]['x']"]


def test_copies_have_parents_of_their_own() -> None:
    root: Any = track({"a": {"b": {}}}, name="root", nested=True)
    other = copy.deepcopy(root)
    other["a"]["b"]["x"] = 1
    assert root == {"a": {"b": {}}}
    change = tracking(other["a"]["b"]).last_change()
    assert change is not None
    assert change.location == "['a']['b']['x']"
    assert _walk(other, change.path[:-1]) is other["a"]["b"]


def test_threads_put_in_and_take_out_at_once() -> None:
    root: Any = track({}, name="root", nested=True)
    shared: Any = track([], name="shared")
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(200):
                root[number] = shared
                shared.append(turn)
                root[number] = {"own": [turn]}
                root[number]["own"].append(turn)
                del root[number]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert root == {}
    shared.append(1)
    assert _paths(shared) == ()
    assert len(shared) == 801


def _paths(container: Any) -> Any:
    change = tracking(container).last_change()
    assert change is not None
    return change._extra().paths


def _walk(root: Any, keys: Any) -> Any:
    for key in keys:
        root = getattr(root, str(key)) if type(key) is Attribute else root[key]
    return root
