# SPDX-License-Identifier: Apache-2.0
"""Copies, renames and deletions of files, each seen from before the call to after it."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.disk import file_writes, files
from otelprov.capture.disk.fingerprint import file_version
from otelprov.capture.disk.handles import descriptor_path
from otelprov.capture.flow.identity import Origins
from otelprov.capture.io import record_io
from otelprov.capture.naming import absolute_path, is_temporary, path_text, resolved_file_entity
from otelprov.capture.written import below, last
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_DELETE, PROVENANCE_OPERATION_READ, PROVENANCE_OPERATION_WRITE

_MAX_IN_FOLDER = 1000
_PASSING_SUFFIXES = (".tmp", ".temp", ".part", ".partial", ".new", ".incomplete", ".download", ".crdownload", "~")
_PASSING_PREFIXES = ("tmp", ".", "~", "_tmp")


def named_in(path: Any, folder: Any = None) -> str | None:
    """Absolute path of a name, links in its folder resolved but not the name itself; `folder` is a `dir_fd`."""
    plain = path_text(path)
    if plain is None:
        return None
    if folder is not None and not os.path.isabs(plain):
        base = descriptor_path(folder) if isinstance(folder, int) else None
        if base is None:
            return None
        plain = os.path.join(base, plain)
    # A rename or a removal is of the link, never of what it points to.
    parent, name = os.path.split(os.path.abspath(plain))
    return os.path.join(os.path.realpath(parent), name)


def regular(path: str | None) -> Entity | None:
    """The entity of an existing regular file of the program's data; None for folders, links and noise."""
    entity = None if path is None else resolved_file_entity(path)
    if entity is None:
        return None
    try:
        return entity if stat.S_ISREG(os.lstat(entity.name).st_mode) else None
    except OSError:
        return None


def copying(source: Any, target: Any, started: int) -> Generator[None, Any, None]:
    """One read and one write that comes from nothing else."""
    file_writes.sweep()
    yield
    origin, made = (regular(absolute_path(path)) for path in (source, target))
    read = files.record_read(origin, started) if origin is not None else None
    if made is not None:
        written(made, started, Origins(frozenset({read})) if read is not None else None)


def linking(call: Call) -> Generator[None, Any, None]:
    """`os.link(src, dst)`: another name for the same content."""
    if not call.kwargs.keys() & {"src_dir_fd", "dst_dir_fd"}:
        yield from copying(call.argument("src", 0), call.argument("dst", 1), call.started)


def sending(call: Call) -> Generator[None, Any, None]:
    """`os.sendfile(out_fd, in_fd, …)`."""
    yield
    files.transferred(call.argument("in_fd", 1), call.argument("out_fd", 0))


def copying_range(call: Call) -> Generator[None, Any, None]:
    """`os.copy_file_range(src, dst, …)`."""
    yield
    files.transferred(call.argument("src", 0), call.argument("dst", 1))


def renaming(source: str | None, target: str | None, started: int) -> Generator[None, Any, None]:
    """A read of the source, a write of the target that comes from it, and a deletion of the source.

    Where the source is only the name under which the target was being written, the target keeps its sources.
    """
    file_writes.sweep()
    if source is not None and target is not None and os.path.isdir(source) and not os.path.islink(source):
        yield from _renaming_folder(source, target, started)
        return
    origin = regular(source)
    if origin is None or source is None or target is None:
        return
    file_writes.settle(source)
    version = file_version(source)[0]
    yield
    if file_writes.moved(source, target):
        return
    made = regular(target)
    here = last(origin)
    passing = here is not None and here.version == version and _is_passing(source, target)
    sources = here.sources if here is not None and passing else _read(origin.at(version), started)
    if made is not None:
        written(made, started, sources)
    _deleted(origin, started)


def _renaming_folder(source: str, target: str, started: int) -> Generator[None, Any, None]:
    """What this process has written into a folder is written into the one that it becomes."""
    inside = [(path, known) for path, known in below(source) if regular(path) is not None][:_MAX_IN_FOLDER]
    yield
    passing = _is_passing(source, target)
    for path, known in inside:
        made = regular(target + path[len(source) :])
        if made is not None:
            entity = made._replace(name=path, version=known.version)
            written(made, started, known.sources if passing else _read(entity, started))


def _read(entity: Entity, started: int) -> Origins | None:
    read = record_io(PROVENANCE_OPERATION_READ, entity, scope=file_writes.SCOPE, start=started)
    return Origins(frozenset({read})) if read is not None else None


def removing(path: str | None, started: int) -> Generator[None, Any, None]:
    """A deletion of a file."""
    file_writes.sweep()
    entity = regular(path)
    if entity is None:
        return
    file_writes.settle(entity.name)
    yield
    _deleted(entity, started)


def removing_tree(path: Any, started: int) -> Generator[None, Any, None]:
    """One deletion of a whole folder."""
    file_writes.sweep()
    folder = absolute_path(path)
    entity = resolved_file_entity(folder) if folder is not None else None
    yield
    if entity is not None:
        _deleted(entity, started)


def written(entity: Entity, started: int, sources: Origins | None) -> None:
    """Record that a file was written as a whole by one call."""
    write = file_writes.begin_write(entity, PROVENANCE_OPERATION_WRITE, started)
    version, size = file_version(entity.name)
    if write is not None and version:
        file_writes.record_write(write, version, size, sources)


def _deleted(entity: Entity, started: int) -> None:
    if not entity.temporary and not files.is_machinery():
        record_io(PROVENANCE_OPERATION_DELETE, entity, scope=file_writes.SCOPE, start=started)


def _is_passing(source: str, target: str) -> bool:
    if is_temporary(source):
        return True
    folder, name = os.path.split(source)
    return folder == os.path.dirname(target) and (
        name.lower().endswith(_PASSING_SUFFIXES)
        or name.lower().startswith(_PASSING_PREFIXES)
        or os.path.basename(target) in name
    )
