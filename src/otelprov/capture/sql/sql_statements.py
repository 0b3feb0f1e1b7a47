# SPDX-License-Identifier: Apache-2.0
"""Records SQL statements, a loop of equal ones as few spans that say the same.

A statement is repeated when the same text runs on the same database from the same line in the same step. A repetition
is put off while nothing new was recorded since the last span of that statement: it could add no edge, because
everything that was recorded before it was recorded before that span too. What was put off follows in one span with the
sum of the rows: with the next repetition after a second or after something new, with the next new statement, when the
connection is closed, or at the end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otelprov.capture import io
from otelprov.capture.callsite import code_attributes
from otelprov.capture.flow.identity import Read
from otelprov.capture.life.exits import before_end
from otelprov.capture.recorder import current, current_step
from otelprov.capture.sql.sql_text import operation_of
from otelprov.model.entity import Entity
from otelprov.semconv import (
    CODE_FILE_PATH,
    CODE_LINE_NUMBER,
    DB_NAMESPACE,
    DB_OPERATION_NAME,
    DB_QUERY_TEXT,
    DB_SYSTEM_NAME,
    PROVENANCE_DATABASE_ATTACHED,
    PROVENANCE_FLOW_COMPLETE,
    PROVENANCE_OPERATION_EXECUTE,
)

_MAX_KEYS = 2_000
_PUT_OFF_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Database:
    """A database as its driver names it: system, namespace (`/data/app.db`), entity, and what is attached to it."""

    system: str
    namespace: str
    entity: Entity
    short_name: str
    attached: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a statement moves besides the tables of its database: files, and tables in memory.

    `events` are names of events with their attributes as pairs; `complete` says that no other data went into it.
    """

    events: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    complete: bool = True
    name: str = ""


_NOTHING = Moved()


@dataclass(slots=True, eq=False)
class _Repeated:
    database: Database
    text: str
    moved: Moved
    scope: str
    code: Mapping[str, Any]
    step: str
    parent: tuple[int, int, int]
    process: str
    # How much that was new had been recorded when this was last recorded, and when that was.
    news: int = 0
    recorded: int = 0
    put_off: int = 0
    rows: int | None = None
    start: int = 0
    end: int = 0
    # The span that it was last recorded in.
    read: Read | None = None


_repeated: dict[tuple[Any, ...], _Repeated] = {}
# How many of all records of reads, writes and statements repeated an earlier one.
_repetitions = 0


def record_statement(
    database: Database,
    text: str,
    *,
    scope: str,
    start: int,
    end: int = 0,
    rows: int | None = None,
    moved: Moved = _NOTHING,
) -> Read | None:
    """Record one sanitized statement that has run; `start` and `end` in nanoseconds since the epoch, `rows` as written.

    Returns what its rows come from: the span knows which tables were read.
    """
    recorder = current()
    if recorder is None:
        return None
    end = end or time.time_ns()
    code = code_attributes()
    step, parent = current_step.get(), recorder.parent_context()
    line = (code.get(CODE_FILE_PATH), code.get(CODE_LINE_NUMBER))
    key = (recorder.process_id, database, text, moved.events, moved.complete, step, parent[0], line)
    known = _repeated.get(key)
    if known is not None:
        news = io.recorded() - _repetitions > known.news
        if news and known.put_off:
            # These ran before it.
            _flush(known)
        _put_off(known, start, end, rows)
        if news or end - known.recorded > _PUT_OFF_NS:
            _flush(known)
        return known.read
    finish_statements()
    if len(_repeated) >= _MAX_KEYS:
        _repeated.clear()
    known = _repeated[key] = _Repeated(database, text, moved, scope, code, step, parent, recorder.process_id)
    _put_off(known, start, end, rows)
    _emit(known)
    return known.read


def finish_statements(database: Database | None = None) -> None:
    """Record what was put off, of one database or of all; called at the end of the process too."""
    for known in list(_repeated.values()):
        if known.put_off and (database is None or known.database == database):
            _flush(known)


def _put_off(known: _Repeated, start: int, end: int, rows: int | None) -> None:
    known.start = known.start if known.put_off else start
    known.end = end
    known.put_off += 1
    if rows is not None:
        known.rows = rows if known.rows is None else known.rows + rows


def _flush(known: _Repeated) -> None:
    global _repetitions
    recorder = current()
    if recorder is not None and recorder.process_id == known.process:
        before = io.recorded()
        _emit(known)
        _repetitions += io.recorded() - before
        known.news = io.recorded() - _repetitions


def _emit(known: _Repeated) -> None:
    database = known.database
    operation = operation_of(known.text)
    attributes: dict[str, Any] = {
        DB_SYSTEM_NAME: database.system,
        DB_NAMESPACE: database.namespace,
        DB_OPERATION_NAME: operation,
        DB_QUERY_TEXT: known.text,
    }
    if database.attached:
        attributes[PROVENANCE_DATABASE_ATTACHED] = database.attached
    moved = known.moved
    if moved.events:
        attributes[PROVENANCE_FLOW_COMPLETE] = moved.complete
    rows, known.rows, known.put_off = known.rows, None, 0
    token = current_step.set(known.step)
    try:
        known.read = io.record_io(
            PROVENANCE_OPERATION_EXECUTE,
            database.entity,
            scope=known.scope,
            start=known.start,
            end=known.end,
            rows=rows,
            attributes=attributes,
            entities=[(event, dict(pairs)) for event, pairs in moved.events],
            code=known.code,
            name=f"{operation} {moved.name or database.short_name}",
            parent=known.parent,
        )
    finally:
        current_step.reset(token)
    known.recorded = known.end
    known.news = io.recorded() - _repetitions


before_end("statements put off", finish_statements)
