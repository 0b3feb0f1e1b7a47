# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to a journal and its process: every span is readable once or declared as lost, and in order."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from journaled import RESOURCE, ended

from otelprov.ingest.journal import JournalSource
from otelprov.journal.budget import Budget
from otelprov.journal.journal import Journal
from otelprov.semconv import names

KINDS = (
    names.PROVENANCE_KIND_MUTATIONS,
    names.PROVENANCE_KIND_IMPORT,
    names.PROVENANCE_KIND_IO,
    names.PROVENANCE_KIND_RECORD,
    names.PROVENANCE_KIND_RUN,
)
DELETED = "journal_deleted"
# Of which line how much gets in: counted from its beginning, or (negative) from its end.
CUTS = st.sampled_from([0, 1, 2, 40, 200, -40, -2, -1])
ERRORS = st.sampled_from([errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT])


class Crash(BaseException):
    """The process ends in the middle of a write."""


class JournalModel(RuleBasedStateMachine):
    """A journal, its process that forks and crashes, a disk with faults, and a reader that comes by."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.faults: list[tuple[str, int]] = []
        self.number = 0
        self.process = 0
        self.owner: dict[int, int] = {}
        self.kept: set[int] = set()
        self.refused: set[int] = set()
        self.unwritten: set[int] = set()
        self.in_file: dict[str, set[int]] = {}
        self.deleted: set[int] = set()
        self.unsaid = 0
        self.deletions = 0
        self.positions: dict[str, int] = {}
        self.read: list[int] = []
        self.told = 0
        self.declared: dict[str, int] = {}
        self.new_process()

    def new_process(self) -> None:
        self.process += 1
        self.journal = Journal(str(self.folder), f"{self.process:016x}", RESOURCE, self.write)

    def write(self, fd: int, data: bytes) -> int:
        kind, value = self.faults.pop(0) if self.faults else ("", 0)
        if kind == "error":
            raise OSError(value, os.strerror(value))
        part = data[:value] if kind else data
        if kind == "short":
            return os.write(fd, part) if part else 0
        written = os.write(fd, part)
        if kind == "crash":
            raise Crash
        return written

    def append_one(self, kind: str, size: int) -> None:
        self.number += 1
        self.owner[self.number] = self.process
        try:
            if self.journal.append(ended(self.number, kind, size)):
                self.kept.add(self.number)
                self.in_file.setdefault(self.journal.path, set()).add(self.number)
            else:
                self.refused.add(self.number)
        except Crash:
            self.in_file.setdefault(self.journal.path, set()).add(self.number)
            self.die()

    def die(self) -> None:
        self.faults = []
        self.unsaid += sum(number for reason, number in self.journal.lost.items() if reason != DELETED)
        self.journal.close()
        self.new_process()

    @rule(kind=st.sampled_from(KINDS), size=st.integers(0, 5_000), number=st.integers(1, 12))
    def append(self, kind: str, size: int, number: int) -> None:
        for _ in range(number):
            self.append_one(kind, size)

    @rule(faults=st.lists(st.tuples(st.just("short"), CUTS) | st.tuples(st.just("error"), ERRORS), max_size=4))
    def disk_goes_wrong(self, faults: list[tuple[str, int]]) -> None:
        self.faults = faults

    @rule(number=ERRORS)
    def disk_takes_nothing(self, number: int) -> None:
        self.faults = [("error", number)] * 100

    @rule()
    def disk_is_well_again(self) -> None:
        self.faults = []

    @rule(cut=CUTS)
    def crash_in_a_write(self, cut: int) -> None:
        self.faults = [("crash", cut)]
        self.append_one(names.PROVENANCE_KIND_RUN, 10)

    @rule()
    def crash(self) -> None:
        self.die()

    @rule()
    def fork(self) -> None:
        # We go on as the child; what the parent has not declared yet stays with the parent.
        self.unsaid += sum(number for reason, number in self.journal.lost.items() if reason != DELETED)
        self.journal.forget_file()
        self.new_process()

    @rule()
    def rotate(self) -> None:
        self.journal._rotate = self.journal.size

    @rule(limit=st.sampled_from([131_072, 200_000, 10_000_000]))
    def limit_changes(self, limit: int) -> None:
        self.journal._budget = Budget(str(self.folder), limit)

    @precondition(lambda self: os.path.exists(self.journal.path))
    @rule()
    def delete(self) -> None:
        os.unlink(self.journal.path)
        self.deletions += 1
        self.deleted |= self.in_file.get(self.journal.path, set())

    @rule()
    def declare(self) -> None:
        found = self.journal.losses.take()
        if not found:
            return
        now = 20
        self.number += 1
        events = [(names.EVENT_PROVENANCE_LOSS, now, loss.details()) for loss in found]
        span = ended(self.number, names.PROVENANCE_KIND_RECORD)._replace(events=events)
        self.owner[self.number] = self.process
        if self.journal.append(span):
            self.kept.add(self.number)
            self.in_file.setdefault(self.journal.path, set()).add(self.number)
            for loss in found:
                self.declared[loss.reason] = self.declared.get(loss.reason, 0) + loss.number
        else:
            # Given back, and not to be read.
            self.unwritten.add(self.number)

    @rule()
    def reader_comes_by(self) -> None:
        source = JournalSource(str(self.folder), self.positions)
        for batch in source.batches():
            for span in batch.spans:
                self.read.append(int(span.span_id, 16))
                for event in span.events:
                    self.told += event.attributes[names.PROVENANCE_LOSS_COUNT]
            self.positions[batch.key] = batch.offset

    @invariant()
    def nothing_twice_nothing_refused_and_all_in_order(self) -> None:
        assert len(self.read) == len(set(self.read))
        assert not (self.refused | self.unwritten) & set(self.read)
        for process in set(self.owner.values()):
            own = [number for number in self.read if self.owner[number] == process]
            assert own == sorted(own)

    @invariant()
    def every_span_that_was_refused_is_counted(self) -> None:
        pending = self.journal.lost
        counted = self.unsaid + sum(
            number for lost in (pending, self.declared) for reason, number in lost.items() if reason != DELETED
        )
        assert counted == len(self.refused)
        assert pending.get(DELETED, 0) + self.declared.get(DELETED, 0) <= self.deletions

    def teardown(self) -> None:
        self.faults = []
        self.journal.close()
        self.reader_comes_by()
        self.nothing_twice_nothing_refused_and_all_in_order()
        missing = self.kept - set(self.read)
        shutil.rmtree(self.folder)
        assert missing <= self.deleted
        if not self.deletions:
            assert self.told == sum(self.declared.values())


JournalModel.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestJournalModel = JournalModel.TestCase
