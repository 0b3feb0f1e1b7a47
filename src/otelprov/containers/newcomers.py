# SPDX-License-Identifier: Apache-2.0
"""Who is told of each container that is made: options by name, and observers of containers by name."""

from __future__ import annotations

from collections.abc import Callable

from otelprov.containers import tracker
from otelprov.containers.tracker import Tracker

_told: dict[str, Callable[[Tracker], object]] = {}


def tell(who: str, job: Callable[[Tracker], object] | None) -> None:
    """Call `job` with each new tracker, before its first change; None where `who` wants to hear no more."""
    # A new dict, as the old one may be gone through in this moment.
    global _told
    _told = {**{name: known for name, known in _told.items() if name != who}, **({who: job} if job else {})}
    # Nobody pays for what nobody asked for.
    tracker.made = _tell if _told else None


def _tell(made: Tracker) -> None:
    for job in _told.values():
        job(made)
