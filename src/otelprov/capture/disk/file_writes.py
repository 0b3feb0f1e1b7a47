# SPDX-License-Identifier: Apache-2.0
"""Files that are open for writing: each is recorded when it is closed, or at the end of the process.

A handle given to the program is the very object that `open` made. Only the descriptor's object below it, which closes
last and after everything is flushed, gets a `close` of its own; it goes when called, so no cycle outlives the file.
"""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otelprov.capture import coverage
from otelprov.capture.callsite import code_attributes
from otelprov.capture.disk.fingerprint import file_version, is_still, version_before
from otelprov.capture.disk.handles import layers
from otelprov.capture.flow.contents import origins_of_file
from otelprov.capture.flow.identity import Origins, Read, origins_of
from otelprov.capture.guard import guard
from otelprov.capture.inside import quietly
from otelprov.capture.io import record_io
from otelprov.capture.naming import resolved_file_entity
from otelprov.capture.recorder import current, current_step
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_WRITE

SCOPE = "otelprov.files"
_MAX_REMEMBERED = 10_000


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
    scope: str = SCOPE
    # Weak references to the file objects through which it is written.
    handles: list[weakref.ref[Any]] = field(default_factory=list)
    # What went into it past all of them.
    sources: Origins | None = None


_writes: dict[Write, None] = {}
_unwatched: dict[Write, None] = {}


def begin_write(
    entity: Entity, operation: str, started: int, *, before: str = "", own: Read | None = None, scope: str = SCOPE
) -> Write | None:
    """Note that a file is being written from here; nothing is recorded before `finish`, or `record_write`.

    `before` is the version that would mean that nothing was written, `own` a read of the same handle.
    """
    recorder = current()
    if recorder is None:
        return None
    return Write(
        entity,
        operation,
        started,
        before=before or (version_before(entity.name) if own is not None else ""),
        size=-1,
        own=own,
        code=code_attributes(),
        step=current_step.get(),
        parent=recorder.parent_context(),
        process=(recorder.process_id, os.getpid()),
        scope=scope,
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
        or is_still(path, write.before, version)
        or (size == write.size and write.operation == PROVENANCE_OPERATION_APPEND)
    ):
        return
    # Where it is written on by somebody who had it open longer than the process, only a change is news.
    write.before = version
    known = [origins for reference in write.handles if (origins := origins_of(reference())) is not None]
    sources = known[0] if known else None
    if write.sources is not None:
        sources = write.sources if sources is None else sources | write.sources
    if sources is not None and write.own is not None and sources.reads == {write.own}:
        # What was read from the handle itself says nothing of what was written to it.
        sources = None
    if sources is None and write.operation == PROVENANCE_OPERATION_WRITE:
        # Bytes and texts can't be followed, but known again.
        sources = origins_of_file(path, size)
    record_write(write, version, size, sources)


def record_write(
    write: Write, version: str, size: int, sources: Origins | None, attributes: Mapping[str, Any] | None = None
) -> Read | None:
    """Record a write as of where and when it began."""
    token = current_step.set(write.step)
    try:
        read = record_io(
            write.operation,
            write.entity.at(version),
            scope=write.scope,
            start=write.started,
            size=size,
            sources=sources,
            attributes=attributes,
            code=write.code,
            parent=write.parent,
        )
    finally:
        current_step.reset(token)
    coverage.recorded += 1
    return read


def follow(write: Write) -> None:
    """Keep a write in mind of whose end we are told by `finish`."""
    _writes[write] = None


def attach(write: Write, file: Any, raw: io.FileIO) -> None:
    """Record a write when this file object is closed; `raw` is its lowest layer."""
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


def note_sources(path: str, sources: Origins) -> None:
    """Note what went into the open files of a path without going through an object of Python's."""
    for write in [*_writes, *_unwatched]:
        if write.entity.name == path:
            write.sources = sources if write.sources is None else write.sources | sources


def entity_written(file: Any) -> Entity | None:
    """What is being written through an open file, looking through compression; None where that is not known."""
    below = layers(file)
    for write in [*_writes, *_unwatched]:
        handles = [reference() for reference in write.handles]
        if any(handle is layer for handle in handles for layer in below if handle is not None):
            return write.entity
    return None


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


def _forget() -> None:
    _writes.clear()
    _unwatched.clear()


# A child must not record the end of what its parent has open.
os.register_at_fork(after_in_child=_forget)
