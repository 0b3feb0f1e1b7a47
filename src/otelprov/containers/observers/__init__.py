# SPDX-License-Identifier: Apache-2.0
"""Observers of tracked containers: called with each change, or given them in a queue, a counter or a log."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from otelprov.containers.change import Change
from otelprov.containers.observers.asynchronous import AsyncQueue, Awaiting
from otelprov.containers.observers.collector import Collector
from otelprov.containers.observers.counter import MetricsCounter
from otelprov.containers.observers.filters import filter_for, glob
from otelprov.containers.observers.log import LogObserver
from otelprov.containers.observers.observer import Fetching, Observer
from otelprov.containers.observers.subscription import BLOCK, DROP_OLDEST, OVERFLOWS, Subscription
from otelprov.containers.observers.watching import put_on
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import tracker_of

__all__ = [
    "AsyncQueue",
    "Collector",
    "LogObserver",
    "MetricsCounter",
    "Observer",
    "Subscription",
    "observe",
]

_MOST_WAITING = 10_000_000


def observe(
    target: Any,
    callback: Callable[[Change], object],
    *,
    actions: Iterable[str] | str | None = None,
    location: str | None = None,
    actor: str | None = None,
    where: Callable[[Change], object] | None = None,
    priority: int = 0,
    capacity: int = 1000,
    overflow: str = DROP_OLDEST,
    name: str = "",
) -> Subscription:
    """Have `callback` called with each change of `target` from now on, until the subscription is closed.

    `target` is a tracked container, `tracking(container)`, a pattern of names (`"orders*"`) or None for every container
    of the process; the last two mean those made later, too. A function is called in the thread that made the change,
    right after it, those of higher `priority` first; a coroutine function on the event loop that runs here, and
    `Observer`s within half a second.

    `actions`, `location`, `actor` (patterns with `*` and `?`) and `where` choose changes. At most `capacity` of them
    wait; above that `overflow` says which are dropped (and counted): `drop_oldest`, `drop_newest`, or `block`, which
    waits up to 0.5 s for room first and is for exporters only.

    Raises TypeError and ValueError for arguments that are wrong, RuntimeError where a coroutine function has no loop.
    """
    found = _target(target)
    if not callable(callback):
        raise TypeError(f"callback: something to call with a Change is expected, not {type(callback).__name__}")
    if where is not None and not callable(where):
        raise TypeError(f"where: something to call with a Change is expected, not {type(where).__name__}")
    if type(capacity) is not int or not 0 < capacity <= _MOST_WAITING:
        raise ValueError(f"capacity: a whole number from 1 to {_MOST_WAITING} is expected, not {capacity!r}")
    if overflow not in OVERFLOWS:
        raise ValueError(f"overflow: one of {', '.join(OVERFLOWS)} is expected, not {overflow!r}")
    if type(priority) is not int:
        raise TypeError(f"priority: a whole number is expected, not {type(priority).__name__}")
    observer = Awaiting(callback) if _is_asynchronous(callback) else callback
    if overflow == BLOCK and (not isinstance(observer, Fetching) or isinstance(observer, Awaiting | AsyncQueue)):
        raise ValueError("overflow: 'block' is for exporters, whose own thread makes room")
    subscription = Subscription(
        observer,
        wanted=filter_for(actions, location, actor),
        where=where,
        priority=priority,
        capacity=capacity,
        overflow=overflow,
        name=name,
    )
    if isinstance(observer, Fetching):
        observer.joined(subscription)
    put_on(subscription, found)
    return subscription


def _target(target: Any) -> Any:
    if target is None or type(target) is Tracker:
        return target
    if isinstance(target, str) and tracker_of(target) is None:
        return glob(target, "target")
    # The handle that `tracking()` gives has the tracker itself.
    found = tracker_of(target) or getattr(target, "_tracker", None)
    if type(found) is not Tracker:
        raise TypeError(
            f"target: a tracked container, a pattern of names or None is expected, not {type(target).__name__}: "
            "make a container tracked with otelprov.containers.track()"
        )
    return found


def _is_asynchronous(callback: Any) -> bool:
    if isinstance(callback, Observer):
        return False
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None))  # noqa: B004 - of an object, its class's
