# SPDX-License-Identifier: Apache-2.0
"""Replays: the content of real tracked containers after each change, and what is said where it is not sure."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from mutation_events import NOTHING, History, block
from spans import RunSpans, at

from otelprov import semconv as names
from otelprov.containers import TrackedObject, track, tracked, tracking
from otelprov.lineage.differences import differences
from otelprov.lineage.extract import extract
from otelprov.lineage.locations import place_in_list, steps
from otelprov.lineage.replay import Content, apply, replay
from otelprov.lineage.restoring import Part, Point, Restored, restore
from otelprov.lineage.typed import Attributes, Step, Untold, text_of_tree, tree
from otelprov.model.records import MutationRecord
from otelprov.model.span import Span
from otelprov.model.thawed import Child, Cut, Opaque
from otelprov.store.contract import END_OF_TIME
from otelprov.testing import recording

VALUES = [1, True, 1.0, -0.0, "x", "", None, b"b", (1, "two"), frozenset({3}), 2**70, float("inf"), 1 + 2j, "\ud800"]
KEYS = [*VALUES, float("nan"), 0, False]


def read_back(spans: Iterable[Span]) -> list[MutationRecord]:
    return sorted(extract(spans).mutations, key=lambda change: change.seq)


def same(one: Any, other: Any) -> bool:
    """Equal with all types, and in the same order but for sets."""
    return text_of_tree(tree(one)) == text_of_tree(tree(other))


def on_dict(d: Any, chance: random.Random) -> None:
    key, value = chance.choice(KEYS), chance.choice(VALUES)
    match chance.randrange(9):
        case 0 | 1:
            d[key] = value
        case 2:
            d.pop(key, None)
        case 3:
            d.setdefault(key, value)
        case 4:
            d.update({chance.choice(KEYS): chance.choice(VALUES) for _ in range(3)})
        case 5:
            d |= {key: value}
        case 6 if d:
            d.popitem()
        case 7 if d and chance.random() < 0.2:
            d.clear()
        case 8 if key in d:
            del d[key]


def on_list(values: Any, chance: random.Random) -> None:
    value, place = chance.choice(VALUES), chance.randrange(-8, 9)
    ends = [None, None, *range(-9, 10)]
    a, b, step = chance.choice(ends), chance.choice(ends), chance.choice([1, 2, -1, -2])
    match chance.randrange(16):
        case 0 | 1:
            values.append(value)
        case 2:
            values.insert(place, value)
        case 3 if values:
            values.pop(chance.randrange(-len(values), len(values)))
        case 4 if values:
            values[chance.randrange(-len(values), len(values))] = value
        case 5 if values:
            del values[chance.randrange(-len(values), len(values))]
        case 6:
            values.extend(chance.choices(VALUES, k=chance.randrange(4)))
        case 7:
            values += tuple(chance.choices(VALUES, k=2))
        case 8:
            values[a:b] = chance.choices(VALUES, k=chance.randrange(4))
        case 9:
            del values[a:b]
        case 10:
            values[a:b:step] = chance.choices(VALUES, k=len(values[a:b:step]))
        case 11:
            del values[a:b:step]
        case 12:
            values.reverse()
        case 13:
            values.sort(key=repr, reverse=chance.random() < 0.5)
        case 14 if len(values) < 12:
            values *= chance.randrange(4)
        case 15 if value in values:
            values.remove(value)


def on_set(s: Any, chance: random.Random) -> None:
    value, others = chance.choice(VALUES), set(chance.choices(VALUES, k=3))
    match chance.randrange(9):
        case 0 | 1:
            s.add(value)
        case 2:
            s.discard(value)
        case 3:
            s.update(others)
        case 4:
            s -= others
        case 5:
            s ^= others
        case 6 if s:
            s.pop()
        case 7:
            s |= others
        case 8 if chance.random() < 0.2:
            s &= others


@tracked(values=True)
class Thing:
    def __init__(self) -> None:
        self.price = 3


def on_object(thing: Any, chance: random.Random) -> None:
    name = chance.choice(["price", "name", "size"])
    if chance.random() < 0.7:
        setattr(thing, name, chance.choice(VALUES))
    elif hasattr(thing, name):
        delattr(thing, name)


def held(container: Any) -> Any:
    for kind in (dict, list, set):
        if isinstance(container, kind):
            return kind(container)
    return Attributes(vars(container))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("make", "change"),
    [
        (lambda: track({"a": 1}, "d", values=True, history=None), on_dict),
        (lambda: track([1, 2], "l", values=True, history=None), on_list),
        (lambda: track({1, 2}, "s", values=True, history=None), on_set),
        (Thing, on_object),
    ],
)
def test_a_real_container_comes_back_after_each_of_its_changes(
    tmp_path: Path, make: Callable[[], Any], change: Callable[[Any, random.Random], None], seed: int
) -> None:
    chance = random.Random(seed)
    after: dict[int, Any] = {}
    with recording(tmp_path) as recorded:
        container = make()
        for _ in range(150):
            change(container, chance)
            last = tracking(container).last_change()
            after[last.number if last is not None else 0] = held(container)
    content = Content("")
    compared = 0
    for one in read_back(recorded.spans()):
        apply(content, one)
        if content.number in after:
            compared += 1
            expected = after[content.number]
            assert same(content.value, expected), (one, content.value, expected)
            assert not Restored("", {"": content}).reasons()
    assert compared == len(after) > 60


def restored(changes: list[MutationRecord], container: str, last: int = -1, seq: int = END_OF_TIME) -> Restored:
    if last >= 0:
        seq = next(one.seq for one in changes if (one.container, one.change) == (container, last))

    def read(part: Part) -> list[MutationRecord]:
        return [
            one
            for one in changes
            if (one.container, one.process_id) == (part.container, part.process_id)
            and part.first <= one.change <= part.last
        ]

    def spread(one: str) -> dict[str, tuple[int, int]]:
        numbers = [change.change for change in changes if change.container == one]
        return {process: (min(numbers), max(numbers))} if numbers else {}

    process = changes[0].process_id
    return restore(container, Point(process, seq, END_OF_TIME), read, spread, [(process, 0)])


def test_containers_inside_come_back_as_they_were_then(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        cart = track({"items": [{"n": 1}], "tags": {"a"}}, "cart", nested=True, values=True)
        cart["items"].append({"n": 2})
        cart["total"] = 3
        cart["items"][0]["n"] = 9
        cart["tags"].add("b")
        cart["itself"] = cart
    changes = read_back(recorded.spans())
    cart_id = next(one.container for one in changes if one.location == "['total']")
    first = restored(changes, cart_id, 1)
    assert first.exact
    assert first.value() == {"items": [{"n": 1}, {"n": 2}], "tags": {"a"}, "total": 3}
    found = restored(changes, cart_id)
    value = found.value()
    assert value.pop("itself") is not None
    assert value == {"items": [{"n": 9}, {"n": 2}], "tags": {"a", "b"}, "total": 3}
    assert found.tree()["d"][-1] == ["itself", {"id": cart_id, "of": "dict"}]
    told = [(one.what, one.way[-1][1], one.old, one.new) for one in differences(first.tree(), found.tree())]
    assert ("changed", "n", 1, 9) in told
    assert ("added", "b", None, "b") in told
    assert len(told) == 3


def contents(history: History, *events: dict[str, Any]) -> Content:
    run = RunSpans("app.py")
    block(run, list(events))
    return replay(history.container, read_back(run.spans))


def reasons(content: Content) -> list[str]:
    return Restored(content.container, {content.container: content}).reasons()


def test_without_values_there_are_keys_and_types_and_that_is_said() -> None:
    d = History("d", values=False)
    content = contents(d, d.create({}), d.set("a", 1), d.set("b", 2.0), d.set("a", "x", 1), d("delete", "['b']", old=2))
    assert {key.text: value.type for key, value in content.value.items()} == {"['a']": "str"}
    assert reasons(content) == ["2 values are not captured: make the container with values=True"]
    values = History("l", kind="list", values=False)
    content = contents(
        values,
        values.create([1]),
        values("append", new="x"),
        values("insert", "[0]", new=None),
        values("extend", "[3:5]", new=[], elements=2),
        values("imul", new=2, elements=10),
        values("pop", "[9]", old=1),
        values("set", "[0:2]", old=[], new=[], elements=1),
        values("reverse", elements=8),
    )
    assert [one.type for one in content.value] == ["", "str", "", "NoneType", "", "", "str", ""]
    assert not content.unknown


@pytest.mark.parametrize("kind", ["dict", "list"])
def test_a_hole_is_named_and_only_the_whole_closes_it(kind: str) -> None:
    c = History("c", kind=kind)
    first = [c.create({}), c.set("a", 1), c.set("b", 2)] if kind == "dict" else [
        c.create([]), c("append", new=1), c("append", new=2)
    ]  # fmt: skip
    c.number += 2
    later = c.set("c", 3) if kind == "dict" else c("append", new=3)
    content = contents(c, *first, later)
    assert content.gaps == [(3, 4)]
    assert content.value == ({"a": 1, "b": 2, "c": 3} if kind == "dict" else None)
    assert reasons(content)[0] == "changes 3 to 4 are missing"
    again = contents(c, *first, later, c("clear", elements=3))
    assert (again.value, reasons(again)) == ({} if kind == "dict" else [], [])


def test_a_snapshot_closes_a_hole() -> None:
    c = History("c")
    events = [c.create({}), c.set("a", 1)]
    c.number += 1
    events.append(c.set("b", 2, **{names.PROVENANCE_CONTAINER_SNAPSHOT: '{"d":[["z",0],["b",2]]}'}))
    content = contents(c, *events)
    assert content.value == {"z": 0, "b": 2}
    assert not reasons(content)


def test_a_history_without_its_beginning_says_so() -> None:
    c = History("c")
    c.number = 5
    content = contents(c, c.set("a", 1))
    assert content.value == {"a": 1}
    assert reasons(content) == ["changes 1 to 5 are missing", "it may hold more than is known"]


def test_what_is_told_in_part_is_said() -> None:
    c = History("c")
    cut = {names.PROVENANCE_CONTAINER_CUT: True}
    content = contents(
        c, c.create({}), c.set("a", object(), **cut), c.set("b", "x" * 70_000, **cut), c.set("p", "", **cut)
    )
    assert type(content.value["a"]) is Opaque
    assert type(content.value["b"]) is Cut
    assert reasons(content) == [
        "what change 1 tells is cut: too long, secret, or not taken apart",
        "what change 2 tells is cut: too long, secret, or not taken apart",
        "what change 3 tells is cut: too long, secret, or not taken apart",
        "1 value is of types that are not taken apart",
        "1 value is told in part",
    ]
    c = History("c")
    gone = contents(c, c.create({}), c.set("a", "", **cut), c.set("a", 1, 2))
    assert gone.value == {"a": 1}
    assert not gone.cuts


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "delete", "key": "nothing", "old": 1},
        {"action": "set", "key": NOTHING, "new": 1, "location": "['a']"},
        {"action": "set", "new": 1},
        {"action": "nonsense"},
    ],
)
def test_what_does_not_fit_is_noted_and_nothing_is_raised(wrong: dict[str, Any]) -> None:
    for kind, empty in (("dict", {}), ("list", []), ("set", set()), ("Thing", {})):
        c = History("c", kind=kind)
        content = contents(c, c.create(empty), c(**wrong))
        assert content.number == 1
        assert reasons(content)


def test_locations_are_taken_apart() -> None:
    text = "['it]ems'][3].price{'a}b'}[\"q'\"][1:4]"
    assert steps(text) == ["['it]ems']", "[3]", ".price", "{'a}b'}", '["q\'"]', "[1:4]"]
    assert [place_in_list(step) for step in steps(text)] == [None, 3, None, None, None, (1, 4, 1)]
    assert steps("[0]" * 2000) == []
    assert tree({Step("['a']"): Untold("int")}) == {"d": [[{"k": "['a']"}, {"n": "int"}]]}


def test_of_a_list_only_what_lies_between_equal_ends_differs() -> None:
    def told(old: list[Any], new: list[Any]) -> list[Any]:
        return [(one.what, one.way[-1][1], one.old, one.new) for one in differences(tree(old), tree(new))]

    assert told([1, 2, 3], [0, 1, 2, 3]) == [("added", 0, None, 0)]
    assert told([1, 2, 3, 4], [1, 4]) == [("removed", 1, 2, None), ("removed", 2, 3, None)]
    assert told([1, True], [1, 1]) == [("changed", 1, True, 1)]
    assert told([1, 2, 3], [1, 9, 8, 3]) == [("changed", 1, 2, 9), ("added", 2, None, 8)]
    assert told([1, 1], [1]) == [("removed", 1, 1, None)]


def test_a_fork_goes_on_from_where_the_parent_was() -> None:
    parent, child = RunSpans("app.py"), RunSpans("app.py", process="child")
    grandchild = RunSpans("app.py", process="grandchild")
    cart = History(f"{parent.process_id}-1")
    items = History(f"{parent.process_id}-2", kind="list", above="['items']")
    about = {"items": Child(items.container, "list")}
    block(parent, [items.create([1]), cart.create(about), cart.set("a", 1)], start=1)
    in_child, items_after = copy.copy(cart), copy.copy(items)
    block(parent, [cart.set("parent", 1), items_after("append", new="parent")], start=3)
    block(child, [in_child.set("child", 1)], start=3)
    in_grandchild = copy.copy(in_child)
    block(grandchild, [in_grandchild.set("grandchild", 1)], start=5)
    block(child, [in_child.set("later", 1)], start=6)
    changes = read_back(parent.spans + child.spans + grandchild.spans)

    def read(part: Part) -> list[MutationRecord]:
        wanted = part.container, part.process_id
        found = [one for one in changes if (one.container, one.process_id) == wanted]
        return [one for one in found if part.first <= one.change <= part.last]

    def spread(container: str) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for one in changes:
            if one.container == container:
                low, high = found.get(one.process_id, (one.change, one.change))
                found[one.process_id] = min(low, one.change), max(high, one.change)
        return found

    ancestry = [(grandchild.process_id, at(4)), (child.process_id, at(2)), (parent.process_id, at(0))]
    for line, expected in (
        (ancestry, {"items": [1], "a": 1, "child": 1, "grandchild": 1}),
        (ancestry[1:], {"items": [1], "a": 1, "child": 1, "later": 1}),
        (ancestry[2:], {"items": [1, "parent"], "a": 1, "parent": 1}),
    ):
        found = restore(cart.container, Point(line[0][0], END_OF_TIME, END_OF_TIME), read, spread, line)
        assert found.value() == expected
        assert found.exact


def test_tracked_objects_are_a_base_class_too(tmp_path: Path) -> None:
    class Order(TrackedObject):
        pass

    with recording(tmp_path) as recorded:
        order = Order()
        order.total = 3
        order.total = 4
        del order.total
    changes = read_back(recorded.spans())
    content = replay("", changes[:-1])
    assert content.kind == "object"
    assert {name: value.type for name, value in content.value.items()} == {"total": "int"}
    assert replay("", changes).value == Attributes()
