# SPDX-License-Identifier: Apache-2.0
"""Every derivation rule, and every isolation, on facts that come out of real spans."""

from __future__ import annotations

import time

import pytest
from spans import RunSpans

from otelprov.lineage.derive import MAX_WEAK_EDGES, derive_run
from otelprov.lineage.extract import extract
from otelprov.model.span import Span
from otelprov.store.contract import Derivation, Fact

Edges = set[tuple[str, str, str]]


def derived(spans: list[Span]) -> tuple[Edges, Derivation]:
    """(input name, output name, evidence), named by the last part of the path."""
    records = extract(spans)
    ios = [*records.ios, *(fact for statement in records.statements for fact in statement.facts)]
    found = derive_run([Fact(number, io) for number, io in enumerate(ios, 1)], records.steps)
    names = {fact.id: fact.io.name.rsplit("/", 1)[-1] for fact in found.facts}
    return {(names[edge.input], names[edge.output], edge.evidence) for edge in found.edges}, found


@pytest.fixture
def run() -> RunSpans:
    return RunSpans()


def test_order_links_what_was_read_before(run: RunSpans) -> None:
    run.read("/a", 1)
    run.write("/out", 2)
    run.read("/later", 3)
    assert derived(run.spans)[0] == {("a", "out", "order")}


def test_a_read_that_started_before_the_write_ended_is_before(run: RunSpans) -> None:
    run.read("/a", 2, 3)
    run.write("/out", 1, 5)
    assert derived(run.spans)[0] == {("a", "out", "order")}


def test_complete_flow_leaves_no_weaker_edge(run: RunSpans) -> None:
    a, _ = run.read("/a", 1), run.read("/b", 2, rows=5)
    run.write("/out", 3, sources=[a], complete=True)
    assert derived(run.spans)[0] == {("a", "out", "flow")}


def test_complete_flow_says_nothing_of_what_was_read_into_plain_objects(run: RunSpans) -> None:
    a, _ = run.read("/a", 1, rows=5), run.read("/rates.txt", 2)
    run.write("/out", 3, sources=[a], complete=True)
    assert derived(run.spans)[0] == {("a", "out", "flow"), ("rates.txt", "out", "order")}


def test_a_copy_comes_from_nothing_else(run: RunSpans) -> None:
    run.read("/config", 1)
    a = run.read("/a", 2, version="sha256:1")
    run.write("/copy", 3, sources=[a], complete=True, version="sha256:1")
    run.write("/other", 4, sources=[a], complete=True, version="sha256:2")
    copied = {("a", "copy", "flow")}
    assert derived(run.spans)[0] == {*copied, ("a", "other", "flow"), ("config", "other", "order")}


def test_a_member_comes_from_nothing_but_its_archive(run: RunSpans) -> None:
    run.read("/config", 1)
    archive = run.read("/a.zip", 2, version="sha256:1")
    run.write("/a.zip!/member", 3, sources=[archive], complete=True, version="crc32:2")
    assert derived(run.spans)[0] == {("a.zip", "member", "flow")}


def test_a_handle_that_a_library_read_from_is_followed(run: RunSpans) -> None:
    a, b = run.read("/a", 1), run.read("/b", 2)
    run.write("/one", 3, sources=[a], complete=True)
    run.write("/two", 4, sources=[b], complete=True)
    assert derived(run.spans)[0] == {("a", "one", "flow"), ("b", "two", "flow")}


def test_a_write_known_to_come_from_nothing_has_no_edge(run: RunSpans) -> None:
    run.read("/a", 1, rows=5)
    run.write("/out", 3, sources=[], complete=True)
    assert derived(run.spans)[0] == set()


def test_incomplete_flow_is_filled_up_by_order(run: RunSpans) -> None:
    a, _ = run.read("/a", 1), run.read("/b", 2)
    run.write("/out", 3, sources=[a], complete=False)
    assert derived(run.spans)[0] == {("a", "out", "flow"), ("b", "out", "order")}


def test_a_flow_whose_read_did_not_arrive_still_counts(run: RunSpans) -> None:
    a = run.read("/a", 1, version="sha256:1")
    run.write("/out", 3, sources=[a], complete=True)
    assert derived([span for span in run.spans if span is not a])[0] == {("a", "out", "flow")}


def test_flow_reaches_across_requests(run: RunSpans) -> None:
    one, two = run.step("request", 0, 5), run.step("request", 5, 9)
    a = run.read("/a", 1, step=one)
    run.write("/out", 6, step=two, sources=[a], complete=True)
    assert derived(run.spans)[0] == {("a", "out", "flow")}


def test_a_statement_links_its_own_tables_only(run: RunSpans) -> None:
    run.read("/a", 1, rows=5)
    run.sql("CREATE TABLE t AS SELECT * FROM s", 2)
    run.write("/out", 3, sources=[], complete=True)
    assert derived(run.spans)[0] == {("s", "t", "statement")}


def test_what_a_statement_reads_inside_the_database_goes_nowhere_else(run: RunSpans) -> None:
    run.sql("INSERT INTO t SELECT * FROM s", 1)
    run.write("/out", 2)
    assert ("s", "out", "order") not in derived(run.spans)[0]


def test_a_query_feeds_later_writes_and_values_come_from_earlier_reads(run: RunSpans) -> None:
    run.read("/a", 1)
    run.sql("INSERT INTO t VALUES (?)", 2)
    run.sql("SELECT * FROM t", 3)
    run.write("/out", 4)
    assert derived(run.spans)[0] == {("a", "t", "order"), ("a", "out", "order"), ("t", "out", "order")}


def test_a_copy_call_is_a_statement(run: RunSpans) -> None:
    run.read("/other", 1)
    run.write("/out", 2, uses=[("/a", "", "statement")])
    assert derived(run.spans)[0] == {("a", "out", "statement")}


def test_a_declared_source_counts_least(run: RunSpans) -> None:
    run.write("/out", 2, uses=[("/a", "", "declared")])
    assert derived(run.spans)[0] == {("a", "out", "declared")}


def test_the_same_step_is_stronger_than_order(run: RunSpans) -> None:
    stage = run.step("stage", 0, 9)
    run.read("/outside", 0)
    run.read("/a", 1, step=stage)
    run.write("/out", 2, step=stage)
    assert derived(run.spans)[0] == {("a", "out", "step"), ("outside", "out", "order")}


@pytest.mark.parametrize("kind", ["request", "task"])
def test_requests_and_tasks_are_kept_apart(run: RunSpans, kind: str) -> None:
    run.read("/model", 0)
    one, two = run.step(kind, 1, 9), run.step(kind, 1, 9)
    run.read("/a", 1, step=one)
    run.read("/b", 2, step=two)
    run.write("/x", 3, step=one)
    run.write("/y", 4, step=two)
    run.write("/end", 10)
    # What was read at the start is there for all; what a request read is gone with it.
    assert derived(run.spans)[0] == {
        ("a", "x", "step"),
        ("b", "y", "step"),
        ("model", "x", "order"),
        ("model", "y", "order"),
        ("model", "end", "order"),
    }


def test_stages_are_not_kept_apart(run: RunSpans) -> None:
    one, two = run.step("stage", 1, 2), run.step("stage", 3, 4)
    run.read("/a", 1, step=one)
    run.write("/x", 3, step=two)
    assert derived(run.spans)[0] == {("a", "x", "order")}


def test_steps_inside_one_request_share_it(run: RunSpans) -> None:
    request = run.step("request", 1, 9)
    one = run.step("function", 1, 3, inside=request.span_id)
    two = run.step("function", 4, 6, inside=request.span_id)
    run.read("/a", 1, step=one)
    run.write("/x", 5, step=two)
    assert derived(run.spans)[0] == {("a", "x", "step")}


def test_a_step_that_did_not_arrive_keeps_apart(run: RunSpans) -> None:
    one, two = run.step("request", 1, 9), run.step("request", 1, 9)
    run.read("/a", 1, step=one)
    run.write("/x", 2, step=two)
    assert derived([span for span in run.spans if span not in (one, two)])[0] == set()


def test_steps_in_a_ring_do_not_hang(run: RunSpans) -> None:
    one = run.step("stage", 1, 9)
    one.attributes["provenance.step.id"] = one.span_id
    run.read("/a", 1, step=one)
    run.write("/x", 2, step=one)
    assert derived(run.spans)[0] == {("a", "x", "step")}


def test_temporary_files_are_seen_through(run: RunSpans) -> None:
    run.read("/a", 1)
    run.write("/tmp/1", 2, temporary=True)
    again = run.read("/tmp/1", 3, temporary=True)
    run.write("/out", 4, sources=[again], complete=True)
    edges, found = derived(run.spans)
    # By flow from the temporary file, but that came from /a by order alone.
    assert ("a", "out", "order") in edges
    assert {fact.io.name for fact in found.facts if fact.hidden == 1} == {"/tmp/1"}


def test_temporary_files_in_a_row_are_seen_through(run: RunSpans) -> None:
    a = run.read("/a", 1)
    for number in range(3):
        run.write(f"/tmp/{number}", 2 + 2 * number, temporary=True, sources=[a], complete=True)
        a = run.read(f"/tmp/{number}", 3 + 2 * number, temporary=True)
    run.write("/out", 20, sources=[a], complete=True)
    assert ("a", "out", "flow") in derived(run.spans)[0]


def test_a_version_never_derives_from_itself(run: RunSpans) -> None:
    run.read("/a", 1, version="sha256:1")
    run.write("/a", 2, version="sha256:1")
    assert derived(run.spans)[0] == set()


def test_a_new_version_derives_from_the_old_one(run: RunSpans) -> None:
    run.read("/a", 1, version="sha256:1")
    run.write("/a", 2, version="sha256:2")
    assert derived(run.spans)[0] == {("a", "a", "order")}


def test_a_burst_of_inserts_is_one_version_until_the_table_is_read(run: RunSpans) -> None:
    for second in (1, 2, 3):
        run.sql("INSERT INTO t VALUES (?)", second)
    run.sql("SELECT * FROM t", 4)
    run.sql("INSERT INTO t VALUES (?)", 5)
    _, found = derived(run.spans)
    heads = [fact.head for fact in found.facts if fact.io.relation == "generated"]
    assert heads[0] == heads[1] == heads[2] != heads[3]


def test_events_rolled_over_into_a_sibling_belong_to_one_write(run: RunSpans) -> None:
    reads = [run.read(f"/in/{number}", 1) for number in range(5)]
    first = run.write("/out", 2, 3, sources=reads[:3], complete=True)
    second = run.write("/out", 2, 3, sources=reads[3:], complete=True)
    second.parent_id = first.parent_id
    edges, found = derived(run.spans)
    assert edges == {(str(number), "out", "flow") for number in range(5)}
    assert len({edge.output for edge in found.edges}) == 1


def test_too_many_pairs_are_linked_through_the_run_alone(run: RunSpans) -> None:
    for number in range(10_000):
        run.read(f"/in/{number}", 1)
    for number in range(1000):
        run.write(f"/out/{number}", 2)
    began = time.perf_counter()
    edges, found = derived(run.spans)
    assert time.perf_counter() - began < 20
    assert edges == set()
    assert len(found.missing) == 1
    assert str(MAX_WEAK_EDGES) in found.missing[0]
    assert all(fact.via_run for fact in found.facts if fact.io.relation == "generated")


def test_one_step_with_too_many_pairs_does_not_hang_either(run: RunSpans) -> None:
    stage = run.step("stage", 0, 9)
    for number in range(2000):
        run.read(f"/in/{number}", 1, step=stage)
    for number in range(200):
        run.write(f"/out/{number}", 2, step=stage)
    edges, found = derived(run.spans)
    assert edges == set()
    assert len(found.missing) == 1


def test_reading_one_version_often_is_one_edge(run: RunSpans) -> None:
    for second in range(50):
        run.read("/a", second, version="sha256:1")
    run.write("/out", 60)
    _, found = derived(run.spans)
    assert len(found.edges) == 1
