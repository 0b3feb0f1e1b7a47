# SPDX-License-Identifier: Apache-2.0
"""What parts of ours hold back for a moment to do many at once, and that it is time to hand it on."""

from __future__ import annotations

from collections.abc import Callable

from otelprov.capture.guard import guard

_held: dict[str, Callable[[], object]] = {}


def hold(what: str, hand_on: Callable[[], object]) -> None:
    """From now on call `hand_on` before a step or a process ends, and before another program takes the process over."""
    _held[what] = hand_on


def hand_on() -> None:
    """Hand on what is held back; it is in the journal when this returns."""
    for what, job in list(_held.items()):
        with guard(what):
            job()
