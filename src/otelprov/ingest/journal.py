# SPDX-License-Identifier: Apache-2.0
"""The journal folder as a source: every file from where the last reading ended."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otelprov.ingest.contract import Batch, MalformedError, Problems
from otelprov.ingest.jsonl import Batcher, End, read_lines
from otelprov.ingest.sift import Sift
from otelprov.ingest.streams import ByteStream

SUFFIX = ".jsonl"
# A writer locks its file right after making it and before writing to it. Trying the lock in between could take it away.
_SECONDS_TO_LOCK = 5.0


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal file: absolute path, size in bytes, and whether the process that writes it lives."""

    path: str
    size: int
    alive: bool


def journal_files(folder: str, problems: Problems | None = None) -> list[JournalFile]:
    """The journal files of a folder, in the order of their names; never waits for a lock.

    Links, and files of other users, are left out and noted in `problems`.
    """
    folder = os.path.abspath(folder)
    try:
        found = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except FileNotFoundError:
        return []
    except OSError as error:
        if problems is not None:
            problems.note(folder, f"the journal folder can't be listed: {error.strerror}")
        return []
    files = []
    for name in found:
        path = os.path.join(folder, name)
        try:
            fd = _open(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if problems is not None:
                problems.note(path, f"left out: {error.strerror}")
            continue
        try:
            status = os.fstat(fd)
            files.append(JournalFile(path, status.st_size, _writer_lives(fd, status)))
        finally:
            os.close(fd)
    return files


class JournalSource:
    """All journals of a folder; `positions` says, for each path, up to which byte it has been taken in already."""

    def __init__(self, folder: str, positions: Mapping[str, int] | None = None) -> None:
        self.name = f"journal {folder}"
        self.problems = Problems()
        self.sift = Sift()
        self._folder = folder
        self._positions = positions or {}

    def batches(self) -> Iterator[Batch]:
        """Read every file from its position; a file that is shorter than that is another one, and read whole."""
        for file in journal_files(self._folder, self.problems):
            position = self._positions.get(file.path, 0)
            if position == file.size:
                continue
            yield from self._file(file, position if position < file.size else 0)

    def _file(self, file: JournalFile, position: int) -> Iterator[Batch]:
        try:
            fd = _open(file.path)
        except FileNotFoundError:
            return  # shipped and removed meanwhile
        except OSError as error:
            self.problems.note(file.path, f"left out: {error.strerror}")
            return
        with io.FileIO(fd, "rb") as raw:
            raw.seek(position)
            try:
                stream = ByteStream(raw, position)
            except MalformedError as error:
                self.problems.note(file.path, str(error))
                return
            batcher = Batcher(file.path, stream, resumable=True)
            end = End.WAIT if file.alive else End.CLOSED
            yield from read_lines(stream, batcher, self.problems, self.sift, end)


def _open(path: str) -> int:
    """Open a regular file of ours for reading, following no link."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    status = os.fstat(fd)
    refused = ""
    if not stat.S_ISREG(status.st_mode):
        refused = "not a regular file"
    elif status.st_uid != os.geteuid():
        refused = "a file of another user"
    if refused:
        os.close(fd)
        raise OSError(0, refused)
    return fd


def _writer_lives(fd: int, status: os.stat_result) -> bool:
    if status.st_size == 0 and time.time() - status.st_ctime < _SECONDS_TO_LOCK:
        return True
    try:
        # Given up as soon as the caller closes the file.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # A file system without locks: nothing says that the writer is gone.
        return True
    return False
