# SPDX-License-Identifier: Apache-2.0
"""Reads the text of a value, as `values.freeze` writes it, back: bounded, and safe with a text that others made."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

MAX_DEPTH = 16
# Longest text, in characters; it fits into an attribute as it is.
MAX_LENGTH = 65_000


class Opaque(NamedTuple):
    """Stands for a value that was not taken apart; `type` is its qualified name."""

    type: str


class Cut(NamedTuple):
    """Stands for a value of which only the head is told; `length` counts characters, bytes or elements of the whole."""

    length: int
    head: Any


class Child(NamedTuple):
    """Stands for a tracked container inside another: its id and its kind."""

    id: str
    of: str


def thaw(text: str, child: Callable[[str, str], Any] | None = None) -> Any:
    """The value that `freeze` was given; `Opaque` and `Cut` stand for what was not told.

    `child` is called with id and kind of each tracked container inside; without it `Child` stands there. Raises
    ValueError, and nothing else, for a text that is not of `freeze`.
    """
    import json

    if len(text) > MAX_LENGTH:
        raise ValueError(f"reading a value: {len(text)} characters, more than {MAX_LENGTH}")
    try:
        found = json.loads(text, parse_constant=_refuse)
        return _Reader(child).read(found, 0)
    except RecursionError:
        raise ValueError("reading a value: nested too deep") from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"reading a value: {error}") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


class _Reader:
    """One call of `thaw`."""

    def __init__(self, child: Callable[[str, str], Any] | None) -> None:
        self.child = child if child is not None else Child

    def read(self, found: Any, depth: int) -> Any:
        kind = type(found)
        if kind is list:
            return list(self._each(found, depth))
        if kind is not dict:
            return found
        keys = tuple(found)
        if keys == ("id", "of"):
            return self.child(_a(str, found["id"]), _a(str, found["of"]))
        if keys == ("x", "h"):
            return Cut(_a(int, found["x"]), self.read(found["h"], depth))
        if len(keys) != 1:
            raise ValueError(f"an object of {len(keys)} keys")
        mark, held = next(iter(found.items()))
        return self._marked(mark, held, depth)

    def _marked(self, mark: str, held: Any, depth: int) -> Any:
        if mark == "d":
            return dict(tuple(self._each(pair, depth)) for pair in self._inside(held, depth))
        gather = _GATHERED.get(mark)
        if gather is not None:
            return gather(self._each(held, depth))
        if mark == "c":
            real, imaginary = _a(list, held)
            return complex(float(_a(str, real)), float(_a(str, imaginary)))
        if mark == "u":
            return "".join(_a(list, held))
        read = _SINGLE.get(mark)
        if read is None:
            raise ValueError(f"no kind of value is marked {mark[:8]!r}")
        return read(_a(str, held))

    def _each(self, items: Any, depth: int) -> Iterator[Any]:
        return (self.read(item, depth + 1) for item in self._inside(items, depth))

    def _inside(self, items: Any, depth: int) -> list[Any]:
        if depth >= MAX_DEPTH:
            raise ValueError("nested too deep")
        found: list[Any] = _a(list, items)
        return found


def _decoded(held: str) -> bytes:
    return base64.b64decode(held, validate=True)


_GATHERED: dict[str, Callable[[Iterator[Any]], Any]] = {"t": tuple, "s": set, "z": frozenset}
_NOT_FINITE = {held: float(held) for held in ("nan", "-nan", "inf", "-inf")}
_SINGLE: dict[str, Callable[[str], Any]] = {
    "b": _decoded,
    "y": lambda held: bytearray(_decoded(held)),
    "f": lambda held: _NOT_FINITE[held],
    "i": lambda held: int(held, 16),
    "o": Opaque,
}


def _a(kind: type, found: Any) -> Any:
    if type(found) is not kind:
        raise ValueError(f"{kind.__name__} expected, found {type(found).__name__}")
    return found
