# SPDX-License-Identifier: Apache-2.0
"""The last record of a process whose exit status only the C library gets to know.

`raise SystemExit(n)` at the top of a program leaves no trace that Python code could see before the process exits. So it
leaves its last record beside its journal in two forms, has the C library write the status when it exits, and
whoever reads the journal next puts the right form into it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys

_FORMS = ".last"
_STATUS = ".status"
# Stands where the exit status will be; no process of ours has this status.
PLACEHOLDER = 424_242_424
_MAX_FORMS = 1_048_576


def leave(journal_path: str, completed: bytes, failed: bytes) -> bool:
    """Leave the last record for status 0 and for others (with PLACEHOLDER in it); False where that can't be done."""
    # Loaded only in the one case that needs it.
    import ctypes

    try:
        library = ctypes.CDLL(None)
        on_exit, putw, fdopen = library.on_exit, library.putw, library.fdopen
    except (OSError, AttributeError):
        # No GNU C library: it alone tells its exit handlers the status.
        return False
    _write(journal_path + _FORMS, json.dumps([completed.decode("ascii"), failed.decode("ascii")]).encode())
    fd = os.open(journal_path + _STATUS, _FLAGS, 0o600)
    fdopen.restype = ctypes.c_void_p
    stream = fdopen(fd, b"wb")
    if not stream:
        os.close(fd)
        return False
    # The handler is putw(status, stream): no Python runs any more by then.
    on_exit.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return bool(on_exit(ctypes.cast(putw, ctypes.c_void_p), stream) == 0)


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, _FLAGS, 0o600)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def pending(journal_path: str) -> bool:
    """Whether a journal's last record is still beside it."""
    return os.path.exists(journal_path + _FORMS)


def complete(journal_path: str) -> bool:
    """Put the last record into the journal of a dead process that left one; True where something was added."""
    if not pending(journal_path):
        return False
    try:
        fd = os.open(journal_path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        # Whoever has the lock completes; a writer that still lives has it too.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        line = _last_line(journal_path)
        if line:
            os.write(fd, line)
        for ending in (_STATUS, _FORMS):
            os.unlink(journal_path + ending)
    except (OSError, ValueError, TypeError):
        return False
    finally:
        os.close(fd)
    return bool(line)


def _last_line(journal_path: str) -> bytes:
    with open(journal_path + _STATUS, "rb") as file:
        written = file.read(4)
    if len(written) != 4:
        # Killed before it could exit: there was no status.
        return b""
    with open(journal_path + _FORMS, "rb") as file:
        completed, failed = json.loads(file.read(_MAX_FORMS))
    status = int.from_bytes(written, sys.byteorder, signed=True) & 0xFF
    text = str(failed).replace(str(PLACEHOLDER), str(status)) if status else str(completed)
    return text.encode("ascii")
