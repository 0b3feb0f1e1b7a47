# SPDX-License-Identifier: Apache-2.0
"""File systems of fsspec: which entity a path is, and what their methods on whole files read and write.

Local file systems and those inside archives are left to what they are made of. A caching file system is the one that it
keeps copies of.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.disk import moves
from otelprov.capture.disk.files import read_once, record_read
from otelprov.capture.disk.handles import origins_of_data, remember_written
from otelprov.capture.flow.identity import Origins
from otelprov.capture.io import record_io
from otelprov.capture.naming import absolute_path, location_entity, path_text
from otelprov.capture.remote import objects
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OBJECT_VERSION_ID, PROVENANCE_OPERATION_DELETE, PROVENANCE_OPERATION_WRITE

_LEFT = frozenset(("LocalFileSystem", "ZipFileSystem", "TarFileSystem", "LibArchiveFileSystem"))
_CACHES = frozenset(("CachingFileSystem",))
# What to record at the end of a call that others do the work for, in threads that know nothing of its line.
waiting: ContextVar[list[Callable[[], None]] | None] = ContextVar("otelprov_waiting", default=None)


def _is(fs: Any, names: frozenset[str]) -> bool:
    return any(base.__name__ in names and base.__module__.startswith("fsspec.") for base in type(fs).__mro__)


def is_left(fs: Any) -> bool:
    """Whether what a file system does is seen where it does it: opening files, opening members of archives."""
    return _is(fs, _LEFT)


def entity_of(fs: Any, path: Any) -> Entity | None:
    """The entity of a path of a file system."""
    plain = path_text(path)
    while _is(fs, _CACHES):
        # Its attributes are mostly those of the other.
        fs = object.__getattribute__(fs, "__dict__").get("fs")
    if plain is None or fs is None:
        return None
    if is_left(fs):
        return location_entity(plain)
    entity = location_entity(fs.unstrip_protocol(plain))
    host = getattr(fs, "host", None)
    if entity is not None and entity.namespace.endswith("://") and isinstance(host, str):
        entity = entity._replace(namespace=entity.namespace + host)
    return entity


def read(call: Call, entity: Entity, file: Any = None) -> Origins | None:
    """Record the read of an entity; `file` is what was opened to do so."""
    if entity.namespace == "file":
        found = record_read(entity, call.started, scope=call.scope)
        return None if found is None else Origins(frozenset({found}))
    said = objects.answer_since(entity, call.started)
    details = vars(file).get("_details") if file is not None and hasattr(file, "__dict__") else None
    if not said.version and isinstance(details, dict) and details.get("ETag"):
        said = objects.answered(entity, details["ETag"], details.get("VersionId"), details.get("size"))
    attributes = version_attributes(said)
    found = read_once(entity.at(said.version), call.started, scope=call.scope, size=said.size, attributes=attributes)
    return None if found is None else Origins(frozenset({found}))


def version_attributes(said: objects.Answer) -> dict[str, Any]:
    """What a span says of a version beside its name."""
    return {PROVENANCE_OBJECT_VERSION_ID: said.version_id} if said.version_id else {}


def _written(call: Call, entity: Entity, sources: Origins | None, size: int = -1) -> None:
    if entity.namespace == "file":
        moves.written(entity, call.started, sources)
        return
    said = objects.answer_since(entity, call.started)
    record_io(
        PROVENANCE_OPERATION_WRITE,
        entity.at(said.version),
        scope=call.scope,
        start=call.started,
        size=said.size if size < 0 else size,
        sources=sources,
        attributes=version_attributes(said),
    )


def _cat_file(call: Call, fs: Any, given: list[Any], result: Any) -> None:
    entity = entity_of(fs, given[0])
    origins = read(call, entity) if entity is not None else None
    if origins is not None:
        objects.note_read(result, origins)


def _pipe_file(call: Call, fs: Any, given: list[Any], result: Any) -> None:
    entity, content = entity_of(fs, given[0]), given[1]
    if entity is not None:
        size = len(content) if isinstance(content, (bytes, bytearray)) else -1
        _written(call, entity, origins_of_data(content), size)


def _get_file(call: Call, fs: Any, given: list[Any], result: Any) -> None:
    entity, target = entity_of(fs, given[0]), given[1]
    path = absolute_path(target)
    if entity is None or (path is not None and os.path.isdir(path)):
        return
    origins = read(call, entity)
    if path is None:
        if origins is not None:
            remember_written(target, origins)
        return
    made = moves.regular(path)
    if made is not None:
        moves.written(made, call.started, origins)


def _put_file(call: Call, fs: Any, given: list[Any], result: Any) -> None:
    entity, source = entity_of(fs, given[1]), moves.regular(absolute_path(given[0]))
    if entity is not None and source is not None:
        origins = read(call, source)
        _written(call, entity, origins, os.path.getsize(source.name))


def _cp_file(call: Call, fs: Any, given: list[Any], result: Any) -> None:
    source, target = entity_of(fs, given[0]), entity_of(fs, given[1])
    if source is not None and target is not None:
        _written(call, target, read(call, source))


def _rm_file(call: Call, fs: Any, given: list[Any], result: Any) -> None:
    for path in given[0] if isinstance(given[0], (list, tuple)) else given[:1]:
        entity = entity_of(fs, path)
        if entity is not None and not entity.temporary:
            record_io(PROVENANCE_OPERATION_DELETE, entity, scope=call.scope, start=call.started)


_OTHER_NAMES = {"value": "data", "path": "url"}
Told = Callable[[Call, Any, list[Any], Any], None]
# By the name of the method, with the names of its first arguments.
_METHODS: dict[str, tuple[Told, tuple[str, ...]]] = {
    "cat_file": (_cat_file, ("path",)),
    "read_text": (_cat_file, ("path",)),
    "pipe_file": (_pipe_file, ("path", "value")),
    "write_text": (_pipe_file, ("path", "value")),
    "get_file": (_get_file, ("rpath", "lpath")),
    "put_file": (_put_file, ("lpath", "rpath")),
    "cp_file": (_cp_file, ("path1", "path2")),
    "rm_file": (_rm_file, ("path",)),
    "bulk_delete": (_rm_file, ("pathlist",)),
}


def tell(call: Call, name: str, fs: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> bool:
    """Record what a method on a whole file has done, now or when the call that waits for it ends."""
    known = _METHODS.get(name.lstrip("_"))
    if known is None:
        return False
    told, arguments = known
    given = list(args[: len(arguments)])
    for argument in arguments[len(given) :]:
        given += [kwargs[key] for key in (argument, {"value": "data", "path": "url"}.get(argument)) if key in kwargs][
            :1
        ]
    if len(given) < len(arguments):
        return False
    kept = waiting.get()
    if kept is None:
        told(call, fs, given, result)
    else:
        kept.append(functools.partial(told, call, fs, given, result))
    return True
