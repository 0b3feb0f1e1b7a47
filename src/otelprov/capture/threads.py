# SPDX-License-Identifier: Apache-2.0
"""Learns of the first thread that the program starts: up to then, everything of the program's happens in one."""

from __future__ import annotations

import _thread
import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

from otelprov.capture import background
from otelprov.capture.guard import guard

# Raised by the interpreter since 3.12; the second one since 3.13, where the first is only for those who ask for less.
EVENTS = frozenset(("_thread.start_new_thread", "_thread.start_joinable_thread"))
_TOLD_BY_EVENTS = sys.version_info >= (3, 12)

_before: Callable[[], object] | None = None
_listening = False


def listening() -> None:
    """Be told that the audit hook is there, which calls `starting`."""
    global _listening
    _listening = True


def before_threads(job: Callable[[], object]) -> bool:
    """Do something right before the program starts a thread; False where nothing would tell us.

    Our own thread does not count. Threads that a library makes without Python are not seen.
    """
    global _before
    if _TOLD_BY_EVENTS:
        _before = job
        return _listening
    original = _thread.start_new_thread
    if getattr(threading, "_start_new_thread", None) is not original:
        # Somebody else has put other threads in their place.
        return False
    _before = job
    wrapped = _wrapped(original)
    _thread.start_new_thread = wrapped
    threading._start_new_thread = wrapped  # type: ignore[attr-defined]
    return True


def is_alone() -> bool:
    """Whether the main thread is the only one, ours aside, and the one that asks."""
    if threading.current_thread() is not threading.main_thread():
        return False
    known = (threading.get_ident(), background.thread_ident())
    return all(ident in known for ident in sys._current_frames())


def starting() -> None:
    """A thread is about to be started by the calling one."""
    if _before is not None and not background.is_starting():
        with guard("the start of a thread"):
            _before()


def _wrapped(original: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(original)
    def start_new_thread(*arguments: Any, **named: Any) -> int:
        starting()
        return original(*arguments, **named)

    return start_new_thread
