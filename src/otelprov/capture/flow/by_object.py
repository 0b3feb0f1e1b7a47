# SPDX-License-Identifier: Apache-2.0
"""What is known of objects of the program's, by their identity, for as long as they live."""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class _Note(weakref.ref[Any]):
    __slots__ = ("key", "value")

    key: int
    value: Any


class ByObject(Generic[V]):
    """A mapping from objects to values that neither keeps an object alive nor asks it for its hash or equality.

    The value of an object that is gone is given up with the next note.
    """

    def __init__(self) -> None:
        self._notes: dict[int, _Note] = {}
        # Filled by the interpreter alone: in a function of ours, what a signal handler raises would be swallowed, for
        # nobody handles the errors of those who are told that an object is gone.
        self._gone: deque[_Note] = deque()

    def note(self, obj: Any, value: V) -> bool:
        """Note a value; False where the object can't be referred to weakly."""
        if self._gone:
            self._sweep()
        try:
            note = _Note(obj, self._gone.append)
        except TypeError:
            return False
        note.key = key = id(obj)
        note.value = value
        self._notes[key] = note
        return True

    def get(self, obj: Any) -> V | None:
        """The value of an object; None where there is none."""
        note = self._notes.get(id(obj))
        return None if note is None or note() is not obj else note.value

    def drop(self, obj: Any) -> None:
        """Forget an object."""
        self._notes.pop(id(obj), None)

    def objects(self) -> list[Any]:
        """The objects, those that are alive."""
        return [obj for note in self._notes.copy().values() if (obj := note()) is not None]

    def __len__(self) -> int:
        self._sweep()
        return len(self._notes)

    def _sweep(self) -> None:
        try:
            while True:
                note = self._gone.popleft()
                # Another object may live at this address by now, or have begun to while we look.
                found = self._notes.pop(note.key, None) if self._notes.get(note.key) is note else None
                if found is not None and found is not note:
                    self._notes.setdefault(note.key, found)
        except IndexError:
            return
