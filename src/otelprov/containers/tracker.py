# SPDX-License-Identifier: Apache-2.0
"""What is known of one tracked container besides its content: its name, what to record, and what it did lately."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from otelprov.containers.pending import LIMIT, Entry

_numbers = itertools.count(1)
# Above any queue: the next change goes the careful way.
_ALWAYS = -1


class Options(NamedTuple):
    """What to record of a container; every `True` costs something, see docs/reference/containers.md.

    `history` is how many changes `tracking_changes()` remembers: None all of them, 0 none.
    """

    name: str = ""
    nested: bool = False
    values: bool = False
    site: bool = False
    stack: bool = False
    snapshot: bool = False
    history: int | None = 1000


DEFAULT = Options()


class Tracker:
    """One container's part in tracking. It outlives the container until its last change is handed on.

    `limit` is compared with the length of the queue before every change: above it, and always where it is negative, the
    change goes through `careful`.
    """

    __slots__ = (
        "__weakref__",
        "code",
        "count",
        "kept",
        "kind",
        "lasti",
        "limit",
        "locked",
        "number",
        "options",
        "original",
        "owner",
        "packed",
        "parents",
        "site",
        "subscriptions",
        "watched",
    )

    def __init__(self, kind: str, options: Options = DEFAULT) -> None:
        self.kind = kind
        self.options = options
        self.site = options.site
        # Number of the container in this process; with the process id it is the container's id.
        self.number = next(_numbers)
        # Of the changes handed on.
        self.count = 0
        self.kept: deque[Entry] | None = None if options.history == 0 else deque(maxlen=options.history)
        # Called with (entry, number) for each change that is handed on, where somebody observes it.
        self.watched: Callable[[Entry, int], object] | None = None
        self.subscriptions: Any = None
        self.locked = False
        self.original: Any = None
        # Weak reference to the container, made where somebody needs the way back.
        self.owner: Any = None
        # Containers that hold this one; see nested.py.
        self.parents: Any = None
        # The line that made the container, for its name.
        self.code: Any = None
        self.lasti = -1
        # What pack.py has worked out about the container once and for all.
        self.packed: Any = None
        self.limit = LIMIT
        self.choose_way()

    def choose_way(self) -> None:
        """Decide anew whether changes must go the careful way; to be called when what it depends on has changed."""
        options = self.options
        careful = (
            self.locked
            or options.nested
            or options.values
            or options.stack
            or options.snapshot
            or self.parents is not None
            or self.watched is not None
        )
        self.limit = _ALWAYS if careful else LIMIT
