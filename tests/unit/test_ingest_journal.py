# SPDX-License-Identifier: Apache-2.0
"""The journal folder as a source: incremental, never waiting, and aware of writers that died."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from otlp_documents import line, span

from otelprov.ingest.journal import JournalSource, journal_files
from otelprov.ingest.sources import open_source
from otelprov.journal.encode import EndedSpan
from otelprov.journal.journal import Journal
from otelprov.semconv import names

RESOURCE = {names.SERVICE_NAME: "shop", names.PROVENANCE_RUN_ID: "4d1e9f6e0c8b4c0f9a55e1b7a2f0c3d4", "extra": 1}


def ended(number: int) -> EndedSpan:
    attributes = {names.PROVENANCE_KIND: names.PROVENANCE_KIND_IO, names.PROVENANCE_SEQ: number}
    event = (names.EVENT_PROVENANCE_ENTITY_USED, 10, {names.PROVENANCE_ENTITY_NAME: "/data/ä.csv"})
    return EndedSpan(f"read {number}", 5, number, 3, 10, 20, attributes, "otelprov.files", [event], [(7, 8)])


def taken(source: JournalSource, positions: dict[str, int] | None = None) -> list[str]:
    found = []
    for batch in source.batches():
        found += [each.name for each in batch.spans]
        if positions is not None:
            positions[batch.key] = batch.offset
    return found


def test_what_the_journal_writes_is_read(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "p1", RESOURCE)
    positions: dict[str, int] = {}
    for number in (1, 2):
        assert journal.append(ended(number))
    source = JournalSource(str(tmp_path), positions)
    [batch] = source.batches()
    first, second = batch.spans
    assert (first.trace_id, first.span_id, first.parent_id) == (f"{5:032x}", f"{1:016x}", f"{3:016x}")
    assert (first.start, first.end, first.scope) == (10, 20, "otelprov.files")
    assert first.attributes == {names.PROVENANCE_KIND: names.PROVENANCE_KIND_IO, names.PROVENANCE_SEQ: 1}
    assert first.events[0].attributes == {names.PROVENANCE_ENTITY_NAME: "/data/ä.csv"}
    assert (first.links[0].trace_id, first.links[0].span_id) == (f"{7:032x}", f"{8:016x}")
    assert first.resource == RESOURCE
    assert "extra" not in second.resource
    assert second.resource[names.PROVENANCE_RUN_ID] == RESOURCE[names.PROVENANCE_RUN_ID]
    assert source.problems == []
    positions[batch.key] = batch.offset
    assert taken(JournalSource(str(tmp_path), positions)) == []
    journal.append(ended(3))
    assert taken(JournalSource(str(tmp_path), positions)) == ["read 3"]
    journal.close()


def test_a_torn_line_waits_while_the_writer_lives_and_is_a_problem_once_it_is_dead(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "p1", RESOURCE)
    journal.append(ended(1))
    whole = line(span(2))
    with open(journal.path, "ab") as file:
        file.write(whole[:60])
    positions: dict[str, int] = {}
    source = JournalSource(str(tmp_path), positions)
    assert taken(source, positions) == ["read 1"]
    assert source.problems == []
    with open(journal.path, "ab") as file:
        file.write(whole[60:] + whole[:60])
    assert taken(JournalSource(str(tmp_path), positions), positions) == ["read 2"]
    journal.close()
    source = JournalSource(str(tmp_path), positions)
    assert taken(source, positions) == []
    [problem] = source.problems
    assert "cut off" in problem.what
    again = JournalSource(str(tmp_path), positions)
    assert taken(again) == []
    assert again.problems == []


def test_files_come_in_the_order_of_names_and_others_are_left_out(tmp_path: Path) -> None:
    for name, number in (("2.jsonl", 2), ("1.jsonl", 1), ("3.txt", 3)):
        (tmp_path / name).write_bytes(line(span(number)))
    (tmp_path / "4.jsonl").symlink_to(tmp_path / "3.txt")
    (tmp_path / "5.jsonl").mkdir()
    os.mkfifo(tmp_path / "6.jsonl")
    source = JournalSource(str(tmp_path))
    assert taken(source) == ["read 1", "read 2"]
    assert [Path(problem.where).name for problem in source.problems] == ["4.jsonl", "5.jsonl", "6.jsonl"]


def test_a_file_that_is_shorter_than_known_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "1.jsonl"
    path.write_bytes(line(span(1)))
    assert taken(JournalSource(str(tmp_path), {str(path): 10_000})) == ["read 1"]


def test_no_folder_is_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_HOME", str(tmp_path / "none"))
    source = open_source("journal")
    assert list(source.batches()) == []
    assert source.problems == []


def test_which_writers_live(tmp_path: Path) -> None:
    path = tmp_path / "1.jsonl"
    program = (
        "import fcntl, os, sys\n"
        "fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o600)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "os.write(fd, b'x')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        [alive] = journal_files(str(tmp_path))
        assert (alive.path, alive.size, alive.alive) == (str(path), 1, True)
        writer.kill()
    [dead] = journal_files(str(tmp_path))
    assert not dead.alive
    # Looking left no lock behind.
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_that_was_just_made_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "1.jsonl"
    path.touch()
    assert journal_files(str(tmp_path))[0].alive
    old = time.time() - 60
    os.utime(path, (old, old))
    # The time that counts can't be set from outside, so even an old date keeps it safe.
    assert journal_files(str(tmp_path))[0].alive
