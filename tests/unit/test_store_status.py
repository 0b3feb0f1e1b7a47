# SPDX-License-Identifier: Apache-2.0
"""The state of a run: computed from evidence, the same in whatever order that comes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from spans import RunSpans, at

from otelprov import semconv as names
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.model.span import Span
from otelprov.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "store.db"))
    yield opened
    opened.close()


def put(store: Store, spans: list[Span]) -> None:
    store.merge(extract(spans), derive=derive_run)


def status(store: Store) -> str:
    (run,) = store.runs()
    return run.status


def test_a_run_that_began_is_running(store: Store) -> None:
    run = RunSpans()
    run.started()
    run.heartbeat(30)
    put(store, run.spans)
    assert status(store) == "running"
    assert store.runs()[0].complete


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "completed"),
        ({names.PROCESS_EXIT_CODE: 0}, "completed"),
        ({names.PROCESS_EXIT_CODE: 2}, "failed"),
        ({names.ERROR_TYPE: "ValueError"}, "failed"),
        ({names.PROVENANCE_RUN_SIGNAL: "SIGTERM"}, "interrupted"),
    ],
)
def test_the_end_of_the_root_process_tells(store: Store, said: dict[str, object], expected: str) -> None:
    run = RunSpans()
    run.started()
    run.process_ended(9, **said)
    put(store, run.spans)
    assert status(store) == expected


def test_the_end_of_another_process_does_not(store: Store) -> None:
    run, child = RunSpans(), RunSpans(process="child")
    run.started()
    child.process_started(1, parent=run.process_id)
    child.process_ended(2, **{names.PROCESS_EXIT_CODE: 1})
    put(store, child.spans + run.spans)
    assert status(store) == "running"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_launcher_knows_best_in_any_order(store: Store, order: tuple[int, ...]) -> None:
    run = RunSpans()
    run.started()
    run.ended(8, "completed")
    launcher = RunSpans(process="launcher")
    said = {names.PROVENANCE_RUN_STATUS: "interrupted", names.PROVENANCE_RUN_SIGNAL: "SIGKILL"}
    launcher.record(names.EVENT_PROVENANCE_RUN_FINISHED, said, 9)
    spans = run.spans + launcher.spans
    for index in order:
        put(store, [spans[index]])
    (found,) = store.runs()
    assert (found.status, found.signal, found.ended) == ("interrupted", "SIGKILL", at(9))


def test_a_root_process_that_died_without_a_word_interrupts_the_run(store: Store) -> None:
    run = RunSpans()
    run.started()
    run.read("/a", 5)
    put(store, run.spans)
    assert store.close_dead_runs({run.process_id}, at(6)) == [run.run_id]
    (found,) = store.runs()
    assert (found.status, found.ended, found.complete) == ("interrupted", at(5), False)
    assert "interrupted" in found.missing[0]
    assert store.close_dead_runs({run.process_id}, at(7)) == []


def test_a_late_end_outweighs_death(store: Store) -> None:
    run = RunSpans()
    run.started()
    put(store, run.spans)
    store.close_dead_runs({run.process_id}, at(6))
    run.process_ended(5)
    put(store, run.spans)
    assert status(store) == "completed"


def test_a_process_heard_of_after_its_death_was_alive(store: Store) -> None:
    run = RunSpans()
    run.started()
    put(store, run.spans)
    store.close_dead_runs({run.process_id}, at(6))
    run.heartbeat(10)
    put(store, run.spans)
    assert status(store) == "running"


def test_a_dead_child_is_missing_but_interrupts_nothing(store: Store) -> None:
    run, child = RunSpans(), RunSpans(process="child")
    run.started()
    child.process_started(1, parent=run.process_id)
    run.ended(9)
    put(store, run.spans + child.spans)
    store.close_dead_runs({child.process_id, run.process_id}, at(10))
    assert status(store) == "completed"
    run.heartbeat(9)
    put(store, run.spans)
    assert any("without a word" in sentence for sentence in store.runs()[0].missing)


def test_silence_for_three_intervals_is_lost_contact_until_the_next_sign(store: Store) -> None:
    run = RunSpans()
    run.started()
    run.heartbeat(30)
    put(store, run.spans)
    assert store.close_dead_runs(set(), at(30 + 89)) == []
    assert store.close_dead_runs(set(), at(30 + 91)) == [run.run_id]
    assert status(store) == "lost-contact"
    run.heartbeat(200)
    put(store, run.spans)
    assert status(store) == "running"


def test_gaps_are_counted_and_filled(store: Store) -> None:
    run = RunSpans()
    run.started()
    lost = [run.read("/a", 1), run.read("/b", 2)]
    run.process_ended(3)
    put(store, [span for span in run.spans if span not in lost])
    (found,) = store.runs()
    assert not found.complete
    assert "4 of 8 records" in found.missing[0]
    put(store, lost)
    assert store.runs()[0].complete


def test_the_end_of_what_is_missing_is_known_from_the_last_record(store: Store) -> None:
    run = RunSpans()
    run.started()
    for second in range(5):
        run.read(f"/{second}", second)
    heartbeat = run.heartbeat(30)
    put(store, [run.spans[0], heartbeat])
    assert "10 of 14 records" in store.runs()[0].missing[0]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_smaller_number_of_records_never_hides_a_gap(store: Store, order: tuple[int, int]) -> None:
    run = RunSpans()
    early = run.heartbeat(30)
    run.read("/lost", 31)
    late = run.heartbeat(60)
    # The later heartbeat lost its own number on the way: what it tells is all that is known of the lost ones.
    del late.attributes[names.PROVENANCE_SEQ], late.events[0].attributes[names.PROVENANCE_SEQ]
    for index in order:
        put(store, [(early, late)[index]])
    assert "4 of 6 records" in store.runs()[0].missing[0]
