# SPDX-License-Identifier: Apache-2.0
"""Values of a program as JSON text that tells their types apart, and back: exact for plain data, bounded for all else.

`null`, `true`, a number, a string and an array stand for None, bool, int or float (which has a `.` or an `e`), str and
list. Everything else is an object of one key (of two where noted):

    {"d":[[k,v],...]} dict in order    {"t":[...]} tuple    {"s":[...]} set    {"z":[...]} frozenset
    {"b":"base64"} bytes    {"y":"base64"} bytearray    {"c":["re","im"]} complex    {"f":"nan"} nan and infinities
    {"i":"hex"} an int of many digits    {"u":["..","..."]} a str whose pieces must not be joined as UTF-16
    {"id":ID,"of":"dict"} a tracked container inside this one
    {"o":"module.Type"} a value that is not taken apart    {"x":LENGTH,"h":HEAD} one of which only the head is told
"""

from __future__ import annotations

import base64
import itertools
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from otelprov.model.thawed import MAX_DEPTH, MAX_LENGTH, Child, Cut, Opaque, thaw

try:
    # Straight from C: the json package around it would cost every observed program its start-up time.
    from _json import encode_basestring_ascii
except ImportError:
    from json.encoder import encode_basestring_ascii

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Child", "Cut", "Opaque", "freeze", "thaw", "type_name"]

# Of what only ever changes with the class of a value.
_MOST_OF_A_NAME = 96
# Anything at all can be told in so many characters, the type of it at least.
_ROOM_FOR_ANY = 192
_DECIMAL_BITS = 2000  # 603 digits; no setting of the interpreter's refuses them
_TWO_HALVES = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")
_module_of: Callable[[type], Any] = type.__dict__["__module__"].__get__
_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__


def type_name(kind: type) -> str:
    """`int`, `module.Class`: the name of a type, in at most 96 characters; runs no code of its metaclass."""
    try:
        module, name = _module_of(kind), _qualname_of(kind)
    except Exception:
        return "?"
    if type(name) is not str:
        return "?"
    whole = name if type(module) is not str or module == "builtins" else f"{module}.{name}"
    return whole if len(whole) <= _MOST_OF_A_NAME else f"{whole[: _MOST_OF_A_NAME - 1]}…"


def freeze(value: Any, child: Callable[[Any], tuple[str, str] | None] | None = None) -> tuple[str, bool]:
    """The text of a value, and whether something of it is not told.

    `child` gives id and kind of a tracked container, None for everything else; it is asked about values of other than
    the built-in types. No code of the program runs: no `repr`, `==`, `hash`, nor the iteration of a class of its own.
    """
    writer = _Writer(child)
    try:
        return writer.write(value, 0, MAX_LENGTH), writer.cut
    except RecursionError:
        # The program itself is that deep.
        return writer.not_told(type(value)), True


class _Writer:
    """One call of `freeze`. Every `write` keeps within the room that it is given, in characters."""

    def __init__(self, child: Callable[[Any], tuple[str, str] | None] | None) -> None:
        self.child = child
        self.cut = False
        self.above: set[int] = set()

    def write(self, value: Any, depth: int, room: int) -> str:
        kind = type(value)
        if kind is str:
            return self._text(value, room)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if kind is int:
            return self._int(value, room)
        if kind is float:
            return _float(value)
        if kind is complex:
            return f'{{"c":["{_digits(value.real)}","{_digits(value.imag)}"]}}'
        if kind is bytes or kind is bytearray:
            return self._bytes(value, room)
        if kind in _BRACKETS:
            return self._elements(value, depth, room)
        known = None if self.child is None else self.child(value)
        if known is not None:
            told = f'{{"id":{encode_basestring_ascii(known[0])},"of":{encode_basestring_ascii(known[1])}}}'
            if len(told) <= room:
                return told
        return self.not_told(kind)

    def not_told(self, kind: type) -> str:
        self.cut = True
        name = encode_basestring_ascii(type_name(kind))
        # The name of a class may be written in any alphabet.
        return f'{{"o":{name}}}' if len(name) < _ROOM_FOR_ANY - 10 else '{"o":"?"}'

    def _text(self, value: str, room: int) -> str:
        if len(value) + 2 <= room:
            quoted = encode_basestring_ascii(value)
            if "\\ud" in quoted and _TWO_HALVES.search(value):
                quoted = f'{{"u":[{",".join(map(encode_basestring_ascii, _TWO_HALVES.split(value)))}]}}'
            if len(quoted) <= room:
                return quoted
        # A character takes at most twelve in JSON, and two halves that are kept apart not more.
        return self._head(len(value), room, lambda inner: self._text(value[: (inner - 40) // 12], inner))

    def _int(self, value: int, room: int) -> str:
        bits = value.bit_length()
        if bits <= _DECIMAL_BITS and bits // 3 + 2 <= room:
            return int.__repr__(value)
        if bits // 4 + 12 <= room:
            return f'{{"i":"{value:x}"}}'
        return self.not_told(int)

    def _bytes(self, value: bytes | bytearray, room: int) -> str:
        mark = "b" if type(value) is bytes else "y"
        if len(value) * 4 // 3 + 16 <= room:
            return f'{{"{mark}":"{base64.b64encode(value).decode()}"}}'
        return self._head(len(value), room, lambda inner: self._bytes(value[: (inner - 20) * 3 // 4], inner))

    def _head(self, length: int, room: int, write: Callable[[int], str]) -> str:
        self.cut = True
        before = f'{{"x":{length},"h":'
        return f"{before}{write(room - len(before) - 1)}}}"

    def _elements(self, value: Any, depth: int, room: int) -> str:
        if depth >= MAX_DEPTH or id(value) in self.above or room < _ROOM_FOR_ANY:
            return self.not_told(type(value))
        opening, closing = _BRACKETS[type(value)]
        length = len(value)
        self.above.add(id(value))
        parts = self._items(value, depth + 1, room - len(opening) - len(closing) - 40)
        self.above.discard(id(value))
        told = f"{opening}{','.join(parts)}{closing}"
        if len(parts) == length:
            return told
        self.cut = True
        return f'{{"x":{length},"h":{told}}}'

    def _items(self, value: Any, depth: int, room: int) -> list[str]:
        parts: list[str] = []
        pairs = type(value) is dict
        needed = 2 * _ROOM_FOR_ANY + 4 if pairs else _ROOM_FOR_ANY + 1
        for item in _first(value.items() if pairs else value, room // 2 + 1):
            # Only what can be told in any case is begun.
            if room < needed:
                break
            if pairs:
                key = self.write(item[0], depth, room - _ROOM_FOR_ANY - 4)
                parts.append(f"[{key},{self.write(item[1], depth, room - len(key) - 4)}]")
            else:
                parts.append(self.write(item, depth, room - 1))
            room -= len(parts[-1]) + 1
        return parts


_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    dict: ('{"d":[', "]}"),
    tuple: ('{"t":[', "]}"),
    set: ('{"s":[', "]}"),
    frozenset: ('{"z":[', "]}"),
}


def _first(items: Iterable[Any], most: int) -> list[Any]:
    for _ in range(3):
        try:
            return list(itertools.islice(items, most))
        except RuntimeError:
            # Another thread has just changed it.
            continue
    return []


def _float(value: float) -> str:
    return float.__repr__(value) if math.isfinite(value) else f'{{"f":"{_digits(value)}"}}'


def _digits(value: float) -> str:
    if value != value and math.copysign(1.0, value) < 0:
        return "-nan"
    return float.__repr__(value)
