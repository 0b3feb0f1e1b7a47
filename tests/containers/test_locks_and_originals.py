# SPDX-License-Identifier: Apache-2.0
"""Locked containers refuse every change; what a container was at first is not touched by later ones."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from typing import Any

import pydantic
import pytest

from otelprov.containers import (
    LockedError,
    TrackedObject,
    locking,
    track,
    tracked,
    tracking,
)


def test_locked_means_unchanged() -> None:
    held: Any
    for held, attempts in (
        (
            track({"a": 1}, name="held"),
            (lambda c: c.update(b=2), lambda c: c.pop("a"), lambda c: c.__setitem__("a", 2)),
        ),
        (track([3, 1], name="held"), (lambda c: c.append(2), lambda c: c.sort(), lambda c: c.__delitem__(0))),
        (track({1}, name="held"), (lambda c: c.add(2), lambda c: c.discard(1), lambda c: c.__ior__({5}))),
    ):
        before = held.copy()
        held.lock()
        for attempt in attempts:
            with pytest.raises(
                LockedError, match=r"'held' is locked, by test_locks_and_originals.py:\d+ in test_locked_means"
            ) as found:
                attempt(held)
            assert found.value.name == "held"
            assert found.value.place.startswith(__file__)
        assert isinstance(found.value, RuntimeError)
        assert held == before
        assert len(held.tracking_changes()) == 1
        assert tracking(held).locked
        held.unlock()
        held.unlock()
        held.clear()
        assert not tracking(held).locked
        assert held.last_change().action == "clear"


def test_locking_is_undone_at_the_end() -> None:
    held = track({}, name="held")
    with locking(held):
        with (
            pytest.raises(LockedError, match=r"test_locks_and_originals.py:\d+ in test_locking_is_undone"),
            locking(held),
        ):
            held["a"] = 1
        with pytest.raises(LockedError):
            held["a"] = 1
    held["a"] = 2
    tracking(held).lock()
    with locking(held):
        pass
    with pytest.raises(LockedError):
        held["a"] = 1
    assert held == {"a": 2}
    with pytest.raises(TypeError, match="a tracked container is needed"), locking({}):
        pass


def test_locking_in_one_task_is_seen_by_all() -> None:
    shared = track({}, name="shared")

    async def main() -> None:
        inside, done = asyncio.Event(), asyncio.Event()

        async def locker() -> None:
            with locking(shared):
                inside.set()
                await done.wait()

        async def writer() -> None:
            await inside.wait()
            with pytest.raises(LockedError, match="locker: unlock it"):
                shared["x"] = 1
            done.set()

        await asyncio.gather(locker(), writer())
        shared["x"] = 2

    asyncio.run(main())
    assert shared == {"x": 2}


def test_what_a_container_was_at_first() -> None:
    plain: dict[str, Any] = {"a": [1, {"b": 2}], "s": {1}}
    made: Any = track(plain, nested=True, original=True)
    made["a"][1]["b"] = 3
    made["a"].append(4)
    made["s"].clear()
    del made["s"]
    was = tracking(made).original
    assert was == {"a": [1, {"b": 2}], "s": {1}}
    assert type(was) is dict
    assert type(was["a"][1]) is dict
    was["a"].append("mine")
    assert tracking(made).original == {"a": [1, {"b": 2}], "s": {1}}
    # Also of what lies inside, which has the same options.
    assert tracking(made["a"][1]).original == {"b": 2}
    plain["a"][1]["b"] = 9
    assert tracking(made).original["a"][1] == {"b": 2}
    assert tracking(track({3}, original=True)).original == {3}

    knot: Any = [[]]
    knot += [knot[0], knot]
    was = tracking(track(knot, nested=True, original=True)).original
    assert was[0] is was[1]
    assert was[2] is was

    flat = track([[1]], original=True)
    flat[0].append(2)
    assert tracking(flat).original == [[1]]
    with pytest.raises(ValueError, match="made without original=True"):
        _ = tracking(track({})).original


def test_what_an_object_was_at_first() -> None:
    @tracked(original=True, nested=True)
    class Cart:
        def __init__(self, x: int) -> None:
            """Makes one."""
            self.lines = [x]
            self.x = x

    @tracked(original=True)
    @dataclasses.dataclass(slots=True)
    class Point:
        x: int
        y: int = 2

    @tracked(original=True)
    class Model(pydantic.BaseModel):
        x: list[int]

    @tracked(original=True)
    class Empty:
        pass

    @tracked(original=True, only=["y"])
    class Based(TrackedObject):
        def __init__(self, x: int) -> None:
            self.x, self.y = x, x

    for kind, content in (
        (Cart, {"lines": [1], "x": 1}),
        (Point, {"x": 1, "y": 2}),
        (Model, {"x": [1]}),
        (Empty, {}),
        (Based, {"y": 1}),
    ):
        arguments: Any = {"x": [1]} if kind is Model else {} if kind is Empty else {"x": 1}
        made: Any = kind(**arguments)  # type: ignore[operator]
        setattr(made, "x" if kind is Model else "y", 5)
        assert tracking(made).original == content
    late = Model(x=[1])
    late.x = late.x
    late.x.append(2)
    assert tracking(late).original == {"x": [1]}
    assert str(inspect.signature(Cart)) == "(x: 'int') -> 'None'"
    assert Cart.__init__.__doc__ == "Makes one."
