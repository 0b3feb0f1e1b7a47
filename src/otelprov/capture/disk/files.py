# SPDX-License-Identifier: Apache-2.0
"""Reads of files by their handles, recorded when opened, and the handles through which files are written.

Repeated reads of one version by one line in one step are one edge, hence one span. At most 10,000 are kept in mind.
"""

from __future__ import annotations

import io
import os
import stat
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otelprov.capture import coverage, written
from otelprov.capture.callsite import caller, code_attributes
from otelprov.capture.disk.file_writes import (
    SCOPE,
    Write,
    attach,
    begin_write,
    finish,
    follow,
    note_sources,
    settle,
    sweep,
)
from otelprov.capture.disk.file_writes import (
    finish_open_files as finish_open_files,
)
from otelprov.capture.disk.fingerprint import file_version, version_before
from otelprov.capture.disk.handles import descriptor_path, handle_origins, raw_file, remember_written
from otelprov.capture.flow.contents import note_file
from otelprov.capture.flow.identity import Origins, Read, remember
from otelprov.capture.io import record_io
from otelprov.capture.life.exits import before_end
from otelprov.capture.naming import absolute_path, resolved_file_entity
from otelprov.capture.recorder import current, current_step
from otelprov.model.entity import Entity
from otelprov.semconv import (
    CODE_FILE_PATH,
    CODE_LINE_NUMBER,
    PROVENANCE_OPERATION_APPEND,
    PROVENANCE_OPERATION_READ,
    PROVENANCE_OPERATION_WRITE,
)

_MAX_REMEMBERED = 10_000
# Opens by these are Python's own business, or a log.
_MACHINERY = frozenset(
    (
        *("importlib._bootstrap_external", "_frozen_importlib_external", "importlib.metadata", "importlib.util"),
        *("zipimport", "linecache", "tokenize", "inspect", "traceback", "pkgutil", "runpy", "site", "sysconfig"),
        *("locale", "gettext", "platform", "mimetypes", "netrc", "zoneinfo._common", "zoneinfo._tzpath"),
        *("logging", "logging.handlers", "multiprocessing.resource_tracker"),
    )
)


# It tries with a file of four bytes which folder takes temporary files.
_TRYING = ("tempfile", "_get_default_tempdir")


def is_machinery() -> bool:
    """Whether the call that is being captured is Python's own business, or a log's."""
    module, function = caller()
    return module in _MACHINERY or (module, function) == _TRYING


@dataclass(slots=True)
class _Descriptor:
    identity: tuple[int, int]
    read: Read | None = None
    write: Write | None = None


_descriptors: dict[int, _Descriptor] = {}
_reads: dict[tuple[Any, ...], Read] = {}
_last_reads: dict[str, Read] = {}


def opened(file: Any, mode: str, started: int, *, through_opener: bool = False) -> None:
    """Record what `open(…, mode)` has returned; `started` is in nanoseconds since the epoch."""
    sweep()
    raw = raw_file(file)
    if raw is None:
        return
    name: Any = raw.name
    if isinstance(name, int):
        _adopt(file, raw, name)
        return
    path = descriptor_path(raw.fileno())
    if path is None and not through_opener:
        path = absolute_path(name)
    entity = data_entity(path)
    if entity is None:
        return
    updating = "+" in mode and "r" in mode
    read = record_read(entity, started) if "r" in mode else None
    if read is not None:
        origins = Origins(frozenset({read}))
        # By the lowest one, all between are found.
        remember(file, origins)
        remember(raw, origins)
    if "r" in mode and not updating:
        return
    operation = PROVENANCE_OPERATION_APPEND if "a" in mode else PROVENANCE_OPERATION_WRITE
    write = begin_write(entity, operation, started, own=read)
    if write is not None:
        if operation == PROVENANCE_OPERATION_APPEND:
            write.size = os.fstat(raw.fileno()).st_size or -1
        attach(write, file, raw)


def opened_descriptor(fd: int, flags: int, path: Any, started: int) -> None:
    """Record what `os.open` has returned; `path` is what it was given, or None where that is relative to a folder."""
    sweep()
    if flags & getattr(os, "O_PATH", 0) or flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
        return
    entity = data_entity(descriptor_path(fd) or absolute_path(path))
    if entity is None:
        return
    status = os.fstat(fd)
    known = _Descriptor((status.st_dev, status.st_ino))
    access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    fresh = flags & (os.O_TRUNC | os.O_CREAT) and status.st_size == 0
    if access == os.O_RDONLY or (access == os.O_RDWR and not fresh):
        known.read = record_read(entity, started)
    if access != os.O_RDONLY:
        operation = PROVENANCE_OPERATION_APPEND if flags & os.O_APPEND else PROVENANCE_OPERATION_WRITE
        before = "" if fresh else version_before(entity.name)
        known.write = begin_write(entity, operation, started, before=before, own=known.read)
        if known.write is not None:
            follow(known.write)
    if len(_descriptors) >= _MAX_REMEMBERED:
        _descriptors.clear()
    _descriptors[fd] = known


def is_followed(fd: Any) -> bool:
    """Whether a descriptor is one that `opened_descriptor` was told of."""
    return type(fd) is int and fd in _descriptors


def closed_descriptor(fd: int) -> None:
    """Record the write that ended with `os.close`."""
    known = _descriptors.pop(fd, None)
    if known is not None and known.write is not None:
        finish(known.write)


def wrapped_descriptor(file: Any, fd: Any) -> None:
    """Note that an object of the standard library reads or writes a descriptor that `opened_descriptor` was told of."""
    known = _descriptors.get(fd)
    if known is None:
        return
    if known.read is not None:
        remember(file, Origins(frozenset({known.read})))
    if known.write is not None:
        known.write.handles.append(weakref.ref(file))


def data_entity(path: str | None, *, made: bool = False) -> Entity | None:
    """The entity of a resolved path that is a regular file of the program's own data; counts it, and noise too.

    With `made` the file may not be there yet.
    """
    if path is None:
        return None
    entity = resolved_file_entity(path)
    if entity is None or is_machinery():
        coverage.ignored += 1
        return None
    try:
        regular = made or stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return None
    if not regular:
        return None
    coverage.opens += 1
    return entity


def record_read(entity: Entity, started: int, *, scope: str = SCOPE) -> Read | None:
    """Record the read of a file at its present version, unless the same read is on record already."""
    if current() is None:
        return None
    settle(entity.name)
    version, size = file_version(entity.name)
    if not version:
        return None
    coverage.recorded += 1
    read = read_once(entity.at(version), started, scope=scope, size=size)
    if read is not None:
        if len(_last_reads) >= _MAX_REMEMBERED:
            _last_reads.clear()
        _last_reads[entity.name] = read
        before = written.last(entity)
        note_file(
            entity.name, version, size, Origins(frozenset({read})), before.sources if before is not None else None
        )
    return read


def read_once(
    entity: Entity,
    started: int,
    *,
    scope: str,
    size: int = -1,
    operation: str = PROVENANCE_OPERATION_READ,
    attributes: Mapping[str, Any] | None = None,
) -> Read | None:
    """Record a read of one version, unless the same line has read it before in the same step."""
    recorder = current()
    if recorder is None:
        return None
    code = code_attributes()
    trace_id = recorder.parent_context()[0]
    line = (code.get(CODE_FILE_PATH), code.get(CODE_LINE_NUMBER))
    place = (entity.namespace, entity.name, entity.version, operation)
    key = (recorder.process_id, *place, trace_id, current_step.get(), line, scope)
    # Where no version is known, it may be another one by now.
    repeats = bool(entity.version) or operation != PROVENANCE_OPERATION_READ
    read = _reads.get(key) if repeats else None
    if read is None:
        read = record_io(operation, entity, scope=scope, start=started, size=size, code=code, attributes=attributes)
        if read is not None and repeats:
            if len(_reads) >= _MAX_REMEMBERED:
                _reads.clear()
            _reads[key] = read
    return read


def copied(source: Any, target: Any) -> None:
    """The content of one open file went into another."""
    remember_written(target, handle_origins(source) or Origins(complete=False))


def transferred(source: Any, target: Any) -> None:
    """The kernel has copied from one descriptor to another."""
    places = [descriptor_path(fd) if isinstance(fd, int) else None for fd in (source, target)]
    read = _last_reads.get(places[0]) if places[0] is not None else None
    if read is not None and places[1] is not None:
        note_sources(places[1], Origins(frozenset({read})))


def _adopt(file: Any, raw: io.FileIO, fd: int) -> None:
    known = _descriptors.get(fd)
    if known is None:
        coverage.ignored += 1
        return
    status = os.fstat(fd)
    if known.identity != (status.st_dev, status.st_ino):
        # The number was given up behind our back, and belongs to something else now.
        del _descriptors[fd]
        return
    if known.read is not None:
        remember(file, Origins(frozenset({known.read})))
    if known.write is not None:
        attach(known.write, file, raw)
        if raw.closefd:
            del _descriptors[fd]


def _forget() -> None:
    _descriptors.clear()
    _reads.clear()
    _last_reads.clear()


before_end("files still open at the end", finish_open_files)
# A child must not record the end of what its parent has open.
os.register_at_fork(after_in_child=_forget)
