# SPDX-License-Identifier: Apache-2.0
"""Statements that others have recorded: their values are cut in the language of their database."""

from __future__ import annotations

import re

from otelprov.capture.scrub.text import scrub_text
from otelprov.capture.sql_text import sanitized

_WORDS_ONLY = frozenset({"redis", "memcached", "valkey", "hazelcast"})
_DOCUMENTS = frozenset(
    {"mongodb", "elasticsearch", "opensearch", "dynamodb", "aws.dynamodb", "couchdb", "couchbase", "azure.cosmosdb"}
)
_DOUBLE_QUOTED = frozenset({"mysql", "mariadb", "sqlite"})
_MAX = 10_000

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"(?!\s{0,8}:)|\'(?:[^\'\\]|\\.)*+\'(?!\s{0,8}:)|(?<![\w"])-?\d[\d.eE+-]*+')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.|"")*+"')
# A name stands in double quotes too, but never as a whole row of values or behind a comparison.
_ROWS = re.compile(r"(?i)\bvalues\s*+\(.*", re.DOTALL)
_COMPARED = re.compile(r'(?i)((?:[=<>]|\blike|\bby)\s*+)"[^".]*+"(?!\s*+\.)')


def scrub_statement(text: str, system: str) -> str:
    """A statement without values; `system` is the database as `db.system.name` or `db.system` names it."""
    system = system.lower()
    if system in _WORDS_ONLY:
        return "\n".join(_command(line) for line in text[:_MAX].splitlines())
    if system in _DOCUMENTS or text[:64].lstrip().startswith(("{", "[")):
        return scrub_text(_STRING.sub("?", text[:_MAX]))
    if system in _DOUBLE_QUOTED:
        # Between backticks are the names there; before VALUES a quoted name may be one as well.
        text = _COMPARED.sub(r"\1?", text[:200_000])
    text = _ROWS.sub(lambda match: _QUOTED.sub("?", match[0]), text[:200_000])
    return scrub_text(sanitized(text))


def _command(line: str) -> str:
    word, _space, rest = line.strip().partition(" ")
    return f"{word} {'? ' * min(rest.count(' ') + 1, 20)}".rstrip() if rest else word
