# SPDX-License-Identifier: Apache-2.0
"""Which database a connection of sqlite3 is to, and what is attached to it: by path, or in memory."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from otelprov.capture.naming import absolute_path, is_noise, is_temporary
from otelprov.capture.sql.sql_statements import Database
from otelprov.model.entity import Entity

_MEMORY = ":memory:"
_ATTACH = re.compile(r"\s*+ATTACH\s++(?:DATABASE\s++)?+('(?:[^']|'')*'|\?\S*|:\w+)\s+AS\s+(\S+)", re.IGNORECASE)
_DETACH = re.compile(r"\s*+DETACH\s++(?:DATABASE\s++)?+(\S++)", re.IGNORECASE)
# Comments and strings are passed over.
_IN_SCRIPT = re.compile(
    r"--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/|'(?:[^']|'')*+'|\"[^\"]*+\""
    r"|\b((?:ATTACH|DETACH)\s(?:[^;']++|'(?:[^']|'')*+')*+)",
    re.IGNORECASE,
)
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1000"
_MAX_SCRIPT = 200_000
_memories = itertools.count(1)


def database_at(location: Any, uri: bool) -> Database | None:
    """The database at a location, as `sqlite3.connect` takes it; None for noise."""
    plain = os.fsdecode(location) if isinstance(location, (str, bytes, os.PathLike)) else ""
    memory = plain in ("", _MEMORY)
    shared = ""
    if uri and plain.startswith("file:"):
        plain, _, query = plain[5:].partition("?")
        plain = unquote(plain.partition("#")[0])
        plain = re.sub(r"\A//[^/]*", "", plain)
        memory = plain in ("", _MEMORY) or "mode=memory" in query
        # All connections of the process to it see the same.
        shared = plain.strip(":/") or "shared" if "cache=shared" in query else ""
    if memory:
        name = f"{_MEMORY}{shared or next(_memories)}"
        return Database("sqlite", name, Entity(f"sqlite:{name}", "", "database", temporary=True), _MEMORY)
    path = absolute_path(plain)
    if path is None or is_noise(path):
        return None
    entity = Entity(f"sqlite:{path}", "", "database", temporary=is_temporary(path))
    return Database("sqlite", path, entity, os.path.basename(path))


def with_attached(database: Database, text: str, parameters: tuple[Any, ...]) -> Database:
    """The database after ATTACH or DETACH; `text` with its literals."""
    attached = dict(json.loads(database.attached or "{}"))
    match = _ATTACH.match(text)
    if match is None:
        gone = _DETACH.match(text)
        if gone is not None:
            attached.pop(_unquoted(gone.group(1)), None)
    else:
        location = match.group(1)
        if location.startswith("'"):
            location = location[1:-1].replace("''", "'")
        else:
            location = next(iter(_values(parameters)), "")
        other = database_at(location, location.startswith("file:")) if isinstance(location, str) else None
        if other is not None:
            attached[_unquoted(match.group(2))] = other.namespace
    return replace(database, attached=json.dumps(attached, sort_keys=True) if attached else "")


def _values(parameters: tuple[Any, ...]) -> Any:
    given = parameters[0] if parameters else ()
    return given.values() if type(given) is dict else given if type(given) in (tuple, list) else ()


def _unquoted(name: str) -> str:
    return name.rstrip(";").strip("\"'`[]")


def attachments(script: str) -> Iterator[str]:
    """The ATTACH and DETACH statements of a script, with their literals, in order."""
    return (match.group(1) for match in _IN_SCRIPT.finditer(script[:_MAX_SCRIPT]) if match.group(1))


def tables_in(database: Database) -> list[str] | None:
    """Names of the tables in a database file, over a connection of its own; None where they can't be had."""
    if database.namespace.startswith(_MEMORY):
        return None
    native = sys.modules["_sqlite3"]
    try:
        connection = native.connect(f"file:{quote(database.namespace)}?mode=ro", uri=True, timeout=0.1)
    except native.Error:
        return None
    try:
        rows = connection.execute(_TABLES).fetchall()
    except native.Error:
        return None
    finally:
        connection.close()
    return [name for (name,) in rows if isinstance(name, str)]
