# SPDX-License-Identifier: Apache-2.0
"""Rules of the user's own, from the file that OTELPROV_SCRUB_RULES names: names and patterns to cut or to keep."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from otelprov import config

CUT_NAMES, KEEP_NAMES, CUT_PATTERNS, KEEP_PATTERNS = "cut_names", "keep_names", "cut_patterns", "keep_patterns"
_KEYS = (CUT_NAMES, KEEP_NAMES, CUT_PATTERNS, KEEP_PATTERNS)
_MAX_FILE = 65_536
_MAX_ENTRIES = 200
_MAX_PATTERN = 500


class Rules:
    """Attribute names in lower case (a `*` at the end stands for any ending), and compiled patterns of values."""

    # No NamedTuple: it runs source code when it is made, which may be at exit, and a Python that does so there forgets
    # that it was interrupted by a signal.
    __slots__ = ("cut_names", "cut_patterns", "keep_names", "keep_patterns")

    def __init__(
        self,
        cut_names: Sequence[str] = (),
        keep_names: Sequence[str] = (),
        cut_patterns: Sequence[re.Pattern[str]] = (),
        keep_patterns: Sequence[re.Pattern[str]] = (),
    ) -> None:
        self.cut_names = cut_names
        self.keep_names = keep_names
        self.cut_patterns = cut_patterns
        self.keep_patterns = keep_patterns


class _BadRules(ValueError):
    pass


@functools.cache
def loaded() -> Rules:
    """The rules of this process; none where there is no file, or a bad one, of which stderr is told once."""
    path = config.SCRUB_RULES.text()
    if not path:
        return Rules()
    try:
        return read(path)
    except _BadRules as error:
        sys.stderr.write(f"otelprov: {config.SCRUB_RULES.variable}={path}: {error}; only the built-in rules apply\n")
        return Rules()


def read(path: str) -> Rules:
    """Read a file of rules; raises ValueError with one line that names the key that is wrong."""
    import json

    try:
        with open(os.path.expanduser(path), "rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise _BadRules(f"can't be read: {error.strerror}") from None
    if len(data) > _MAX_FILE:
        raise _BadRules(f"more than {_MAX_FILE} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _BadRules(f"no JSON: {error}") from None
    if not isinstance(document, dict):
        raise _BadRules(f"an object with the keys {', '.join(_KEYS)} is expected, not {type(document).__name__}")
    unknown = sorted(set(document) - set(_KEYS))
    if unknown:
        raise _BadRules(f"{unknown[0]!r} is no key of rules; there are {', '.join(_KEYS)}")
    return Rules(
        [name.lower() for name in _texts(document, CUT_NAMES)],
        [name.lower() for name in _texts(document, KEEP_NAMES)],
        _compiled(document, CUT_PATTERNS),
        _compiled(document, KEEP_PATTERNS),
    )


def _texts(document: dict[str, Any], key: str) -> list[str]:
    entries = document.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, str) and entry for entry in entries):
        raise _BadRules(f"{key}: a list of texts is expected")
    if len(entries) > _MAX_ENTRIES:
        raise _BadRules(f"{key}: {len(entries)} entries, {_MAX_ENTRIES} are the most")
    return entries


def _compiled(document: dict[str, Any], key: str) -> list[re.Pattern[str]]:
    patterns = []
    for position, text in enumerate(_texts(document, key)):
        where = f"{key}[{position}]"
        if len(text) > _MAX_PATTERN:
            raise _BadRules(f"{where}: longer than {_MAX_PATTERN} characters")
        try:
            pattern = re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise _BadRules(f"{where}: no regular expression: {error}") from None
        if pattern.match(""):
            raise _BadRules(f"{where}: {text!r} matches nothing at all as well, so it would cut everywhere")
        patterns.append(pattern)
    return patterns


def kept(value: str) -> bool:
    """Whether the user wants a value kept that the built-in rules would cut."""
    return any(pattern.fullmatch(value) for pattern in loaded().keep_patterns)


def says(name: str) -> str:
    """`keep` or `cut` for an attribute of that name, empty where the user has said nothing."""
    rules = loaded()
    lower = name.lower()
    if any(_fits(lower, wanted) for wanted in rules.keep_names):
        return "keep"
    return "cut" if any(_fits(lower, wanted) for wanted in rules.cut_names) else ""


def _fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
