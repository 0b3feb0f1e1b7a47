# SPDX-License-Identifier: Apache-2.0
"""The journal of one process: every ended span is on disk before the call returns."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from otelprov import __version__, config
from otelprov.interrupts import let_through
from otelprov.journal.budget import Budget, Rank, rank_of
from otelprov.journal.encode import EndedSpan, Scope, envelope, span_json
from otelprov.journal.file import SUFFIX, JournalWriter, Writer
from otelprov.journal.losses import Losses
from otelprov.semconv import (
    EVENT_PROVENANCE_LOSS,
    PROVENANCE_CONTAINER_COUNT,
    PROVENANCE_RUN_ID,
    SCHEMA_URL,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
)

__all__ = ["SUFFIX", "Journal"]

OWN_SCOPE = "otelprov"
_SMALLEST_FILE = 65_536
_MAX_SCOPES = 1024
_REASONS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_quota",
    errno.EFBIG: "file_too_large",
    errno.EIO: "io_error",
}
# A new file helps against none of these.
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Journal:
    """Append-only OTLP/JSON lines in `folder`, one file at a time, mode 0600, locked while the process lives.

    `append` never raises, but for what a signal handler of the program's does, and never waits: what could not be kept
    is counted in `losses`, and whoever appends declares it. A file is made with the first span, so processes that
    record nothing leave nothing. `write` stands in for os.write in tests of faults.
    """

    def __init__(self, folder: str, process_id: str, resource: Mapping[str, Any], write: Writer = os.write) -> None:
        self.folder = folder
        self.process_id = process_id
        self.resource = dict(resource)
        self.losses = Losses()
        # Whether the last attempt to write succeeded: a declaration would be written too.
        self.works = True
        self._budget = Budget(folder, config.JOURNAL_LIMIT.number())
        # Only files that are closed can be removed to make room.
        self._rotate = max(_SMALLEST_FILE, min(config.JOURNAL_ROTATE.number(), self._budget.limit // 8))
        self._file = JournalWriter(folder, process_id, write)
        self._broken_until = 0.0
        self._broken_by = errno.EIO
        # Re-entrant, because a signal handler may record while this thread writes.
        self._lock = threading.RLock()
        identity = (SERVICE_NAME, SERVICE_INSTANCE_ID, PROVENANCE_RUN_ID)
        self._brief = {key: self.resource[key] for key in identity if key in self.resource}
        self._envelopes: dict[tuple[str, str, str], tuple[bytes, bytes]] = {}

    @property
    def path(self) -> str:
        """The file being written; empty before the first span."""
        return self._file.path

    @property
    def size(self) -> int:
        """Bytes in the file being written."""
        return self._file.size

    @property
    def lost(self) -> dict[str, int]:
        """How many records were lost and not declared yet, by reason: spans, and changes of containers one by one."""
        return self.losses.counts()

    def append(self, span: EndedSpan) -> bool:
        """Write one span with write(2); return whether all of it is in the file."""
        try:
            size = self._file.size
            if self._budget.short(size) and not self._budget.due(size) and not self._budget.admits(span, size):
                return self._lose(span, self._over_limit(span))
            payload = span_json(span).encode("ascii")
            with self._lock:
                return self._put(span, payload)
        except OSError as error:
            # Not counted: whoever appends knows that the program was interrupted, and appends once more.
            let_through(error)
            self.works = False
            return self._lose(span, _REASONS.get(error.errno or 0) or f"os_error_{error.errno}")
        except Exception as error:
            let_through(error)
            # A mapping changed by another thread, or a value of a kind nobody thought of.
            return self._lose(span, "not_encodable")

    def complaint(self) -> str:
        """One line for a person when nothing could be written."""
        named = {reason: os.strerror(number) for number, reason in _REASONS.items()}
        numbers = [named.get(reason, reason.removeprefix("os_error_")) for reason in self.lost]
        reasons = ", ".join(os.strerror(int(number)) if number.isdigit() else number for number in numbers)
        return f"otelprov: nothing is recorded, {self.folder} can't be written: {reasons}\n"

    def line(self, span: EndedSpan) -> bytes:
        """The line that `append` would write; raises what encoding raises."""
        before, after = self._envelope(span)
        return before + span_json(span).encode("ascii") + after

    def close(self) -> None:
        """Give the file and its lock up; a later append opens a new file."""
        with self._lock:
            self._budget.closed(self._file.close())

    def forget_file(self) -> None:
        """In a forked child: drop the parent's file without unlocking it; the next append makes the child's own."""
        self._lock = threading.RLock()
        # The lock belongs to the open file description, which the parent still holds.
        self._file.close()
        self._file = JournalWriter(self.folder, self.process_id, self._file.write)
        self._budget = Budget(self.folder, self._budget.limit)
        self._broken_until = 0.0
        self.losses = Losses()

    def _put(self, span: EndedSpan, payload: bytes) -> bool:
        file, budget = self._file, self._budget
        left = file.check()
        if left is not None:
            budget.closed(left.size)
            if left.lost:
                self.losses.add("journal_deleted")
        before, after = self._envelope(span)
        size = file.size + len(before) + len(payload) + len(after)
        if budget.due(file.size):
            if file.open and not file.in_place():
                # Renamed, or its folder was: readers look for it here.
                budget.closed(file.close())
            budget.look(file.path if file.open else "", file.size)
        if not budget.admits(span, size):
            return self._lose(span, self._over_limit(span))
        if (not file.open or size > self._rotate) and self._begin(span, payload):
            return True
        try:
            written = file.append(b"".join((before, payload, after)))
        except OSError as error:
            let_through(error)
            if error.errno in _FULL or not self._begin(span, payload):
                raise
            written = True
        self.works = written
        return written or self._lose(span, "short_write")

    def _begin(self, span: EndedSpan, payload: bytes) -> bool:
        """Begin a new file with this span and the full resource; False where that failed but there is an old file."""
        file = self._file
        # The end of a run may have no later chance.
        if time.monotonic() >= self._broken_until or rank_of(span) is Rank.ENDS:
            before, after = _full_envelope(self.resource, span)
            try:
                self._budget.closed(file.begin(before + payload + after))
            except OSError as error:
                let_through(error)
                # Try again in a second, not with every span; but a line that is too long says nothing about others.
                self._broken_until = time.monotonic() + (0.0 if error.errno == errno.EFBIG else 1.0)
                self._broken_by = error.errno or errno.EIO
            else:
                self._broken_until = 0.0
                self.works = True
                return True
        if file.open:
            return False
        raise OSError(self._broken_by, os.strerror(self._broken_by))

    def _envelope(self, span: EndedSpan) -> tuple[bytes, bytes]:
        version, schema_url, attributes = span.described
        key = (span.scope, version, schema_url)
        found = None if attributes else self._envelopes.get(key)
        if found is None:
            found = _full_envelope(self._brief, span)
            # Programs may make up scopes without end.
            if len(self._envelopes) < _MAX_SCOPES and not attributes:
                self._envelopes[key] = found
        return found

    def _over_limit(self, span: EndedSpan) -> str:
        return f"journal_limit_{rank_of(span).name.lower()}"

    def _lose(self, span: EndedSpan, reason: str) -> bool:
        declared: list[Mapping[str, Any]] = []
        if span.scope == OWN_SCOPE:
            declared = [details for name, _time, details in span.events if name == EVENT_PROVENANCE_LOSS]
        for details in declared:
            # What it says is still to be said; the declaration itself is no loss.
            self.losses.give_back(details)
        if not declared:
            self.losses.add(reason, _records_in(span))
        return False


def _records_in(span: EndedSpan) -> int:
    # Changes are counted one by one: they are what the program made, the span is only how they are packed.
    changes = span.attributes.get(PROVENANCE_CONTAINER_COUNT) if span.encoded_events else None
    return changes if type(changes) is int else 1


_OURS = Scope(__version__, SCHEMA_URL)


def _full_envelope(resource: Mapping[str, Any], span: EndedSpan) -> tuple[bytes, bytes]:
    return envelope(resource, span.scope, _OURS if span.scope.startswith(OWN_SCOPE) else span.described)
