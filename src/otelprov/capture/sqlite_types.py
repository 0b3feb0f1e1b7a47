# SPDX-License-Identifier: Apache-2.0
"""Subclasses of sqlite3's connections and cursors, or of the user's own, that record the statements they run."""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import sys
import time
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from otelprov.capture.guard import guard
from otelprov.capture.identity import Origins
from otelprov.capture.inside import is_inside, quietly
from otelprov.capture.io import record_io
from otelprov.capture.naming import absolute_path, is_noise, is_temporary
from otelprov.capture.recorder import current
from otelprov.capture.sql_statements import Database, finish_statements, record_statement
from otelprov.capture.sql_text import leading_word, sanitized, statements
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_READ, PROVENANCE_OPERATION_WRITE

SCOPE = "otelprov.sqlite3"
_MEMORY = ":memory:"
# Statements that move no data.
_LEFT_OUT = frozenset(
    (
        *("", "PRAGMA", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH"),
        *("EXPLAIN", "VACUUM", "ANALYZE", "REINDEX"),
    )
)
_ATTACH = re.compile(r"\s*+ATTACH\s++(?:DATABASE\s++)?+('(?:[^']|'')*'|\?\S*|:\w+)\s+AS\s+(\S+)", re.IGNORECASE)
_DETACH = re.compile(r"\s*+DETACH\s++(?:DATABASE\s++)?+(\S++)", re.IGNORECASE)
_STATE = "_otelprov_database"
_memories = itertools.count(1)
_observed = False


def observe(on: bool) -> None:
    """Record what connections do, or leave them alone from now on."""
    global _observed
    _observed = on


def opened(connection: Any, location: Any, *, uri: bool) -> None:
    """Note which database a connection is to; connections to noise are never recorded."""
    if getattr(type(connection), _STATE, None) is not None:
        setattr(connection, _STATE, _database(location, uri))


def connection_class(factory: Any) -> type[Any] | None:
    """The recording subclass of a connection factory; None where the factory is no class of connections."""
    sqlite3 = sys.modules["sqlite3"]
    if factory is None:
        factory = sqlite3.Connection
    if not isinstance(factory, type) or not issubclass(factory, sqlite3.Connection):
        return None
    return factory if hasattr(factory, _STATE) else _connections(factory)


def _database(location: Any, uri: bool) -> Database | None:
    plain = os.fsdecode(location) if isinstance(location, (str, bytes, os.PathLike)) else ""
    memory = plain in ("", _MEMORY)
    if uri and plain.startswith("file:"):
        plain, _, query = plain[5:].partition("?")
        plain = unquote(plain.partition("#")[0])
        plain = re.sub(r"\A//[^/]*", "", plain)
        memory = plain in ("", _MEMORY) or "mode=memory" in query
    if memory:
        name = f"{_MEMORY}{next(_memories)}"
        return Database("sqlite", name, Entity(f"sqlite:{name}", "", "database", temporary=True), _MEMORY)
    path = absolute_path(plain)
    if path is None or is_noise(path):
        return None
    entity = Entity(f"sqlite:{path}", "", "database", temporary=is_temporary(path))
    return Database("sqlite", path, entity, os.path.basename(path))


@functools.cache
def _connections(base: type[Any]) -> type[Any]:
    native = sys.modules["sqlite3"].Connection
    # A class of the user's with a way of its own to make cursors keeps it.
    plain_cursor = base.cursor is native.cursor

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        observed = None
        if plain_cursor and _observed and getattr(self, _STATE, None) is not None:
            observed = _cursor_class(args[0] if args else kwargs.get("factory"))
        return base.cursor(self, *args, **kwargs) if observed is None else base.cursor(self, observed)

    def running(name: str) -> Callable[..., Any]:
        original = getattr(base, name)
        plain = original is getattr(native, name)

        def run(self: Any, *args: Any) -> Any:
            if not _observed or getattr(self, _STATE, None) is None:
                return original(self, *args)
            if plain and plain_cursor:
                # What the original does, with a cursor of ours.
                return getattr(cursor(self), name)(*args)
            started = time.time_ns()
            with quietly():
                result = original(self, *args)
            _ran(result, args, started, script=name == "executescript")
            return result

        run.__name__ = name
        return run

    def backup(self: Any, *args: Any, **kwargs: Any) -> None:
        started = time.time_ns()
        base.backup(self, *args, **kwargs)
        target = args[0] if args else kwargs.get("target")
        if _observed and not is_inside():
            with guard("recording a backup"), quietly():
                _record_backup(getattr(self, _STATE, None), getattr(target, _STATE, None), started)

    def close(self: Any) -> None:
        base.close(self)
        database = getattr(self, _STATE, None)
        if _observed and database is not None:
            with guard("recording the end of a connection"), quietly():
                finish_statements(database)

    runners = (running("execute"), running("executemany"), running("executescript"))
    return _subclass(base, (cursor, *runners, backup, close), (_STATE,))


def _cursor_class(factory: Any) -> type[Any] | None:
    sqlite3 = sys.modules["sqlite3"]
    if factory is None:
        factory = sqlite3.Cursor
    if not isinstance(factory, type) or not issubclass(factory, sqlite3.Cursor):
        return None
    return _cursors(factory)


@functools.cache
def _cursors(base: type[Any]) -> type[Any]:
    def execute(self: Any, *args: Any) -> Any:
        started = time.time_ns()
        result = base.execute(self, *args)
        _ran(self, args, started)
        return result

    def executemany(self: Any, *args: Any) -> Any:
        started = time.time_ns()
        result = base.executemany(self, *args)
        _ran(self, args, started)
        return result

    def executescript(self: Any, *args: Any) -> Any:
        started = time.time_ns()
        result = base.executescript(self, *args)
        _ran(self, args, started, script=True)
        return result

    return _subclass(base, (execute, executemany, executescript), ())


def _subclass(base: type[Any], methods: tuple[Callable[..., Any], ...], slots: tuple[str, ...]) -> type[Any]:
    members: dict[str, Any] = {"__slots__": slots, "__module__": base.__module__, "__doc__": base.__doc__}
    for method in methods:
        original = getattr(base, method.__name__)
        members[method.__name__] = functools.wraps(original)(method)
    made: type[Any] = types.new_class(base.__name__, (base,), exec_body=lambda namespace: namespace.update(members))
    made.__qualname__ = base.__qualname__
    return made


def _ran(cursor: Any, args: tuple[Any, ...], started: int, *, script: bool = False) -> None:
    if not _observed or is_inside() or current() is None or not args or not isinstance(args[0], str):
        return
    with guard("recording a statement"), quietly():
        connection = cursor.connection
        database = getattr(connection, _STATE, None)
        if database is None:
            return
        texts = statements(args[0]) if script else [args[0]]
        for text in texts:
            word = leading_word(text)
            if word in ("ATTACH", "DETACH"):
                setattr(connection, _STATE, _with_attached(database, text, args[1:]))
            if word not in _LEFT_OUT:
                rows = cursor.rowcount if not script and cursor.rowcount >= 0 else None
                record_statement(database, text if script else _short(text), scope=SCOPE, start=started, rows=rows)


_short = functools.lru_cache(maxsize=1024)(sanitized)


def _with_attached(database: Database, text: str, parameters: tuple[Any, ...]) -> Database:
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
        other = _database(location, location.startswith("file:")) if isinstance(location, str) else None
        if other is not None:
            attached[_unquoted(match.group(2))] = other.namespace
    return replace(database, attached=json.dumps(attached, sort_keys=True) if attached else "")


def _values(parameters: tuple[Any, ...]) -> Any:
    given = parameters[0] if parameters else ()
    return given.values() if type(given) is dict else given if type(given) in (tuple, list) else ()


def _unquoted(name: str) -> str:
    return name.rstrip(";").strip("\"'`[]")


def _record_backup(source: Database | None, target: Database | None, started: int) -> None:
    origins = None
    if source is not None:
        name = _named("read", source)
        read = record_io(PROVENANCE_OPERATION_READ, source.entity, scope=SCOPE, start=started, name=name)
        origins = Origins(frozenset({read})) if read is not None else None
    if target is not None:
        record_io(
            PROVENANCE_OPERATION_WRITE,
            target.entity,
            scope=SCOPE,
            start=started,
            sources=origins,
            name=_named("write", target),
        )


def _named(operation: str, database: Database) -> str:
    return f"{operation} {database.short_name}"
