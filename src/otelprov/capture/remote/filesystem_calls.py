# SPDX-License-Identifier: Apache-2.0
"""Capture functions for fsspec: opening and closing files, methods on whole files, waiting for asynchronous ones."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.disk.file_writes import record_write
from otelprov.capture.disk.handles import handle_origins, layers
from otelprov.capture.flow.contents import origins_of_content
from otelprov.capture.flow.identity import remember
from otelprov.capture.remote import filesystems, objects
from otelprov.capture.remote.underway import is_underway
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_WRITE

Captured = Generator[None, Any, None]
_LAYERS_ABOVE = frozenset(("_io", "io", "gzip", "bz2", "lzma"))
# What a method on many files is on one of them.
_OF_ONE = {
    "cat": "cat_file",
    "pipe": "pipe_file",
    "get": "get_file",
    "put": "put_file",
    "copy": "cp_file",
    "rm": "rm_file",
}


def opening(call: Call) -> Captured:
    """`fs.open(path, mode)`: a read now, or a write when the file is closed."""
    fs, mode = call.instance, call.argument("mode", 2, "rb")
    entity = None if filesystems.is_left(fs) else filesystems.entity_of(fs, call.argument("path", 1))
    if entity is None or not isinstance(mode, str) or is_underway(entity):
        return
    file = yield
    below = [layer for layer in layers(file) if type(layer).__module__ not in _LAYERS_ABOVE]
    lowest = below[0] if below else file
    if "r" in mode:
        origins = filesystems.read(call, entity, lowest)
        if origins is not None:
            for layer in layers(file):
                remember(layer, origins)
    if mode[:1] in ("w", "a", "x"):
        operation = PROVENANCE_OPERATION_APPEND if "a" in mode else PROVENANCE_OPERATION_WRITE
        objects.opened_to_write(lowest, entity, operation, call.started, call.scope)


def closing(call: Call) -> Captured:
    """`file.close()` of a file that `opening` was told of."""
    file = call.instance
    if not objects.is_written(file):
        return
    sources = handle_origins(file)
    if sources is None and hasattr(file, "getvalue"):
        sources = origins_of_content(file.getvalue())
    yield
    write = objects.closed_written(file)
    if write is not None:
        said = objects.answer_since(write.entity, write.started)
        record_write(write, said.version, said.size, sources, filesystems.version_attributes(said))


def whole_file(call: Call) -> Captured:
    """A method on one whole file of a file system that works in the thread of the program."""
    if not filesystems.is_left(call.instance):
        result = yield
        name = call.function.__name__
        filesystems.tell(call, name, call.instance, call.args[1:], call.kwargs, result)


def awaited_file(call: Call) -> Captured:
    """The same of an asynchronous file system: awaited by the program, or by a call of `sync` that is captured."""
    if not call.nested or filesystems.waiting.get() is not None:
        result = yield
        name = call.function.__name__
        filesystems.tell(call, name, call.instance, call.args[1:], call.kwargs, result)


def syncing(call: Call) -> Captured:
    """`sync(loop, method, …)`: the program waits for a method of an asynchronous file system."""
    done: list[Any] = []
    token = filesystems.waiting.set(done)
    try:
        result = yield
    finally:
        # Of a transfer of many files that has failed, some were transferred.
        filesystems.waiting.reset(token)
        for record in done:
            record()
    if not done:
        _tell_of_one(call, result)


def _tell_of_one(call: Call, result: Any) -> None:
    """For file systems that have no rows of their own: what their methods do to a single file."""
    method = call.argument("func", 1)
    fs, name = getattr(method, "__self__", None), getattr(method, "__name__", "").lstrip("_")
    if fs is None or call.kwargs.get("recursive"):
        return
    given = call.args[2:]
    if name in _OF_ONE:
        places = given[:1] if name in ("cat", "pipe", "rm") else given[:2]
        if not all(isinstance(place, str) and not set("*?[") & set(place) for place in places):
            return
        if name in ("get", "put", "copy") and (len(given) < 2 or given[1].endswith("/") or os.path.isdir(given[1])):
            return
        name = _OF_ONE[name]
    arguments = {key: value for key, value in call.kwargs.items() if key not in ("loop", "func", "timeout")}
    filesystems.tell(call, name, fs, given, arguments, result)
