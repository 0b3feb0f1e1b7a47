# SPDX-License-Identifier: Apache-2.0
"""The selection language: `+model.pkl`, `2+name+1`, `a+ and +b`, `kind:run since:7d`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from otelprov.errors import UsageError
from otelprov.store.contract import END_OF_TIME, Bounds

KINDS = ("entity", "run")
TYPES = ("file", "table", "column", "topic", "endpoint", "model", "object", "container", "module", "database")
_FILTERS = ("kind", "tag", "since", "as-of")
_MAX_LENGTH = 10_000
_WORD = re.compile(r"""(?:"[^"]*"|[^\s"])+""")
_UP = re.compile(r"(\d*)\+")
_DOWN = re.compile(r"\+(\d*)$")
_SPAN = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Term:
    """A name with how many hops to follow it up and down: 0 not at all, None as far as it goes."""

    name: str
    up: int | None = 0
    down: int | None = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: all terms must hold, and all filters. `kind` may be a type of entity, too."""

    terms: tuple[Term, ...] = ()
    kind: str = ""
    tag: str = ""
    bounds: Bounds = field(default_factory=Bounds)


def parse(text: str, now: float | None = None) -> Selection:
    """Read a selection; `now` is in seconds since the epoch. Raises UsageError that shows where reading stopped."""
    if len(text) > _MAX_LENGTH:
        raise UsageError(f"Reading the selection: it has {len(text)} characters, and {_MAX_LENGTH} is the most.")
    if text.count('"') % 2:
        raise _misread(text, text.rindex('"'), "this quotation mark is never closed")
    terms: list[Term] = []
    filters: dict[str, str] = {}
    since, until = 0, END_OF_TIME
    joined = True
    last_and = -1
    for match in _WORD.finditer(text):
        word, at = match.group(), match.start()
        if word == "and":
            if joined:
                raise _misread(text, at, "`and` stands between two names")
            joined, last_and = True, at
            continue
        key, colon, value = word.partition(":")
        if colon and key in _FILTERS:
            if not value:
                raise _misread(text, at + len(word), f"{key}: wants a value")
            if key in filters:
                raise _misread(text, at, f"{key}: was given before")
            filters[key] = value = value.replace('"', "")
            if key == "kind" and value not in (*KINDS, *TYPES):
                raise _misread(text, at + len(key) + 1, f"kind: is one of {', '.join((*KINDS, *TYPES))}")
            if key == "since":
                since = _since(text, at + len(key) + 1, value, now)
            elif key == "as-of":
                until = _moment(text, at + len(key) + 1, value, end_of_day=True)
            joined = False
            continue
        if terms and not joined:
            raise _misread(
                text, at, 'two names stand side by side; write `and` between them, or "…" around a name with spaces'
            )
        terms.append(_term(text, at, word))
        joined = False
    if last_and >= 0 and joined:
        raise _misread(text, len(text), "a name is missing after `and`")
    if not terms and not filters:
        raise _misread(text, len(text), "nothing is selected; name a file, a table, a run, or give kind:run")
    return Selection(tuple(terms), filters.get("kind", ""), filters.get("tag", ""), Bounds(since, until))


def _term(text: str, at: int, word: str) -> Term:
    up: int | None = 0
    down: int | None = 0
    name = word
    found = _UP.match(name)
    if found:
        up = int(found.group(1)) if found.group(1) else None
        name = name[found.end() :]
    found = _DOWN.search(name)
    if found:
        down = int(found.group(1)) if found.group(1) else None
        name = name[: found.start()]
    name = name.replace('"', "")
    if not name:
        raise _misread(text, at, "a name is missing")
    return Term(name, up, down)


def _since(text: str, at: int, value: str, now: float | None) -> int:
    found = _SPAN.fullmatch(value)
    if not found:
        return _moment(text, at, value, end_of_day=False)
    seconds = timedelta(**{_UNITS[found.group(2)]: int(found.group(1))}).total_seconds()
    return max(int(((time.time() if now is None else now) - seconds) * 1e9), 0)


def _moment(text: str, at: int, value: str, *, end_of_day: bool) -> int:
    """Nanoseconds of a date or a time in ISO 8601, UTC where it names no zone; a date ends with its day."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _misread(text, at, "this is no time; write 7d, 12h, 2026-11-01 or 2026-11-01T12:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    nanoseconds = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    if end_of_day and len(value) == len("2026-11-01"):
        nanoseconds += 86_400_000_000_000 - 1
    return max(nanoseconds, 0)


def _misread(text: str, at: int, what: str) -> UsageError:
    return UsageError(f"Reading the selection, stopped here: {what}\n  {text}\n  {' ' * at}^")
