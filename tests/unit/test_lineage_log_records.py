# SPDX-License-Identifier: Apache-2.0
"""Events that come as log records of their own: the same facts and the same graph as from span events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from spans import RunSpans

from otelprov import semconv as names
from otelprov.ingest.sift import record_span
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.model.records import GENERATED, USED
from otelprov.model.span import Span, SpanEvent
from otelprov.store import open_store


def program() -> RunSpans:
    run = RunSpans("train.py")
    run.started()
    step = run.step("request", 1, 9)
    raw = run.read("/data/raw.csv", 1, 2, version="sha256:1", step=step)
    run.read("/data/other.csv", 2, 3, version="sha256:2", step=step)
    run.write("/data/out.csv", 3, 4, version="sha256:3", sources=[raw], complete=True, step=step)
    run.write("/data/log.csv", 5, 6, step=step)
    run.process_ended(10)
    run.ended(11)
    return run


def is_entity(event: SpanEvent) -> bool:
    return event.name in (names.EVENT_PROVENANCE_ENTITY_USED, names.EVENT_PROVENANCE_ENTITY_GENERATED)


def as_records(span: Span) -> Iterator[Span]:
    """The entities in the events of a span as they come when they are sent as log records."""
    resource = {**span.resource, names.PROVENANCE_PROCESS_ID: span.attributes[names.PROVENANCE_PROCESS_ID]}
    for event in filter(is_entity, span.events):
        yield record_span(
            event.name, event.time, span.trace_id, span.span_id, dict(event.attributes), resource, span.scope
        )


def graph(folder: Path, *deliveries: list[Span]) -> tuple[Any, Any]:
    with open_store(str(folder / "store.db")) as store:
        for spans in deliveries:
            store.merge(extract(spans), derive=derive_run)
        conflicts = store._rows("SELECT * FROM conflict")
        answers = [
            lineage(store, f"+{name}+").as_json() for name in ("/data/out.csv", "/data/log.csv", "/data/raw.csv")
        ]
        for answer in answers:
            # When a record was written, it does not tell when the call began that it is about.
            answer["nodes"] = {node["id"]: node | {"time": 0} for node in answer["nodes"]}
        return answers, (conflicts, store.run("last"))


@pytest.mark.parametrize("first", ["records", "spans"])
@pytest.mark.parametrize("spans_as", ["whole", "bare"])
def test_the_same_graph_whatever_comes_first(tmp_path: Path, spans_as: str, first: str) -> None:
    spans = program().spans
    (tmp_path / "expected").mkdir()
    expected = graph(tmp_path / "expected", spans)
    records = [record for span in spans for record in as_records(span)]
    if spans_as == "bare":
        spans = [replace(span, events=[event for event in span.events if not is_entity(event)]) for span in spans]
    order = [records, spans] if first == "records" else [spans, records]
    assert graph(tmp_path, *order) == expected


def test_records_alone_are_facts_of_their_run(tmp_path: Path) -> None:
    run = program()
    (read,) = extract(list(as_records(run.spans[2]))).ios
    assert (read.run_id, read.process_id, read.relation, read.name) == (
        run.run_id, run.process_id, USED, "/data/raw.csv",
    )  # fmt: skip
    written = extract([record for span in run.spans for record in as_records(span)]).ios
    assert {fact.name for fact in written if fact.relation == GENERATED} == {"/data/out.csv", "/data/log.csv"}
    (flow,) = [fact for fact in written if fact.evidence]
    assert (flow.name, flow.source_span) == ("/data/raw.csv", run.spans[2].span_id)
