# SPDX-License-Identifier: Apache-2.0
"""Columns of what is read and written, and which column comes from which, as the bounded text that spans carry."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otelprov.capture.flow.by_object import ByObject
from otelprov.capture.flow.identity import Read
from otelprov.semconv import (
    PROVENANCE_COLUMN_EDGES,
    PROVENANCE_COLUMN_LEFT_OUT,
    PROVENANCE_COLUMN_NAMES,
    PROVENANCE_COLUMNS,
)

MAX_NAMES = 500
MAX_EDGES = 1000
MAX_NAME = 200
MAX_TEXT = 16_000

# Transformations, in the words of OpenLineage's facet `columnLineage`: type, and after a colon the subtype.
DIRECT, INDIRECT = "DIRECT", "INDIRECT"
IDENTITY = "DIRECT:IDENTITY"
TRANSFORMATION = "DIRECT:TRANSFORMATION"
AGGREGATION = "DIRECT:AGGREGATION"
JOIN, GROUP_BY, FILTER = "INDIRECT:JOIN", "INDIRECT:GROUP_BY", "INDIRECT:FILTER"
SORT, WINDOW, CONDITIONAL = "INDIRECT:SORT", "INDIRECT:WINDOW", "INDIRECT:CONDITIONAL"
# In place of a column's name: each column of the output; all columns, each under its own name.
EVERY, SAME = "", "*"


class ColumnEdge(NamedTuple):
    """A column of what is written, and a column of a read that it comes from.

    `output` is EVERY where the input column has an effect on all of the output (a filter, a key of a join). With
    `output` and `column` SAME, every column that has no edge of its own comes from the one of its name.
    """

    output: str
    source: Read
    column: str
    transformation: str = DIRECT


def count_and_names(columns: int | Sequence[Any] | None) -> dict[str, Any]:
    """The attributes of columns given as their names or, where only that is known, as their number."""
    if columns is None:
        return {}
    if type(columns) is int:
        return {PROVENANCE_COLUMNS: columns}
    assert not isinstance(columns, int)
    names = tuple(columns)
    plain = tuple(name if type(name) is str else str(name) for name in names if type(name) in (str, int))
    return {PROVENANCE_COLUMNS: len(names), PROVENANCE_COLUMN_NAMES: _names_text(plain)}


@functools.lru_cache(maxsize=512)
def _names_text(names: tuple[str, ...]) -> str:
    kept: list[str] = []
    room = MAX_TEXT
    for name in names:
        room -= len(name) + 4
        if len(kept) >= MAX_NAMES or room < 0:
            break
        if len(name) <= MAX_NAME:
            kept.append(name)
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def edges_by_source(edges: Iterable[ColumnEdge]) -> dict[Read, dict[str, Any]]:
    """The attributes that tell of edges, for the event of each source."""
    told: dict[Read, list[tuple[str, str, str]]] = {}
    for edge in edges:
        told.setdefault(edge.source, []).append((edge.output, edge.column, edge.transformation))
    return {source: edge_attributes(found) for source, found in told.items()}


def edge_attributes(edges: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """The attributes of edges (output column, input column, transformation) from one source."""
    kept: list[tuple[str, str, str]] = []
    room = MAX_TEXT
    distinct = dict.fromkeys(edges)
    for edge in distinct:
        room -= sum(map(len, edge)) + 10
        if len(kept) >= MAX_EDGES or room < 0:
            break
        if len(edge[0]) <= MAX_NAME and len(edge[1]) <= MAX_NAME:
            kept.append(edge)
    found: dict[str, Any] = {}
    if kept:
        found[PROVENANCE_COLUMN_EDGES] = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    if len(kept) < len(distinct):
        found[PROVENANCE_COLUMN_LEFT_OUT] = len(distinct) - len(kept)
    return found


class ColumnSource(NamedTuple):
    """A column of a read, and how another column comes from it."""

    read: Read
    column: str
    transformation: str = IDENTITY


# Which columns of reads each column of an object comes from; a Read alone: as it was read, name by name.
Columns = Mapping[str, Iterable[ColumnSource]] | Read


_followed: ByObject[Columns] = ByObject()


def remember_columns(obj: Any, columns: Columns) -> None:
    """Note where the columns of a table in memory come from, for as long as it lives and is not forgotten.

    Only for what is sure: a frame as its reader returned it, a selection of its columns, a rename.
    """
    _followed.note(obj, columns)


def forget_columns(obj: Any) -> None:
    """The table was changed in place: where its columns come from is no longer known."""
    _followed.drop(obj)


def columns_of(obj: Any) -> Columns | None:
    """Where the columns of a table in memory come from; None where that is not known."""
    return _followed.get(obj)


def edges_of(obj: Any, names: Iterable[Any]) -> list[ColumnEdge]:
    """The edges of a write of a table in memory with these columns; none where they are not known."""
    columns = columns_of(obj)
    if columns is None:
        return []
    if isinstance(columns, Read):
        return [ColumnEdge(name, columns, name, IDENTITY) for name in names if type(name) is str]
    return [
        ColumnEdge(name, source.read, source.column, source.transformation)
        for name in names
        if type(name) is str
        for source in columns.get(name, ())
    ]
