# SPDX-License-Identifier: Apache-2.0
"""The journals of a home stay below their limit: bulk detail goes first, and every span that went is declared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from journaled import RESOURCE, declared, emit, emit_run, ended, readable

from otelprov.capture.recorder import current
from otelprov.journal.budget import Budget, Rank, rank_of
from otelprov.journal.encode import EndedSpan
from otelprov.journal.folder import journal_files
from otelprov.journal.journal import Journal
from otelprov.journal.position import SHIPPED, position_of
from otelprov.semconv import names
from otelprov.testing import recording

MIB = 1 << 20
BULK = (names.PROVENANCE_KIND_IMPORT, names.PROVENANCE_KIND_STEP)
EDGE = names.PROVENANCE_KIND_IO


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_under_load_the_declared_loss_is_the_loss_to_the_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", str(MIB))
    kinds: dict[int, str] = {}
    with recording(tmp_path, strict=False) as recorded:
        recorder = current()
        assert recorder is not None
        started = recorder.record("started", names.EVENT_PROVENANCE_RUN_STARTED, {names.PROVENANCE_RUN_NAME: "load"})
        for number in range(20_000):
            kind = BULK[number % 2] if number % 100 else EDGE
            kinds[emit(recorder, kind, number)] = kind
        ended_with = recorder.record(
            "ended", names.EVENT_PROVENANCE_PROCESS_ENDED, {names.PROVENANCE_PROCESS_RECORDS: 0}
        )
        root = emit_run(recorder)
        there = {int(span.span_id, 16) for span in recorded.spans()}
    assert {started.span_id, ended_with.span_id, root} <= there
    assert [kind for span, kind in kinds.items() if kind == EDGE and span not in there] == []
    lost = declared(tmp_path / "journal")
    for kind, reason in zip(BULK, ("imports", "detail"), strict=True):
        gone = sum(1 for span, each in kinds.items() if each == kind and span not in there)
        assert lost[f"journal_limit_{reason}"] == gone > 0
    assert lost.total() == len(kinds) - len(there & kinds.keys())
    # The more a kind is worth, the more of it is kept.
    kept = [sum(1 for span, each in kinds.items() if each == kind and span in there) for kind in BULK]
    assert kept == sorted(kept)
    assert total(tmp_path / "journal") <= MIB


def test_declarations_do_not_eat_up_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", str(MIB))
    with recording(tmp_path, strict=False) as recorded:
        recorder = current()
        assert recorder is not None
        for number in range(5_000):
            emit(recorder, names.PROVENANCE_KIND_IMPORT, number)
        declarations = [span for span in recorded.spans() if span.name == "loss"]
    assert 1 <= len(declarations) <= 5


def span_of(kind: str = "", scope: str = "otelprov.files", event: str = "", **attributes: object) -> EndedSpan:
    values = {names.PROVENANCE_KIND: kind, **attributes}
    return EndedSpan("n", 1, 2, 3, 4, 5, values, scope, [(event, 4, {})] if event else ())


def test_what_a_span_is_worth() -> None:
    io, record = names.PROVENANCE_KIND_IO, names.PROVENANCE_KIND_RECORD
    spans = [
        span_of(names.PROVENANCE_KIND_MUTATIONS),
        span_of(names.PROVENANCE_KIND_IMPORT),
        span_of(names.PROVENANCE_KIND_STEP),
        span_of(io),
        span_of(io, scope="somebody.else", event=names.EVENT_PROVENANCE_LOSS),
        span_of(io, event=names.EVENT_PROVENANCE_ENTITY_USED),
        span_of(io, **{names.PROVENANCE_ENTITY_NAME: "/a"}),
        span_of(record, event=names.EVENT_PROVENANCE_RUN_STARTED),
        span_of(record, event=names.EVENT_PROVENANCE_LOSS),
        span_of(record, event=names.EVENT_PROVENANCE_PROCESS_ENDED),
        span_of(names.PROVENANCE_KIND_RUN),
    ]
    assert [rank_of(span) for span in spans] == [
        Rank.MUTATIONS,
        Rank.IMPORTS,
        *[Rank.DETAIL] * 3,
        *[Rank.EDGES] * 3,
        *[Rank.ENDS] * 3,
    ]


def filled(folder: Path, number: int, shipped: int = -1) -> str:
    """A closed journal of about 128 KiB, shipped up to a byte (0: not at all, -1: whole)."""
    journal = Journal(str(folder), f"{number:016x}", RESOURCE)
    for span in range(80):
        assert journal.append(ended(span, size=1000, scope="somebody.else"))
    path = journal.path
    journal.close()
    if shipped:
        size = os.path.getsize(path)
        Path(path + SHIPPED).write_text(f"{size if shipped < 0 else shipped:020d}")
    return path


def test_only_shipped_journals_of_dead_writers_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unshipped = filled(tmp_path, 1, shipped=0)
    partly = filled(tmp_path, 2, shipped=1000)
    first, second = filled(tmp_path, 3), filled(tmp_path, 4)
    alive = Journal(str(tmp_path), "5" * 16, RESOURCE)
    assert alive.append(ended(1))
    Path(alive.path + SHIPPED).write_text(f"{alive.size:020d}")
    completed_late = filled(tmp_path, 6)
    Path(completed_late + ".last").write_text("[]")
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", str(MIB))
    journal = Journal(str(tmp_path), "7" * 16, RESOURCE)
    assert journal.append(ended(2, names.PROVENANCE_KIND_IMPORT))
    left = {file.path for file in journal_files(str(tmp_path))}
    assert {unshipped, partly, alive.path, completed_late, journal.path} <= left
    assert not {first, second} & left
    assert not os.path.exists(first + SHIPPED)
    assert position_of(partly) == 1000
    alive.close()
    journal.close()


def test_without_shipping_nothing_old_is_removed_and_new_bulk_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [filled(tmp_path / "journal", number, shipped=0) for number in range(1, 6)]
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", str(MIB))
    with recording(tmp_path, strict=False) as recorded:
        recorder = current()
        assert recorder is not None
        edge = emit(recorder, EDGE, 1)
        for number in range(10):
            emit(recorder, names.PROVENANCE_KIND_IMPORT, number)
        emit_run(recorder)
        assert edge in {int(span.span_id, 16) for span in recorded.spans()}
        assert not recorded.spans(names.PROVENANCE_KIND_IMPORT)
    assert all(os.path.exists(path) for path in old)
    assert declared(tmp_path / "journal") == {"journal_limit_imports": 10}


def test_mutations_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", str(MIB))
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE)
    last: dict[str, int] = {}
    kinds = (names.PROVENANCE_KIND_MUTATIONS, names.PROVENANCE_KIND_IMPORT, names.PROVENANCE_KIND_IO)
    for number in range(1, 3_001):
        kind = kinds[number % 3]
        if journal.append(ended(number, kind, 500)):
            last[kind] = number
    assert last[kinds[0]] < last[kinds[1]] < last[kinds[2]] < 3_000
    assert sum(journal.lost.values()) + len(readable(tmp_path)) == 3_000
    journal.close()


def test_room_that_others_made_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otelprov.journal.budget._SECONDS", 0.0)
    old = [filled(tmp_path, number, shipped=0) for number in range(1, 6)]
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", str(MIB))
    journal = Journal(str(tmp_path), "7" * 16, RESOURCE)
    assert journal.append(ended(1, names.PROVENANCE_KIND_RUN))
    assert not journal.append(ended(2, names.PROVENANCE_KIND_IMPORT))
    for path in old:
        os.unlink(path)
    budget: Budget = journal._budget
    budget._look_at = 0.0
    assert journal.append(ended(3, names.PROVENANCE_KIND_IMPORT))
    assert journal.lost == {"journal_limit_imports": 1}
    journal.close()


def test_a_journal_is_rotated_and_stays_in_order_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTELPROV_JOURNAL_ROTATE", "65536")
    journal = Journal(str(tmp_path), "1" * 16, RESOURCE)
    now = 1_800_000_000_000_000_000
    for number in range(1, 1_001):
        now -= 1_000_000_000
        monkeypatch.setattr("otelprov.journal.file.time.time_ns", lambda now=now: now)
        assert journal.append(ended(number, size=1000))
    monkeypatch.undo()
    journal.close()
    assert len(list(tmp_path.iterdir())) > 10
    assert readable(tmp_path) == list(range(1, 1_001))
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 65536
