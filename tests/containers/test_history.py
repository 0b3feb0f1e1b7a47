# SPDX-License-Identifier: Apache-2.0
"""What a container remembers of its changes, for every thread and task."""

from __future__ import annotations

import asyncio
import threading
import typing
from pathlib import Path
from typing import Any

import pytest

import otelprov
from otelprov import testing
from otelprov.capture import held
from otelprov.containers import (
    MISSING,
    Change,
    ForgottenError,
    TrackedDict,
    TrackedList,
    TrackedObject,
    TrackedSet,
    pending,
    track,
    tracked,
    tracking,
    tracking_actor,
)
from otelprov.containers.history import TrackedMethods
from otelprov.semconv import PROVENANCE_CONTAINER_ID, PROVENANCE_KIND_MUTATIONS


def test_changes_are_remembered_in_order_from_the_making_on() -> None:
    orders: TrackedDict[str, int] = track({"a": 1}, name="orders")
    orders["a"] = 2
    orders["b"] = 3
    del orders["a"]
    changes = orders.tracking_changes()
    assert [(c.number, c.action, c.location, c.old, c.new) for c in changes][1:] == [
        (1, "set", "['a']", 1, 2),
        (2, "set", "['b']", MISSING, 3),
        (3, "delete", "['a']", 2, MISSING),
    ]
    assert (changes[0].number, changes[0].action, changes[0].elements) == (0, "create", 1)
    assert [c.time for c in changes] == sorted(c.time for c in changes)
    assert orders.last_change() == changes[-1]
    assert {c.thread_id for c in changes} == {threading.get_ident()}
    assert tracking(orders).name == "orders"
    assert repr(changes[1]) == "<Change 1 set orders['a']>"
    assert repr(tracking(orders)) == "<Tracking of dict 'orders'>"


def test_changes_since_one() -> None:
    numbers = track([0], name="numbers")
    begun = numbers.last_change()
    assert begun is not None
    for value in range(5):
        numbers.append(value)
    assert [c.new for c in numbers.changes_since(begun)] == [0, 1, 2, 3, 4]
    assert [c.new for c in numbers.changes_since(3)] == [3, 4]
    assert numbers.changes_since(5) == []
    assert numbers.changes_since(tracking(numbers).last_change() or 0) == []
    with pytest.raises(ValueError, match="there is no change 9 yet"):
        numbers.changes_since(9)
    other = track([1], name="other")
    with pytest.raises(ValueError, match="is not a change of 'other'"):
        other.changes_since(begun)
    for wrong in (-1, "3", True, None):
        with pytest.raises(TypeError, match="takes a Change, or the number of one"):
            numbers.changes_since(wrong)  # type: ignore[arg-type]


def test_history_has_a_limit_and_says_what_is_forgotten() -> None:
    short = track({}, name="short", history=3)
    for value in range(10):
        short["x"] = value
    handle = tracking(short)
    assert [c.new for c in handle.changes()] == [7, 8, 9]
    assert handle.first == 8
    assert [c.number for c in handle.changes()] == [8, 9, 10]
    assert [c.number for c in short.changes_since(7)] == [8, 9, 10]
    with pytest.raises(ForgottenError, match="'short' remembers its changes from 8 on, not those since 6") as found:
        short.changes_since(6)
    assert found.value.first == 8

    none = track({}, history=0)
    none["x"] = 1
    assert none.tracking_changes() == []
    assert none.last_change() is None
    assert tracking(none).first == 2
    with pytest.raises(ForgottenError):
        none.changes_since(0)

    everything = track([], history=None)
    for value in range(3000):
        everything.append(value)
    assert [c.new for c in everything.tracking_changes()][1:] == list(range(3000))
    usual = track([])
    for value in range(3000):
        usual.append(value)
    assert [c.new for c in usual.tracking_changes()] == list(range(2000, 3000))
    assert tracking(usual).first == 2001


def test_options_are_checked() -> None:
    for options, why in (
        ({"neste": True}, "'neste' is no option of a tracked container: did you mean nested"),
        ({"zzzzzz": True}, "there are name, nested, values"),
        ({"nested": 1}, "the option nested is True or False, not a int"),
        ({"history": "all"}, "the option history is a number of changes, or None for all of them, not a str"),
        ({"history": True}, "the option history is a number"),
        ({"name": 5}, "the option name is a str, not a int"),
    ):
        with pytest.raises(TypeError, match=why):
            track({}, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the option history is 0 or more"):
        track({}, history=-1)
    for value in (1, "text", (1,), object(), frozenset(), None):
        with pytest.raises(TypeError, match="put @tracked on their class"):
            track(value)  # type: ignore[call-overload]
    for value in ({}, 1, None):
        with pytest.raises(TypeError, match="a tracked container is needed"):
            tracking(value)


def test_track_makes_the_kind_that_it_is_given() -> None:
    plain = {"a": [1]}
    made = track(plain, "named")
    assert type(made) is TrackedDict
    assert made == plain
    assert made["a"] is plain["a"]
    assert type(track([1])) is TrackedList
    assert type(track({1})) is TrackedSet
    assert tracking(made).name == "named"
    # Tracked already: another one, with the content.
    again = track(made, "again")
    assert again is not made
    assert again == made
    again["b"] = [2]
    assert "b" not in made


def test_threads_lose_nothing() -> None:
    shared = track({}, name="shared", history=None)
    own = [track([], name=f"own{number}", history=None) for number in range(4)]
    seen: list[int] = []
    ready = threading.Barrier(5)

    def work(number: int) -> None:
        ready.wait(10)
        for turn in range(2500):
            shared[number] = turn
            own[number].append(turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    ready.wait(10)
    while any(thread.is_alive() for thread in threads):
        changes = shared.tracking_changes()
        assert [c.number for c in changes] == list(range(len(changes)))
        seen.append(len(changes))
    for thread in threads:
        thread.join()
    changes = shared.tracking_changes()
    assert len(changes) == 10_001
    for number in range(4):
        mine = [c for c in changes if c.key == number]
        assert [c.new for c in mine] == list(range(2500))
        assert len({c.thread_id for c in mine}) == 1
        assert [c.new for c in own[number].tracking_changes()][1:] == list(range(2500))
    assert seen == sorted(seen)


def test_tasks_take_turns_and_actors_do_not_mix() -> None:
    shared = track([], name="shared")

    async def worker(actor: str) -> None:
        async with tracking_actor(actor):
            for turn in range(20):
                shared.append(turn)
                await asyncio.sleep(0)
                last = shared.last_change()
                assert last is not None

    async def main() -> None:
        with tracking_actor("main"):
            await asyncio.gather(worker("ann"), worker("bea"), worker("cid"))
            shared.append(-1)

    asyncio.run(main())
    changes = shared.tracking_changes()[1:]
    actors = [c.actor for c in changes]
    assert actors[:6] == ["ann", "bea", "cid", "ann", "bea", "cid"]
    for actor in ("ann", "bea", "cid"):
        assert [c.new for c in changes if c.actor == actor] == list(range(20))
    assert actors[-1] == "main"


def test_the_id_is_that_of_the_journal(tmp_path: Path) -> None:
    with testing.recording(tmp_path) as recorded:
        made = track({}, name="made")
        made["x"] = 1
        identity = tracking(made).id
    events = [event for span in recorded.spans(PROVENANCE_KIND_MUTATIONS) for event in span.events]
    assert {event.attributes[PROVENANCE_CONTAINER_ID] for event in events} == {identity}


def test_changes_of_a_program_that_records_nothing_are_remembered() -> None:
    made = track({}, name="made")
    made["x"] = 1
    assert tracking(made).id.endswith(f"-{made._tracking.number}")
    assert [c.action for c in made.tracking_changes()] == ["create", "set"]


def test_an_observer_by_the_handle() -> None:
    made = track({}, name="made")
    seen: list[Change] = []
    with tracking(made).observe(seen.append, actions="delete"):
        made["x"] = 1
        del made["x"]
    made["x"] = 2
    assert [change.action for change in seen] == ["delete"]


def test_the_convenience_methods_are_on_ours_and_not_on_decorated_classes() -> None:
    names = {name for name in vars(TrackedMethods) if not name.startswith("_")}
    assert names == {"tracking_changes", "last_change", "changes_since", "lock", "unlock"}
    for kind in (TrackedDict, TrackedList, TrackedSet, TrackedObject):
        assert issubclass(kind, TrackedMethods)

    class Plain:
        pass

    assert not names & set(dir(tracked(Plain)))
    based = type("Based", (TrackedObject,), {})()
    based.lock = 1
    assert based.lock == 1
    assert based.last_change().new == 1


def test_the_public_names_are_there_and_lazy() -> None:
    for name in otelprov.containers.__all__:
        assert getattr(otelprov.containers, name) is not None
    assert set(otelprov.containers.__all__) == set(otelprov.containers._HOMES) == set(dir(otelprov.containers))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        otelprov.containers.nothing  # noqa: B018
    assert typing.get_origin(TrackedDict[str, int]) is TrackedDict


def test_what_another_thread_has_in_hand_is_waited_for(tmp_path: Path) -> None:
    made = track([], name="made", history=None)
    in_hand, go_on = threading.Event(), threading.Event()

    def slow(batch: list[Any]) -> None:
        in_hand.set()
        go_on.wait(10)
        packed.extend(batch)

    packed: list[Any] = []
    pack, pending.sinks.pack = pending.sinks.pack, slow
    try:
        made.append(1)
        other = threading.Thread(target=pending.drain)
        other.start()
        assert in_hand.wait(10)
        threading.Timer(0.1, go_on.set).start()
        held.hand_on()
        assert [entry[1] for entry, _number in packed if entry[0] is made._tracking] == ["create", "append"]
        other.join()
    finally:
        pending.sinks.pack = pack
