# SPDX-License-Identifier: Apache-2.0
"""Tables of pyarrow that are read and written: by functions, by readers and writers that stay open, by datasets."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.flow.contents import span_of
from otelprov.capture.flow.frames import add, contents, extent, kind_of, known, names_of
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.flow.planned import Execution, is_planned, planned
from otelprov.capture.tables.columns import columns_of, remember_columns
from otelprov.capture.tables.sources import expanded, given, record_reads
from otelprov.capture.tables.stores import Store, note_stored, opened_store
from otelprov.capture.tables.table_io import edges_of_table
from otelprov.capture.tables.targets import Target
from otelprov_instrumentors.pyarrow.places import files_of, place

_MOST = 10_000


def reads(name: str, format_: str = "") -> Capture:
    """Capture of a function that reads what its first argument gives."""

    def capture(call: Call) -> Generator[None, Any, None]:
        what = given(place(call.argument(name, 0), call.kwargs.get("filesystem")))
        entities = expanded(what.locations, patterns=False)
        result = yield
        if what.locations or what.handles is not None:
            found = record_reads(entities, call, format_, result, more=what)
            add(result, found)
            if "read_options" not in call.kwargs and len(call.args) < 2:
                _as_read(result, found)

    return capture


def _as_read(table: Any, found: Origins) -> None:
    """Note of a table that its columns are those of the one file that it was read from."""
    for read in found.reads if len(found.reads) == 1 else ():
        # In folders such as `year=2024` a column is in the name of the folder.
        if kind_of(type(table)) and "=" not in read.entity.name.rpartition("/")[0]:
            remember_columns(table, read)


def converted(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what makes a frame of pandas of a table: its columns are the same."""
    columns = columns_of(args[1])
    if columns is not None:
        remember_columns(result, columns)


def writes(name: str, format_: str, *, table: str = "table", folder: bool = False) -> Capture:
    """Capture of a function that writes its first argument to where the second says, or to files in that folder."""

    def capture(call: Call) -> Generator[None, Any, None]:
        written = call.argument(table, 0)
        target = Target(place(call.argument(name, 1), call.kwargs.get("filesystem")), format_, folder=folder)
        found, unknown = contents((written,))
        sources = Origins(found.reads, complete=False) if found is not None and unknown else found
        execution = Execution([sources])
        names = names_of(written)
        edges = edges_of_table(written, names)
        yield
        execution.record_reads(call)
        target.record(call, execution.real(sources), (extent(written)[0], names), edges)

    return capture


def opens_reader(name: str, format_: str) -> Capture:
    """Capture of the `__init__` of a reader: what it opens is read by the methods that have a row with `read_by`."""

    def capture(call: Call) -> Generator[None, Any, None]:
        what = given(place(call.argument(name, 1), call.kwargs.get("filesystem")))
        yield
        found = planned(what, format_, patterns=False) if what.locations else what.handles
        if found is not None:
            remember(call.argument("self", 0), found)

    return capture


def read_by(call: Call) -> Generator[None, Any, None]:
    """Capture of a method of a reader: the first one is the read, and all results come from it."""
    reader = call.argument("self", 0)
    found = origins_of(reader)
    if found is None:
        return
    execution = Execution([found])
    result = yield
    if is_planned(found):
        execution.record_reads(call)
        found = execution.real(found) or found
        remember(reader, found)
    add(result, found)


def opens_writer(name: str, filesystem: int = 0) -> Capture:
    """Capture of the `__init__` of a writer, which tables are given to until it is closed.

    `filesystem` is the position of its argument of that name, if it has one.
    """

    def capture(call: Call) -> Generator[None, Any, None]:
        target = place(call.argument(name, 1), call.argument("filesystem", filesystem) if filesystem else None)
        before = span_of(target)
        yield
        opened_store(call.argument("self", 0), Store(target, "w", before=before))

    return capture


def stores(name: str) -> Capture:
    """Capture of a method of a writer that puts one table into it, by whichever of its other methods."""

    def capture(call: Call) -> Generator[None, Any, None]:
        table = call.argument(name, 1)
        yield
        note_stored(call.argument("self", 0), known(table), (extent(table)[0], names_of(table)))

    return capture


def opens_dataset(name: str) -> Capture:
    """Capture of a function that makes a dataset: what it scans later is not seen, so it counts as read from here."""

    def capture(call: Call) -> Generator[None, Any, None]:
        source = call.argument(name, 0)
        dataset = yield
        entities = list(itertools.islice(files_of(dataset), _MOST))
        if entities:
            add(dataset, record_reads(entities, call, ""))
            return
        found, unknown = contents((source,))
        if found is not None:
            add(dataset, Origins(found.reads, complete=False) if unknown else found)

    return capture


def opens_parquet(call: Call) -> Generator[None, Any, None]:
    """Capture of `ParquetDataset.__init__`: the dataset that it makes inside is none of the program's."""
    what = given(place(call.argument("path_or_paths", 1)))
    yield
    if what.handles is not None:
        remember(call.argument("self", 0), what.handles)


def reads_parquet(call: Call) -> Generator[None, Any, None]:
    """Capture of `ParquetDataset.read`: of partitions, those that its filter leaves."""
    reader = call.argument("self", 0)
    found = origins_of(reader)
    entities = []
    if found is None:
        entities = list(itertools.islice(files_of(reader._dataset, reader._filter_expression), _MOST))
    result = yield
    if entities:
        found = record_reads(entities, call, "parquet", result)
    if found is not None:
        add(result, found)
        _as_read(result, found)


def copies(call: Call) -> Generator[None, Any, None]:
    """Capture of `copy_files`."""
    source = place(call.argument("source", 0), call.argument("source_filesystem", 2))
    target = place(call.argument("destination", 1), call.argument("destination_filesystem", 3))
    if type(source) is not str or type(target) is not str:
        return
    into = Target(target, "", folder=os.path.isdir(source))
    entities = expanded((source,), patterns=False)
    yield
    into.record(call, record_reads(entities, call, ""))
