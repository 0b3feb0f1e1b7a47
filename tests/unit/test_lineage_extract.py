# SPDX-License-Identifier: Apache-2.0
"""Spans to facts: every kind, spans of others in both vocabularies, and damaged ones."""

from __future__ import annotations

import time
from typing import Any

import pytest
from spans import RunSpans, at

from otelprov import semconv as names
from otelprov.lineage.extract import extract
from otelprov.model.span import Span, SpanEvent

RUN_ID = "ab" * 16


def foreign(attributes: dict[str, Any], **more: Any) -> Span:
    return Span("1" * 32, "2" * 16, "", "query", at(1), at(2), attributes, {}, **more)


def test_attributes_and_event_are_one_fact() -> None:
    run = RunSpans()
    span = run.read("/a.csv", 1, 2, version="sha256:1", **{names.PROVENANCE_ROWS: 5})
    (fact,) = extract([span]).ios
    assert (fact.relation, fact.namespace, fact.name, fact.version) == ("used", "file", "/a.csv", "sha256:1")
    assert (fact.start, fact.end, fact.rows, fact.columns) == (at(1), at(2), 5, -1)
    assert (fact.code_file, fact.code_line) == ("/home/ana/train.py", 41)


@pytest.mark.parametrize("lost", ["events", "attributes"])
def test_either_of_them_is_enough(lost: str) -> None:
    span = RunSpans().write("/a.csv", 1, version="sha256:1")
    whole = extract([span]).ios
    if lost == "events":
        span.events.clear()
    else:
        for key in [key for key in span.attributes if key.startswith("provenance.entity.")]:
            del span.attributes[key]
    assert extract([span]).ios == whole


def test_a_flow_names_its_read() -> None:
    run = RunSpans()
    read = run.read("/a", 1)
    run.write("/b", 2, sources=[read], complete=True)
    facts = {(fact.relation, fact.name): fact for fact in extract(run.spans[1:]).ios}
    hint, written = facts["used", "/a"], facts["generated", "/b"]
    assert (hint.evidence, hint.source_trace, hint.source_span) == ("flow", read.trace_id, read.span_id)
    assert written.flow_complete
    assert not hint.flow_complete


@pytest.mark.parametrize(
    ("operation", "relation", "accumulates"),
    [
        ("read", "used", False),
        ("list", "used", False),
        ("write", "generated", False),
        ("append", "generated", True),
        ("delete", "deleted", False),
    ],
)
def test_operations(operation: str, relation: str, accumulates: bool) -> None:
    (fact,) = extract([RunSpans().io(operation, "/a", 1)]).ios
    assert (fact.relation, fact.accumulates) == (relation, accumulates)


def test_numbers_of_spans_and_events_are_seen() -> None:
    run = RunSpans()
    run.started()
    run.read("/a", 1)
    assert extract(run.spans).sequences == {(run.run_id, run.process_id): {1, 2, 3, 4}}


def test_a_statement_of_ours() -> None:
    (statement,) = extract([RunSpans().sql("INSERT INTO a SELECT * FROM b", 1)]).statements
    assert [(fact.relation, fact.namespace, fact.name, fact.type) for fact in statement.facts] == [
        ("used", "sqlite:/data/app.db", "b", "table"),
        ("generated", "sqlite:/data/app.db", "a", "table"),
    ]


def test_a_statement_that_failed_moves_nothing() -> None:
    span = RunSpans().sql("INSERT INTO a SELECT * FROM b", 1)
    span.attributes[names.ERROR_TYPE] = "OperationalError"
    assert extract([span]).statements == []


def test_what_no_parser_understands_is_about_the_database() -> None:
    (statement,) = extract([RunSpans().sql("INSERT INTO ((", 1)]).statements
    assert statement.parser == ""
    assert [(fact.relation, fact.name, fact.type) for fact in statement.facts] == [
        ("used", "", "database"),
        ("generated", "", "database"),
    ]
    (query,) = extract([RunSpans().sql("SELECT ((", 1)]).statements
    assert [fact.relation for fact in query.facts] == ["used"]


@pytest.mark.parametrize(
    "attributes",
    [
        {
            names.DB_SYSTEM_NAME: "postgresql",
            names.DB_NAMESPACE: "shop",
            names.DB_QUERY_TEXT: "SELECT * FROM public.sales",
            names.SERVER_ADDRESS: "db1",
            names.SERVER_PORT: 5432,
        },
        {
            names.DB_SYSTEM: "postgresql",
            names.DB_NAME: "shop",
            names.DB_STATEMENT: "SELECT * FROM public.sales",
            names.NET_PEER_NAME: "db1",
            names.NET_PEER_PORT: 5432,
        },
    ],
)
def test_statements_of_others_in_the_new_vocabulary_and_the_old(attributes: dict[str, Any]) -> None:
    span = foreign({**attributes, names.PROVENANCE_RUN_ID: RUN_ID})
    (statement,) = extract([span]).statements
    (fact,) = statement.facts
    assert (fact.run_id, fact.namespace, fact.name) == (RUN_ID, "postgres://db1:5432", "shop.public.sales")


def test_spans_of_others_without_a_run_are_ignored() -> None:
    records = extract([foreign({names.DB_QUERY_TEXT: "SELECT 1"}), foreign({"http.route": "/"})])
    assert (len(records), records.ignored) == (0, 2)


def test_spans_that_were_drawn_from_a_graph_are_no_evidence() -> None:
    for told in (True, "true"):
        span = RunSpans().read("/a", 1, **{names.PROVENANCE_DERIVED: told})
        assert len(extract([span])) == 0


@pytest.mark.parametrize(
    "damage",
    [
        {names.PROVENANCE_SEQ: "x", names.PROVENANCE_ROWS: [1], names.CODE_LINE_NUMBER: "41"},
        {names.PROVENANCE_ROWS: 1 << 70, names.PROVENANCE_SEQ: -5},
        {names.PROVENANCE_KIND: ["io"]},
        {names.PROVENANCE_KIND: "mutations"},
        {names.PROVENANCE_RUN_ID: ""},
        {names.PROVENANCE_ENTITY_NAMESPACE: None},
        {names.PROVENANCE_ENTITY_NAME: 7},
    ],
)
def test_damaged_spans_raise_nothing(damage: dict[str, Any]) -> None:
    span = RunSpans().read("/a", 1)
    span.attributes.update(damage)
    for fact in extract([span]).ios:
        assert -1 <= fact.rows < 1 << 63
        assert isinstance(fact.name, str)


def test_order_makes_no_difference() -> None:
    run = RunSpans()
    run.started()
    run.read("/a", 1)
    run.sql("SELECT * FROM t", 2)
    forward, backward = extract(run.spans), extract(reversed(run.spans))
    assert forward.ios == list(reversed(backward.ios))
    assert forward.lives == list(reversed(backward.lives))
    assert forward.sequences == backward.sequences


def test_the_life_of_a_run() -> None:
    run = RunSpans()
    run.started()
    run.heartbeat(30)
    run.process_ended(40)
    run.ended(41, "failed")
    lives = extract(run.spans).lives
    assert [life.kind for life in lives] == ["run.started", "heartbeat", "process.ended", "run.span"]
    assert [life.run_name for life in lives] == ["train.py"] * 4
    assert lives[0].details[names.SERVICE_NAME] == "train.py"
    assert lives[-1].details["start"] == at(0)


def test_an_exception_on_a_run_span() -> None:
    run = RunSpans()
    span = run.ended(5, "failed")
    span.events.append(SpanEvent("exception", at(5), {names.EXCEPTION_TYPE: "ValueError"}))
    assert [life.kind for life in extract([span]).lives] == ["run.span", "exception"]


def test_mixed_input_is_fast() -> None:
    run = RunSpans()
    own = [run.read(f"/d/{number}", number) for number in range(2000)]
    spans = own + [foreign({"http.request.method": "GET", "url.path": "/x"}) for _ in range(38_000)]
    began = time.process_time()
    assert len(extract(spans)) == 2000
    assert len(spans) / (time.process_time() - began) > 150_000
