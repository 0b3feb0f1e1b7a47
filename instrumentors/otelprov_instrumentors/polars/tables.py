# SPDX-License-Identifier: Apache-2.0
"""Frames that are read and written at once."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.flow.frames import add, extent, known, names_of
from otelprov.capture.tables.sources import expanded, given, record_reads
from otelprov.capture.tables.targets import Target
from otelprov_instrumentors.polars import columns


def reads(format_: str) -> Capture:
    """Capture of a function that reads all that its `source` gives: paths, patterns, folders, open files."""

    def capture(call: Call) -> Generator[None, Any, None]:
        what = given(call.argument("source", 0))
        entities = expanded(what.locations, patterns=call.kwargs.get("glob", True) is not False)
        result = yield
        if what.locations or what.handles is not None:
            origins = record_reads(entities, call, format_, result, more=what)
            add(result, origins)
            if columns.RENAMING.isdisjoint(call.kwargs):
                columns.read_columns(result, origins)

    return capture


def writes(format_: str, name: str = "file") -> Capture:
    """Capture of a method that writes a frame to a path, into an open file, or to files of a folder."""

    def capture(call: Call) -> Generator[None, Any, None]:
        frame, place = call.argument("self", 0), call.argument(name, 1)
        if place is None:
            return
        options = call.kwargs.get("pyarrow_options")
        parted = call.kwargs.get("partition_by") is not None or (
            type(options) is dict and bool(options.get("partition_cols"))
        )
        target = Target(place, format_, folder=parted)
        sources, shape, edges = known(frame), (extent(frame)[0], names_of(frame)), columns.edges(frame)
        yield
        target.record(call, sources, shape, edges)

    return capture
