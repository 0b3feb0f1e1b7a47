# SPDX-License-Identifier: Apache-2.0
"""Files and variables that a statement of DuckDB names, found in its text, which loses all other literals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from otelprov.capture.sql import sql_text

_MAX_STATEMENTS = 1000
_CACHED_LENGTH = 10_000
# As in sql_text, but here brackets make lists of values.
_TOKEN = re.compile(
    sql_text.TOKEN.pattern.replace(r"|\[[^\]]*+\]?+", "").replace(r"[@:$\#]?[^\W\d]", r"[@:$]?[^\W\d]"),
    sql_text.TOKEN.flags,
)
# Functions that read the files that their first argument names.
_READING = (
    "read_csv read_csv_auto read_parquet parquet_scan read_json read_json_auto read_json_objects read_ndjson "
    "read_ndjson_auto read_ndjson_objects read_text read_blob read_xlsx read_arrow st_read iceberg_scan delta_scan"
)
_READERS = frozenset(_READING.split())
_BEFORE_TABLE = frozenset({"FROM", "JOIN"})
_CLAUSES = (
    "WHERE GROUP ORDER HAVING LIMIT OFFSET QUALIFY WINDOW SELECT UNION EXCEPT INTERSECT SET RETURNING VALUES WHEN"
)
_ENDING = frozenset(_CLAUSES.split())
_TAKES_FROM = frozenset({"EXTRACT", "SUBSTRING", "TRIM", "OVERLAY", "POSITION"})
# Statements whose first word has a table behind it.
_NAMING = frozenset({"COPY", "SUMMARIZE", "DESCRIBE", "PIVOT", "UNPIVOT"})
_OF_DATABASES = frozenset({"ATTACH", "DETACH", "EXPORT", "IMPORT"})
_MODIFIERS = frozenset({"LATERAL", "ONLY", "TABLE"})
_FILE = re.compile(r".*[/.].*", re.DOTALL)
_PLAIN = re.compile(r"[\w .-]{1,100}\Z")


class Location(NamedTuple):
    """A place that a statement names; `places` are literals as given, or parameters as `?0`, `$name`."""

    alias: str
    places: tuple[str, ...]
    written: bool = False


class Shape(NamedTuple):
    """One statement: its first word, its text without values, places in it, and names of tables that it reads.

    `raw` has the literals of a statement that is about whole databases.
    """

    word: str
    text: str
    locations: tuple[Location, ...] = ()
    tables: tuple[str, ...] = ()
    raw: str = ""


class _Token(NamedTuple):
    kind: str
    text: str
    # The text without quotes; in capitals where it is a plain word.
    word: str


def shapes(text: str) -> tuple[Shape, ...]:
    """The statements of a script, one by one."""
    return _cached(text) if len(text) <= _CACHED_LENGTH else _shapes(text)


def _shapes(text: str) -> tuple[Shape, ...]:
    found: list[Shape] = []
    statement: list[_Token] = []
    parameters = 0
    for token in _tokens(text):
        if token.text != ";":
            statement.append(token)
            continue
        parameters = _take(found, statement, parameters)
        statement = []
        if len(found) >= _MAX_STATEMENTS:
            return tuple(found)
    _take(found, statement, parameters)
    return tuple(found)


_cached = lru_cache(maxsize=512)(_shapes)


def _take(found: list[Shape], statement: list[_Token], parameters: int) -> int:
    if any(token.text != " " for token in statement):
        reading = _Reading(statement, parameters)
        found.append(reading.shape())
        return reading.parameters
    return parameters


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text[: sql_text.MAX_INPUT]):
        kind, token = match.lastgroup or "other", match.group()
        if kind in ("comment", "space"):
            yield _Token("space", " ", "")
        elif kind == "name" and token[0] == '"':
            yield _Token("quoted", token, token[1:].removesuffix('"').replace('""', '"'))
        elif kind == "name" and token[0] in "$:@":
            yield _Token("parameter", token, token[1:])
        else:
            yield _Token("dollar" if kind == "tag" else kind, token, token.upper() if kind == "name" else "")


class _Reading:
    """Goes once through the tokens of a statement."""

    def __init__(self, tokens: list[_Token], parameters: int) -> None:
        self.tokens = tokens
        self.raw = [token.text for token in tokens]
        self.parameters = parameters
        self.locations: list[Location] = []
        self.tables: dict[str, None] = {}
        self.out: list[str] = []
        # In which parentheses a list of tables is going on.
        self._from = [False]
        self._expecting = False
        self._defined = self._common_tables()

    def shape(self) -> Shape:
        start = self._next(0)
        # Queries may stand in parentheses.
        while start < len(self.tokens) and self.tokens[start].text == "(":
            start = self._next(start + 1)
        first = self.tokens[start].word if start < len(self.tokens) and self.tokens[start].kind == "name" else ""
        at = 0
        while at < len(self.tokens):
            if at == start and first in _NAMING:
                self.out.append(self.tokens[at].text)
                self._expecting = True
                at += 1
            else:
                at = self._step(at, first)
        text = sql_text.shortened("".join(self.out))
        raw = "".join(self.raw).strip() if first in _OF_DATABASES else ""
        return Shape(first, text, tuple(self.locations), tuple(self.tables), raw)

    def _next(self, at: int) -> int:
        """The next token that is no space."""
        while at < len(self.tokens) and self.tokens[at].kind == "space":
            at += 1
        return at

    def _word(self, at: int) -> str:
        at = self._next(at)
        return self.tokens[at].text.upper() if at < len(self.tokens) else ""

    def _before(self, at: int, back: int = 1) -> str:
        found = ""
        while back and at > 0:
            at -= 1
            if self.tokens[at].kind != "space":
                back -= 1
                found = self.tokens[at].text.upper()
        return found if not back else ""

    def _step(self, at: int, first: str) -> int:
        token = self.tokens[at]
        if token.kind == "space":
            self.out.append(" ")
        elif token.text == "(":
            inner = self._expecting and self._word(at + 1) not in ("SELECT", "WITH", "FROM", "VALUES")
            self._from.append(inner)
            self._expecting = inner
            self.out.append("(")
        elif token.text == ")":
            if len(self._from) > 1:
                self._from.pop()
            self._expecting = False
            self.out.append(")")
        elif token.text == ",":
            self._expecting = self._from[-1]
            self.out.append(",")
        elif self._expecting:
            return self._table(at)
        elif token.kind == "name":
            self._keyword(at, token, first)
        else:
            self._plain(token)
        return at + 1

    def _keyword(self, at: int, token: _Token, first: str) -> None:
        word = token.word
        if word in _BEFORE_TABLE and not self._is_function_word(at):
            self._from[-1] = self._expecting = True
        elif word == "TO" and first == "COPY" and len(self._from) == 1:
            place = self._next(at + 1)
            self.out.append(token.text)
            self._written(place)
            return
        elif word == "USING" and first in ("DELETE", "MERGE") and len(self._from) == 1:
            self._from[-1] = self._expecting = True
        elif word in _ENDING:
            self._from[-1] = False
        self.out.append(token.text)

    def _is_function_word(self, at: int) -> bool:
        if self._before(at) == "DISTINCT" and self._before(at, 2) in ("IS", "NOT"):
            return True
        depth = 0
        for back in range(at - 1, max(at - 40, -1), -1):
            text = self.tokens[back].text
            if text == ")":
                depth += 1
            elif text == "(":
                if not depth:
                    return self._before(back) in _TAKES_FROM
                depth -= 1
        return False

    def _written(self, place: int) -> None:
        if place < len(self.tokens) and self.tokens[place].kind in ("string", "parameter", "quoted"):
            given = self._given(self.tokens[place])
            self.out += [" ", self._quoted(self._named(given, True))]
            # Taken: what stands there is not to be given out again.
            self.tokens[place] = _Token("space", " ", "")

    def _table(self, at: int) -> int:
        token = self.tokens[at]
        following = self._word(at + 1)
        if (
            token.kind == "string"
            or (token.kind == "quoted" and _FILE.match(token.word) and following != ".")
            or token.kind == "parameter"
        ):
            self.out.append(self._quoted(self._named(self._given(token), False)))
        elif token.kind == "name" and token.word in _MODIFIERS:
            self.out.append(token.text)
            return at + 1
        elif token.kind == "name" and following == "(":
            self._expecting = False
            return self._function(at)
        elif token.kind in ("name", "quoted"):
            end = at
            while (part := self._qualified(end)) is not None:
                end = part
            named = [self.tokens[part] for part in range(at, end + 1) if self.tokens[part].kind in ("name", "quoted")]
            name = ".".join(part.word if part.kind == "quoted" else part.text for part in named)
            if end > at or not self._is_common_table(name, at):
                self.tables[name] = None
            self.out += [part.text for part in self.tokens[at : end + 1]]
            self._expecting = False
            return end + 1
        else:
            self._plain(token)
        self._expecting = False
        return at + 1

    def _qualified(self, at: int) -> int | None:
        """Where the name goes on behind a dot; None where it does not, or with what is no name and may be a value."""
        dot = self._next(at + 1)
        part = self._next(dot + 1)
        if part >= len(self.tokens) or self.tokens[dot].text != ".":
            return None
        return part if self.tokens[part].kind in ("name", "quoted") else None

    def _function(self, at: int) -> int:
        opened = self._next(at + 1)
        depth, end, commas = 0, opened, False
        places: list[tuple[str, ...]] = []
        first: list[_Token] = []
        for end in range(opened, len(self.tokens)):
            token = self.tokens[end]
            depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "other" else 0
            if not depth:
                break
            commas = commas or (depth == 1 and token.text == ",")
            if not commas and token.kind not in ("space", "other"):
                first.append(token)
        reads = self.tokens[at].word.lower() in _READERS
        if reads and first and all(token.kind in ("string", "parameter") for token in first):
            places = [self._given(token) for token in first]
            # Parameters behind it count on.
            for token in self.tokens[opened:end]:
                if token.kind == "parameter" and token not in first:
                    self._given(token)
            self.out.append(self._quoted(self._named(tuple(place for given in places for place in given), False)))
            return end + 1
        self.out.append(self.tokens[at].text)
        return at + 1

    def _given(self, token: _Token) -> tuple[str, ...]:
        if token.kind == "string":
            body = token.text[token.text.index("'") + 1 :].removesuffix("'")
            return (body.replace("''", "'"),)
        if token.kind == "quoted":
            return (token.word,)
        if token.text[0] == "?" and not token.text[1:]:
            self.parameters += 1
            return (f"?{self.parameters - 1}",)
        number = token.text[1:]
        return (f"?{int(number) - 1}" if number.isdigit() else f"${number}",)

    def _named(self, places: tuple[str, ...], written: bool) -> str:
        """A name for places, in the text and beside it: that of the file where it is a plain one."""
        last = places[0].replace("\\", "/").rstrip("/").rpartition("/")[2] if len(places) == 1 else ""
        if places and places[0][:1] in "?$":
            last = ""
        base = last if _PLAIN.match(last) and not last[0].isspace() else "file"
        alias, number = base, 1
        taken = {location.alias: location for location in self.locations}
        while alias in taken and taken[alias] != Location(alias, places, written):
            number += 1
            alias = f"{base} {number}"
        if alias not in taken:
            self.locations.append(Location(alias, places, written))
        return alias

    def _quoted(self, alias: str) -> str:
        return '"' + alias.replace('"', "") + '"'

    def _plain(self, token: _Token) -> None:
        if token.kind in ("string", "number", "dollar"):
            self.out.append("?")
        else:
            if token.kind == "parameter":
                self._given(token)
            self.out.append(token.text)

    def _common_tables(self) -> list[tuple[str, int, int]]:
        """Names defined by WITH, and where the definition begins and ends."""
        found: list[tuple[str, int, int]] = []
        for at, token in enumerate(self.tokens):
            if token.kind not in ("name", "quoted") or self._before(at) not in ("WITH", "RECURSIVE", ","):
                continue
            start = self._next(at + 1)
            if self._word(start) == "(":
                start = self._next(self._closing(start) + 1)
            if self._word(start) != "AS":
                continue
            start = self._next(start + 1)
            while self._word(start) in ("NOT", "MATERIALIZED"):
                start = self._next(start + 1)
            if self._word(start) == "(":
                name = token.word if token.kind == "quoted" else token.text
                found.append((name.lower(), start, self._closing(start)))
        return found

    def _closing(self, at: int) -> int:
        depth = 0
        for end in range(at, len(self.tokens)):
            depth += (self.tokens[end].text == "(") - (self.tokens[end].text == ")")
            if not depth:
                return end
        return len(self.tokens)

    def _is_common_table(self, name: str, at: int) -> bool:
        recursive = any(token.word == "RECURSIVE" for token in self.tokens)
        return any(
            known == name.lower() and (end < at or (recursive and start < at)) for known, start, end in self._defined
        )
