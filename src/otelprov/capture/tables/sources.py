# SPDX-License-Identifier: Apache-2.0
"""What a reader of tables may be given: a path, a pattern, a folder, an open file, content itself, or many of them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from otelprov.capture.calls import Call
from otelprov.capture.disk.handles import handle_origins
from otelprov.capture.flow.contents import origins_of_content
from otelprov.capture.flow.identity import Origins, Read
from otelprov.capture.naming import location_entity
from otelprov.capture.tables.table_io import record_read
from otelprov.model.entity import Entity

# More files than that are no longer told one by one.
_MAX_FILES = 10_000
_PATTERN = frozenset("*?[")


class Given(NamedTuple):
    """What a reader is given: locations as text, what its open files come from, and whether there is more."""

    locations: tuple[str, ...] = ()
    handles: Origins | None = None
    unknown: bool = False


_NOTHING = Given()


def given(source: Any) -> Given:
    """Sort what one argument of a reader says that it reads; bytes are content, of which nothing is known."""
    locations: list[str] = []
    handles: Origins | None = None
    unknown = False
    for part in source if type(source) in (list, tuple) else (source,):
        # Known handles come first: some of them pass for paths.
        found = handle_origins(part)
        if found is None and isinstance(part, (str, os.PathLike)):
            locations.append(os.path.expanduser(os.fsdecode(part)))
            continue
        found = origins_of_content(part) if found is None else found
        if found is None:
            unknown = True
        else:
            handles = found if handles is None else handles | found
    return Given(tuple(locations), handles, unknown)


def expanded(locations: Iterable[str], *, patterns: bool = True) -> list[Entity | None]:
    """The entities at locations: each file of a pattern or below a folder is one; None for noise."""
    found: list[Entity | None] = []
    for location in locations:
        if "://" in location:
            found.append(location_entity(location))
        elif patterns and not _PATTERN.isdisjoint(location):
            matched = sorted(glob.glob(location, recursive=True, include_hidden=True))
            found += [location_entity(path) for path in matched if os.path.isfile(path)]
        elif os.path.isdir(location):
            found += [location_entity(path) for path in files_below(location)]
        else:
            found.append(location_entity(location))
    return found[: _MAX_FILES + 1]


def files_below(folder: str) -> list[str]:
    """The files of a folder and of the folders in it that have any content, in order of their names."""
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders.sort()
        paths = (os.path.join(root, name) for name in sorted(files))
        found += [path for path in paths if _size(path) > 0]
        if len(found) > _MAX_FILES:
            break
    return found


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def record_reads(
    entities: Iterable[Entity | None],
    call: Call,
    format_: str,
    result: Any = None,
    *,
    more: Given = _NOTHING,
    done: dict[Entity, Origins | None] | None = None,
) -> Origins:
    """Record a read of each entity; what all the content comes from, with what else the reader was given.

    What is in `done` is on record already.
    """
    found = list(entities)
    done = {} if done is None else done
    reads: frozenset[Read] = frozenset() if more.handles is None else more.handles.reads
    complete = not more.unknown and len(found) <= _MAX_FILES and (more.handles is None or more.handles.complete)
    for entity in found[:_MAX_FILES]:
        if entity is not None and entity not in done:
            done[entity] = record_read(entity, call, format_, result if len(found) == 1 else None)
        read = None if entity is None else done[entity]
        complete = complete and read is not None
        reads |= frozenset() if read is None else read.reads
    return Origins(reads, complete)
