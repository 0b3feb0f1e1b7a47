# SPDX-License-Identifier: Apache-2.0
"""The journal of one process: every ended span is on disk before the call returns."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from otelprov import __version__, config
from otelprov.journal.encode import EndedSpan, envelope, span_json
from otelprov.semconv import PROVENANCE_RUN_ID, SCHEMA_URL, SERVICE_INSTANCE_ID, SERVICE_NAME

OWN_SCOPE = "otelprov"
SUFFIX = ".jsonl"
_LOCK_ATTEMPTS = 100


class Journal:
    """Append-only OTLP/JSON lines in `folder`, one file per process, mode 0600, locked while the process lives.

    `append` never raises: what could not be written is counted in `lost`, by reason, and `on_loss` hears of the first.
    A file is made with the first span, so processes that record nothing leave nothing.
    """

    def __init__(self, folder: str, process_id: str, resource: Mapping[str, Any]) -> None:
        self.folder = folder
        self.process_id = process_id
        self.resource = dict(resource)
        self.lost: dict[str, int] = {}
        self.path = ""
        self.size = 0
        self._fd = -1
        self._files = 0
        self._torn = False
        self._broken_until = 0.0
        self._limit = config.JOURNAL_ROTATE.number()
        # Re-entrant, because a signal handler may record while this thread opens a file.
        self._opening = threading.RLock()
        identity = (SERVICE_NAME, SERVICE_INSTANCE_ID, PROVENANCE_RUN_ID)
        self._brief = {key: self.resource[key] for key in identity if key in self.resource}
        self._envelopes: dict[str, tuple[bytes, bytes]] = {}

    def append(self, span: EndedSpan) -> bool:
        """Write one span with write(2); return whether all of it is in the file."""
        try:
            payload = span_json(span).encode("ascii")
            if self._fd < 0 or self.size > self._limit:
                before, after = self._open(span.scope)
                if self._fd < 0:
                    return self._lose("journal_unwritable")
            else:
                before, after = self._envelope(span.scope)
            return self._write(before + payload + after)
        except OSError as error:
            return self._lose(f"os_error_{error.errno}")
        except (ValueError, TypeError, RecursionError, RuntimeError, MemoryError):
            # A mapping changed by another thread, or a value of a kind nobody thought of.
            return self._lose("not_encodable")

    def complaint(self) -> str:
        """One line for a person when nothing could be written."""
        numbers = [reason.removeprefix("os_error_") for reason in self.lost]
        reasons = ", ".join(os.strerror(int(number)) if number.isdigit() else number for number in numbers)
        return f"otelprov: nothing is recorded, {self.folder} can't be written: {reasons}\n"

    def line(self, span: EndedSpan) -> bytes:
        """The line that `append` would write; raises what encoding raises."""
        before, after = self._envelope(span.scope)
        return before + span_json(span).encode("ascii") + after

    def close(self) -> None:
        """Give the file and its lock up; a later append opens a new file."""
        with self._opening:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _envelope(self, scope: str) -> tuple[bytes, bytes]:
        found = self._envelopes.get(scope)
        if found is None:
            ours = scope.startswith(OWN_SCOPE)
            found = envelope(self._brief, scope, __version__ if ours else "", SCHEMA_URL if ours else "")
            self._envelopes[scope] = found
        return found

    def _write(self, line: bytes) -> bool:
        if self._torn:
            # The torn line before this one is ended, so that only that one is unreadable.
            line = b"\n" + line
        written = os.write(self._fd, line)
        self.size += written
        self._torn = written < len(line)
        if self._torn:
            return self._lose("short_write")
        return True

    def _lose(self, reason: str) -> bool:
        self.lost[reason] = self.lost.get(reason, 0) + 1
        return False

    def _open(self, scope: str) -> tuple[bytes, bytes]:
        with self._opening:
            if self._fd >= 0:
                if self.size <= self._limit:
                    return self._envelope(scope)
                self.close()
            if time.monotonic() < self._broken_until:
                return b"", b""
            try:
                self._fd = self._create()
            except OSError:
                # Ask again in a second, not with every span.
                self._broken_until = time.monotonic() + 1.0
                raise
            self.size = 0
            self._torn = False
            ours = scope.startswith(OWN_SCOPE)
            return envelope(self.resource, scope, __version__ if ours else "", SCHEMA_URL if ours else "")

    def _create(self) -> int:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        # Milliseconds first, so that names sort by time.
        name = f"{time.time_ns() // 1_000_000:013d}-{os.getpid()}-{self.process_id}-{self._files}{SUFFIX}"
        path = os.path.join(self.folder, name)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(path, flags, 0o600)
        try:
            # The lock says "its writer lives": the kernel gives it up however the process ends.
            self._lock(fd)
        except OSError:
            os.close(fd)
            raise
        self.path = path
        self._files += 1
        return fd

    def _lock(self, fd: int) -> None:
        for _attempt in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A reader is just trying whether the writer lives.
                time.sleep(0.001)
            else:
                return
        raise BlockingIOError(errno.EWOULDBLOCK, "the lock of a new journal is held by another process")

    def forget_file(self) -> None:
        """In a forked child: drop the parent's file without unlocking it; the next append makes the child's own."""
        self._opening = threading.RLock()
        if self._fd >= 0:
            # The lock belongs to the open file description, which the parent still holds.
            os.close(self._fd)
            self._fd = -1
        self.path = ""
        self.size = 0
        self.lost = {}
        self._files = 0
