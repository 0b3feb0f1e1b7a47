# SPDX-License-Identifier: Apache-2.0
"""SQL text without its values: literals and comments are cut, names of tables and columns stay, in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Longer text is data in disguise: only its beginning is looked at, and only so much of it is kept.
MAX_INPUT = 200_000
MAX_TEXT = 10_000
_MAX_STATEMENTS = 1000

# Every alternative is possessive, so that nothing is ever tried twice.
TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+)
    |(?P<string>(?:\b[xXbBnNeE])?'(?:[^']++|'')*+'?+)
    |(?P<dollar>\$(?P<tag>[A-Za-z_]*+)\$(?s:.*?)(?:\$(?P=tag)\$|\Z))
    |(?P<name>"(?:[^"]++|"")*+"?+|`[^`]*+`?+|\[[^\]]*+\]?+|[@:$\#]?[^\W\d][\w$]*+)
    |(?P<parameter>\?\d*+|[:$@]\d++)
    |(?P<number>(?:0[xX][0-9a-fA-F]++|(?:\d[\d_]*+\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?+))
    |(?P<space>\s++)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r"[\w $./:-]{1,128}\Z")
_REPEATED = re.compile(r"\?(?:\s*+,\s*+\?)++")
_REPEATED_ROWS = re.compile(r"\(\?\)(?:\s*+,\s*+\(\?\))++")
_VERBS = frozenset({"SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "VALUES"})
_LEADING_WORD = re.compile(r"(?:\s++|--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+|[;(])*+([A-Za-z]*+)")


def sanitized(text: str) -> str:
    """One statement, or several, with `?` for every literal, no comments, and at most MAX_TEXT characters."""
    return shortened("".join(_tokens(text[:MAX_INPUT])))


def shortened(text: str) -> str:
    """A text of which the literals are cut, at most MAX_TEXT characters of it: long rows of `?` become short ones."""
    shortened = text.strip(" ;")
    if len(shortened) > MAX_TEXT:
        shortened = _REPEATED_ROWS.sub("(?)", _REPEATED.sub("?", shortened))
    return shortened[:MAX_TEXT]


def statements(text: str) -> list[str]:
    """The statements of a script, sanitized; the body of a trigger stays with its statement."""
    found: list[str] = []
    parts: list[str] = []
    words: list[str] = []
    for part in _tokens(text[:MAX_INPUT]):
        parts.append(part)
        if part == ";":
            if words[:1] == ["CREATE"] and "TRIGGER" in words[1:3] and words[-1] != "END":
                continue
            _end(parts, found)
            words.clear()
        elif part != " ":
            # The first three words and the last.
            words[3:] = [part.upper()]
        if len(found) >= _MAX_STATEMENTS:
            return found
    _end(parts, found)
    return found


def _end(parts: list[str], found: list[str]) -> None:
    statement = sanitized("".join(parts))
    parts.clear()
    if statement:
        found.append(statement)


def leading_word(text: str) -> str:
    """The first word of a statement, in capitals; empty where there is none."""
    match = _LEADING_WORD.match(text)
    return match.group(1).upper() if match else ""


def operation_of(text: str) -> str:
    """What a sanitized statement does: its first word, and for `WITH` the verb after the common tables."""
    word = leading_word(text)
    if word != "WITH":
        return word
    depth = 0
    for part in _tokens(text):
        depth += (part == "(") - (part == ")")
        if depth == 0 and part.upper() in _VERBS:
            return part.upper()
    return word


def _tokens(text: str) -> Iterator[str]:
    for match in TOKEN.finditer(text):
        kind, token = match.lastgroup, match.group()
        if kind in ("string", "number", "dollar", "tag"):
            yield "?"
        elif kind in ("comment", "space"):
            yield " "
        elif kind == "name" and token[0] in '"[' and not _PLAIN_NAME.match(token.strip('"[]')):
            # SQLite and MySQL take such a thing for a string, PostgreSQL and DuckDB brackets for a list of values.
            yield "?"
        else:
            yield token
