# SPDX-License-Identifier: Apache-2.0
"""Parquet files that pandas reads and writes: one, a list of them, or a folder of parts, each an entity of its own."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from typing import Any
from urllib.parse import unquote

from otelprov.capture.calls import Call
from otelprov.capture.flow.frames import add, contents
from otelprov.capture.tables.sources import expanded, given, record_reads
from otelprov.capture.tables.table_io import name_columns, writes
from otelprov.capture.tables.targets import Target
from otelprov.model.entity import Entity

_FORMAT = "parquet"
_write = writes("path", format=_FORMAT)


def reads_parts(call: Call) -> Generator[None, Any, None]:
    """Capture of `read_parquet`."""
    path = call.argument("path", 0)
    source = given(path)
    filters = call.argument("filters", 6)
    found = [entity for entity in expanded(source.locations, patterns=False) if _is_wanted(entity, filters)]
    result = yield
    origins = record_reads(found, call, _FORMAT, result, more=source)
    if origins.reads:
        add(result, origins)
        name_columns(result, origins, call)


def writes_parts(call: Call) -> Generator[None, Any, None]:
    """Capture of `DataFrame.to_parquet`."""
    if call.kwargs.get("partition_cols") is None:
        yield from _write(call)
        return
    target = Target(call.argument("path", 1), _FORMAT, folder=True)
    sources, _ = contents(call.args[:1])
    yield
    target.record(call, sources)


def _is_wanted(entity: Entity | None, filters: Any) -> bool:
    """Whether a part may hold rows that pass; one that its folder's name excludes is not opened."""
    if entity is None or type(filters) is not list or not filters:
        return True
    folders = entity.name.split(os.sep)[:-1]
    values = dict(folder.split("=", 1) for folder in folders if "=" in folder)
    either = filters if type(filters[0]) is list else [filters]
    return any(all(_may_pass(values, each) for each in every) for every in either)


def _may_pass(values: dict[str, str], condition: Any) -> bool:
    if type(condition) is not tuple or len(condition) != 3 or type(condition[0]) is not str:
        return True
    name, operator, wanted = condition
    if name not in values or type(operator) is not str:
        return True
    if operator in ("=", "=="):
        return _is_among(values[name], (wanted,))
    if operator == "in" and type(wanted) in (list, tuple, set):
        return _is_among(values[name], wanted)
    return True


def _is_among(value: str, wanted: Iterable[Any]) -> bool:
    # Numbers are written in more than one way.
    return any(type(each) is not str or each == unquote(value) for each in wanted)
