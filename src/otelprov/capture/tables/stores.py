# SPDX-License-Identifier: Apache-2.0
"""Writers and stores that tables go into one by one, and what they were given while they are open."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otelprov.capture.flow.frames import extent, kind_of, known, names_of
from otelprov.capture.flow.identity import Origins


@dataclass(slots=True)
class Store:
    """A writer or store that is open: where, in what mode, the version it then had, and what came out and went in."""

    target: Any
    mode: Any
    version: str = ""
    existed: bool = False
    # Of a buffer: position and size before.
    before: tuple[int, int] | None = None
    read: Origins | None = None
    written: Origins | None = None
    tables: int = 0
    shape: tuple[int | None, Any] = (None, None)
    # Of a store that is there without its being closed: its format, and by whom and when it was opened.
    lasting: str = ""
    scope: str = ""
    started: int = 0


_open: weakref.WeakKeyDictionary[Any, Store] = weakref.WeakKeyDictionary()


def store_of(obj: Any) -> Store | None:
    """What is known of an open writer or store; None for everything else."""
    # Asked of objects of declared classes only: others might answer with code of the program.
    return _open.get(obj) if _open and kind_of(type(obj)) else None


def opened_store(obj: Any, store: Store) -> None:
    """Note that a writer or store is open."""
    if kind_of(type(obj)):
        _open[obj] = store


def closed_store(obj: Any) -> Store | None:
    """Forget an open writer or store, and return what was known of it."""
    return _open.pop(obj, None) if kind_of(type(obj)) else None


def left_open() -> list[Store]:
    """What is known of all that is open; forgets it."""
    found = [store for _, store in _open.items()]
    _open.clear()
    return found


def note_stored(obj: Any, sources: Origins | None, shape: tuple[int | None, Any] = (None, None)) -> bool:
    """Note that a table went into an open writer or store; False where the object is none."""
    store = store_of(obj)
    if store is None:
        return False
    incoming = Origins(complete=False) if sources is None else sources
    store.written = incoming if store.written is None else store.written | incoming
    store.tables += 1
    store.shape = shape if store.tables == 1 else (None, None)
    return True


def stores(name: str, position: int, *, leave: str = "") -> Callable[[tuple[Any, ...], dict[str, Any], Any], None]:
    """Follow function of a store's method that puts the table given as one argument into it.

    `leave` is the function of the library that puts something of its own.
    """

    def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if leave and sys._getframe(2).f_code.co_name == leave:
            return
        value = kwargs[name] if name in kwargs else args[position] if position < len(args) else None
        note_stored(args[0], known(value), (extent(value)[0], names_of(value)))

    return follow


# What the parent has open, the parent will record.
os.register_at_fork(after_in_child=_open.clear)
