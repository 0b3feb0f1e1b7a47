# SPDX-License-Identifier: Apache-2.0
"""HDF5 files that are open: what was read from them, what went into them, and their record once they are closed.

A file that can only be read is read when it is opened, as any file is. One that can be changed is read when something
is taken out of it, and written when it is closed, if it is another one then.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.disk.file_writes import begin_write, finish, follow_unwatched, settle
from otelprov.capture.disk.fingerprint import file_version, version_before
from otelprov.capture.disk.handles import handle_origins
from otelprov.capture.flow.contents import origins_of_content, span_of
from otelprov.capture.flow.identity import Origins, remember
from otelprov.capture.naming import location_entity
from otelprov.capture.tables.table_io import note_written, record_read
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_WRITE

_FORMAT = "hdf5"
_MAX_OPEN = 10_000
# By the name under which the library has them open.
_open: dict[bytes, OpenFile] = {}


class OpenFile:
    """One open file. It passes for its own handle: what went into it is remembered of it."""

    def __init__(self, file: Any, entity: Entity | None, handle: Any = None) -> None:
        self.entity = entity
        self.handle = handle
        self.span = span_of(handle)
        # What is in it already, to be recorded as read when something is taken out.
        self.unread: Call | None = None
        self.version = ""
        self.read: Origins | None = None
        self.written: Origins | None = None
        self.write: Any = None
        self._file = weakref.ref(file)
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the program has closed it, or let it go."""
        return self._closed or self._file() is None

    def flush(self) -> None:
        """Write out what the library still holds."""
        file = self._file()
        if file is not None:
            file.flush()

    def taken(self) -> Origins | None:
        """Where something comes from that is taken out now."""
        if self.unread is not None and self.entity is not None:
            self.read = record_read(self.entity, self.unread, _FORMAT, version=self.version)
            self.unread = None
        if self.written is None or self.read is None:
            return self.read if self.written is None else self.written
        return self.read | self.written

    def put(self, found: Origins | None) -> None:
        """Note that something was put in; None where nobody knows where it comes from."""
        incoming = Origins(complete=False) if found is None else found
        self.written = incoming if self.written is None else self.written | incoming
        remember(self, self.written)

    def close(self) -> None:
        """Record what was written."""
        self._closed = True
        if self.write is not None:
            finish(self.write)
        elif self.handle is not None and self.written is not None:
            note_written(self.handle, self.written, self.span)


def name_of(obj: Any) -> bytes:
    """The name under which the library has the file of a file, group, dataset or attribute open; empty if closed."""
    low = getattr(obj, "id", None)
    low = obj._id if low is None else low
    return bytes(sys.modules["h5py"].h5f.get_name(low)) if low else b""


def opening(call: Call, target: Any, mode: str) -> Any:
    """Look at what is about to be opened; what it returns is called with the open file."""
    path = isinstance(target, (str, bytes, os.PathLike))
    entity = location_entity(target) if path else None
    before = version = ""
    if entity is not None and entity.type == "file":
        _settle(entity.name)
        before = version_before(entity.name)
        version = file_version(entity.name)[0] if mode in ("r+", "a") else ""

    def opened(file: Any) -> None:
        found = OpenFile(file, entity, None if path else target)
        if mode != "r" and entity is not None and entity.type == "file":
            changes = bool(before) and mode in ("r+", "a")
            operation = PROVENANCE_OPERATION_APPEND if changes else PROVENANCE_OPERATION_WRITE
            if changes:
                found.unread, found.version = call, version
            found.write = begin_write(entity, operation, call.started, before=before, scope=call.scope)
            if found.write is not None:
                found.write.handles.append(weakref.ref(found))
                follow_unwatched(found.write)
        elif entity is not None:
            found.unread = call
            found.taken()
        elif not path and mode in ("r", "r+", "a"):
            found.read = handle_origins(target) or origins_of_content(target)
        _keep(name_of(file), found)

    return opened


def _settle(path: str) -> None:
    settle(path)
    for file in list(_open.values()):
        if file.write is not None and file.write.entity.name == path and file.closed:
            finish(file.write)
            file.write = None


def _keep(name: bytes, file: OpenFile) -> None:
    if len(_open) >= _MAX_OPEN:
        _open.clear()
    _open[name] = file


def closing(name: bytes) -> OpenFile | None:
    """Forget an open file."""
    return _open.pop(name, None)


def file_of(obj: Any) -> OpenFile | None:
    """The open file that a group, dataset or attribute is in; None where nobody saw it being opened."""
    return _open.get(name_of(obj))


def origins_in(obj: Any, scope: str) -> Origins | None:
    """Where something comes from that is taken out of a dataset, group or attribute now.

    The library itself opens files that others link to.
    """
    name = name_of(obj)
    if name not in _open and os.path.isfile(name):
        linked = OpenFile(obj, location_entity(name))
        linked.unread = Call(origins_in, (), {}, scope)
        _keep(name, linked)
    file = _open.get(name)
    return None if file is None else file.taken()


# A child must not record the end of what its parent has open.
os.register_at_fork(after_in_child=_open.clear)
