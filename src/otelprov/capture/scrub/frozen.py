# SPDX-License-Identifier: Apache-2.0
"""Secrets in the texts of `model.values.freeze`: each text by its own signs, and by the names that it stands under."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from otelprov.capture.scrub.mark import mark
from otelprov.capture.scrub.text import CUT, scrub_text
from otelprov.capture.scrub.words import NO, STRONG, secrecy
from otelprov.model.thawed import MAX_LENGTH

_WITHOUT_TEXT = frozenset("0123456789-ntf")
_ELEMENTS = frozenset("tsz")


def scrub_frozen(text: str, names: Iterable[Any] = ()) -> tuple[str, bool]:
    """The text without secrets, and whether something was cut; `names` are keys that the value stands under.

    What is cut stands there as `{"x":-1,"h":"..."}`, so that whoever reads it knows that it is not the value.
    """
    try:
        level = max((secrecy(name) for name in names if isinstance(name, str)), default=NO)
        if level != STRONG and text[:1] in _WITHOUT_TEXT:
            return text, False
        found = json.loads(text)
        scrubbed = _scrub(found, level)
        if scrubbed is found:
            return text, False
        told = json.dumps(scrubbed, separators=(",", ":"))
        # Marks may be longer than what they stand for.
        return (told if len(told) <= MAX_LENGTH else _told(CUT)), True
    except (ValueError, KeyError, TypeError, RecursionError):
        return _told(CUT), True


def _told(text: str) -> str:
    return json.dumps(_cut(text), separators=(",", ":"))


def _cut(text: str) -> dict[str, Any]:
    return {"x": -1, "h": text}


def _scrub(found: Any, level: int) -> Any:
    """What is found without secrets; the same object where there are none."""
    kind = type(found)
    if kind is str:
        return _text(found, found, level)
    if kind is int or kind is float:
        return _cut(mark(repr(found))) if level == STRONG else found
    if kind is list:
        return _each(found, level)
    if kind is dict:
        for name, held in found.items():
            scrubbed = _held(name, held, found, level)
            if scrubbed is not held:
                # An object of ours has one key that matters, and a text that was cut is no value of its kind any more.
                return {**found, name: scrubbed} if name in "dtszh" else scrubbed
    return found


def _held(name: str, held: Any, found: dict[str, Any], level: int) -> Any:
    if name == "d":
        named = max((_level_of(value) for key, value in held if key in ("name", "key")), default=NO)
        return _replaced(held, [_pair(pair, max(level, named) if pair[0] == "value" else level) for pair in held])
    if name in _ELEMENTS:
        return _each(held, level)
    if name == "h":
        return _scrub(held, level)
    if name == "u":
        return _text("".join(held), held, level)
    if name in ("b", "y"):
        return _text(base64.b64decode(held).decode("utf-8", "backslashreplace"), held, level)
    if name == "i" and level == STRONG:
        return _cut(mark(held))
    return held


def _text(text: str, as_found: Any, level: int) -> Any:
    scrubbed = mark(text) if level else scrub_text(text, MAX_LENGTH)
    return as_found if scrubbed == text else _cut(scrubbed)


def _each(items: list[Any], level: int) -> list[Any]:
    if len(items) == 2:
        # A name and its value, as headers are kept.
        return _replaced(items, [_scrub(items[0], level), _scrub(items[1], max(level, _level_of(items[0])))])
    return _replaced(items, [_scrub(item, level) for item in items])


def _pair(pair: list[Any], level: int) -> list[Any]:
    key, value = pair
    return _replaced(pair, [_scrub(key, NO), _scrub(value, max(level, _level_of(key)))])


def _level_of(key: Any) -> int:
    if type(key) is dict and "t" in key:
        return max(map(_level_of, key["t"]), default=NO)
    return secrecy(key) if type(key) is str else NO


def _replaced(before: list[Any], after: list[Any]) -> list[Any]:
    return before if all(old is new for old, new in zip(before, after, strict=True)) else after
