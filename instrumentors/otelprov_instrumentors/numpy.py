# SPDX-License-Identifier: Apache-2.0
"""numpy: arrays that are read and written, mapped files, and which reads a written array comes from."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.disk.file_writes import begin_write, follow_unwatched
from otelprov.capture.disk.files import data_entity
from otelprov.capture.disk.fingerprint import version_before
from otelprov.capture.flow import frames
from otelprov.capture.flow.following import Following
from otelprov.capture.naming import absolute_path
from otelprov.capture.tables.table_io import reads, writes
from otelprov.instrumentation import Call, Instrumentor, Patch
from otelprov.semconv import PROVENANCE_OPERATION_WRITE

frames.declare("numpy", carriers=("NpzFile",))

_reads_mapped = reads("filename", 1, format="binary")
_reads_opened = reads("filename", 0, format="npy")
_loads = reads("file", 0)


def _mapped(call: Call) -> Generator[None, Any, None]:
    mode = call.argument("mode", 3, "r+")
    yield from _map(call, call.argument("filename", 1), mode, _reads_mapped)


def _opened(call: Call) -> Generator[None, Any, None]:
    yield from _map(call, call.argument("filename", 0), call.argument("mode", 1, "r+"), _reads_opened)


def _loaded(call: Call) -> Generator[None, Any, None]:
    yield from _map(call, call.argument("file", 0), call.argument("mmap_mode", 1, "r"), _loads)


def _map(call: Call, target: Any, mode: Any, read: Any) -> Generator[None, Any, None]:
    known = type(mode) is str
    if known and mode in ("w+", "write"):
        yield
    else:
        yield from read(call)
    if known and mode in ("r+", "readwrite", "w+", "write") and not hasattr(type(target), "read"):
        # What is written through memory is seen when the file is next touched, or at the end.
        path = absolute_path(target)
        entity = data_entity(path)
        if path is not None and entity is not None:
            before = "" if mode[0] == "w" else version_before(path)
            write = begin_write(entity, PROVENANCE_OPERATION_WRITE, call.started, before=before)
            if write is not None:
                follow_unwatched(write)


_numpy = Following("numpy")


class NumpyInstrumentor(Instrumentor):
    """Records what numpy reads and writes, and follows arrays as far as numpy shows."""

    library = "numpy"
    distribution = "numpy"
    versions = ">=2,<3"
    patches = (
        Patch("numpy", "load", _loaded),
        Patch("numpy", "memmap.__new__", _mapped),
        Patch("numpy.lib.format", "open_memmap", _opened),
        Patch("numpy.lib.format", "read_array", reads("fp", 0, format="npy")),
        Patch("numpy.lib.format", "write_array", writes("fp", 0, format="npy", table=1, table_name="array")),
        Patch("numpy", "loadtxt", reads("fname", 0)),
        Patch("numpy", "genfromtxt", reads("fname", 0)),
        Patch("numpy", "fromregex", reads("file", 0)),
        Patch("numpy", "fromfile", reads("file", 0, format="binary")),
        Patch("numpy", "save", writes("file", 0, format="npy", table=1, table_name="arr", ending=".npy")),
        Patch("numpy", "savez", writes("file", 0, format="npz", ending=".npz", all_arguments=True)),
        Patch("numpy", "savez_compressed", writes("file", 0, format="npz", ending=".npz", all_arguments=True)),
        Patch("numpy", "savetxt", writes("fname", 0, table=1, table_name="X")),
        Patch("numpy._core._methods", "_dump", writes("file", 1, format="pickle")),
        Patch("numpy.lib.npyio", "NpzFile.__getitem__", follow=_numpy.results(selecting=True)),
    )
