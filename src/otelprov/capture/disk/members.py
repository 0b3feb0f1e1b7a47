# SPDX-License-Identifier: Apache-2.0
"""Members of archives: entities of their own, named `ARCHIVE!/MEMBER`, that come from their archive and it from them.

A member whose writing is on record comes from what was written into it, whoever reads it later. Of any other member it
is recorded once that it comes from its archive.
"""

from __future__ import annotations

import time
from typing import Any

from otelprov.capture.disk.file_writes import entity_written
from otelprov.capture.disk.files import read_once, record_read
from otelprov.capture.disk.handles import handle_origins, remember_written
from otelprov.capture.disk.moves import regular, written
from otelprov.capture.flow.identity import Origins, Read
from otelprov.capture.io import record_io
from otelprov.capture.naming import absolute_path, member_entity
from otelprov.capture.producers import producer_of
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_OPERATION_WRITE

# Of more members of one archive it is said that they come from the archive, and not which of them.
MOST_MEMBERS = 200
_MAX_ARCHIVES = 1000
# By the read of an archive, or by an archive that is written.
_named: dict[Read | Entity, int] = {}


# Documents and models that are archives only on the inside.
_ONE_THING = (
    *(".xlsx", ".xlsm", ".xlsb", ".docx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".npz", ".pt", ".pth", ".keras"),
    *(".jar", ".whl", ".egg", ".kmz", ".apk"),
)


def _has_names(archive: Read | Entity) -> bool:
    """Whether one more member of an archive is an entity of its own."""
    entity = archive.entity if isinstance(archive, Read) else archive
    if entity.name.lower().endswith(_ONE_THING):
        return False
    number = _named.get(archive, 0)
    if len(_named) >= _MAX_ARCHIVES:
        _named.clear()
    _named[archive] = number + 1
    return number < MOST_MEMBERS


def member_read(archive: Any, name: str, version: str, size: int, started: int, scope: str) -> Origins | None:
    """Record the read of a member through the open archive and return what its content comes from.

    An archive that nobody knows where it comes from, or that was put together in memory, gives what is known of it, and
    so does one of which very many members were read.
    """
    known = handle_origins(archive)
    if known is None or len(known.reads) != 1:
        return known
    [whole] = known.reads
    if not _has_names(whole):
        return known
    return _unpacked(member_entity(whole.entity, name).at(version), whole, size, started, scope)


def member_read_by_name(member: Entity, started: int, scope: str) -> Origins | None:
    """Record the read of a member of a local archive that a library has opened by the name of the entity."""
    place, inner, _ = member.name.partition("!/")
    archive = regular(place) if inner else None
    whole = record_read(archive, started, scope=scope) if archive is not None else None
    return None if whole is None else _unpacked(member, whole, -1, started, scope)


def _unpacked(member: Entity, whole: Read, size: int, started: int, scope: str) -> Origins | None:
    if producer_of(member) is None:
        short = f"unpack {member.short_name}"
        sources = Origins(frozenset({whole}))
        record_io(
            PROVENANCE_OPERATION_WRITE, member, scope=scope, start=started, size=size, sources=sources, name=short
        )
        # What was there before it was read, was there before: by time, too.
        started = time.time_ns()
    read = read_once(member, started, scope=scope, size=size)
    return None if read is None else Origins(frozenset({read}))


def member_written(
    archive: Any, name: str, version: str, size: int, started: int, scope: str, sources: Origins | None
) -> None:
    """Record the write of a member, and note that the open archive comes from the same sources."""
    remember_written(archive, Origins(complete=False) if sources is None else sources)
    whole = entity_written(archive)
    if whole is not None and _has_names(whole):
        member = member_entity(whole, name).at(version)
        record_io(PROVENANCE_OPERATION_WRITE, member, scope=scope, start=started, size=size, sources=sources)


def member_extracted(path: Any, started: int, sources: Origins | None) -> None:
    """Record the file that a member was extracted to."""
    made: Entity | None = regular(absolute_path(path))
    if made is not None:
        written(made, started, sources)
