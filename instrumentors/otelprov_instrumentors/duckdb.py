# SPDX-License-Identifier: Apache-2.0
"""DuckDB: statements and relations, with the files that they read and write and the tables in memory they share."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.flow.frames import add
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.sql import duckdb_names
from otelprov.capture.sql.duckdb_statements import Running, appended
from otelprov.capture.tables.columns import remember_columns
from otelprov.instrumentation import Call, Instrumentor, Patch

_CONNECTION = "DuckDBPyConnection."
_FETCHED = "df fetchdf fetch_df fetch_df_chunk fetchnumpy to_arrow_table to_arrow_reader torch tf"
_PENDING = "fetchdf fetch_df fetch_df_chunk fetchnumpy torch tf"
_RESULTS = "df arrow_table arrow_reader arrow_capsule fetchnumpy torch tf"


def _executed(connection: Any, query: Any, parameters: Any, started: int) -> Running:
    # A prepared statement has its text with it.
    text = query if type(query) is str else getattr(query, "query", None)
    return Running(connection, text, parameters, started=started)


def _method(call: Call) -> Generator[None, Any, None]:
    running = _executed(call.instance, call.argument("query", 1), call.argument("parameters", 2), call.started)
    result = yield
    _note(result, running.ran())


def _function(call: Call) -> Generator[None, Any, None]:
    connection = duckdb_names.connection_of((), call.kwargs)
    running = _executed(connection, call.argument("query", 0), call.argument("parameters", 1), call.started)
    result = yield
    _note(result, running.ran())


def _submit(call: Call) -> Generator[None, Any, None]:
    connection = call.argument("con", 0)
    running = Running(connection, call.argument("sql", 1), call.argument("values", 2), started=call.started)
    result = yield
    origins = running.ran()
    _note(result, origins)
    names = duckdb_names.names_of(connection)
    if names is not None:
        names.last = origins


def _script(call: Call) -> Generator[None, Any, None]:
    running = _executed(call.argument("con", 0), call.argument("query", 1), None, call.started)
    running.drop_last()
    yield
    running.ran()


def _view(call: Call) -> Generator[None, Any, None]:
    text = f'CREATE OR REPLACE VIEW "{call.argument("name", 1)}" AS {call.argument("sql", 2)}'
    running = Running(call.argument("con", 0), text, started=call.started)
    yield
    running.ran()


def _note(result: Any, origins: Origins | None) -> None:
    if result is not None:
        remember(result, Origins(complete=False) if origins is None else origins)


def _connect(call: Call) -> Generator[None, Any, None]:
    connection = yield
    duckdb_names.connected(connection, call.argument("database", 0, ":memory:"))


def _cursor(call: Call) -> Generator[None, Any, None]:
    duckdb_names.shared(duckdb_names.connection_of(call.args, call.kwargs), (yield))


def _register(call: Call) -> Generator[None, Any, None]:
    first = int(duckdb_names.is_connection(call.args[0])) if call.args else 0
    yield
    connection = duckdb_names.connection_of(call.args, call.kwargs)
    duckdb_names.register(connection, call.argument("view_name", first), call.argument("python_object", first + 1))


def _unregister(call: Call) -> Generator[None, Any, None]:
    first = int(duckdb_names.is_connection(call.args[0])) if call.args else 0
    yield
    duckdb_names.unregister(duckdb_names.connection_of(call.args, call.kwargs), call.argument("view_name", first))


def _append(call: Call) -> Generator[None, Any, None]:
    first = int(duckdb_names.is_connection(call.args[0])) if call.args else 0
    yield
    connection = duckdb_names.connection_of(call.args, call.kwargs)
    table, frame = call.argument("table_name", first), call.argument("df", first + 1)
    appended(connection, table, frame, call.started, by_name=call.kwargs.get("by_name"))


def _source(call: Call) -> Generator[None, Any, None]:
    handle = yield
    duckdb_names.note_source(handle, duckdb_names.source_of("frame", call.args[1] if len(call.args) > 1 else None))


def _mapped(call: Call) -> Generator[None, Any, None]:
    handle = yield
    # The function of the program may bring anything with it.
    origins = Origins(complete=False)
    duckdb_names.note_source(
        handle, duckdb_names.Source("mapped", origins, text=str(call.argument("input_sql", 3, "")))
    )


def _held(call: Call) -> Generator[None, Any, None]:
    handle = yield
    result = call.args[1] if len(call.args) > 1 else None
    origins = origins_of(result) or Origins(complete=False)
    columns = next(iter(origins.reads)) if len(origins.reads) == 1 else None
    duckdb_names.note_source(handle, duckdb_names.Source("rows", origins, columns))


def _bound(call: Call) -> Generator[None, Any, None]:
    signature = yield
    for name, handle in duckdb_names.captured(signature):
        found = duckdb_names.variable(name)
        if found is not None:
            duckdb_names.note_source(handle, duckdb_names.source_of(name, found))


def _fetched(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _hand_on(origins_of(args[0] if args else duckdb_names.connection_of(args, kwargs)), result)


def _hand_on(origins: Origins | None, result: Any) -> None:
    if origins is not None and result is not None:
        add(result, origins)
        if len(origins.reads) == 1:
            remember_columns(result, next(iter(origins.reads)))


def _to_polars(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    names = duckdb_names.names_of(args[0]._con) if args and duckdb_names.is_relation(args[0]) else None
    _hand_on(names.last if names is not None else None, result)


_BOTH = (("register", _register), ("unregister", _unregister), ("append", _append), ("cursor", _cursor))
_FUNCTIONS = (("connect", _connect), ("execute", _function), ("executemany", _function), *_BOTH)
_METHODS = (("execute", _method), ("executemany", _method), ("duplicate", _cursor), *_BOTH)


class DuckdbInstrumentor(Instrumentor):
    """Captures statements of DuckDB and what they read and write."""

    library = "duckdb"
    distribution = "duckdb"
    versions = ">=2,<3"
    frames = "duckdb._relation"
    patches = (
        # The module's functions are at home in the native one.
        *(Patch(home, name, capture) for name, capture in _FUNCTIONS for home in ("_duckdb", "duckdb")),
        *(Patch("duckdb", _CONNECTION + name, capture) for name, capture in _METHODS),
        # What relations and `sql` come down to.
        Patch("duckdb._seam", "submit", _submit),
        Patch("duckdb._seam", "prepare_script_parsed", _script),
        Patch("duckdb._seam", "create_view", _view),
        Patch("duckdb._seam", "bind", _bound),
        Patch("duckdb._seam", "register_source", _source),
        Patch("duckdb._seam", "register_filelike", _source),
        Patch("duckdb._seam", "register_collection", _held),
        Patch("duckdb._seam", "register_map", _mapped),
        *(Patch("duckdb", _CONNECTION + name, follow=_fetched) for name in _FETCHED.split()),
        *(Patch(home, name, follow=_fetched) for name in _PENDING.split() for home in ("_duckdb", "duckdb")),
        *(Patch("_duckdb", f"RelationResult.{name}", follow=_fetched) for name in _RESULTS.split()),
        Patch("duckdb", "DuckDBPyRelation.pl", follow=_to_polars),
    )
