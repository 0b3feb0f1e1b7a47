# SPDX-License-Identifier: Apache-2.0
"""Statements that others have recorded: their values are cut in the language of their database."""

from __future__ import annotations

import re

from otelprov.capture.scrub.text import scrub_text
from otelprov.capture.sql.sql_text import sanitized

_WORDS_ONLY = frozenset({"redis", "memcached", "valkey", "hazelcast"})
_DOCUMENTS = frozenset(
    {"mongodb", "elasticsearch", "opensearch", "dynamodb", "aws.dynamodb", "couchdb", "couchbase", "azure.cosmosdb"}
)
_DOUBLE_QUOTED = frozenset({"mysql", "mariadb", "sqlite"})
_MAX = 10_000
# Longer ones are data: 1 MB must not take the program a second.
_MAX_SQL = 32_768

# A string, with the colon behind it where it is a key, or a number.
_STRING = re.compile(r"""("(?:[^"\\]|\\.)*+"?+|'(?:[^'\\]|\\.)*+'?+)(\s{0,8}:)?|(?<![\w"'])-?\d[\d.eE+-]*+""")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.|"")*+"?+')
# A name stands in double quotes too, but never as a whole row of values or behind a comparison.
_ROWS = re.compile(r"(?i)\bvalues\s*+\(.*", re.DOTALL)
_COMPARED = re.compile(r'(?i)((?:[=<>]|\blike|\bidentified\s++by)\s*+)"[^".]*+"(?!\s*+\.)')


def scrub_statement(text: str, system: str) -> str:
    """A statement without values; `system` is the database as `db.system.name` or `db.system` names it."""
    system = system.lower()
    if system in _WORDS_ONLY:
        return "\n".join(_command(line) for line in text[:_MAX].splitlines())
    if system in _DOCUMENTS or text[:64].lstrip().startswith(("{", "[")):
        return scrub_text(_STRING.sub(_key_or_value, text[:_MAX]))
    return scrub_text(sanitized(cut_double_quoted(text[:_MAX_SQL], system)))


def cut_double_quoted(text: str, system: str) -> str:
    """The same statement without texts in double quotes, where the database takes them for values."""
    if '"' not in text:
        return text
    if system.lower() in _DOUBLE_QUOTED:
        text = _COMPARED.sub(r"\1?", text)
    return _ROWS.sub(lambda match: _QUOTED.sub("?", match[0]), text)


def _key_or_value(match: re.Match[str]) -> str:
    return match[0] if match[2] else "?"


def _command(line: str) -> str:
    word, _space, rest = line.strip().partition(" ")
    return f"{word} {'? ' * min(rest.count(' ') + 1, 20)}".rstrip() if rest else word
