# SPDX-License-Identifier: Apache-2.0
"""What the event of a change says beyond the usual: values, paths, snapshot, stack and the line of code."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from otelprov.capture.scrub import scrub_text
from otelprov.capture.scrub.mark import mark
from otelprov.capture.scrub.words import secrecy
from otelprov.containers.change import Attribute, Element, Slice, code_place, location_of, name_of, step_text
from otelprov.containers.pending import MISSING, Entry, Extra
from otelprov.containers.tracker import Tracker
from otelprov.journal.encode import any_value
from otelprov.semconv import (
    CODE_FILE_PATH,
    CODE_FUNCTION_NAME,
    CODE_LINE_NUMBER,
    PROVENANCE_CONTAINER_ACTION,
    PROVENANCE_CONTAINER_COUNT,
    PROVENANCE_CONTAINER_CUT,
    PROVENANCE_CONTAINER_KEY,
    PROVENANCE_CONTAINER_LOCATION,
    PROVENANCE_CONTAINER_LOCATIONS,
    PROVENANCE_CONTAINER_NEW_VALUE,
    PROVENANCE_CONTAINER_OLD_VALUE,
    PROVENANCE_CONTAINER_SNAPSHOT,
    PROVENANCE_CONTAINER_STACK,
)

_MOST_CODES = 4096
_LONGEST_PLAIN = 64
# Of a container that can be reached in many ways.
_MOST_LOCATIONS = 16
# A name under which everything is secret: that of a container called `passwords`.
_SECRET = "secret"  # noqa: S105
_NOTHING = Extra()


def pair(key: str, value: Any) -> str:
    """An attribute, as an item of a key-value list."""
    return f'{{"key":"{key}","value":{any_value(value)}}}'


@functools.lru_cache(256)
def action_text(action: str) -> str:
    """The rest of the number of a change, and the action."""
    return f'"}}}},{pair(PROVENANCE_CONTAINER_ACTION, action)}'


class More:
    """Encodes it; remembers lines of code."""

    def __init__(self) -> None:
        self._codes: dict[tuple[int, int], tuple[Any, str]] = {}

    def told(self, entry: Entry, secret: bool) -> tuple[str, str]:
        """What stands before the old value, location included, and behind the new one; `secret` by its name."""
        key = entry[3]
        extra: Extra = entry[7] if len(entry) == 8 else _NOTHING
        code, lasti = (entry[7], entry[8]) if len(entry) == 9 else (extra.code, extra.lasti)
        above = extra.paths[0][1] if extra.paths else ()
        around: list[Any] = [_SECRET, *above] if secret else list(above)
        located = action_text(entry[1])
        location = told_location(above, key, around)
        if location:
            located += f",{pair(PROVENANCE_CONTAINER_LOCATION, location)}"
        rest: list[tuple[str, Any]] = []
        if len(extra.paths) > 1:
            rest.append((PROVENANCE_CONTAINER_LOCATIONS, _locations(extra.paths[1 : _MOST_LOCATIONS + 1], key, around)))
        if extra.elements >= 0:
            rest.append((PROVENANCE_CONTAINER_COUNT, extra.elements))
        if extra.frozen_key or extra.frozen_old or extra.frozen_new or extra.snapshot or extra.cut:
            _add_values(extra, around, key, rest)
        if extra.stack:
            rest.append((PROVENANCE_CONTAINER_STACK, scrub_text(extra.stack)))
        more = "" if code is None else self._code(code, lasti)
        return located, "".join(f",{pair(name, value)}" for name, value in rest) + more

    def _code(self, code: Any, lasti: int) -> str:
        # By identity: comparing code compares all of it.
        known = self._codes.get((id(code), lasti))
        if known is not None and known[0] is code:
            return known[1]
        place = code_place(code, lasti)
        pairs = (
            pair(CODE_FILE_PATH, place.file),
            pair(CODE_LINE_NUMBER, place.line),
            pair(CODE_FUNCTION_NAME, place.function),
        )
        told = f",{','.join(pairs)}"
        if len(self._codes) >= _MOST_CODES:
            self._codes.clear()
        self._codes[id(code), lasti] = (code, told)
        return told


def safe_location(key: Any, above: Sequence[Any] = ()) -> str:
    """The location of a change without secrets: each step by itself before it is cut short, and all together."""
    if type(key) in (int, Slice) and not above:
        return location_of((), key)
    if type(key) is str and not above:
        key = scrub_text(key)
        if len(key) <= _LONGEST_PLAIN and key.isascii() and key.isprintable() and "'" not in key and "\\" not in key:
            # As Python writes it, in a third of the time.
            return f"['{key}']"
        return location_of((), key)
    location = location_of(tuple(map(_safe, above)), _safe(key))
    return scrub_text(location) if above or type(key) is tuple else location


def _safe(key: Any) -> Any:
    kind = type(key)
    if kind is str:
        return scrub_text(key)
    if kind is Attribute:
        return Attribute(scrub_text(str(key)))
    if kind is Element:
        return Element(_safe(key.value))
    if kind is tuple:
        return tuple(map(_safe, key))
    if kind is bytes:
        text = key.decode("utf-8", "backslashreplace")
        scrubbed = scrub_text(text)
        return key if scrubbed == text else scrubbed
    return key


def told_location(above: Sequence[Any], key: Any, around: Sequence[Any]) -> str:
    """The location of a change without secrets; `around` are the names that it stands under, which may say secrets."""
    if type(key) in (int, Slice, Attribute) or key is MISSING or not any(map(is_secret, around)):
        return safe_location(key, above)
    # In a set of passwords, the elements are the secrets.
    return f"{safe_location(MISSING, above)}[{mark(step_text(key))}]"


def _locations(paths: Sequence[tuple[Tracker, tuple[Any, ...]]], key: Any, around: Sequence[Any]) -> str:
    import json

    found = [[scrub_text(name_of(outermost)), told_location(above, key, around)] for outermost, above in paths]
    return json.dumps(found, separators=(",", ":"))


def is_secret(name: Any) -> bool:
    """Whether a name says that what stands under it is secret."""
    return isinstance(name, str) and bool(secrecy(name))


def _add_values(extra: Extra, around: Sequence[Any], key: Any, rest: list[tuple[str, Any]]) -> None:
    from otelprov.capture.scrub.frozen import scrub_frozen

    cut = extra.cut
    under = [*around, key]
    for name, frozen, names in (
        (PROVENANCE_CONTAINER_KEY, extra.frozen_key, () if type(key) in (int, Slice, Attribute) else around),
        (PROVENANCE_CONTAINER_OLD_VALUE, extra.frozen_old, under),
        (PROVENANCE_CONTAINER_NEW_VALUE, extra.frozen_new, under),
        (PROVENANCE_CONTAINER_SNAPSHOT, extra.snapshot, around),
    ):
        if frozen:
            told, cut_here = scrub_frozen(frozen, names)
            cut = cut or cut_here
            rest.append((name, told))
    if cut:
        rest.append((PROVENANCE_CONTAINER_CUT, True))
