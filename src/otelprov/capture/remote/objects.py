# SPDX-License-Identifier: Apache-2.0
"""Objects of remote stores: what a store has answered about them last, and what is being written to them."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from otelprov.capture import written
from otelprov.capture.disk.file_writes import Write, begin_write
from otelprov.capture.flow.by_object import ByObject
from otelprov.capture.flow.contents import note_content
from otelprov.capture.flow.identity import Origins
from otelprov.model.entity import Entity

_MAX_ANSWERS = 10_000


class Answer(NamedTuple):
    """What a store said of an object: its version, the id it gave to that version, its size, and when it said so."""

    version: str
    version_id: str
    size: int
    at: int


_answers: dict[tuple[str, str], Answer] = {}


def etag_version(etag: Any) -> str:
    """The version that an entity tag stands for; empty for what is none."""
    plain = etag.removeprefix("W/").strip('"') if isinstance(etag, str) else ""
    return f"etag:{plain}" if plain else ""


def answered(entity: Entity, etag: Any, version_id: Any = None, size: Any = None) -> Answer:
    """Keep what a store has just said of an object."""
    if len(_answers) >= _MAX_ANSWERS:
        _answers.clear()
    answer = Answer(
        etag_version(etag),
        version_id if isinstance(version_id, str) else "",
        size if type(size) is int else -1,
        time.time_ns(),
    )
    _answers[entity.namespace, entity.name] = answer
    return answer


def answer_since(entity: Entity, started: int) -> Answer:
    """What a store has said of an object since a point of time, in nanoseconds; nothing where it has not spoken."""
    answer = _answers.get((entity.namespace, entity.name))
    return answer if answer is not None and answer.at >= started else Answer("", "", -1, 0)


def note_read(content: Any, origins: Origins) -> None:
    """Note where the content of an object comes from that was read as a whole, into bytes or a buffer."""
    before = None
    if len(origins.reads) == 1:
        [read] = origins.reads
        known = written.last(read.entity)
        before = known.sources if known is not None and known.version == read.entity.version else None
    note_content(content, origins, before)


_opened: ByObject[Write] = ByObject()


def opened_to_write(file: Any, entity: Entity, operation: str, started: int, scope: str) -> None:
    """Note that an object is written through an open file, until `closed_written` is told of its end."""
    write = begin_write(entity, operation, started, scope=scope)
    if write is not None:
        _opened.note(file, write)


def is_written(file: Any) -> bool:
    """Whether a file is one that `opened_to_write` was told of and that has not been closed since."""
    return _opened.get(file) is not None


def closed_written(file: Any) -> Write | None:
    """The write that ends with the closing of a file; None where that is none of ours, or has ended before."""
    write = _opened.get(file)
    _opened.drop(file)
    return write
