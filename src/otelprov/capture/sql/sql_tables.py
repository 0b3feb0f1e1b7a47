# SPDX-License-Identifier: Apache-2.0
"""Tables of databases that come from tables in memory and go into them, by a driver's connection or SQLAlchemy's."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.flow.frames import add, extent, known, names_of
from otelprov.capture.flow.identity import Origins, origins_of
from otelprov.capture.io import record_io
from otelprov.capture.recorder import current
from otelprov.capture.sql.sql_statements import Database
from otelprov.capture.sql.sqlite_types import database_of
from otelprov.capture.tables.columns import remember_columns
from otelprov.capture.tables.table_io import edges_of_table
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_WRITE

_MEMORY = ":memory:"
_MOST_FRAMES = 3


def origins_of_result(result: Any) -> Origins | None:
    """Which statement a cursor, or the result that SQLAlchemy makes of one, has its rows from; None if unknown."""
    found = origins_of(result)
    if found is None and _is_of_sqlalchemy(result):
        return origins_of(getattr(getattr(result, "context", None), "cursor", None))
    return found


def database_behind(connection: Any) -> Database | None:
    """Which database a connection is to, of a driver or of SQLAlchemy; None where it isn't observed."""
    for _ in range(_MOST_FRAMES):
        found = database_of(connection)
        if found is not None or not _is_of_sqlalchemy(connection):
            return found
        name = "dbapi_connection" if hasattr(type(connection), "dbapi_connection") else "connection"
        connection = getattr(connection, name, None)
    return None


def fetched(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what makes a table in memory of rows: variables of its callers hold the cursor."""
    frame = sys._getframe(2)
    for _ in range(_MOST_FRAMES):
        for name in ("result", "cursor"):
            if name in frame.f_code.co_varnames:
                found = origins_of_result(frame.f_locals.get(name))
                if found is not None:
                    add(result, found)
                    if len(found.reads) == 1:
                        remember_columns(result, next(iter(found.reads)))
                    return
        if frame.f_back is None:
            return
        frame = frame.f_back


def writes_table(table: str, position: int, name: str, name_position: int, connection: str = "con") -> Capture:
    """Capture of a method that writes the table in memory given as one argument to a table of a database.

    `connection` is the attribute of the method's object that holds the connection.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        database = database_behind(getattr(call.args[0], connection, None))
        target = call.argument(name, name_position)
        if database is None or type(target) is not str:
            # The statements of other databases are told by others.
            return
        written = call.argument(table, position)
        sources, (rows, _), columns = known(written), extent(written), names_of(written)
        edges = edges_of_table(written, columns)
        yield
        mode = call.kwargs.get("if_exists")
        record_io(
            PROVENANCE_OPERATION_APPEND if mode == "append" else PROVENANCE_OPERATION_WRITE,
            table_entity(database, target, call.kwargs.get("schema")),
            scope=call.scope,
            start=call.started,
            rows=rows,
            columns=columns,
            sources=sources,
            column_edges=edges,
        )

    return capture


def table_entity(database: Database, name: str, schema: Any = None) -> Entity:
    """The entity of a table, named as the statements that read it name it."""
    namespace = database.entity.namespace
    if type(schema) is str and schema not in ("", "main"):
        from json import loads

        path = loads(database.attached or "{}").get(schema, "")
        namespace, name = (f"{database.system}:{path}", name) if path else (namespace, f"{schema}.{name}")
    recorder = current()
    if _MEMORY in namespace and recorder is not None:
        # Every process has a memory of its own.
        namespace += f"#{recorder.process_id}"
    return Entity(namespace, name, "table", temporary=database.entity.temporary)


def _is_of_sqlalchemy(obj: Any) -> bool:
    return type(obj).__module__.partition(".")[0] == "sqlalchemy"
