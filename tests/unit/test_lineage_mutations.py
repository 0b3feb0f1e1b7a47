# SPDX-License-Identifier: Apache-2.0
"""Changes of containers: from spans and log records of any origin into the store, once, in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutation_events import History, as_text, block
from spans import RunSpans, at

from otelprov import semconv as names
from otelprov.ingest.sift import record_span
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.model.containers import ContainerSummary
from otelprov.model.records import MutationRecord
from otelprov.model.span import Span
from otelprov.store import open_store
from otelprov.store.contract import Bounds, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "store.db"))
    yield opened
    opened.close()


def program() -> RunSpans:
    run = RunSpans("app.py")
    run.started()
    step = run.step("request", 1, 9, name="POST /cart")
    cart, items = History(f"{run.process_id}-1"), History(f"{run.process_id}-2", kind="list", above="['items']")
    block(run, [cart.create({}), cart.set("a", 1)], step=step.span_id, trace=step.trace_id, start=2)
    said = {names.PROVENANCE_ACTOR: "nightly", names.CODE_FILE_PATH: "/src/app.py", names.CODE_LINE_NUMBER: 12}
    changes = [items.create([]), cart.set("items", [], **said), items("append", new=3, **said)]
    block(run, changes, step=step.span_id, trace=step.trace_id, start=3)
    run.process_ended(10)
    run.ended(11)
    return run


def as_records(span: Span) -> list[Span]:
    """The events of a span as they come when they are sent as log records, which are told in another span."""
    resource = {**span.resource, names.PROVENANCE_PROCESS_ID: span.attributes[names.PROVENANCE_PROCESS_ID]}
    step = {names.PROVENANCE_STEP_ID: span.attributes.get(names.PROVENANCE_STEP_ID, "")}
    return [
        record_span(event.name, event.time, span.trace_id, span.parent_id, {**event.attributes, **step}, resource, "x")
        for event in span.events
        if event.name == names.EVENT_PROVENANCE_CONTAINER_MUTATION
    ]


def picture(store: Store, run: RunSpans) -> tuple[list[MutationRecord], list[ContainerSummary], Any]:
    return list(store.mutations(run.run_id)), store.containers(run.run_id), store.run(run.run_id)


def test_every_field_of_a_change_is_read() -> None:
    run = program()
    step = run.spans[1]
    changes = extract(run.spans).mutations
    assert [change.action for change in changes] == ["create", "set", "create", "set", "append"]
    last = changes[4]
    assert last == MutationRecord(
        run.run_id, run.process_id, step.trace_id, run.spans[3].span_id, run.root_id, step.span_id,
        f"{run.process_id}-2", 10, 1, "cart", "list", "append", "", "int", "nightly", 7, "/src/app.py", 12, "",
        at(3) + 2000, -1, "['items']", "", "", "", "", last.new_digest, "3", False, "", "",
    )  # fmt: skip
    assert last.new_digest.startswith("k:")


def test_log_records_alone_tell_the_same() -> None:
    spans = program().spans
    told = extract([record for span in spans for record in as_records(span)]).mutations
    # A record knows the span that was current, not the block that the change would have been told in.
    bare = [change._replace(span_id=change.parent_id, parent_id="") for change in extract(spans).mutations]
    assert len(told) == 5
    assert told == bare


def test_a_backend_that_makes_everything_text_changes_nothing() -> None:
    spans = program().spans
    told, as_it_was = extract(list(map(as_text, spans))).mutations, extract(spans).mutations
    assert len(told) == 5
    assert told == as_it_was


def test_an_event_without_an_id_tells_nothing() -> None:
    run = RunSpans("app.py")
    event = History("x").set("a", 1)
    del event[names.PROVENANCE_CONTAINER_ID]
    block(run, [event])
    assert extract(run.spans).mutations == []


@pytest.mark.parametrize("seed", range(6))
def test_order_repetition_and_carrier_make_no_difference(tmp_path: Path, seed: int) -> None:
    run = program()
    with open_store(str(tmp_path / "expected.db")) as expected, open_store(str(tmp_path / "store.db")) as store:
        expected.merge(extract(run.spans), derive=derive_run)
        chance = random.Random(seed)
        spans = [*run.spans, *run.spans, *(one for span in run.spans for one in as_records(span))]
        chance.shuffle(spans)
        for start in range(0, len(spans), 3):
            store.merge(extract(spans[start : start + 3]))
        store.refresh(derive_run)
        assert picture(store, run) == picture(expected, run)
        assert store._rows("SELECT * FROM conflict") == []
        assert len(list(store.mutations(run.run_id))) == 5


def test_a_merge_counts_what_is_new_and_what_was_known(store: Store) -> None:
    run = program()
    first = store.merge(extract(run.spans))
    again = store.merge(extract(run.spans))
    assert first.new == first.facts
    assert (again.new, again.known, again.conflicts) == (0, again.facts, 0)


def test_two_events_of_one_number_are_a_conflict_and_the_first_is_kept(store: Store) -> None:
    run = program()
    store.merge(extract(run.spans))
    run.spans[2].events[1].attributes[names.PROVENANCE_CONTAINER_NEW_VALUE] = "2"
    assert store.merge(extract(run.spans)).conflicts == 1
    assert [change.new_value for change in store.mutations(run.run_id)][1] == "1"
    assert '"new_value": "2"' in store._rows("SELECT content FROM conflict")[0][0]


def test_containers_say_who_changed_them_how_often_and_in_which_request(store: Store) -> None:
    run = program()
    store.merge(extract(run.spans))
    cart, items = store.containers(run.run_id)
    assert (cart.container, cart.names, cart.types, cart.changes, cart.missing) == (
        f"{run.process_id}-1", ["cart"], ["dict"], 2, 0,
    )  # fmt: skip
    assert (cart.first, cart.last, cart.actors, cart.steps) == (at(2), at(3) + 1000, ["nightly"], {"POST /cart": 1})
    assert cart.processes == {run.process_id: (0, 2)}
    assert cart.values
    assert (items.changes, items.types) == (1, ["list"])


def test_a_number_that_did_not_arrive_is_missing_and_the_run_is_not_complete(store: Store) -> None:
    run = program()
    del run.spans[2].events[1]
    store.merge(extract(run.spans))
    assert [(one.changes, one.missing) for one in store.containers(run.run_id)] == [(1, 1), (1, 0)]
    assert not store.run(run.run_id).summary.complete


def test_changes_alone_do_not_make_the_edges_anew(store: Store) -> None:
    run = RunSpans("app.py")
    run.started()
    run.read("/a", 1)
    cart = History(f"{run.process_id}-1")
    store.merge(extract(run.spans), derive=derive_run)
    derived: list[int] = []

    def counting(*facts: Any) -> Any:
        derived.append(1)
        return derive_run(*facts)

    report = store.merge(extract([block(run, [cart.create({}), cart.set("a", 1)])]), derive=counting)
    assert report.runs == [run.run_id]
    assert store.refresh(counting) == 0
    assert derived == []
    assert store.run(run.run_id).summary.complete
    block(run, [cart.set("a", 2)])
    run.write("/b", 5)
    store.merge(extract(run.spans), derive=counting)
    assert derived == [1]


def test_a_run_of_which_only_changes_arrived_is_there(store: Store) -> None:
    run = RunSpans("app.py")
    cart = History(f"{run.process_id}-1")
    store.merge(extract([block(run, [cart.create({})])]), derive=derive_run)
    assert [summary.run_id for summary in store.runs()] == [run.run_id]
    assert len(store.containers(run.run_id)) == 1


def test_histories_are_in_order_within_bounds_and_from_the_end(store: Store) -> None:
    run = RunSpans("app.py")
    first, second = History(f"{run.process_id}-1"), History(f"{run.process_id}-2", "other")
    first.number = second.number = 0
    events = [history.set(str(number), number) for number in range(150) for history in (first, second)]
    for start in range(0, 300, 100):
        block(run, events[start : start + 100], start=1 + start / 100)
    store.merge(extract(reversed(run.spans)))
    every = list(store.mutations(run.run_id))
    assert [change.seq for change in every] == sorted(change.seq for change in every)
    assert len(every) == 300
    one = [first.container]
    assert [change.change for change in store.mutations(run.run_id, one)] == list(range(1, 151))
    assert [change.change for change in store.mutations(run.run_id, one, changes=(7, 9))] == [7, 8, 9]
    assert [change.change for change in store.mutations(run.run_id, one, newest=2)] == [149, 150]
    assert [change.seq for change in store.mutations(run.run_id, newest=2)] == [change.seq for change in every[-4:]]
    inside = store.mutations(run.run_id, bounds=Bounds(at(2), at(2) + 1000))
    assert [change.time for change in inside] == [at(2), at(2) + 1000]
    assert list(store.mutations(run.run_id, process_id="f" * 16)) == []


def test_changes_of_several_processes_are_in_order_of_time(store: Store) -> None:
    parent = RunSpans("app.py")
    child = RunSpans("app.py", process="child")
    cart = History(f"{parent.process_id}-1")
    block(parent, [cart.create({}), cart.set("a", 1)], start=1)
    in_child = History(f"{parent.process_id}-1")
    in_child.number = 1
    block(child, [in_child.set("b", 1)], start=3)
    block(parent, [cart.set("c", 1)], start=2)
    block(parent, [cart.set("d", 1)], start=4)
    store.merge(extract(child.spans + parent.spans))
    changes = list(store.mutations(parent.run_id))
    assert [change.location for change in changes] == ["", "['a']", "['c']", "['b']", "['d']"]
    (summary,) = store.containers(parent.run_id)
    assert list(summary.processes.items()) == [(parent.process_id, (0, 3)), (child.process_id, (2, 2))]
    assert summary.missing == 0
