# SPDX-License-Identifier: Apache-2.0
"""What is known of one tracked container besides its content: its name, what to record, and what it did lately."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from otelprov.containers.pending import LIMIT, Entry, drain, queue

numbers = itertools.count(1)
NO_NAMES: dict[str, Any] = {}
# Which way the next change goes: the fast one; the careful one; the fast one, with the line that makes it.
FAST, ALWAYS, SITED = 0, -1, -2


class Options(NamedTuple):
    """What to record of a container; every `True` costs something, see docs/reference/containers.md.

    `history` is how many changes `tracking_changes()` remembers: None all of them, 0 none. `original` keeps what it
    held when it was made.
    """

    name: str = ""
    nested: bool = False
    values: bool = False
    site: bool = False
    stack: bool = False
    snapshot: bool = False
    history: int | None = 1000
    original: bool = False


DEFAULT = Options()

# Told of each new tracker before its first change, where somebody observes containers by name or set their options so.
made: Callable[[Tracker], object] | None = None
# Two threads may choose a way at the same time: one locks a container, another begins to observe it.
_choosing = threading.RLock()


class Tracker:
    """One container's part in tracking. It outlives the container until its last change is handed on.

    `way` is asked before every change: FAST, or ALWAYS where the change goes through `careful`, or SITED.
    """

    __slots__ = (
        "__weakref__",
        "begun",
        "code",
        "count",
        "eager",
        "kept",
        "kind",
        "lasti",
        "locked",
        "meanwhile",
        "names",
        "number",
        "options",
        "original",
        "owner",
        "packed",
        "parents",
        "plain_names",
        "site",
        "subscriptions",
        "watched",
        "way",
    )

    def __init__(self, kind: str, options: Options = DEFAULT) -> None:
        self.kind = kind
        self.options = options
        self.site = options.site
        # Number of the container in this process; with the process id it is the container's id.
        self.number = next(numbers)
        # Of the last change handed on: 0 is the making of the container.
        self.count = -1
        # Whether the making is recorded; until then every change goes the careful way.
        self.begun = True
        # Called before a change that is made in the midst of another one of the same container.
        self.meanwhile: Callable[[], object] | None = None
        self.kept: deque[Entry] | None = None if options.history == 0 else deque(maxlen=options.history)
        # Called with (entry, number) for each change that is handed on, where somebody observes it.
        self.watched: Callable[[Entry, int], object] | None = None
        self.subscriptions: Any = None
        # Whether an observer is to be called right after each change.
        self.eager = False
        # Code and instruction of the call that locked it; None where it is open.
        self.locked: Any = None
        self.original: Any = None
        # Weak reference to the container, made where somebody needs the way back.
        self.owner: Any = None
        # Containers that hold this one; see nested.py.
        self.parents: Any = None
        # The line that made the container, for its name.
        self.code: Any = None
        self.lasti = -1
        # Keys of the attributes of an object that nothing but the object has a say in, see attributes.py; and those of
        # them that go the fast way now: all or none.
        self.plain_names: dict[str, Any] = NO_NAMES
        self.names: dict[str, Any] = NO_NAMES
        # What pack.py has worked out about the container once and for all.
        self.packed: Any = None
        if made is not None:
            made(self)
        self.take_way(self._way())

    def take_way(self, way: int) -> None:
        """Have changes go this way, until the next choice."""
        self.way = way
        self.names = self.plain_names if way == FAST else NO_NAMES

    def choose_options(self, options: Options) -> None:
        """Take other options, before the first change."""
        self.options = options
        self.site = options.site
        self.kept = None if options.history == 0 else deque(maxlen=options.history)

    def careful(self) -> bool:
        """Make room in the queue; whether the change must go the careful way. LockedError where it may not be."""
        if len(queue) >= LIMIT:
            drain()
        if self.locked is not None or self.parents is not None:
            from otelprov.containers.locks import refuse

            refuse(self)
        return self.way == ALWAYS

    def choose_way(self) -> None:
        """Decide anew whether changes must go the careful way; to be called when what it depends on has changed."""
        with _choosing:
            self.take_way(self._way())

    def _way(self) -> int:
        options = self.options
        careful = (
            not self.begun
            or self.meanwhile is not None
            or self.locked is not None
            or options.nested
            or options.values
            or options.stack
            or options.snapshot
            or self.parents is not None
            or self.eager
        )
        return ALWAYS if careful else SITED if self.site else FAST


def after_fork_in_child() -> None:
    """The thread that held the lock is not there."""
    global _choosing
    _choosing = threading.RLock()
