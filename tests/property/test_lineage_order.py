# SPDX-License-Identifier: Apache-2.0
"""Order, repetition and division of what arrives make no difference to the store and to the graph."""

from __future__ import annotations

import random
import tempfile
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from spans import RunSpans, make_run

from otelprov import semconv as names
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.model.span import Span
from otelprov.store import open_store

NAMES = some.sampled_from(["/a", "/b", "/c", "/tmp/t"])
VERSIONS = some.sampled_from(["", "", "sha256:1", "sha256:2"])
ACTIONS = some.lists(
    some.tuples(some.sampled_from(["read", "write", "append", "sql", "flow"]), NAMES, VERSIONS, some.integers(0, 3)),
    min_size=1,
    max_size=12,
)
STATEMENTS = ["INSERT INTO t VALUES (?)", "SELECT * FROM t", "INSERT INTO u SELECT * FROM t", "CREATE TABLE v (a)"]


def build(plan: list[list[tuple[str, str, str, int]]]) -> list[Span]:
    spans: list[Span] = []
    for number, actions in enumerate(plan):
        run = RunSpans(f"run{number}.py", start=100 * number)
        run.started()
        steps = [None, run.step("request", run.start, run.start + 50), run.step("stage", run.start, run.start + 50)]
        reads: list[Span] = []
        for second, (action, name, version, which) in enumerate(actions, 1):
            step, when = steps[which % 3], run.start + second // 2
            temporary = name.startswith("/tmp/")
            if action == "sql":
                run.sql(STATEMENTS[which], when, step=step)
            elif action == "flow":
                run.write(name, when, step=step, sources=reads[-2:], complete=which > 1, temporary=temporary)
            else:
                span = run.io(action, name, when, version=version, step=step, temporary=temporary)
                reads += [span] if action == "read" else []
        if number % 2:
            run.process_ended(run.start + 60)
            run.ended(run.start + 60)
        spans += run.spans
    return spans


def picture(deliveries: list[list[Span]], *, derive_at_once: bool) -> dict[str, Any]:
    """All that a store answers, after spans were delivered in portions."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store.db")
        for spans in deliveries:
            store.merge(extract(spans), derive=derive_run if derive_at_once else None)
        found: dict[str, Any] = {}
        for entity in store.entities():
            path = entity.name if entity.namespace == "file" else f"{entity.namespace}/{entity.name}"
            found[f"+{path}+"] = lineage(store, f'+"{path}"+').as_json()
        for run in store.runs():
            found[run.run_id] = lineage(store, f"+{run.run_id}+").as_json()
        # Asked last: what a question derives for the first time counts here, too.
        found["runs"], found["details"] = store.runs(), [store.run(run.run_id) for run in store.runs()]
        found["entities"] = store.entities()
        store.close()
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=some.lists(ACTIONS, min_size=1, max_size=3), seed=some.integers(0, 2**32), portions=some.integers(1, 5))
def test_any_delivery_gives_the_same_store_and_graph(
    plan: list[list[tuple[str, str, str, int]]], seed: int, portions: int
) -> None:
    spans = build(plan)
    chance = random.Random(seed)
    shuffled = spans + chance.choices(spans, k=len(spans) // 2)
    chance.shuffle(shuffled)
    deliveries = [shuffled[at::portions] for at in range(portions)]
    assert picture(deliveries, derive_at_once=bool(seed % 2)) == picture([spans], derive_at_once=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=some.integers(0, 2**32))
def test_whatever_is_missing_the_graph_says_so(seed: int) -> None:
    run = make_run("train.py", ["/a@1", "/b@1"], ["/c@1"])
    chance = random.Random(seed)
    # The write has to be there, or nothing is asked for.
    kept = [span for span in run.spans if span.name.startswith("write") or chance.random() < 0.6]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store.db")
        store.merge(extract(kept), derive=derive_run)
        graph = lineage(store, "+/c")
        store.close()
    told = any(names.PROVENANCE_PROCESS_RECORDS in span.attributes for span in kept)
    last = max(event.attributes[names.PROVENANCE_SEQ] for span in kept for event in span.events)
    if len(kept) == len(run.spans):
        assert graph.complete
    elif told or last > 2 * len(kept):
        assert not graph.complete
