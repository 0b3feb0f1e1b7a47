# SPDX-License-Identifier: Apache-2.0
"""Read by mypy only (`make lint`): tracked containers and classes have the types of what they stand for."""

from __future__ import annotations

import dataclasses
from typing import Any, assert_type

from otelprov import TrackedDict, TrackedList, TrackedObject, TrackedSet, track, tracked, tracking, tracking_actor
from otelprov.containers import Change, Tracking


@tracked
@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@tracked(name="cart", only=("total",), values=True)
class Cart(TrackedObject):
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.total = 0


@tracking_actor("importer")
def work(x: int) -> str:
    return str(x)


@tracking_actor("importer")
async def later(x: int) -> str:
    return str(x)


def classes_stay_what_they_are() -> None:
    assert_type(Point(1), Point)
    assert_type(Point(1).x, int)
    assert_type(Cart("ann").total, int)
    Point("1")  # type: ignore[arg-type]
    assert_type(tracking(Point(1)), Tracking)
    assert_type(Cart("ann").last_change(), Change | None)


def containers_say_what_they_hold() -> None:
    stock: TrackedDict[str, int] = TrackedDict()
    stock["a"] = 1
    stock["a"] = "1"  # type: ignore[assignment]
    plain: dict[str, int] = stock
    assert_type(stock["a"], int)
    assert_type(track({"a": 1}), TrackedDict[str, int])
    assert_type(track([1], name="numbers", nested=True), TrackedList[int])
    assert_type(track({1}), TrackedSet[int])
    assert_type(track({"a": 1}).changes_since(0), list[Change])
    numbers: list[int] = track([1])
    numbers.append(len(plain))
    track(1)  # type: ignore[call-overload]


def functions_stay_what_they_are() -> None:
    assert_type(work(1), str)
    work("1")  # type: ignore[arg-type]


async def coroutines_too() -> Any:
    assert_type(await later(1), str)
