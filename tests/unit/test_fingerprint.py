# SPDX-License-Identifier: Apache-2.0
"""Versions of files: digests of small ones at once, of larger ones later, and never of what was not read or written."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from file_plots import digest, make, recorded, versions  # noqa: F401 - a fixture among them
from launch import run

from otelprov.capture.disk import digests, peek
from otelprov.capture.disk.fingerprint import AT_ONCE, file_version
from otelprov.semconv import names

LARGE = AT_ONCE + 1


@pytest.fixture(autouse=True)
def own_digests(monkeypatch):
    """Nothing of other tests is waiting or counted."""
    monkeypatch.setattr(digests, "_all", digests._Digests())
    monkeypatch.setattr(peek, "_kept", {})


def told(found):
    """What was told later: (name, size and time, digest)."""
    keys = (names.PROVENANCE_ENTITY_NAME, names.PROVENANCE_ENTITY_STAT, names.PROVENANCE_ENTITY_VERSION)
    return [
        tuple(event.attributes[key] for key in keys)
        for span in found.spans()
        for event in span.events
        if event.name == names.EVENT_PROVENANCE_ENTITY_DIGESTED
    ]


def stat(name):
    status = Path(name).stat()
    return f"stat:{status.st_size}-{status.st_mtime_ns}"


def read(name):
    with open(name, "rb") as file:
        return file.read()


def test_a_small_file_has_its_digest_at_once_and_size_and_time_beside_it(recorded):
    make("a", "x" * AT_ONCE)
    read("a")
    [span] = recorded.io()
    assert span.attributes[names.PROVENANCE_ENTITY_VERSION] == digest("a")
    assert span.attributes[names.PROVENANCE_ENTITY_STAT] == stat("a")
    digests.finish(5)
    assert told(recorded) == []


def test_a_large_file_is_on_record_at_once_and_its_digest_follows(recorded):
    make("a", "x" * LARGE)
    read("a")
    with open("b", "wb") as file:
        file.write(b"y" * LARGE)
    assert versions(recorded) == [("read a", stat("a")), ("write b", stat("b"))]
    assert told(recorded) == []
    digests.finish(5)
    assert told(recorded) == [(os.path.abspath(name), stat(name), digest(name)) for name in ("a", "b")]
    assert digests.counts() == (2, {})


def test_what_was_changed_before_its_turn_gets_no_digest(recorded):
    make("a", "x" * LARGE)
    read("a")
    make("a", "y" * (LARGE + 1))
    digests.finish(5)
    assert told(recorded) == []
    assert digests.counts() == (0, {"changed": 1})


def test_what_changes_while_it_is_digested_gets_no_digest(recorded, monkeypatch):
    make("a", "x" * LARGE)
    read("a")
    hashing = digests._hash

    def disturbed(*arguments):
        make("a", "y" * (LARGE + 1))
        return hashing(*arguments)

    monkeypatch.setattr(digests, "_hash", disturbed)
    digests.finish(5)
    assert told(recorded) == []
    assert digests.counts() == (0, {"changed": 1})


def test_a_file_that_was_renamed_has_its_digest_under_both_names(recorded):
    with open("a.tmp", "wb") as file:
        file.write(b"x" * LARGE)
    before = stat("a.tmp")
    os.replace("a.tmp", "a")
    digests.finish(5)
    assert {(os.path.basename(name), version) for name, _, version in told(recorded)} == {
        ("a.tmp", digest("a")),
        ("a", digest("a")),
    }
    assert {version for _, version, _ in told(recorded)} == {before}


def test_a_file_that_is_gone_is_counted(recorded):
    with open("a", "wb") as file:
        file.write(b"x" * LARGE)
    os.remove("a")
    digests.finish(5)
    assert digests.counts() == (0, {"gone": 1})


def test_above_the_limit_there_is_no_digest(recorded, monkeypatch):
    monkeypatch.setenv("OTELPROV_DIGEST_LIMIT", str(LARGE))
    make("a", "x" * LARGE)
    make("b", "x" * (LARGE + 1))
    read("a")
    read("b")
    digests.finish(5)
    assert [os.path.basename(name) for name, _, _ in told(recorded)] == ["a"]
    assert digests.counts() == (1, {"too large": 1})
    monkeypatch.setenv("OTELPROV_DIGEST_LIMIT", "0")
    make("c", "x")
    assert file_version(os.path.abspath("c")) == (stat("c"), 1)


def test_a_change_in_place_within_one_tick_of_the_clock_is_seen(recorded):
    # The time of change is put back, as if the clock of the file system had not gone on.
    make("a", "x" * LARGE)
    status = os.stat("a")
    with open("a", "r+b") as file:
        file.write(b"y")
        file.flush()
        os.utime("a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert recorded.names() == ["read a", "write a"]
    with open("a", "r+b"):
        pass
    assert recorded.names().count("write a") == 1


def test_digests_take_no_more_than_their_share(recorded, monkeypatch):
    monkeypatch.setattr(digests, "_FREE_SECONDS", 0.0)
    monkeypatch.setattr(digests, "_SHARE", 0.0)
    digests._all.spent = 1e-9
    make("a", "x" * LARGE)
    read("a")
    digests.work()
    assert told(recorded) == []
    assert len(digests._all.waiting) == 1
    digests.finish(0.0)
    assert digests.counts() == (0, {"the process ended": 1})
    assert not digests._all.waiting


def test_what_is_waiting_is_bounded(recorded, monkeypatch):
    monkeypatch.setattr(digests, "_MAX_WAITING", 2)
    for name in "abc":
        make(name, "x" * LARGE)
        read(name)
        read(name)
    assert digests.counts() == (0, {"too many": 1})
    digests.finish(5)
    assert digests.counts() == (2, {"too many": 1})


def test_a_forked_child_leaves_to_its_parent_what_is_the_parents(recorded):
    make("a", "x" * LARGE)
    read("a")
    child = os.fork()
    if child == 0:
        os.execv("/bin/sh", ["sh", "-c", f"exit {len(digests._all.waiting)}"])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    digests.finish(5)
    assert len(told(recorded)) == 1


def test_a_lock_of_the_program_outlives_our_reading(recorded):
    try_lock = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    make("a", "x" * LARGE)
    with open("a", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        digests.finish(5)
        assert len(told(recorded)) == 1
        other = [sys.executable, "-c", try_lock, "a"]
        assert subprocess.run(other, capture_output=True, check=False, timeout=60).returncode == 1
        assert file_version(os.path.abspath("a"))[0] == stat("a")
    [kept] = peek._kept.values()
    kept.close()
    assert subprocess.run(other, check=False, timeout=60).returncode == 0


def test_many_threads_have_their_files_digested_once(recorded):
    for number in range(20):
        make(f"{number}", "x" * (LARGE + number))
    threads = [
        threading.Thread(target=lambda: [read(f"{number}") for number in range(20)] and digests.work())
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    digests.finish(5)
    assert sorted(told(recorded)) == sorted((os.path.abspath(f"{n}"), stat(f"{n}"), digest(f"{n}")) for n in range(20))


PROGRAM = """
import os, sys, threading, time
import otelprov.capture.disk.digests as digests
where = set()
hashing = digests._hash
def noted(*arguments):
    where.add(threading.current_thread().name)
    return hashing(*arguments)
digests._hash = noted
with open("large", "wb") as file:
    file.write(os.urandom(3_000_000))
if sys.argv[1] == "wait":
    until = time.monotonic() + 30
    while not digests._all.known and time.monotonic() < until:
        time.sleep(0.01)
    print(*sorted(where))
if sys.argv[1] == "kill":
    os.kill(os.getpid(), 9)
if sys.argv[1] == "exec":
    os.execv(sys.executable, [sys.executable, "-c", "pass"])
if sys.argv[1] == "exit":
    os._exit(0)
"""


def test_a_program_that_goes_on_is_not_kept_waiting(tmp_path):
    ran = run(tmp_path, PROGRAM, "wait")
    assert ran.process.stderr == ""
    assert ran.process.stdout.split() == ["otelprov"]
    assert len(told(ran.recorded)) == 1


@pytest.mark.parametrize("end", ["return", "exit", "exec"])
def test_what_is_waiting_at_the_end_is_digested_before_it(tmp_path, end):
    ran = run(tmp_path, PROGRAM, end)
    assert ran.process.returncode == 0, ran.process.stderr
    [(name, version, _)] = told(ran.recorded)
    assert (name, version) == (str(tmp_path / "large"), stat(tmp_path / "large"))
    if end != "exec":
        ended = ran.event(names.EVENT_PROVENANCE_PROCESS_ENDED)
        assert ended[names.PROVENANCE_COVERAGE_DIGESTS] == 1
        assert names.PROVENANCE_COVERAGE_UNDIGESTED not in ended


def test_of_a_killed_program_the_write_is_there_without_a_digest(tmp_path):
    ran = run(tmp_path, PROGRAM, "kill")
    assert ran.process.returncode == -9
    assert ran.recorded.names() == ["write large"]


def test_an_end_is_not_held_up_by_digests(tmp_path):
    # More than a second's worth of them; the rest is left, and said to be.
    source = """
    import os
    for number in range(120):
        with open(str(number), "wb") as file:
            os.truncate(file.fileno(), 16_000_000)
            file.write(b"x")
    """
    ran = run(tmp_path, source)
    ended = ran.event(names.EVENT_PROVENANCE_PROCESS_ENDED)
    assert "the process ended" in str(ended[names.PROVENANCE_COVERAGE_UNDIGESTED])
    assert len(ran.recorded.io()) == 120
