# SPDX-License-Identifier: Apache-2.0
"""One change as the program sees it: in histories, and in the hands of observers."""

from __future__ import annotations

import os
from types import CodeType
from typing import Any, NamedTuple

from opentelemetry import trace

from otelprov.containers.actor import actor_in
from otelprov.containers.pending import MISSING, Entry, Extra, place_of
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import Large

_MOST_OF_A_KEY = 128


class CodePlace(NamedTuple):
    """The line that made a change."""

    file: str
    line: int
    function: str


class Change:
    """One change of one tracked container. Changes are equal where they are the same one.

    `old` and `new` are plain values (numbers, short texts and bytes, None), `MISSING`, the `Tracker` of a tracked
    container, `Large`, or, for every other value, the value's type: a change keeps no object of the program's alive.
    Equality and hash are by container and number.
    """

    __slots__ = ("_entry", "number")

    def __init__(self, entry: Entry, number: int) -> None:
        self._entry = entry
        self.number = number

    @property
    def tracker(self) -> Tracker:
        """The tracker of the container that changed."""
        tracker: Tracker = self._entry[0]
        return tracker

    @property
    def name(self) -> str:
        """Name of the outermost container: the one given, else the line that made it."""
        return name_of(self._outermost()[0])

    @property
    def action(self) -> str:
        """What was done: set, delete, append, ..."""
        action: str = self._entry[1]
        return action

    @property
    def time(self) -> int:
        """Nanoseconds since the epoch."""
        time: int = self._entry[2]
        return time

    @property
    def key(self) -> Any:
        """Key, index, `Slice`, `Element` or `Attribute`; `MISSING` where the operation is on the whole."""
        return self._entry[3]

    @property
    def old(self) -> Any:
        """What was there before."""
        return self._entry[4]

    @property
    def new(self) -> Any:
        """What is there now."""
        return self._entry[5]

    @property
    def elements(self) -> int:
        """How many elements the operation changed, -1 where that is one."""
        return self._extra().elements

    @property
    def path(self) -> tuple[Any, ...]:
        """Keys from the outermost container down to what changed."""
        above = self._outermost()[1]
        return above if self.key is MISSING else (*above, self.key)

    @property
    def location(self) -> str:
        """The path as Python would write it behind the name of the container."""
        return location_of(self._outermost()[1], self.key)

    @property
    def thread_id(self) -> int:
        """`threading.get_ident()` of the thread that made the change."""
        return place_of(self._entry[6])[0]

    @property
    def actor(self) -> str:
        """Who the program says did it, empty where it does not."""
        return actor_in(place_of(self._entry[6])[1])

    @property
    def span_context(self) -> trace.SpanContext:
        """The span that was current; not valid where none was."""
        context = place_of(self._entry[6])[1]
        return trace.get_current_span(context).get_span_context()

    @property
    def code(self) -> CodePlace | None:
        """The line that made the change, where the container was asked to note it."""
        entry = self._entry
        code, lasti = (entry[7], entry[8]) if len(entry) == 9 else (self._extra().code, self._extra().lasti)
        return None if code is None else code_place(code, lasti)

    @property
    def stack(self) -> str:
        """The calls that led to the change, where the container was asked to note them."""
        return self._extra().stack

    @property
    def snapshot(self) -> str:
        """The container after the change as JSON, where it was asked to take snapshots."""
        return self._extra().snapshot

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Change):
            return NotImplemented
        return self.tracker is other.tracker and self.number == other.number

    def __hash__(self) -> int:
        return hash((id(self._entry[0]), self.number))

    def __repr__(self) -> str:
        return f"<Change {self.number} {self.action} {self.name}{self.location}>"

    def _extra(self) -> Extra:
        entry = self._entry
        return entry[7] if len(entry) == 8 else _NOTHING

    def _outermost(self) -> tuple[Tracker, tuple[Any, ...]]:
        paths = self._extra().paths
        return paths[0] if paths else (self.tracker, ())


_NOTHING = Extra()


def name_of(tracker: Tracker) -> str:
    """The name a container was given, else its kind with the line that made it."""
    if tracker.options.name:
        return tracker.options.name
    if tracker.code is None:
        return f"{tracker.kind} {tracker.number}"
    place = code_place(tracker.code, tracker.lasti)
    return f"{tracker.kind} {os.path.basename(place.file)}:{place.line}"


def location_of(above: tuple[Any, ...], key: Any) -> str:
    """The way to what changed, as Python writes it: `['items'][3].price`; `key` may be `MISSING`."""
    steps = above if key is MISSING else (*above, key)
    return "".join(map(step_text, steps))


def step_text(key: Any) -> str:
    """One step of a way: `['name']`, `[3]`, `[1:4]`, `.attribute`, `{element}`."""
    kind = type(key)
    if kind is Attribute:
        return f".{key}"
    if kind is Element:
        return f"{{{_plain_text(key.value)}}}"
    if kind is Slice:
        step = "" if key.step in (None, 1) else f":{key.step}"
        return f"[{key.start}:{key.stop}{step}]"
    return f"[{_plain_text(key)}]"


class Attribute(str):
    """The name of an attribute, as a key."""

    __slots__ = ()


class Element(NamedTuple):
    """An element of a set, as a key; `value` is as `kept` leaves it."""

    value: Any


class Slice(NamedTuple):
    """The part of a list that an operation replaced, before it was replaced."""

    start: int
    stop: int
    step: int = 1


def _plain_text(key: Any) -> str:
    kind = type(key)
    if kind is str and len(key) > _MOST_OF_A_KEY:
        return f"{key[:_MOST_OF_A_KEY]!r}…"
    if kind is str or kind is int or kind is bool or kind is float or key is None or kind is bytes or kind is complex:
        return repr(key)[: 2 * _MOST_OF_A_KEY]
    if kind is tuple:
        return "(" + ", ".join(_plain_text(item) for item in key) + ("," if len(key) == 1 else "") + ")"
    if kind is Large:
        return f"<{key.kind.__name__} of length {key.length}>"
    if kind is Tracker:
        return f"<{key.kind}>"
    name = key.__qualname__ if isinstance(key, type) else kind.__qualname__
    return f"<{name}>"


def code_place(code: CodeType, lasti: int) -> CodePlace:
    """File, line and function of an instruction."""
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end and number is not None:
            line = number
            break
    return CodePlace(os.path.abspath(code.co_filename), line, code.co_qualname)
