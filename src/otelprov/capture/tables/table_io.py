# SPDX-License-Identifier: Apache-2.0
"""Capture functions for readers and writers of tables, made from where their signature says what is read or written."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.disk.file_writes import settle
from otelprov.capture.disk.fingerprint import file_version
from otelprov.capture.disk.handles import layers
from otelprov.capture.disk.members import member_read_by_name
from otelprov.capture.flow.contents import note_content, origins_of_content, span_of
from otelprov.capture.flow.frames import CARRIER, DATA, add, contents, extent, kind_of, names_of
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.io import record_io
from otelprov.capture.life.exits import before_end
from otelprov.capture.naming import location_entity, path_text
from otelprov.capture.remote.objects import answer_since
from otelprov.capture.tables.columns import EVERY, ColumnEdge, columns_of, edges_of, remember_columns
from otelprov.capture.tables.stores import Store, closed_store, left_open, note_stored, opened_store, store_of
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_READ, PROVENANCE_OPERATION_WRITE

# Arguments of readers by which columns get names that the file does not have.
_RENAMING = frozenset(("names", "header", "prefix", "rename_columns", "new_columns", "has_header"))


def reads(
    name: str,
    position: int = 0,
    *,
    format: str = "",  # noqa: A002
    into_self: bool = False,
) -> Capture:
    """Capture of a function that reads the location or the open file given as one argument and returns what it read.

    `format` is what the reader says that it reads, whatever the file's ending. With `into_self` the object is a
    reader that will return it later: what follows from it is then up to the follow functions.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        place = _place(call.argument(name, position))
        result = yield
        found = record_read(place, call, format, result) if isinstance(place, Entity) else place
        if found is not None:
            add(call.args[0] if into_self else result, found)
            if isinstance(place, Entity):
                name_columns(result, found, call)

    return capture


def name_columns(result: Any, read: Origins, call: Call) -> None:
    """Note that the columns of what was read come from those of their names, unless the call gave them others."""
    if kind_of(type(result)) in (DATA, CARRIER) and len(read.reads) == 1 and not _RENAMING & call.kwargs.keys():
        remember_columns(result, next(iter(read.reads)))


def aside(call: Call) -> Generator[None, Any, None]:
    """Capture of a function that only looks things up for itself: nothing in it counts."""
    yield


def _place(source: Any) -> Origins | Entity | None:
    # Known handles come first: some of them pass for paths.
    found = _origins_of_handle(source)
    if found is None and span_of(source) is not None:
        return origins_of_content(source)
    return location_entity(source) if found is None else found


def record_read(entity: Entity, call: Call, format_: str, result: Any = None, version: str = "") -> Origins | None:
    """Record that a place was read, at a version that it had or has now, and return what it was read from."""
    end = time.time_ns()
    size = -1
    if entity.type == "file":
        if not os.path.exists(entity.name):
            # A member of an archive, or a string that was the content itself.
            return member_read_by_name(entity, call.started, call.scope)
        settle(entity.name)
        present, size = file_version(entity.name)
        version = version or present
    elif entity.type == "object":
        # What the store has answered to the library.
        said = answer_since(entity, call.started)
        version, size = version or said.version, said.size
    read = record_io(
        PROVENANCE_OPERATION_READ,
        entity._replace(version=version, format=format_ or entity.format),
        scope=call.scope,
        start=call.started,
        end=end,
        size=size,
        rows=extent(result)[0],
        columns=names_of(result),
    )
    return None if read is None else Origins(frozenset((read,)))


def writes(
    name: str,
    position: int = 1,
    *,
    format: str = "",  # noqa: A002
    table: int = 0,
    table_name: str = "self",
    ending: str = "",
    all_arguments: bool = False,
) -> Capture:
    """Capture of a function that writes a table to the location or the open file given as one argument.

    `table` is the position of the table among the arguments, `table_name` its name; with `all_arguments` everything
    else is written. `ending` is what the writer adds to a path without it. Without a location nothing is recorded:
    what went into an open file is noted, for when it is closed, and so is what was returned as text.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        target = call.argument(name, position)
        written = None if all_arguments else call.argument(table_name, table)
        others = [value for at, value in enumerate(call.args) if at != position] if all_arguments else [written]
        others += [value for key, value in call.kwargs.items() if all_arguments and key != name]
        sources, unknown = contents(others)
        if sources is not None and unknown:
            sources = Origins(sources.reads, complete=False)
        if target is None:
            result = yield
            if sources is not None:
                note_content(result, sources)
            return
        shape = extent(written)[0], names_of(written)
        edges = edges_of_table(written, shape[1])
        before = span_of(target)
        yield
        if ending:
            target = _with_ending(target, ending)
        record_write(target, call, format, sources, shape, call.kwargs.get("mode"), before, edges)

    return capture


def record_write(
    target: Any,
    call: Call,
    format_: str,
    sources: Origins | None,
    shape: tuple[int | None, Any] = (None, None),
    mode: Any = None,
    before: tuple[int, int] | None = None,
    edges: Sequence[ColumnEdge] = (),
) -> None:
    """Record that a table was written to a location, or note that it went into an open file, a buffer or a store.

    `shape` is its rows and its columns, `before` what `contents.span_of` has said of a buffer, `edges` what is known of
    its columns.
    """
    entity = None if note_stored(target, sources, shape) else location_entity(target)
    if entity is None:
        note_written(target, sources, before)
        return
    end = time.time_ns()
    said = answer_since(entity, call.started)
    version, size = file_version(entity.name) if entity.type == "file" else (said.version, said.size)
    record_io(
        PROVENANCE_OPERATION_APPEND if type(mode) is str and mode[:1] in ("a", "r") else PROVENANCE_OPERATION_WRITE,
        entity._replace(version=version, format=format_ or entity.format),
        scope=call.scope,
        start=call.started,
        end=end,
        size=size,
        rows=shape[0],
        columns=shape[1],
        sources=sources,
        column_edges=edges,
    )


def edges_of_table(table: Any, names: Any) -> list[ColumnEdge]:
    """The edges of the columns of a table that is about to be written."""
    if type(names) is not list:
        return []
    columns = columns_of(table)
    if not isinstance(columns, Mapping) or EVERY not in columns:
        return edges_of(table, names)
    # One column alone, whatever it is called.
    name = names[0] if type(names[0]) is str else EVERY
    return [ColumnEdge(name, each.read, each.column, each.transformation) for each in columns[EVERY]]


def opens(
    name: str,
    position: int = 1,
    mode: str = "w",
    mode_position: int = -1,
    *,
    held: str = "",
    lasting: str = "",
) -> Capture:
    """Capture of the `__init__` or `open` of a writer or store that tables are given to until it is closed.

    `mode` is the default of its argument of that name; `held` is the attribute that has the location where no argument
    has. What is put into a store is there at the end of the process without its being closed where `lasting` says its
    format.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        target = getattr(call.args[0], held) if held else call.argument(name, position)
        how = call.argument("mode", mode_position, mode) if mode_position >= 0 else call.kwargs.get("mode", mode)
        entity = location_entity(target)
        version = file_version(entity.name)[0] if entity is not None and entity.type == "file" else ""
        store = Store(target, how, version, existed=bool(version), before=span_of(target))
        if lasting:
            store.lasting, store.scope, store.started = lasting, call.scope, call.started
        yield
        opened_store(call.args[0], store)

    return capture


def reads_store(attribute: str, *, format: str = "") -> Capture:  # noqa: A002
    """Capture of the `read` of an object that belongs to the open store in its `attribute`: one read per store."""

    def capture(call: Call) -> Generator[None, Any, None]:
        store = store_of(getattr(call.args[0], attribute, None))
        if store is None:
            return
        result = yield
        entity = location_entity(store.target) if store.existed and store.mode != "w" else None
        if entity is not None and store.read is None:
            store.read = record_read(entity, call, format, None, store.version)
        found = store.read if store.written is None else store.written | store.read if store.read else store.written
        if found is not None:
            add(result, found)

    return capture


def closes(*, format: str = "") -> Capture:  # noqa: A002
    """Capture of the `close` of what has a row with `opens` for its `__init__`: here the write is recorded."""

    def capture(call: Call) -> Generator[None, Any, None]:
        store = closed_store(call.argument("self", 0))
        if store is None or store.written is None:
            return
        yield
        _record_store(store, call, format)

    return capture


def _record_store(store: Store, call: Call, format_: str) -> None:
    mode = store.mode if store.existed else "w"
    record_write(store.target, call, format_, store.written, store.shape, mode, store.before)


def finish_open_stores() -> None:
    """At the end of the process: record what went into stores that nobody has closed."""
    for store in left_open():
        if store.lasting and store.written is not None:
            call = Call(finish_open_stores, (), {}, store.scope)
            call.started = store.started
            _record_store(store, call, store.lasting)


def _with_ending(target: Any, ending: str) -> Any:
    path = None if hasattr(type(target), "write") else path_text(target)
    return target if path is None or path.endswith(ending) else path + ending


def note_written(handle: Any, sources: Origins | None, before: tuple[int, int] | None = None) -> None:
    """Note what went into an open file or a buffer, beside what went into it before.

    `before` is what `contents.span_of` said of a buffer: one that is written anew from its beginning is another.
    """
    incoming = Origins(complete=False) if sources is None else sources
    if before is not None:
        _note_in_buffer(handle, incoming, before)
        return
    for target in layers(handle):
        earlier = origins_of(target)
        remember(target, incoming if earlier is None else earlier | incoming)


def _note_in_buffer(buffer: Any, incoming: Origins, before: tuple[int, int]) -> None:
    after = span_of(buffer)
    if after is None:
        return
    if before[0] > 0 or after[0] < after[1]:
        # What was there before is still there, in part or as a whole.
        earlier = origins_of(buffer)
        if earlier is not None:
            incoming = earlier | incoming
        elif before[1] > 0:
            incoming = Origins(incoming.reads, complete=False)
    remember(buffer, incoming)
    if incoming.reads:
        note_content(buffer, incoming)


def _origins_of_handle(handle: Any) -> Origins | None:
    return next((found for target in layers(handle) if (found := origins_of(target)) is not None), None)


before_end("stores still open", finish_open_stores)
