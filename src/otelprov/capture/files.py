# SPDX-License-Identifier: Apache-2.0
"""Reads of files by their handles, recorded when opened, and the handles through which files are written.

Repeated reads of one version by one line in one step are one edge, hence one span. At most 10,000 are kept in mind.
"""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from typing import Any

from otelprov.capture import coverage
from otelprov.capture.callsite import caller, code_attributes
from otelprov.capture.exits import before_end
from otelprov.capture.file_writes import (
    SCOPE,
    Write,
    attach,
    begin_write,
    finish,
    follow,
    settle,
    sweep,
)
from otelprov.capture.file_writes import (
    finish_open_files as finish_open_files,
)
from otelprov.capture.fingerprint import file_version
from otelprov.capture.handles import descriptor_path, handle_origins, raw_file, remember_written
from otelprov.capture.identity import Origins, Read, remember
from otelprov.capture.io import record_io
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
        before = "" if fresh else file_version(entity.name)[0]
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
    if known is not None and known.write is not None and not known.write.handles:
        finish(known.write)


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
    recorder = current()
    if recorder is None:
        return None
    settle(entity.name)
    version, size = file_version(entity.name)
    if not version:
        return None
    coverage.recorded += 1
    code = code_attributes()
    trace_id = recorder.parent_context()[0]
    line = (code.get(CODE_FILE_PATH), code.get(CODE_LINE_NUMBER))
    key = (recorder.process_id, entity.name, version, trace_id, current_step.get(), line, scope)
    read = _reads.get(key)
    if read is None:
        read = record_io(
            PROVENANCE_OPERATION_READ, entity.at(version), scope=scope, start=started, size=size, code=code
        )
        if read is not None:
            if len(_reads) >= _MAX_REMEMBERED:
                _reads.clear()
            _reads[key] = read
    return read


def copied(source: Any, target: Any) -> None:
    """The content of one open file went into another."""
    remember_written(target, handle_origins(source) or Origins(complete=False))


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


before_end("files still open at the end", finish_open_files)
# A child must not record the end of what its parent has open.
os.register_at_fork(after_in_child=_forget)
