# SPDX-License-Identifier: Apache-2.0
"""Reads and writes of files by their handles: a read is recorded when opened, a write when closed or at the end.

A handle given to the program is the very object that `open` made. Only the descriptor's object below it, which closes
last and after everything is flushed, gets a `close` of its own; it goes when called, so no cycle outlives the file.
Repeated reads of one version by one line in one step are one edge, hence one span.
"""

from __future__ import annotations

import io
import os
import stat
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otelprov.capture import coverage
from otelprov.capture.callsite import calling_module, code_attributes
from otelprov.capture.fingerprint import file_version
from otelprov.capture.guard import guard
from otelprov.capture.handles import descriptor_path, handle_origins, raw_file, remember_written
from otelprov.capture.identity import Origins, Read, origins_of, remember
from otelprov.capture.inside import quietly
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

SCOPE = "otelprov.files"
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


@dataclass(slots=True, eq=False)
class Write:
    """A file that is open for writing: what is needed to record it once it is closed."""

    entity: Entity
    operation: str
    started: int
    # The version, and the size in bytes, with which nothing would have been written; "" and -1 where any end counts.
    before: str
    size: int
    own: Read | None
    code: Mapping[str, Any]
    step: str
    parent: tuple[int, int, int]
    process: tuple[str, int]
    # Weak references to the file objects through which it is written.
    handles: list[weakref.ref[Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Descriptor:
    identity: tuple[int, int]
    read: Read | None = None
    write: Write | None = None


_writes: dict[Write, None] = {}
_unwatched: dict[Write, None] = {}
_descriptors: dict[int, _Descriptor] = {}
_reads: dict[tuple[Any, ...], Read] = {}
# By path, what this process has written last: its version and where it came from.
_written: dict[str, tuple[str, Origins | None]] = {}


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
        _attach(write, file, raw)


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
            _writes[known.write] = None
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
    if entity is None or calling_module() in _MACHINERY:
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


def begin_write(
    entity: Entity, operation: str, started: int, *, before: str = "", own: Read | None = None
) -> Write | None:
    """Note that a file is being written from here; nothing is recorded before `finish`.

    `before` is the version that would mean that nothing was written, `own` a read of the same handle.
    """
    recorder = current()
    if recorder is None:
        return None
    return Write(
        entity,
        operation,
        started,
        before=before or (own.entity.version if own is not None else ""),
        size=-1,
        own=own,
        code=code_attributes(),
        step=current_step.get(),
        parent=recorder.parent_context(),
        process=(recorder.process_id, os.getpid()),
    )


def finish(write: Write) -> None:
    """Record a write with what is on disk now, unless that is what was there before."""
    _writes.pop(write, None)
    _unwatched.pop(write, None)
    recorder = current()
    if recorder is None or (recorder.process_id, os.getpid()) != write.process:
        return
    path = write.entity.name
    version, size = file_version(path)
    if (
        not version
        or version == write.before
        or (size == write.size and write.operation == PROVENANCE_OPERATION_APPEND)
    ):
        return
    # Where it is written on by somebody who had it open longer than the process, only a change is news.
    write.before = version
    known = [origins for reference in write.handles if (origins := origins_of(reference())) is not None]
    sources = known[0] if known else None
    if sources is not None and write.own is not None and sources.reads == {write.own}:
        # What was read from the handle itself says nothing of what was written to it.
        sources = None
    record_write(write, version, size, sources)


def record_write(write: Write, version: str, size: int, sources: Origins | None) -> Read | None:
    """Record a write as of where and when it began, and remember it for renames."""
    token = current_step.set(write.step)
    try:
        read = record_io(
            write.operation,
            write.entity.at(version),
            scope=SCOPE,
            start=write.started,
            size=size,
            sources=sources,
            code=write.code,
            parent=write.parent,
        )
    finally:
        current_step.reset(token)
    coverage.recorded += 1
    if len(_written) >= _MAX_REMEMBERED:
        _written.clear()
    _written[write.entity.name] = (version, sources)
    return read


def copied(source: Any, target: Any) -> None:
    """The content of one open file went into another."""
    remember_written(target, handle_origins(source) or Origins(complete=False))


def written_here(path: str) -> tuple[str, Origins | None] | None:
    """Version and sources of what this process has last written to a path; None where it has not."""
    return _written.get(path)


def follow_unwatched(write: Write) -> None:
    """Settle a write of whose handle nothing is known when its path is next touched, or at the end."""
    if len(_unwatched) >= _MAX_REMEMBERED:
        finish(next(iter(_unwatched)))
    _unwatched[write] = None


def settle(path: str) -> None:
    """Record the writes to a path of whose end nobody has told us, since what they wrote is being used."""
    for write in list(_unwatched):
        if write.entity.name == path and not write.handles:
            finish(write)


def sweep() -> None:
    """Record the writes whose handles are gone or closed without our hearing of it."""
    for write in list(_unwatched):
        if write.handles and all(file is None or file.closed for file in (reference() for reference in write.handles)):
            finish(write)


def moved(source: str, target: str) -> bool:
    """A path has another name now; True where it is open for writing, so that it is recorded when closed."""
    found = False
    for write in [*_writes, *_unwatched]:
        if write.entity.name == source:
            entity = resolved_file_entity(target)
            if entity is not None:
                write.entity = entity
                found = True
    return found


def finish_open_files() -> None:
    """At the end of the process: flush and record what is still open for writing."""
    with guard("recording open files"), quietly():
        for write in [*_writes, *_unwatched]:
            for file in (reference() for reference in write.handles):
                if file is not None and not file.closed:
                    _flush(file)
            finish(write)


def _flush(file: Any) -> None:
    try:
        file.flush()
    except (OSError, ValueError, RuntimeError):
        # The program will meet this itself when it closes the file.
        return


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
        _attach(known.write, file, raw)
        if raw.closefd:
            del _descriptors[fd]


def _attach(write: Write, file: Any, raw: io.FileIO) -> None:
    write.handles.append(weakref.ref(file))
    if file is raw:
        # Unbuffered: a `close` of its own would keep it alive, so its end is seen by looking.
        _writes.pop(write, None)
        follow_unwatched(write)
        return
    _writes[write] = None
    attributes = vars(raw)

    def close() -> None:
        attributes.pop("close", None)
        try:
            io.FileIO.close(raw)
        finally:
            with guard("recording a closed file"), quietly():
                finish(write)

    attributes["close"] = close


def _forget() -> None:
    _writes.clear()
    _unwatched.clear()
    _descriptors.clear()
    _reads.clear()
    _written.clear()


# A child must not record the end of what its parent has open.
os.register_at_fork(after_in_child=_forget)
