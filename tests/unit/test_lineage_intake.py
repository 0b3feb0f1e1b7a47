# SPDX-License-Identifier: Apache-2.0
"""From a source into the store: positions, repetition, dead processes, what could not be taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutation_events import History, block
from spans import RunSpans, make_run

from otelprov.ingest.contract import Batch, Problems
from otelprov.ingest.sift import Sift
from otelprov.lineage import intake
from otelprov.lineage.intake import take_in, take_in_journals
from otelprov.lineage.query import lineage
from otelprov.model.span import Span
from otelprov.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "store.db"))
    yield opened
    opened.close()


class Listed:
    """A source of batches that are known beforehand."""

    def __init__(self, *batches: Batch, fails: bool = False) -> None:
        self.name = "listed"
        self.problems = Problems()
        self.sift = Sift()
        self._batches = batches
        self._fails = fails

    def batches(self) -> Iterator[Batch]:
        yield from self._batches
        if self._fails:
            raise ConnectionResetError


def line(run: RunSpans, span: Span) -> bytes:
    """One line of OTLP/JSON."""

    def value(found: object) -> dict[str, object]:
        if isinstance(found, bool):
            return {"boolValue": found}
        return {"intValue": str(found)} if isinstance(found, int) else {"stringValue": found}

    def pairs(attributes: dict[str, object]) -> list[dict[str, object]]:
        return [{"key": key, "value": value(found)} for key, found in attributes.items()]

    shape = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": pairs(span.attributes),
        "events": [
            {"name": event.name, "timeUnixNano": str(event.time), "attributes": pairs(event.attributes)}
            for event in span.events
        ],
    }
    scopes = [{"scope": {"name": "otelprov"}, "spans": [shape]}]
    resource = {"attributes": pairs(run.resource)}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode() + b"\n"


def test_spans_positions_and_edges_arrive(store: Store) -> None:
    run = make_run("a.py", ["/a@1"], ["/b@1"])
    report = take_in(store, Listed(Batch(run.spans, "/j/1", 700), Batch([], "window", 0)))
    assert (report.spans, report.facts, report.new, report.skipped) == (5, 5, 5, 0)
    assert store.positions() == {"/j/1": 700}
    assert len(lineage(store, "+/b").nodes) == 3
    again = take_in(store, Listed(Batch(run.spans, "/j/1", 700)))
    assert (again.spans, again.new) == (5, 0)


def test_large_sources_are_merged_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SPANS_PER_MERGE", 3)
    run = make_run("a.py", [f"/in/{number}@1" for number in range(10)], ["/b@1"])
    batches = [Batch([span], "/j/1", number + 1) for number, span in enumerate(run.spans)]
    report = take_in(store, Listed(*batches))
    assert report.new == len(run.spans)
    assert store.positions() == {"/j/1": len(run.spans)}
    assert len(lineage(store, "+/b").nodes) == 12


def test_blocks_of_changes_are_merged_in_smaller_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SPANS_PER_MERGE", 50)
    run, cart, held = RunSpans("a.py"), History("c"), []
    for _ in range(6):
        block(run, [cart.set("a", number) for number in range(100)])
    merge = store.merge
    monkeypatch.setattr(store, "merge", lambda records, **more: held.append(len(records)) or merge(records, **more))
    take_in(store, Listed(*(Batch([span], "/j/1", number + 1) for number, span in enumerate(run.spans))))
    assert held == [200, 200, 200]
    assert len(list(store.mutations(run.run_id))) == 600


def test_what_came_before_an_error_stays_with_its_position(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SPANS_PER_MERGE", 1)
    run = make_run("a.py", ["/a@1"], ["/b@1"])
    with pytest.raises(ConnectionResetError):
        take_in(store, Listed(Batch(run.spans, "/j/1", 5), fails=True))
    assert store.positions() == {"/j/1": 5}
    assert [found.name for found in store.runs()] == ["a.py"]


def test_gaps_are_reported(store: Store) -> None:
    run = make_run("a.py", ["/a@1"], ["/b@1"])
    report = take_in(store, Listed(Batch(run.spans[2:], "/j/1", 5)))
    assert any("have not arrived" in sentence for sentence in report.incomplete)


def test_a_journal_is_read_on_and_its_dead_writer_closes_the_run(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o700)
    run = RunSpans()
    run.started()
    run.read("/a", 1)
    from otelprov.journal.folder import JournalFile
    from otelprov.journal.journal import SUFFIX

    path = folder / f"20260601-1-{run.process_id}-1{SUFFIX}"
    assert JournalFile(str(path), 0, False).process_id == run.process_id
    path.write_bytes(b"".join(line(run, span) for span in run.spans))
    path.chmod(0o600)
    first = take_in_journals(store, str(folder))
    assert first.problems == []
    assert first.spans >= 2
    (found,) = store.runs()
    # Nobody holds the file's lock, so its writer is dead, and never said how it ended.
    assert found.status == "interrupted"
    assert not found.complete
    assert take_in_journals(store, str(folder)).spans == 0
    with path.open("ab") as file:
        late = run.write("/b", 2)
        file.write(line(run, late))
    assert take_in_journals(store, str(folder)).spans == 1
    assert len(lineage(store, "+/b").nodes) == 3


def test_no_journal_folder_is_no_error(store: Store, tmp_path: Path) -> None:
    assert take_in_journals(store, str(tmp_path / "none")).spans == 0
