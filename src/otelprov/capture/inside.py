# SPDX-License-Identifier: Apache-2.0
"""One user action is one edge: what a captured call does inside is not captured again.

Inside is where a lock is held. A signal handler may raise anywhere in Python code, also in an `__exit__` that has done
nothing yet, and whatever that left switched off would stay off for good: a lock is given up by the interpreter itself.
"""

from __future__ import annotations

import threading
from _thread import LockType, allocate_lock
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, ContextVar

# For what changes nothing.
AS_IT_IS: AbstractContextManager[None] = nullcontext()


class _Thread(threading.local):
    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.setting = allocate_lock()


_thread = _Thread()
_task: ContextVar[LockType | None] = ContextVar("otelprov_inside", default=None)
_get = _task.get


def is_inside() -> bool:
    """Whether what is done here and now is our own work, or the inside of a captured call."""
    if _thread.lock.locked():
        return True
    lock = _get()
    return lock is not None and lock.locked()


def quietly() -> AbstractContextManager[object]:
    """`with quietly():` for everything that must not be captured: our own work, and the inside of captured calls.

    For what is done in one go: nothing may be awaited or yielded within.
    """
    return AS_IT_IS if is_inside() else _thread.lock


def quietly_in_turns() -> AbstractContextManager[object]:
    """As `quietly`, for what awaits, switches greenlets or has a loop of another thread do its work.

    It goes for the current context, and for those that are copied from it meanwhile.
    """
    if is_inside():
        return AS_IT_IS
    if _thread.setting.locked():
        # A finaliser: Python 3.11 collects cycles also while a context variable is being set, and crashes where
        # another one is set then.
        return _thread.lock
    lock = allocate_lock()
    with _thread.setting:
        _task.set(lock)
    return lock


def outside(job: Callable[..., object], *arguments: object) -> None:
    """Run what is the program's from within our own work, in a thread of ours: what it does is captured."""
    mine, _thread.lock = _thread.lock, allocate_lock()
    try:
        Context().run(job, *arguments)
    finally:
        _thread.lock = mine


def is_held_elsewhere(given: object) -> bool:
    """Whether the region goes on that one of these gave this for; what this thread does in one go is no such region."""
    return isinstance(given, LockType) and given is not _thread.lock and given.locked()
