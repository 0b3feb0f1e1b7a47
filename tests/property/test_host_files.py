# SPDX-License-Identifier: Apache-2.0
"""Random programs of file operations see no difference when they are observed."""

from __future__ import annotations

import io
import os
import re
import shutil
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twice import Step, assert_same

from otelprov_instrumentors.files import FilesInstrumentor

PATHS = some.sampled_from(["a", "b", "d/c", "d", "none/x", "link", "@a", "\ud800", "e\0"])
HANDLES = some.sampled_from(["f", "g"])
MODES = some.sampled_from(["r", "w", "a", "x", "r+", "w+", "a+", "rb", "wb", "ab", "rb+", "xb", "rw", "U", ""])
TEXTS = some.sampled_from(["", "x", "one\ntwo\r\nthree", "ä\n" * 3, b"", b"bytes\nmore\n", b"\xff\xfe", 7])
NUMBERS = some.sampled_from([-1, 0, 1, 3, 100, None, 2**70])
OPENS = some.fixed_dictionaries(
    {},
    optional={
        "buffering": some.sampled_from([-1, 0, 1, 7]),
        "encoding": some.sampled_from(["utf-8", "latin-1", "utf-16", "nonsense"]),
        "errors": some.sampled_from(["strict", "replace"]),
        "newline": some.sampled_from(["", "\n", "\r\n", "x"]),
    },
)
OPENERS = some.sampled_from(["open", "io", "path"])
STEPS = some.one_of(
    some.tuples(some.just("open"), HANDLES, OPENERS, PATHS, MODES, OPENS),
    some.tuples(
        some.just("fd"),
        HANDLES,
        some.sampled_from(["a", "b", "d/c", "none/x", "@a"]),
        some.sampled_from([os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY]),
    ),
    some.tuples(
        some.just("method"), HANDLES, some.sampled_from(["read", "readline", "readlines", "seek", "truncate"]), NUMBERS
    ),
    some.tuples(some.just("method"), HANDLES, some.sampled_from(["write", "writelines", "readinto"]), TEXTS),
    some.tuples(
        some.just("method"),
        HANDLES,
        some.sampled_from(["flush", "close", "tell", "detach", "__next__", "__iter__", "readable", "isatty"]),
    ),
    some.tuples(some.just("list"), HANDLES),
    some.tuples(some.just("about"), HANDLES),
    some.tuples(some.just("with"), PATHS, MODES, TEXTS),
    some.tuples(
        some.just("path"),
        PATHS,
        some.sampled_from(["read_text", "read_bytes", "touch", "unlink", "exists", "is_dir", "mkdir", "rmdir"]),
    ),
    some.tuples(some.just("path"), PATHS, some.sampled_from(["write_text", "write_bytes"]), TEXTS),
    some.tuples(some.just("path"), PATHS, some.sampled_from(["rename", "replace", "symlink_to", "hardlink_to"]), PATHS),
    some.tuples(some.just("os"), some.sampled_from(["remove", "unlink", "listdir", "rmdir", "readlink"]), PATHS),
    some.tuples(some.just("os"), some.sampled_from(["rename", "replace", "link", "symlink", "renames"]), PATHS, PATHS),
    some.tuples(
        some.just("shutil"),
        some.sampled_from(["copyfile", "copy", "copy2", "move", "copytree", "copyfileobj"]),
        PATHS,
        PATHS,
    ),
    some.tuples(some.just("shutil"), some.just("rmtree"), PATHS),
    some.tuples(some.just("copyfileobj"), HANDLES, HANDLES),
)


def begin() -> None:
    Path("a").write_bytes(b"first\nsecond\r\nth\xc3\xa4rd")
    Path("d").mkdir()
    Path("d/c").write_bytes(b"\x00\xff" * 5000)
    os.symlink("a", "link")


def _path(name: str) -> str:
    return os.path.abspath(name[1:]) if name.startswith("@") else name


def do(state: dict[str, Any], step: Step) -> Any:
    kind, *rest = step
    if kind == "open":
        handle, opener, path, mode, how = rest
        if opener == "path":
            made = Path(_path(path)).open(mode, **how)  # noqa: SIM115 - later steps use it
        else:
            made = (io.open if opener == "io" else open)(_path(path), mode, **how)
        if handle in state:
            state[handle].close()
        state[handle] = made
        return made
    if kind == "fd":
        handle, path, flags = rest
        made = os.fdopen(os.open(_path(path), flags), "rb" if flags == os.O_RDONLY else "r+b", buffering=0)
        if handle in state:
            state[handle].close()
        state[handle] = made
        # Its name is a number that depends on what else is open.
        return made.mode
    if kind == "method":
        handle, name, *arguments = rest
        if name == "readinto":
            arguments = [bytearray(10)]
        result = getattr(state[handle], name)(*arguments)
        return (result, arguments) if name == "readinto" else result
    if kind == "list":
        return list(state[rest[0]])
    if kind == "about":
        file = state[rest[0]]
        name = file.name if isinstance(file.name, (str, bytes)) else "a descriptor"
        return name, file.mode, file.closed, getattr(file, "encoding", ""), getattr(file, "newlines", ""), dir(file)
    if kind == "with":
        path, mode, text = rest
        with open(_path(path), mode) as file:
            return file.read() if text == 7 else file.write(text)
    if kind == "path":
        path, name, *arguments = rest
        return getattr(Path(_path(path)), name)(*(_path(each) if isinstance(each, str) else each for each in arguments))
    if kind == "copyfileobj":
        return shutil.copyfileobj(state[rest[0]], state[rest[1]])
    name, *paths = rest
    result = getattr({"os": os, "shutil": shutil}[kind], name)(*map(_path, paths))
    return sorted(result) if name == "listdir" else result


def show(result: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+|name=\d+", "", repr(result))


def told_alike(text: str) -> str:
    """Errors may name the number of a descriptor, which depends on how many are open."""
    return re.sub(r"(\[Errno \d+\] [\w ]+): \d+', \d+", r"\1: FD', FD", text)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.lists(STEPS, min_size=1, max_size=15))
def test_the_program_sees_no_difference(steps: list[Step]) -> None:
    assert_same(FilesInstrumentor(), steps, do, show, begin, told_alike)
