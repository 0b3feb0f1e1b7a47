# SPDX-License-Identifier: Apache-2.0
"""Which containers an observer is on: one, those of a name, or all of the process, also those made later."""

from __future__ import annotations

import functools
import gc
import os
import re
import threading
import weakref
from typing import Any

from otelprov.capture import background
from otelprov.containers import newcomers, pending, tracker
from otelprov.containers.change import name_of
from otelprov.containers.observers import delivery
from otelprov.containers.observers.subscription import Subscription
from otelprov.containers.pending import Entry
from otelprov.containers.tracker import Tracker

_PATIENCE = 0.05

_changing = threading.RLock()
# Those of names, with the pattern; None stands for every container. Never changed, but replaced: other threads read it.
_wide: dict[Subscription, re.Pattern[str] | None] = {}
_live: weakref.WeakSet[Subscription] = weakref.WeakSet()
_forks_watched = False


def put_on(subscription: Subscription, target: Tracker | re.Pattern[str] | None) -> None:
    """Put an observer on a container, on those of a name, or on all; it sees what changes from now on."""
    global _forks_watched, _wide
    pending.drain()
    with _changing:
        if not _forks_watched:
            _forks_watched = True
            os.register_at_fork(after_in_child=_after_fork_in_child)
        _live.add(subscription)
        pending.sinks.deliver = delivery.deliver
        if subscription.eager:
            pending.sinks.eager = True
        if isinstance(target, Tracker):
            found = weakref.ref(target)
            subscription.on_close(lambda closed: _take_off(closed, found()))
            _set(target, (*_own(target), subscription))
        else:
            subscription.on_close(lambda closed: _take_off_all(closed))
            _wide = {**_wide, subscription: target}
            newcomers.tell("observers", _meet_later)
            for existing in _trackers():
                _set(existing, _own(existing))
    # It hands changes on every so often; where nothing is recorded it has not been started.
    background.start()


def _take_off(subscription: Subscription, target: Tracker | None) -> None:
    _finish(subscription)
    with _changing:
        if target is not None:
            _set(target, tuple(own for own in _own(target) if own is not subscription))
        _forget(subscription)


def _take_off_all(subscription: Subscription) -> None:
    global _wide
    _finish(subscription)
    with _changing:
        _wide = {found: pattern for found, pattern in _wide.items() if found is not subscription}
        if not _wide:
            newcomers.tell("observers", None)
        for existing in _trackers():
            _set(existing, _own(existing))
        _forget(subscription)


def _finish(subscription: Subscription) -> None:
    """Deliver what was changed before the end."""
    pending.drain()
    subscription.closed = True


def _forget(subscription: Subscription) -> None:
    _live.discard(subscription)
    pending.sinks.eager = any(other.eager for other in _live)


def _own(target: Tracker) -> tuple[Subscription, ...]:
    """The subscriptions to a container itself."""
    return tuple(found for found in target.subscriptions or () if found not in _wide and not found.closed)


def _set(target: Tracker, own: tuple[Subscription, ...]) -> None:
    wide = [found for found, pattern in _wide.items() if _is_meant(target, pattern)] if _wide else []
    # Of equal priority, who came first comes first.
    both = tuple(sorted((*own, *wide), key=lambda found: -found.priority))
    if not both and target.watched is None:
        return
    target.subscriptions = both or None
    target.watched = functools.partial(delivery.queue, both) if both else None
    target.eager = any(found.eager for found in both)
    target.choose_way()


def _is_meant(target: Tracker, pattern: re.Pattern[str] | None) -> bool:
    return pattern is None or pattern.fullmatch(name_of(target)) is not None


def _meet_later(target: Tracker) -> None:
    """Of a new container: its name is known when it is first changed."""
    target.watched = _meet
    target.eager = any(found.eager for found in _wide)


def _meet(entry: Entry, number: int) -> None:
    first: Tracker = entry[0]
    extra: Any = entry[7] if len(entry) == 8 else None
    changing = _changing
    # Changes are being handed on, so who changes observers must not hold that up; nothing worse than a change that is
    # not observed comes of two at a time.
    alone = changing.acquire(timeout=_PATIENCE)
    try:
        for target in (first, *(outermost for outermost, _keys in extra.paths)) if extra is not None else (first,):
            if target.watched is _meet:
                _set(target, ())
    finally:
        if alone:
            changing.release()
    if first.watched is not None and first.watched is not _meet:
        first.watched(entry, number)


def _trackers() -> list[Tracker]:
    # Asked for so rarely that a list of all trackers, kept up with each that is made, would cost more.
    return [found for found in gc.get_objects() if type(found) is Tracker]


def _after_fork_in_child() -> None:
    global _changing
    _changing = threading.RLock()
    tracker.after_fork_in_child()
    delivery.after_fork_in_child()
    for subscription in list(_live):
        subscription.renew()
