# SPDX-License-Identifier: Apache-2.0
"""The one file that a process writes its journal to, which others may fill, delete or close underneath it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable
from typing import NamedTuple

SUFFIX = ".jsonl"
_LOCK_ATTEMPTS = 20
_ATTEMPTS = 3
_END = b"\n"

Writer = Callable[[int, bytes], int]


class Left(NamedTuple):
    """A file that is ours no more: its size where it still takes up room, and whether its last line may be lost."""

    size: int
    lost: bool


class JournalWriter:
    """Appends whole lines; not safe for threads by itself, but for signal handlers. Raises OSError."""

    def __init__(self, folder: str, process_id: str, write: Writer) -> None:
        self.write = write
        self.path = ""
        self.size = 0
        self.open = False
        self._folder = folder
        self._process_id = process_id
        self._fd = -1
        self._inode = (0, 0)
        self._files = 0
        self._milliseconds = 0
        self._torn = False
        self._lines = 0

    def check(self) -> Left | None:
        """Look whether the open file is still ours and still there; None where all is well."""
        if not self.open:
            return None
        try:
            status = os.fstat(self._fd)
        except OSError:
            # The program closed it, as daemons do with all they find open.
            return self._leave(Left(self.size, False))
        if (status.st_dev, status.st_ino) != self._inode:
            # And opened something else under its number, which must not be touched.
            return self._leave(Left(self.size, False))
        if status.st_nlink == 0:
            os.close(self._fd)
            # Both times the same: the last line was written after the file was deleted, or as good as that.
            return self._leave(Left(0, status.st_ctime_ns <= status.st_mtime_ns))
        self.size = status.st_size
        return None

    def in_place(self) -> bool:
        """Whether the open file is what readers find under its path."""
        try:
            status = os.lstat(self.path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._inode

    def append(self, line: bytes) -> bool:
        """Write a line; False where only a part of it got in, which then spoils no other line."""
        torn = self._torn
        # A signal handler that writes in between begins a line of its own, whatever became of this one.
        self._torn = True
        rest = b"\n" + line if torn else line
        for attempt in range(_ATTEMPTS):
            lines = self._lines
            try:
                written = self.write(self._fd, rest)
            except OSError:
                if rest == _END:
                    break
                if not attempt:
                    self._torn = torn
                raise
            self.size += written
            if written == len(rest):
                self._lines += 1
                self._torn = False
                return True
            rest = rest[written:]
            if lines != self._lines and rest != _END:
                # A signal handler has written behind the first part.
                rest = line
        # Nothing but its end is missing, which comes with the next line.
        return rest == _END

    def begin(self, line: bytes) -> int:
        """Make a new file with this line in it, and only then leave the old one; return the size of the old one."""
        before = self._fd
        fd, path = self._create()
        try:
            self._write_whole(fd, line)
            status = os.fstat(fd)
        except OSError:
            # A file whose first line is torn would have no resource.
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        if self._fd != before and self.open:
            # A signal handler has begun one meanwhile; this one is whole as well, and stays as it is.
            os.close(fd)
            return len(line)
        size = self.close()
        self._fd, self.path, self.size = fd, path, len(line)
        self._inode = (status.st_dev, status.st_ino)
        self._torn = False
        self.open = True
        return size

    def _write_whole(self, fd: int, rest: bytes) -> None:
        while rest:
            written = self.write(fd, rest)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[written:]

    def close(self) -> int:
        """Give the file and its lock up; return its size."""
        if not self.open:
            return 0
        left = self.check()
        if left is None:
            os.close(self._fd)
            left = self._leave(Left(self.size, False))
        return left.size

    def _leave(self, left: Left) -> Left:
        self.open = False
        self._fd = -1
        self.size = 0
        return left

    def _create(self) -> tuple[int, str]:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        # Milliseconds first, so that names sort by time; those of one process also when its clock is set back.
        self._milliseconds = max(time.time_ns() // 1_000_000, self._milliseconds + 1)
        name = f"{self._milliseconds:013d}-{os.getpid()}-{self._process_id}-{self._files}{SUFFIX}"
        path = os.path.join(self._folder, name)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(path, flags, 0o600)
        self._files += 1
        try:
            # The lock says "its writer lives": the kernel gives it up however the process ends.
            _lock(fd)
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return fd, path


def _lock(fd: int) -> None:
    for _attempt in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A reader is just trying whether the writer lives.
            time.sleep(0.001)
        else:
            return
    raise BlockingIOError(errno.EWOULDBLOCK, "the lock of a new journal is held by another process")
