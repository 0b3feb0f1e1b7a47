# SPDX-License-Identifier: Apache-2.0
"""Opens the program's files for ourselves: not captured, never blocking, and without taking its locks away."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otelprov.capture.inside import quietly

try:
    import fcntl as _fcntl
except ImportError:
    fcntl: Any = None
else:
    fcntl = _fcntl

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_MAX_KEPT = 64
# By device and inode: kept open because the process holds a lock on the file.
_kept: dict[tuple[int, int], io.FileIO] = {}


@contextmanager
def peek(path: str) -> Iterator[io.FileIO]:
    """A file at its beginning, for reading; raises OSError, also where we could not close it the last time."""
    with quietly():
        if _kept and _place(os.stat(path)) in _kept:
            raise BlockingIOError("kept open for the sake of the program's lock")
        file = io.FileIO(os.open(path, _FLAGS))
    try:
        yield file
    finally:
        _close(file)


def _close(file: io.FileIO) -> None:
    # A process loses its POSIX locks on a file with the first of its descriptors of that file that is closed.
    if len(_kept) < _MAX_KEPT and _is_locked_here(file):
        _kept[_place(os.fstat(file.fileno()))] = file
    else:
        file.close()


def _place(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_locked_here(file: io.FileIO) -> bool:
    if fcntl is None:
        return False
    try:
        # Locks of the process conflict with locks of an open file, even its own; asking is all that is done here.
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, asked)
        kind, _, _, _, holder = struct.unpack("hhqqi4x", answer)
    except (AttributeError, OSError):
        return False
    if kind == fcntl.F_UNLCK:
        return False
    return holder == os.getpid() or _is_listed(os.fstat(file.fileno()).st_ino)


def _is_listed(inode: int) -> bool:
    """Whether the system lists a lock of this process on a file; it has told us of that of another one."""
    try:
        with io.FileIO("/proc/locks") as locks:
            lines = locks.readall().decode("ascii", "replace").splitlines()
    except OSError:
        return True
    own, ending = str(os.getpid()), f":{inode}"
    fields = (line.replace(" -> ", " ").split() for line in lines)
    return any(
        len(words) > 5 and words[1] == "POSIX" and words[4] == own and words[5].endswith(ending) for words in fields
    )
