# SPDX-License-Identifier: Apache-2.0
"""Changes that were made and are not handed on yet: one queue of the process, which every tracked container appends to.

An entry is a plain tuple, because making one is most of what a change costs:

    (tracker, action, time, key, old, new, where)                  the usual one
    (tracker, action, time, key, old, new, where, code, lasti)     with the call site
    (tracker, action, time, key, old, new, where, Extra)           with whatever else was asked for

`time` is in nanoseconds since the epoch. `key`, `old` and `new` are as `values.kept` leaves them: nothing in the queue
keeps an object of the program's alive. `where` is what `here()` gave.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import context

if TYPE_CHECKING:
    from otelprov.containers.tracker import Tracker

Entry = tuple[Any, ...]
# An entry and the number of the change among those of its container.
Numbered = tuple[Entry, int]

# So many changes wait until the thread that makes the next one hands them on.
LIMIT = 1000
# In a process with one thread the collector of cycles says when to. It counts new tuples, but for up to 2,000 that the
# interpreter had kept to use again, and comes by after 700 (2,000 from Python 3.13 on).
MOST_ALONE = 4000
_ASK_FROM = 200
_BATCH = 1000
# As `pack.MOST_EVENTS`: fewer would make spans that are mostly frame.
_BLOCK = 100
# As `values.MOST_KEPT`, which needs trackers, and so this module.
_LONGEST_KEY = 4096
# Where another thread hands on and can't keep up, one that makes changes waits this long for it, in seconds.
_PATIENCE = 0.05
# As long where nothing else would be done about what that thread has.
_LAST_PATIENCE = 0.5


class Missing:
    """What was there before where nothing was, and what is there after a deletion."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class Extra(NamedTuple):
    """What an entry says beyond the usual, where the container was asked to.

    `paths` are (tracker of the outermost container, keys down to the one that changed), one for each way; empty for a
    container without parents. `frozen_*` are JSON texts of `model.values.freeze`, empty where values are not captured.
    `elements` is the number of elements of an operation on several, -1 for one.
    """

    paths: tuple[tuple[Tracker, tuple[Any, ...]], ...] = ()
    elements: int = -1
    frozen_key: str = ""
    frozen_old: str = ""
    frozen_new: str = ""
    cut: bool = False
    snapshot: str = ""
    stack: str = ""
    code: Any = None
    lasti: int = -1


queue: deque[Entry] = deque()
note = queue.append

_no_context: ContextVar[Any] = ContextVar("otelprov_no_context", default=None)
# The variable behind `context.get_current`: asking it costs a tenth.
_current_context: Callable[[], Any] = getattr(
    getattr(getattr(context, "_RUNTIME_CONTEXT", None), "_current_context", None), "get", context.get_current
)
_ident = threading.get_ident


def _here_among_threads() -> tuple[int, Any]:
    if len(queue) >= LIMIT:
        drain()
    return _ident(), _current_context()


def _here_with_room() -> Any:
    """In the place of `here` for one change: first hand on what waits."""
    global here
    here = _current_context if _alone else _here_among_threads
    drain()
    return here()


def _after_collection(phase: str, _info: dict[str, int]) -> None:
    # Asking the length of the queue with each change would cost as much as half a plain dict's. Each that waits is a
    # tuple, so the collector of cycles is called while they gather; where that is switched off, our thread comes by.
    global here
    if phase == "stop" and _alone and len(queue) >= _ASK_FROM:
        here = _here_with_room


class Sinks:
    """Who is given the changes: the journal, where something is recorded, and the observers."""

    def __init__(self) -> None:
        # May be called again with the same list, where a signal handler has interrupted it.
        self.pack: Callable[[list[Numbered]], object] | None = None
        self.deliver: Callable[[], object] | None = None
        # Whether an observer is to be called right after each change, in the thread that made it.
        self.eager = False


sinks = Sinks()
# Where a change is made: the OpenTelemetry context, or (thread id, context) in a process with several threads.
here: Callable[[], Any] = _here_among_threads
_alone = False
_main_ident = _ident()


def single_threaded() -> None:
    """From now on, and until `threaded`, every change is made by the calling thread; nobody has to ask which it is."""
    global here, _main_ident, _alone
    _main_ident = _ident()
    _alone = True
    here = _current_context
    if _after_collection not in gc.callbacks:
        gc.callbacks.append(_after_collection)


def threaded() -> None:
    """Another thread may make changes from now on."""
    global here, _alone
    _alone = False
    here = _here_among_threads
    if _after_collection in gc.callbacks:
        gc.callbacks.remove(_after_collection)


def place_of(where: Any) -> tuple[int, Any]:
    """Thread id and context of what `here()` gave."""
    return where if type(where) is tuple else (_main_ident, where)


_handing_on = threading.Lock()
_handing_on_in = 0


def drain(*, whole_blocks: bool = False) -> None:
    """Hand every waiting change on, in order: number it, remember it, and give it to the journal and the observers.

    With `whole_blocks` the journal gets those that make a block: for observers that are told of each change at once.
    Never raises and never waits long. Where another thread is at it already, that one takes the rest as well.
    """
    global _handing_on_in
    me = _ident()
    if _handing_on_in == me:
        # An observer, a signal handler or a finaliser made a change: whoever is at it takes it as well.
        return
    if _handing_on.locked() and ((len(queue) < 4 * LIMIT and not sinks.eager) or not _is_free_soon()):
        return
    # Not by `acquire`: a signal handler that raises right behind it would leave the lock locked for good.
    with _handing_on:
        try:
            _handing_on_in = me
            while queue or (_in_hand and not whole_blocks):
                _hand_on(whole_blocks=whole_blocks)
        finally:
            _handing_on_in = 0
    if sinks.deliver is not None:
        # Observers are code of the program's: no lock of ours is held while they run.
        sinks.deliver()


def settle() -> None:
    """As `drain`, and wait for what another thread has in hand: before a process ends, nobody else will."""
    drain()
    if _handing_on_in != _ident() and _handing_on.locked() and _is_free_soon(_LAST_PATIENCE):
        drain()


def _is_free_soon(patience: float = _PATIENCE) -> bool:
    deadline = time.monotonic() + patience
    while _handing_on.locked():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def remembered(tracker: Tracker) -> tuple[list[Entry], int]:
    """The changes that are kept of a container, oldest first, and the number of the last; every one made up to now.

    Waits for another thread that is handing on.
    """
    global _handing_on_in
    if _handing_on_in == _ident():
        return list(tracker.kept or ()), tracker.count
    with _handing_on:
        try:
            _handing_on_in = _ident()
            while queue or _in_hand:
                _hand_on()
            found = list(tracker.kept or ()), tracker.count
        finally:
            _handing_on_in = 0
    if sinks.deliver is not None:
        sinks.deliver()
    return found


# Numbered, and not handed on as a whole yet. A signal handler that raises in between, as Ctrl-C does, leaves it for the
# next time.
_in_hand: list[Numbered] = []


def _hand_on(*, whole_blocks: bool = False) -> None:
    global _in_hand
    if _in_hand and queue and queue[0] is _in_hand[-1][0]:
        queue.popleft()
    if whole_blocks or not _in_hand:
        _take()
    if whole_blocks and len(_in_hand) < _BLOCK:
        return
    if sinks.pack is not None:
        sinks.pack(_in_hand)
    _in_hand = []


def _take() -> None:
    take = queue.popleft
    append = _in_hand.append
    # Of the first, this may have been interrupted.
    kept = queue[0][0].kept if queue else None
    already = kept[-1] if kept else None
    for _ in range(min(len(queue), _BATCH)):
        # Taken when it is in hand.
        entry = queue[0]
        key = entry[3]
        if type(key) is str and len(key) > _LONGEST_KEY:
            # Left as it was where it was noted, because looking takes time there; here it is still small in number.
            entry = queue[0] = (*entry[:3], _without(key), *entry[4:])
        tracker = entry[0]
        if tracker.kept is not None and entry is not already:
            tracker.kept.append(entry)
        number = tracker.count = tracker.count + 1
        append((entry, number))
        take()
        if tracker.watched is not None:
            tracker.watched(entry, number)
        if len(entry) == 8:
            for outermost, _keys in entry[7].paths:
                if outermost.watched is not None and outermost is not tracker:
                    outermost.watched(entry, number)


def _without(key: str) -> Any:
    from otelprov.containers.values import kept

    return kept(key)


def after_fork_in_child() -> None:
    """Leave what the parent has not handed on yet to the parent, and begin anew."""
    global _handing_on, _handing_on_in, _in_hand
    queue.clear()
    _in_hand = []
    _handing_on = threading.Lock()
    _handing_on_in = 0
