# SPDX-License-Identifier: Apache-2.0
"""Disks fill up, files vanish, signals come in between: nothing is raised, and what was lost is counted."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from journaled import RESOURCE, declared, emit, emit_run, ended, readable

from otelprov.capture.recorder import current
from otelprov.ingest.journal import JournalSource
from otelprov.journal.encode import EndedSpan
from otelprov.journal.folder import journal_files
from otelprov.journal.journal import Journal
from otelprov.journal.losses import Losses
from otelprov.semconv import names
from otelprov.testing import recording


class Disk:
    """os.write with faults: each is an error number, or how many bytes of the line get in; None is none."""

    def __init__(self, *faults: int | OSError | None) -> None:
        self.faults = list(faults)

    def write(self, fd: int, data: bytes) -> int:
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, OSError):
            raise fault
        return os.write(fd, data if fault is None else data[:fault])


def full() -> OSError:
    return OSError(errno.ENOSPC, "no space")


def journal_on(folder: Path, *faults: int | OSError | None) -> Journal:
    return Journal(str(folder), "1" * 16, RESOURCE, Disk(*faults).write)


def test_a_full_disk_costs_the_spans_of_that_time_only(tmp_path: Path) -> None:
    journal = journal_on(tmp_path, None, full(), full(), None)
    assert [journal.append(ended(number)) for number in range(1, 5)] == [True, False, False, True]
    assert journal.lost == {"disk_full": 2}
    assert readable(tmp_path) == [1, 4]
    journal.close()


def test_a_short_write_is_made_good_and_spoils_only_itself(tmp_path: Path) -> None:
    journal = journal_on(tmp_path, None, 50, None, 70, full(), 10, 20, 30)
    results = [journal.append(ended(number)) for number in range(1, 6)]
    # The second is completed; the third, torn, finds the disk full; of the fourth only a bit more gets in each time.
    assert results == [True, True, False, False, True]
    assert journal.lost == {"disk_full": 1, "short_write": 1}
    assert readable(tmp_path) == [1, 2, 5]
    journal.close()


def test_a_line_that_lacks_only_its_end_is_kept_once(tmp_path: Path) -> None:
    length = len(journal_on(tmp_path).line(ended(2)))
    journal = journal_on(tmp_path, None, length - 1, full(), full(), None)
    assert [journal.append(ended(number)) for number in range(1, 5)] == [True, True, False, True]
    assert journal.lost == {"disk_full": 1}
    assert readable(tmp_path) == [1, 2, 4]
    journal.close()


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EIO, errno.ESTALE])
def test_where_a_file_takes_no_more_a_new_one_does(tmp_path: Path, number: int) -> None:
    journal = journal_on(tmp_path, None, OSError(number, "broken"))
    assert journal.append(ended(1))
    assert journal.append(ended(2))
    assert readable(tmp_path) == [1, 2]
    assert len(journal_files(str(tmp_path))) == 2
    journal.close()


def test_a_file_whose_first_line_cannot_be_whole_is_not_left_behind(tmp_path: Path) -> None:
    journal = journal_on(tmp_path, 100, full())
    assert not journal.append(ended(1))
    assert list(tmp_path.iterdir()) == []
    # Not tried again with every span, but with the last of a run.
    assert not journal.append(ended(2))
    assert journal.append(ended(3, names.PROVENANCE_KIND_RUN))
    assert journal.lost == {"disk_full": 2}
    assert readable(tmp_path) == [3]
    assert JournalSource(str(tmp_path)).problems == []
    journal.close()


LIMITED = """
import resource, sys
from otelprov.journal.journal import Journal
sys.path.insert(0, sys.argv[2])
from journaled import RESOURCE, ended
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
journal = Journal(sys.argv[1], "1" * 16, RESOURCE)
assert all(journal.append(ended(number)) for number in range(1, 101)), journal.lost
assert not journal.append(ended(101, size=60_000))
assert journal.append(ended(102))
assert sum(journal.lost.values()) == 1, journal.lost
"""


def test_the_limit_of_file_size_of_the_system_is_not_ours(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY or os.name == "posix"
    here = str(Path(__file__).parent.parent)
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path), here], check=True, timeout=60)
    assert readable(tmp_path) == [*range(1, 101), 102]
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000


def test_where_there_is_no_folder_to_write_to_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(str(tmp_path / "file" / "journal"), "1" * 16, RESOURCE)
    for number in range(1, 4):
        assert not journal.append(ended(number))
    assert journal.lost == {f"os_error_{errno.ENOTDIR}": 3}
    assert "Not a directory" in journal.complaint()
    assert not journal.path


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_was_deleted_underneath_is_made_anew(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "j"
    journal = Journal(str(folder), "1" * 16, RESOURCE)
    assert journal.append(ended(1))
    if what == "file":
        os.unlink(journal.path)
    else:
        shutil.rmtree(folder)
    assert journal.append(ended(2))
    assert journal.append(ended(3))
    assert readable(folder) == [2, 3]
    # The file went right after the line was written, or right before: that cannot be told apart.
    assert set(journal.lost) <= {"journal_deleted"}
    assert sum(journal.lost.values()) <= 1
    journal.close()


def test_a_line_written_into_a_deleted_file_is_declared_as_lost(tmp_path: Path) -> None:
    path = ""

    def delete_first(fd: int, data: bytes) -> int:
        if path and os.path.exists(path):
            os.unlink(path)
        return os.write(fd, data)

    journal = Journal(str(tmp_path), "1" * 16, RESOURCE, delete_first)
    assert journal.append(ended(1))
    path = journal.path
    assert journal.append(ended(2))
    path = ""
    assert journal.append(ended(3))
    assert journal.lost == {"journal_deleted": 1}
    assert readable(tmp_path) == [3]
    journal.close()


def test_a_renamed_folder_is_noticed(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "j"), "1" * 16, RESOURCE)
    assert journal.append(ended(1))
    os.rename(tmp_path / "j", tmp_path / "old")
    journal._budget._look_at = 0.0
    assert journal.append(ended(2))
    assert (readable(tmp_path / "old"), readable(tmp_path / "j")) == ([1], [2])
    journal.close()


def test_a_descriptor_that_the_program_closed_and_used_again_is_not_written_to(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal = Journal(str(folder), "1" * 16, RESOURCE)
    assert journal.append(ended(1))
    fd = journal._file._fd
    own = os.open(tmp_path / "own", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(own, fd)
    assert journal.append(ended(2))
    os.close(fd)
    assert journal.append(ended(3))
    assert (tmp_path / "own").read_bytes() == b""
    journal.close()
    os.close(own)
    assert readable(folder) == [1, 2, 3]
    assert journal.lost == {}


def test_every_line_of_sixteen_threads_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_JOURNAL_ROTATE", "1000000")
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE)

    def work(thread: int) -> None:
        for number in range(1, 2_001):
            journal.append(ended(thread * 10_000 + number))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    journal.close()
    source = JournalSource(str(tmp_path))
    found = [int(span.span_id, 16) for batch in source.batches() for span in batch.spans]
    assert source.problems == []
    assert journal.lost == {}
    assert sorted(found) == [thread * 10_000 + number for thread in range(16) for number in range(1, 2_001)]
    for thread in range(16):
        own = [number for number in found if number // 10_000 == thread]
        assert own == sorted(own)
    assert len(journal_files(str(tmp_path))) > 5


def test_losses_of_many_threads_are_counted_to_the_span(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE, Disk(*[full() for _ in range(100_000)]).write)
    taken: list[int] = []
    done = threading.Event()

    def work() -> None:
        for number in range(1, 1_001):
            journal.append(ended(number))

    def take() -> None:
        while not done.wait(0.0005):
            taken.extend(loss.number for loss in journal.losses.take())

    threads = [threading.Thread(target=work) for _ in range(8)]
    taker = threading.Thread(target=take)
    for each in (*threads, taker):
        each.start()
    for each in threads:
        each.join()
    done.set()
    taker.join()
    assert sum(taken) + sum(journal.lost.values()) == 8_000


def test_a_signal_handler_may_record_while_a_line_is_being_written(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE)
    handled = 0

    def handler(_number: int, _frame: object) -> None:
        nonlocal handled
        handled += 1
        assert journal.append(ended(1_000_000 + handled))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        number = 0
        while handled < 200:
            number += 1
            assert journal.append(ended(number))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    found = readable(tmp_path)
    assert sorted(found) == [*range(1, number + 1), *range(1_000_001, 1_000_001 + handled)]
    journal.close()


def test_parent_and_forked_child_have_a_file_each(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE)
    assert journal.append(ended(1))
    path = journal.path
    child = os.fork()
    if child == 0:
        journal.forget_file()
        written = journal.append(ended(2))
        os.kill(os.getpid(), signal.SIGKILL if written else signal.SIGABRT)
    _pid, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    alive = {file.path: file.alive for file in journal_files(str(tmp_path))}
    assert alive.pop(path)
    assert list(alive.values()) == [False]
    assert journal.append(ended(3))
    assert readable(tmp_path) == [1, 3, 2]
    journal.close()


class Angry(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise LookupError(key)

    def __iter__(self) -> Any:
        raise LookupError("iter")

    def __len__(self) -> int:
        return 1


def test_what_cannot_be_encoded_is_counted(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE)
    odd: Any = None
    assert not journal.append(EndedSpan("n", 1, 2, 3, 4, 5, Angry()))
    assert not journal.append(EndedSpan("n", 1, 2, 3, 4, 5, odd))
    assert not journal.append(EndedSpan("n", odd, 2, 3, 4, 5, {}))
    assert journal.lost == {"not_encodable": 3}


def test_losses_are_declared_once_the_disk_has_room_again(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        recorder = current()
        assert recorder is not None
        disk = Disk()
        recorder.journal._file.write = disk.write
        emit(recorder, names.PROVENANCE_KIND_IO, 0)
        disk.faults = [full() for _ in range(10)]
        for number in range(1, 11):
            emit(recorder, names.PROVENANCE_KIND_IO, number)
        assert [span.name for span in recorded.spans()] == ["io 0"]
        emit(recorder, names.PROVENANCE_KIND_IO, 11)
        assert declared(tmp_path / "journal") == {"disk_full": 10}


def test_a_declaration_that_is_lost_itself_is_made_again_at_the_end(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        recorder = current()
        assert recorder is not None
        disk = Disk()
        recorder.journal._file.write = disk.write
        emit(recorder, names.PROVENANCE_KIND_IO, 0)
        # Two spans, then one that gets in, and its declaration that does not; then nothing any more until the end.
        disk.faults = [full(), full(), None, full(), full(), full()]
        for number in range(5):
            emit(recorder, names.PROVENANCE_KIND_STEP, number)
        assert declared(tmp_path / "journal") == {}
        recorder.record("ended", names.EVENT_PROVENANCE_PROCESS_ENDED, {names.PROVENANCE_PROCESS_RECORDS: 0})
        emit_run(recorder)
        assert declared(tmp_path / "journal") == {"disk_full": 4}
        assert len(recorded.spans(names.PROVENANCE_KIND_STEP)) == 1


def test_pauses_between_declarations_grow_while_losses_go_on() -> None:
    losses = Losses()
    assert not losses.due()
    losses.add("a")
    assert losses.due()
    losses.take()
    losses.declared()
    losses.add("a")
    assert not losses.due()
    losses.add("b")
    assert losses.counts() == {"a": 1, "b": 1}
    assert [(loss.reason, loss.number) for loss in losses.take()] == [("a", 1), ("b", 1)]
    assert not losses
