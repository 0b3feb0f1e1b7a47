# SPDX-License-Identifier: Apache-2.0
"""What may be kept of a value until its change is handed on: plain immutable values, and of all others their type."""

from __future__ import annotations

from typing import Any, NamedTuple

from otelprov.containers.pending import MISSING
from otelprov.containers.tracker import Tracker

# Values that can't change, hold nothing else and take little room. Compared by exact type: a subclass may do anything.
SMALL = frozenset({int, float, bool, complex, type(None)})
# A longer text would be held up to the next drain, and a thousand of them with it.
MOST_KEPT = 4096
_MOST_IN_TUPLE = 16


class Large(NamedTuple):
    """A text or bytes too long to be kept: its type and its length."""

    kind: type
    length: int


def kept(value: Any) -> Any:
    """A small plain value as it is, a tracked container as its tracker, a long text as `Large`, else the value's type.

    Nothing of the program's is called, and nothing but plain immutable values is kept alive.
    """
    kind = type(value)
    if kind in SMALL or value is MISSING:
        return value
    if kind is str or kind is bytes:
        return value if len(value) <= MOST_KEPT else Large(kind, len(value))
    if kind is tuple:
        return value if len(value) <= _MOST_IN_TUPLE and all(_is_plain(item) for item in value) else kind
    tracker = tracker_of(value)
    return kind if tracker is None else tracker


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return kind in SMALL or ((kind is str or kind is bytes) and len(value) <= MOST_KEPT)


def is_tracked_type(kind: type) -> bool:
    """Whether instances of a class are tracked containers."""
    return "_tracking" in kind.__dict__ or any("_tracking" in base.__dict__ for base in kind.__mro__)


def tracker_of(value: Any) -> Tracker | None:
    """The tracker of a tracked container; None for everything else. Calls nothing of the program's."""
    for base in type(value).__mro__:
        slot = base.__dict__.get("_tracking")
        if slot is not None:
            try:
                found = slot.__get__(value)
            except AttributeError:
                return None
            return found if type(found) is Tracker else None
    return None
