# SPDX-License-Identifier: Apache-2.0
"""What the kernel says was read and written below a folder, by inotify, which needs no privileges."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ACCESS, MODIFY, CLOSE_WRITE, CLOSE_NOWRITE = 0x1, 0x2, 0x8, 0x10
MOVED_TO, CREATE, OVERFLOW, IS_FOLDER = 0x80, 0x100, 0x4000, 0x40000000
_MASK = ACCESS | MODIFY | CLOSE_WRITE | CLOSE_NOWRITE | MOVED_TO | CREATE
_HEAD = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Touched:
    """Files by their path below a folder. What was made meanwhile counts as read only where it was opened to be."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)


class _Log:
    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._before = {str(path.relative_to(folder)) for path in folder.rglob("*")}
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._folders: dict[int, Path] = {}
        self._changed: set[str] = set()
        self.touched = Touched()
        self._watch(folder)

    def close(self) -> None:
        os.close(self._fd)

    def _watch(self, folder: Path) -> None:
        watch = _libc.inotify_add_watch(self._fd, os.fsencode(folder), _MASK)
        if watch < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(folder))
        self._folders[watch] = folder
        for path in folder.iterdir():
            if path.is_dir():
                self._watch(path)
            elif self._name(path) not in self._before:
                # Made before we began to look.
                self.touched.written.add(self._name(path))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._root))

    def drain(self, seconds: float) -> bool:
        """Take what has come, after waiting for it no longer than so; False where nothing came."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return False
        data = os.read(self._fd, 1 << 20)
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
            at += length
            if mask & OVERFLOW:
                raise OSError("the kernel had more to tell than it could keep")
            if name:
                self._happened(self._folders[watch] / name, mask)
        return True

    def _happened(self, path: Path, mask: int) -> None:
        if mask & IS_FOLDER:
            if mask & (CREATE | MOVED_TO) and path.is_dir():
                self._watch(path)
            return
        name = self._name(path)
        if mask & (MODIFY | CREATE):
            self._changed.add(name)
        if mask & MOVED_TO or (mask & CLOSE_WRITE and name in self._changed):
            self.touched.written.add(name)
        if mask & CLOSE_NOWRITE or (mask & ACCESS and name in self._before):
            self.touched.read.add(name)


@contextmanager
def watching(folder: Path) -> Iterator[Touched]:
    """Watch a folder and all below it; the answer is whole when the block has ended."""
    log = _Log(folder)
    ended = threading.Event()
    failures: list[Exception] = []

    def listen() -> None:
        try:
            # Once more after the end: what happened before it is in the queue by then.
            while not ended.is_set() or log.drain(0):
                log.drain(0.05)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield log.touched
    finally:
        ended.set()
        thread.join()
        log.close()
    if failures:
        raise failures[0]
