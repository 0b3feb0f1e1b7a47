# SPDX-License-Identifier: Apache-2.0
"""The tree that sqlglot makes of a statement, whose literals were cut."""

from __future__ import annotations

import functools
import importlib
import logging
import re
from typing import Any

DIALECTS = {"postgresql": "postgres", "mssql": "tsql", "microsoft.sql_server": "tsql", "mariadb": "mysql"}
MAX_TEXT = 50_000
# A question mark that stands for a literal, and what is in quotes.
_LITERAL = re.compile(r"(\"(?:[^\"]|\"\")*\"|`[^`]*`)|\?(?!\d)")
# The options of COPY, of which no parser knows all.
_COPY = re.compile(r"(\s*COPY\b.*\b(?:TO|FROM)\s+\"(?:[^\"]|\"\")*\").*\Z", re.IGNORECASE | re.DOTALL)


@functools.lru_cache(maxsize=1024)
def tree_of(text: str, system: str) -> Any:
    """The tree of one statement, which nobody may change; None where sqlglot is missing or can't read it."""
    try:
        sqlglot = importlib.import_module("sqlglot")
    except ImportError:
        return None
    if len(text) > MAX_TEXT:
        return None
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    dialect = DIALECTS.get(system, system)
    copies = _COPY.match(text)
    if copies is not None:
        text = copies.group(1)
    # To some dialects a question mark is an operator.
    for literal in ("?", "'0'", "0"):
        try:
            trees = sqlglot.parse(_with_literals(text, literal), read=dialect)
        except Exception:  # noqa: S112
            continue
        if len(trees) == 1 and trees[0] is not None and not isinstance(trees[0], sqlglot.exp.Command):
            return trees[0]
    return None


def _with_literals(text: str, literal: str) -> str:
    return text if literal == "?" else _LITERAL.sub(lambda match: match[1] or literal, text)
