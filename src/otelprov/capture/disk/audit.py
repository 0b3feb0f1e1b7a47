# SPDX-License-Identifier: Apache-2.0
"""The audit hook: it sees the opens that go through none of the wrapped functions, and what `tempfile` makes."""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import Any

from otelprov.capture import producers, threads
from otelprov.capture.disk import file_writes, files
from otelprov.capture.disk.fingerprint import version_before
from otelprov.capture.guard import guard
from otelprov.capture.held import hand_on
from otelprov.capture.inside import is_inside, quietly
from otelprov.capture.naming import absolute_path, is_compiled_code, note_temporary
from otelprov.capture.recorder import current
from otelprov.semconv import PROVENANCE_OPERATION_APPEND, PROVENANCE_OPERATION_WRITE

# Events of those ways to start a process in which no hook of a fork is called.
_STARTING = frozenset(("subprocess.Popen", "os.posix_spawn", "os.system", "os.exec"))
_OPEN = "open"
_TEMPORARY = frozenset(("tempfile.mkstemp", "tempfile.mkdtemp"))
_OF_INTEREST = frozenset((_OPEN, *_TEMPORARY, *_STARTING, *threads.EVENTS))
_active = False
_installed = False


def start() -> None:
    """Begin to listen; the hook itself can't be taken away again, so it is installed once per process."""
    global _active, _installed
    _active = True
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
        threads.listening()


def stop() -> None:
    """Listen no more."""
    global _active
    _active = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # Called for every event of the interpreter: what is not ours leaves after one look.
    if event not in _OF_INTEREST:
        return
    if event == _OPEN:
        if _active and not is_inside() and current() is not None and not is_compiled_code(args[0]):
            with guard("an audited open"), quietly():
                _opening(*args[:3])
    elif event in _TEMPORARY:
        if _active:
            with guard("noting a temporary file"), quietly():
                note_temporary(os.fsdecode(args[0]))
    elif event in threads.EVENTS:
        threads.starting()
    else:
        # What this process has written, the new one may read at once.
        with guard("telling producers"):
            producers.tell()
        if event == "os.exec":
            hand_on()


def _opening(path: Any, mode: Any, flags: Any) -> None:
    """An open that is about to happen; it will succeed where the file system allows it, and else is left out."""
    if not isinstance(path, (str, bytes)) or not isinstance(flags, int):
        return
    file_writes.sweep()
    found = absolute_path(path)
    access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    reading = access == os.O_RDONLY
    started = time.time_ns()
    if found is None:
        return
    exists = _is_regular(found)
    if exists:
        if flags & os.O_EXCL or not os.access(found, os.R_OK if reading else os.W_OK):
            return
    elif reading or os.path.lexists(found) or not os.access(os.path.dirname(found), os.W_OK):
        return
    entity = files.data_entity(found, made=not exists)
    if entity is None:
        return
    if reading or (access == os.O_RDWR and exists and not flags & os.O_TRUNC):
        files.record_read(entity, started)
    if not reading:
        operation = PROVENANCE_OPERATION_APPEND if flags & os.O_APPEND else PROVENANCE_OPERATION_WRITE
        before = "" if flags & os.O_TRUNC or not exists else version_before(found)
        write = file_writes.begin_write(entity, operation, started, before=before)
        if write is not None:
            file_writes.follow_unwatched(write)


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False
