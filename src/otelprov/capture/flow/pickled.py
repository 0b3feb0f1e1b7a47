# SPDX-License-Identifier: Apache-2.0
"""Pickling: from objects that are followed to files and bytes, and back to what is unpickled."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.disk.handles import origins_of_data
from otelprov.capture.flow.contents import note_content, span_of
from otelprov.capture.flow.frames import CONTAINERS, add, contents, kind_of
from otelprov.capture.flow.identity import Origins
from otelprov.capture.tables.table_io import note_written

_MOST_PARTS = 1000


def _sources(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Origins | None:
    found, unknown = contents((args[0] if args else kwargs.get("obj"),))
    return Origins(found.reads, complete=False) if found is not None and unknown else found


def dumping(call: Call) -> Generator[None, Any, None]:
    """The file comes from the object, or from the objects in a container."""
    sources, file = _sources(call.args, call.kwargs), call.argument("file", 1)
    if sources is not None:
        before = span_of(file)
        yield
        note_written(file, sources, before)


def dumped_bytes(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """The bytes come from the object, or from the objects in a container."""
    sources = _sources(args, kwargs)
    if sources is not None:
        note_content(result, sources)


def loaded(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """The object, or each object in a container, comes from the file."""
    _loaded(args[0] if args else kwargs.get("file"), result)


def loaded_bytes(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """The object, or each object in a container, comes from where the bytes come from."""
    if args:
        _loaded(args[0], result)


def _loaded(source: Any, result: Any) -> None:
    origins = origins_of_data(source) if _is_followed(result) else None
    if origins is not None:
        add(result, origins)


def _is_followed(result: Any) -> bool:
    if type(result) in CONTAINERS:
        parts = result.values() if type(result) is dict else result
        return any(kind_of(type(part)) for part in islice(parts, _MOST_PARTS))
    return kind_of(type(result)) != 0
