# SPDX-License-Identifier: Apache-2.0
"""What readers and writers of pyarrow are given: paths on a file system of its own, and streams of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from otelprov.capture.disk.handles import descriptor_path
from otelprov.capture.flow.identity import origins_of
from otelprov.capture.naming import location_entity
from otelprov.model.entity import Entity

_CLOUDS = {"s3": "s3", "gcs": "gs", "abfs": "abfs", "hdfs": "hdfs"}
_FSSPEC = ("fsspec", "s3fs", "gcsfs", "adlfs")
_WITH_DESCRIPTOR = ("OSFile", "MemoryMappedFile")
_MAX_DEPTH = 10


def place(given: Any, filesystem: Any = None) -> Any:
    """A path or URL as text, or what else was given: an open file, a buffer."""
    if isinstance(given, (str, os.PathLike)):
        text = os.path.expanduser(os.fsdecode(given))
        return text if filesystem is None else _located(text, filesystem)
    if type(given) in (list, tuple):
        return [place(each, filesystem) for each in given]
    return _path_of_stream(given)


def _located(path: str, filesystem: Any, depth: int = _MAX_DEPTH) -> str:
    """A path on a file system, as a local path or a URL; empty where it can't be said."""
    kind = getattr(filesystem, "type_name", None) if type(filesystem).__module__.startswith("pyarrow._") else None
    if type(filesystem) is str:
        return _joined(filesystem.removeprefix("file://"), path)
    if kind == "local":
        return path
    if kind == "subtree" and depth:
        base = filesystem.base_path
        return _located(_joined(base, path), filesystem.base_fs, depth - 1)
    if kind in _CLOUDS:
        return f"{_CLOUDS[kind]}://{path}"
    inner = filesystem
    if kind is not None:
        inner = getattr(getattr(filesystem, "handler", None), "fs", None)
    protocol = getattr(inner, "protocol", "") if type(inner).__module__.partition(".")[0] in _FSSPEC else ""
    protocol = protocol[0] if type(protocol) is tuple and protocol else protocol
    if type(protocol) is not str or not protocol:
        return ""
    return path if protocol in ("file", "local") else f"{protocol}://{path.partition('://')[2] or path}"


def _joined(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def _path_of_stream(stream: Any) -> Any:
    # One that was opened by a function which we have seen is known as it is.
    if type(stream).__module__ != "pyarrow.lib" or type(stream).__name__ not in _WITH_DESCRIPTOR:
        return stream
    if origins_of(stream) is not None or stream.closed:
        return stream
    return descriptor_path(stream.fileno()) or stream


def files_of(dataset: Any, condition: Any = None) -> Iterator[Entity | None]:
    """The files of a dataset that a filter leaves; None for what is no file."""
    if type(dataset).__module__ != "pyarrow._dataset":
        return
    if type(dataset).__name__ == "UnionDataset":
        for child in dataset.children:
            yield from files_of(child, condition)
    elif type(dataset).__name__ == "FileSystemDataset":
        for fragment in dataset.get_fragments(condition):
            path = _located(fragment.path, fragment.filesystem)
            yield location_entity(path) if path else None
