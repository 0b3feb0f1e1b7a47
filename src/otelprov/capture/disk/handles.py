# SPDX-License-Identifier: Apache-2.0
"""What lies below a file object of the standard library: its descriptor, its path, and where its content comes from.

A library that is given an open file, rather than a path, asks `handle_origins(file)` for the read that was recorded
when it was opened, and makes no second edge. A library that writes a followed object into an open file calls
`remember_written(file, origins)`; the write itself is recorded when the file is closed, with these sources.
For what `open` itself returned, `identity.origins_of` and `identity.remember` do the same.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from otelprov.capture.flow.contents import origins_of_content
from otelprov.capture.flow.identity import Origins, origins_of, remember

_LAYERS = {
    ("_io", "TextIOWrapper"): ("buffer",),
    ("_io", "BufferedReader"): ("raw",),
    ("_io", "BufferedWriter"): ("raw",),
    ("_io", "BufferedRandom"): ("raw",),
    ("gzip", "GzipFile"): ("fileobj", "myfileobj"),
    ("bz2", "BZ2File"): ("_fp",),
    ("lzma", "LZMAFile"): ("_fp",),
    ("tempfile", "_TemporaryFileWrapper"): ("file",),
    ("tempfile", "SpooledTemporaryFile"): ("_file",),
    ("zipfile", "ZipExtFile"): ("_fileobj",),
    ("zipfile", "_SharedFile"): ("_file",),
    ("zipfile", "_ZipWriteFile"): ("_fileobj",),
    ("tarfile", "ExFileObject"): ("raw",),
    ("tarfile", "_FileInFile"): ("fileobj",),
    ("tarfile", "_Stream"): ("fileobj",),
    ("fsspec.core", "PickleableTextIOWrapper"): ("buffer",),
    ("fsspec.implementations.local", "LocalFileOpener"): ("f",),
    ("fsspec.implementations.cached", "LocalTempFile"): ("fh",),
}
_MAX_LAYERS = 10


def layers(file: Any) -> list[Any]:
    """A file object and what it is made of, outermost first; objects of unknown libraries are not looked into."""
    found = [file]
    while len(found) < _MAX_LAYERS:
        kind = type(found[-1])
        below = None
        for name in _LAYERS.get((kind.__module__, kind.__name__), ()):
            try:
                below = getattr(found[-1], name)
            except (ValueError, AttributeError):
                # Detached, or of another version of the standard library.
                below = None
            if below is not None:
                break
        if below is None:
            return found
        found.append(below)
    return found


def raw_file(file: Any) -> io.FileIO | None:
    """The descriptor's own object below a file object; None where there is none, as for sockets and buffers."""
    lowest = layers(file)[-1]
    return lowest if type(lowest) is io.FileIO else None


def handle_origins(file: Any) -> Origins | None:
    """Which reads the content of an open file comes from, looking through compression; None where unknown."""
    for layer in layers(file):
        origins = origins_of(layer)
        if origins is not None:
            return origins
    return None


def origins_of_data(data: Any) -> Origins | None:
    """Where an open file, a buffer, bytes or a text come from; None where unknown."""
    return handle_origins(data) or origins_of_content(data)


def remember_written(file: Any, origins: Origins) -> None:
    """Note what was written into an open file, looking through compression; joins what was written before."""
    for layer in layers(file):
        known = origins_of(layer)
        remember(layer, origins if known is None else known | origins)


def descriptor_path(fd: int) -> str | None:
    """Absolute path of what a descriptor was opened as, links resolved; None for pipes, sockets and deleted files."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None
    return path if path.startswith("/") and not path.endswith(" (deleted)") else None
