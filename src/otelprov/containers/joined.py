# SPDX-License-Identifier: Apache-2.0
"""Joins the containers to what records: when changes are handed on, what a fork means, which threads make changes."""

from __future__ import annotations

import functools
import gc
import os
from typing import TYPE_CHECKING

from otelprov.capture import background, held, recorder, threads
from otelprov.containers import pending, tracker

if TYPE_CHECKING:
    from otelprov.containers.pack import Packer

# Longest time, in seconds, that a change of an observed program is in memory only.
EVERY = 0.5
_WHAT = "changes of containers"

_installed = False
# Containers with smaller numbers than the first were made in the process of the second, an ancestor.
_inherited: list[tuple[int, str]] = []
# Of the process that is about to fork.
_parent = ""


def install() -> None:
    """Hand changes to the journal, now or as soon as something is recorded; does nothing the second time."""
    global _installed
    if _installed:
        return
    _installed = True
    pending.sinks.pack = _pack
    held.hold(_WHAT, pending.settle)
    background.every(_WHAT, EVERY, _hand_on)
    if recorder.current() is not None:
        _packer()
        background.start()
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    if (
        recorder.current() is not None
        and gc.isenabled()
        and threads.is_alone()
        and threads.before_threads(pending.threaded)
    ):
        pending.single_threaded()


def _pack(batch: list[pending.Numbered]) -> None:
    if recorder.current() is not None:
        _packer().pack(batch)


@functools.cache
def _packer() -> Packer:
    # Programs of which nothing is recorded need none of it.
    from otelprov.containers.pack import Packer

    return Packer(_inherited)


def id_of(made: tracker.Tracker) -> str:
    """The id of a container, as the journal has it: that of the process that made it, and a number."""
    return f"{_packer().process_of(made.number) or f'{os.getpid():x}'}-{made.number}"


def _hand_on() -> None:
    if pending.sinks.deliver is not None:
        # What observers change is changed in this thread.
        pending.threaded()
    pending.drain()


def _before_fork() -> None:
    global _parent
    pending.drain()
    current = recorder.current()
    _parent = "" if current is None else current.process_id


def _after_fork() -> None:
    pending.after_fork_in_child()
    made = next(tracker.numbers)
    if _parent:
        _inherited.append((made, _parent))
    if made > 1 and recorder.current() is not None:
        # Our thread is not there any more, and the child may end without a word.
        background.start()
