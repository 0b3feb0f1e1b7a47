# SPDX-License-Identifier: Apache-2.0
"""Subclasses of sqlite3's connections and cursors, or of the user's own, that record the statements they run."""

from __future__ import annotations

import abc
import functools
import json
import sys
import time
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from otelprov.capture.flow.identity import Origins, remember
from otelprov.capture.guard import guard
from otelprov.capture.inside import is_inside, quietly
from otelprov.capture.io import record_io
from otelprov.capture.recorder import current
from otelprov.capture.sql.sql_statements import Database, finish_statements, record_statement
from otelprov.capture.sql.sql_text import leading_word, sanitized, statements
from otelprov.capture.sql.sqlite_databases import attachments, database_at, tables_in, with_attached
from otelprov.semconv import PROVENANCE_OPERATION_READ, PROVENANCE_OPERATION_WRITE

SCOPE = "otelprov.sqlite3"
# Statements that move no data.
_LEFT_OUT = frozenset(
    (
        *("", "PRAGMA", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH"),
        *("EXPLAIN", "VACUUM", "ANALYZE", "REINDEX"),
    )
)
_STATE = "_otelprov_database"
_UNKNOWN = object()
_observed = False


def database_of(connection: Any) -> Database | None:
    """Which database a connection of `sqlite3` is to; None for everything else, and for what is noise."""
    return None if getattr(type(connection), _STATE, None) is None else _database(connection)


def _database(connection: Any) -> Database | None:
    found = getattr(connection, _STATE, _UNKNOWN)
    if type(found) is Database:
        return found
    if found is _UNKNOWN:
        # Made by the program itself, without `connect`: it has to be asked, once.
        found = None
        with guard("asking a connection for its database"):
            found = _asked(connection)
            setattr(connection, _STATE, found)
    return found if isinstance(found, Database) else None


def _asked(connection: Any) -> Database | None:
    native = sys.modules["_sqlite3"]
    try:
        cursor = native.Connection.cursor(connection)
        cursor.row_factory = None
        rows = cursor.execute("PRAGMA database_list").fetchall()
    except native.Error:
        return None
    path = next((row[2] for row in rows if row[0] == 0), "")
    return database_at(path, uri=False)


def observe(on: bool) -> None:
    """Record what connections do, or leave them alone from now on."""
    global _observed
    _observed = on


def opened(connection: Any, location: Any, *, uri: bool) -> None:
    """Note which database a connection is to; connections to noise are never recorded."""
    if getattr(type(connection), _STATE, None) is not None and getattr(connection, _STATE, _UNKNOWN) is _UNKNOWN:
        setattr(connection, _STATE, database_at(location, uri))


def public_class() -> type[Any]:
    """What takes the place of `sqlite3.Connection`, for programs that make their connections themselves."""
    return _connections(sys.modules["_sqlite3"].Connection)


def connection_class(factory: Any) -> type[Any] | None:
    """The recording subclass of a connection factory; None where the factory is no class of connections."""
    native = sys.modules["_sqlite3"].Connection
    if factory is None:
        factory = native
    if not isinstance(factory, type) or not issubclass(factory, native):
        return None
    return factory if hasattr(factory, _STATE) else _connections(factory)


@functools.cache
def _connections(base: type[Any]) -> type[Any]:
    native = sys.modules["_sqlite3"].Connection
    # A class of the user's with a way of its own to make cursors keeps it.
    plain_cursor = base.cursor is native.cursor

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        observed = None
        if plain_cursor and _observed and _database(self) is not None:
            observed = _cursor_class(args[0] if args else kwargs.get("factory"))
        return base.cursor(self, *args, **kwargs) if observed is None else base.cursor(self, observed)

    def running(name: str) -> Callable[..., Any]:
        original = getattr(base, name)
        plain = original is getattr(native, name)

        def run(self: Any, *args: Any) -> Any:
            if not _observed or _database(self) is None:
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
                _record_backup(_database(self), database_of(target), started)

    def close(self: Any) -> None:
        base.close(self)
        database = _database(self)
        if _observed and database is not None:
            with guard("recording the end of a connection"), quietly():
                finish_statements(database)

    def blobopen(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.time_ns()
        blob = base.blobopen(self, *args, **kwargs)
        database = _database(self)
        if _observed and database is not None and not is_inside() and len(args) > 1:
            with guard("recording a blob"), quietly():
                _record_blob(database, args, kwargs, started)
        return blob

    runners = (running("execute"), running("executemany"), running("executescript"))
    return _subclass(base, (cursor, *runners, backup, blobopen, close), (_STATE,))


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
    native = sys.modules["_sqlite3"].Connection
    members: dict[str, Any] = {"__slots__": slots, "__module__": base.__module__, "__doc__": base.__doc__}
    for method in methods:
        original = getattr(base, method.__name__)
        members[method.__name__] = functools.wraps(original)(method)
    keywords: dict[str, Any] = {}
    if base is native:
        # It stands for the native class, whose instances are its instances, too.
        members["__subclasshook__"] = classmethod(
            lambda cls, other: (cls is made and issubclass(other, native)) or NotImplemented
        )
        keywords["metaclass"] = abc.ABCMeta
    made: type[Any] = types.new_class(base.__name__, (base,), keywords, lambda namespace: namespace.update(members))
    made.__qualname__ = base.__qualname__
    return made


def _ran(cursor: Any, args: tuple[Any, ...], started: int, *, script: bool = False) -> None:
    if not _observed or is_inside() or current() is None or not args or not isinstance(args[0], str):
        return
    with guard("recording a statement"), quietly():
        connection = cursor.connection
        database = database_of(connection)
        if database is None:
            return
        texts = statements(args[0]) if script else [args[0]]
        attaching = attachments(args[0]) if script else iter(())
        for text in texts:
            word = leading_word(text)
            if word in ("ATTACH", "DETACH"):
                database = with_attached(database, next(attaching, text), args[1:])
                setattr(connection, _STATE, database)
            if word not in _LEFT_OUT:
                rows = cursor.rowcount if not script and cursor.rowcount >= 0 else None
                short = text if script else _short(text)
                read = record_statement(database, short, scope=SCOPE, start=started, rows=rows)
                if read is not None and not script and cursor.description is not None:
                    # What is fetched from it comes from there.
                    remember(cursor, Origins(frozenset({read})))
                if script:
                    # The next one comes after it.
                    started = time.time_ns()


_short = functools.lru_cache(maxsize=1024)(sanitized)


def _record_backup(source: Database | None, target: Database | None, started: int) -> None:
    tables = next((found for of in (target, source) if of is not None and (found := tables_in(of)) is not None), None)
    if source is not None and target is not None and tables:
        # As SQL would say it.
        attached = replace(target, attached=json.dumps({"source": source.namespace}))
        for table in tables:
            name = table.replace('"', '""')
            # It is recorded, and not run.
            text = f'CREATE TABLE "{name}" AS SELECT * FROM source."{name}"'  # noqa: S608
            record_statement(attached, text, scope=SCOPE, start=started)
            started = time.time_ns()
        return
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


def _record_blob(database: Database, args: tuple[Any, ...], kwargs: dict[str, Any], started: int) -> None:
    named = [name for name in (kwargs.get("name", "main"), *args[:2]) if type(name) is str]
    if len(named) != 3:
        return
    schema, table, column = (name.replace('"', '""') for name in named)
    # It is recorded, and not run.
    reads, writes = f'SELECT "{column}" FROM', f'SET "{column}" = ?'
    place = f'"{schema}"."{table}"'
    text = f"{reads} {place}" if kwargs.get("readonly") else f"UPDATE {place} {writes}"
    record_statement(database, text, scope=SCOPE, start=started)


def _named(operation: str, database: Database) -> str:
    return f"{operation} {database.short_name}"
