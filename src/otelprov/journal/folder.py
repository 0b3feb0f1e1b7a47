# SPDX-License-Identifier: Apache-2.0
"""The folder of journals: which files there are, and whether their writers live."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from otelprov.journal.journal import SUFFIX

# A writer locks its file right after making it and before writing to it. Trying the lock in between could take it away.
_SECONDS_TO_LOCK = 5.0


# What lies beside journals: how far they were shipped, and last records that await an exit status.
BESIDE = (".shipped", ".last", ".status")


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal file: absolute path, size in bytes, and whether the process that writes it lives."""

    path: str
    size: int
    alive: bool

    @property
    def process_id(self) -> str:
        """`provenance.process.id` of the writer; empty where the name is none of ours."""
        parts = os.path.basename(self.path).removesuffix(SUFFIX).split("-")
        return parts[2] if len(parts) == 4 else ""


def journal_files(folder: str, note: Callable[[str, str], object] | None = None) -> list[JournalFile]:
    """The journal files of a folder, in the order of their names; never waits for a lock.

    Links, and files of other users, are left out; `note` hears of them (path, what is wrong).
    """
    folder = os.path.abspath(folder)
    try:
        found = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except FileNotFoundError:
        return []
    except OSError as error:
        if note is not None:
            note(folder, f"the journal folder can't be listed: {error.strerror}")
        return []
    files = []
    for name in found:
        path = os.path.join(folder, name)
        try:
            fd = open_journal(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if note is not None:
                note(path, f"left out: {error.strerror}")
            continue
        try:
            status = os.fstat(fd)
            files.append(JournalFile(path, status.st_size, _writer_lives(fd, status)))
        finally:
            os.close(fd)
    return files


def open_journal(path: str) -> int:
    """Open a regular file of ours for reading, following no link; the caller closes the descriptor."""
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
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # A file system without locks: nothing says that the writer is gone.
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False
