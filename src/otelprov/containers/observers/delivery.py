# SPDX-License-Identifier: Apache-2.0
"""Brings changes to observers: queued while they are handed on, delivered when no lock of ours is held.

What must be called right after a change waits for the thread that made it. Everything else is delivered by whoever
hands changes on, each subscription by one thread at a time, so that its changes stay in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from otelprov.capture import background
from otelprov.capture.guard import failed, guard
from otelprov.capture.inside import outside
from otelprov.containers.change import Change
from otelprov.containers.observers.observer import Fetching
from otelprov.containers.observers.subscription import LOOP, Subscription
from otelprov.containers.pending import Entry, place_of

# An observer that changes what it observes is called for that change as well, and so on; so often at most.
MOST_GENERATIONS = 100
# What a thread did not deliver itself by then is delivered by another, in seconds.
_FORSAKEN_AFTER = 0.2
_MOST_THREADS = 64

logger = logging.getLogger("otelprov")
_ident = threading.get_ident

# For each thread: the subscriptions whose next change it must deliver, in the order of changes and priorities.
_turns: dict[int, deque[Subscription]] = {}
# When a thread was first found with something to deliver that was not its own.
_forsaken: dict[int, float] = {}
_later: deque[Subscription] = deque()
_delivering: set[int] = set()
# The generation of changes that a thread makes now: one more than that of the change it delivers.
_generation: dict[int, int] = {}
_loops: deque[Subscription] = deque()


def queue(subscriptions: tuple[Subscription, ...], entry: Entry, number: int) -> None:
    """Queue a change for the observers of its container; called while changes are handed on, so it only queues."""
    if not number:
        # The making of a container.
        return
    try:
        _queue(subscriptions, entry, Change(entry, number))
    except Exception as error:
        failed("queueing a change for observers", error)


def _queue(subscriptions: tuple[Subscription, ...], entry: Entry, change: Change) -> None:
    thread = place_of(entry[6])[0]
    generation = _generation.get(thread, 0)
    for subscription in subscriptions:
        # A change that is seen on two ways is the same change.
        if subscription.closed or subscription.last is entry:
            continue
        if subscription.wanted is not None and not subscription.wanted.passes(change):
            continue
        subscription.last = entry
        if generation >= MOST_GENERATIONS:
            if not subscription.loops:
                subscription.loops = True
                _loops.append(subscription)
            subscription.drop(1, LOOP)
        elif subscription.offer(change, generation) and subscription.eager:
            _turn_of(thread).append(subscription)
        elif not subscription.eager and not subscription.announced:
            subscription.announced = True
            _later.append(subscription)


def _turn_of(thread: int) -> deque[Subscription]:
    found = _turns.get(thread)
    if found is None:
        if len(_turns) >= _MOST_THREADS:
            for other in [other for other, turns in list(_turns.items()) if not turns]:
                del _turns[other]
        found = _turns[thread] = deque()
    return found


def _tell_of_loops() -> None:
    # Not while changes are handed on: a handler of the log is the program's code.
    while _loops:
        subscription = _loops.popleft()
        logger.warning(
            "observer %s gets changes that observers made, %d generations on: what follows is dropped and counted",
            subscription,
            MOST_GENERATIONS,
        )


def deliver() -> None:
    """Deliver what waits and is for this thread, or for nobody in particular. Not called while a lock of ours is held.

    Raises only what is not an Exception: an interrupt in an observer is the program's.
    """
    me = _ident()
    if me in _delivering:
        # An observer made a change: it is delivered when that observer has returned.
        return
    _delivering.add(me)
    try:
        while True:
            # Asked for anew each time: an emptied one may have been put aside meanwhile.
            while turns := _turns.get(me):
                _take_turns(me, turns)
            if _later:
                _deliver_later(me)
            _take_over(me)
            _tell_of_loops()
            if not _turns.get(me):
                return
    finally:
        _delivering.discard(me)
        _generation.pop(me, None)


def _take_turns(me: int, turns: deque[Subscription]) -> None:
    while turns:
        try:
            subscription = turns.popleft()
        except IndexError:
            return
        taken = subscription.take()
        if taken is not None:
            _generation[me] = taken[1] + 1
            subscription.call(taken[0])


def _take_over(me: int) -> None:
    """Deliver what other threads have left behind: they ended, or somebody else handed their changes on."""
    others = [(thread, turns) for thread, turns in list(_turns.items()) if turns and thread != me]
    if not others:
        _forsaken.clear()
        return
    now = time.monotonic()
    for thread, turns in others:
        if thread in _delivering or now - _forsaken.setdefault(thread, now) < _FORSAKEN_AFTER:
            continue
        _forsaken.pop(thread, None)
        _as_the_program(_take_turns, me, turns)


def _deliver_later(me: int) -> None:
    again: list[Subscription] = []
    while _later:
        try:
            subscription = _later.popleft()
        except IndexError:
            break
        if isinstance(subscription.observer, Fetching):
            subscription.announced = False
            with guard("telling an observer of changes"):
                subscription.observer.ready(subscription)
            subscription.make_room()
        elif subscription.busy.acquire(blocking=False):
            try:
                subscription.announced = False
                _as_the_program(_take_all, me, subscription)
            finally:
                subscription.busy.release()
        else:
            # Whoever is at it may have looked for the last time.
            again.append(subscription)
    _later.extend(again)


def _take_all(me: int, subscription: Subscription) -> None:
    while (taken := subscription.take()) is not None:
        _generation[me] = taken[1] + 1
        subscription.call(taken[0])


def _as_the_program(job: Callable[..., None], *arguments: object) -> None:
    if background.is_here():
        # Our own thread works quietly; what an observer does is the program's.
        outside(job, *arguments)
    else:
        job(*arguments)


def after_fork_in_child() -> None:
    """What waits is the parent's to deliver."""
    _turns.clear()
    _forsaken.clear()
    _later.clear()
    _delivering.clear()
    _generation.clear()
