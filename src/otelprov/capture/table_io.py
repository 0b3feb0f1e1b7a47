# SPDX-License-Identifier: Apache-2.0
"""Capture functions for readers and writers of tables, made from where their signature says what is read or written."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.fingerprint import file_version
from otelprov.capture.frames import add, extent, known
from otelprov.capture.handles import layers
from otelprov.capture.identity import Origins, origins_of, remember
from otelprov.capture.io import record_io
from otelprov.capture.naming import location_entity
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_READ, PROVENANCE_OPERATION_WRITE


def reads(name: str, position: int = 0, *, format: str = "", into_self: bool = False) -> Capture:  # noqa: A002
    """Capture of a function that reads the location or the open file given as one argument and returns what it read.

    `format` is what the reader says that it reads, whatever the file's ending. With `into_self` the object is a
    reader that will return it later: what follows from it is then up to the follow functions.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        source = call.argument(name, position)
        # Known handles come first: some of them pass for paths.
        found = _origins_of_handle(source)
        entity = location_entity(source) if found is None else None
        result = yield
        if entity is not None:
            found = _record_read(entity, call, format, result)
        if found is not None:
            add(call.args[0] if into_self else result, found)

    return capture


def _record_read(entity: Entity, call: Call, format_: str, result: Any) -> Origins | None:
    end = time.time_ns()
    size = -1
    version = ""
    if entity.type == "file":
        if not os.path.exists(entity.name):
            # A string that was the content itself.
            return None
        version, size = file_version(entity.name)
    rows, columns = extent(result)
    read = record_io(
        PROVENANCE_OPERATION_READ,
        entity._replace(version=version, format=format_ or entity.format),
        scope=call.scope,
        start=call.started,
        end=end,
        size=size,
        rows=rows,
        columns=columns,
    )
    return None if read is None else Origins(frozenset((read,)))


def writes(name: str, position: int = 1, *, format: str = "", table: int = 0) -> Capture:  # noqa: A002
    """Capture of a function that writes a table to the location or the open file given as one argument.

    `table` is the position of the table among the arguments. Without a location nothing is recorded: what went into
    an open file is noted, for when it is closed.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        target = call.argument(name, position)
        if target is None:
            return
        written = call.args[table]
        sources, (rows, columns) = known(written), extent(written)
        yield
        if _is_open(target):
            note_written(target, sources)
            return
        _record_write(target, call, format, sources, rows, columns, call.kwargs.get("mode"))

    return capture


def _record_write(
    target: Any,
    call: Call,
    format_: str,
    sources: Origins | None,
    rows: int | None = None,
    columns: int | None = None,
    mode: Any = None,
) -> None:
    entity = location_entity(target)
    if entity is None:
        note_written(target, sources)
        return
    end = time.time_ns()
    version, size = file_version(entity.name) if entity.type == "file" else ("", -1)
    record_io(
        PROVENANCE_OPERATION_APPEND if isinstance(mode, str) and mode[:1] == "a" else PROVENANCE_OPERATION_WRITE,
        entity._replace(version=version, format=format_ or entity.format),
        scope=call.scope,
        start=call.started,
        end=end,
        size=size,
        rows=rows,
        columns=columns,
        sources=sources,
    )


# Where writers that are still open will write to, and in what mode.
_open_writers: weakref.WeakKeyDictionary[Any, tuple[Any, Any]] = weakref.WeakKeyDictionary()


def _is_open(target: Any) -> bool:
    # Writers may pass for paths: those of pandas do.
    try:
        return target in _open_writers
    except TypeError:
        return False


def opens(name: str, position: int = 1) -> Capture:
    """Capture of the `__init__` of a writer that tables are given to (by `writes`) until it is closed."""

    def capture(call: Call) -> Generator[None, Any, None]:
        target = call.argument(name, position)
        yield
        _open_writers[call.args[0]] = (target, call.kwargs.get("mode"))

    return capture


def closes(*, format: str = "") -> Capture:  # noqa: A002
    """Capture of the `close` of a writer whose `__init__` has a row with `opens`: here the write is recorded."""

    def capture(call: Call) -> Generator[None, Any, None]:
        opened = _open_writers.pop(call.args[0], None)
        if opened is None:
            return
        yield
        _record_write(opened[0], call, format, origins_of(call.args[0]), mode=opened[1])

    return capture


def note_written(handle: Any, sources: Origins | None) -> None:
    """Note what went into an open file, a buffer or a writer, beside what went into it before."""
    incoming = Origins(complete=False) if sources is None else sources
    for target in layers(handle):
        before = origins_of(target)
        remember(target, incoming if before is None else before | incoming)


def _origins_of_handle(handle: Any) -> Origins | None:
    return next((found for target in layers(handle) if (found := origins_of(target)) is not None), None)
