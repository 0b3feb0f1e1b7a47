# SPDX-License-Identifier: Apache-2.0
"""Views are seen through: to the tables, and their columns, that stand behind them when a statement reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spans import RunSpans
from statement_runs import DB, asked, handed_on, put, run_of, statement

from otelprov.lineage import sql_columns
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.model.records import USED
from otelprov.model.span import SpanEvent
from otelprov.semconv import names
from otelprov.store import Store, open_store
from otelprov.store.contract import Bounds

DAILY = "CREATE VIEW daily AS SELECT day, sum(amount) AS total FROM raw WHERE ok GROUP BY day"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "store.db")) as opened:
        yield opened


def sources(store: Store, name: str) -> set[str]:
    """What an entity derives from at once, with the evidence."""
    graph = lineage(store, f"+{name}")
    return {
        f"{graph.nodes[edge.source].name.rpartition('/')[2]} {edge.evidence}"
        for edge in graph.edges
        if edge.relation == "derived" and edge.target in graph.focus
    }


def upstream(store: Store, name: str) -> set[str]:
    return around(store, f"+{name}") - {name}


def around(store: Store, selection: str) -> set[str]:
    nodes = lineage(store, selection).nodes.values()
    return {node.name.rpartition("/")[2] for node in nodes if node.kind == "entity"}


def used(store: Store) -> set[str]:
    [run] = store.runs()
    return {fact.io.name for fact in store.facts_of_run(run.run_id, USED, Bounds())}


def test_tables_are_read_as_they_are_when_the_view_is_read(store: Store) -> None:
    put(
        store,
        run_of(
            "INSERT INTO raw SELECT * FROM monday",
            DAILY,
            "CREATE TABLE raw AS SELECT * FROM tuesday",
            "CREATE TABLE q AS SELECT * FROM daily",
        ),
    )
    assert sources(store, "q") == {"raw statement"}
    assert upstream(store, "q") == {"raw", "tuesday"}
    assert used(store) == {"monday", "tuesday", "raw"}
    assert around(store, "tuesday+") == {"tuesday", "raw", "q"}


def test_columns_go_through(store: Store) -> None:
    put(store, run_of(DAILY, "CREATE TABLE q AS SELECT total * 2 AS t, d.day FROM daily d"))
    assert asked(store, "+q") == {
        "raw#amount > q#t AGGREGATION",
        "raw#ok > q#t FILTER",
        "raw#day > q#t GROUP_BY",
        "raw#day > q#day IDENTITY",
        "raw#ok > q#day FILTER",
    }
    assert asked(store, "raw#amount+") == {"raw#amount > q#t AGGREGATION"}


def test_stars_know_the_columns_of_a_view(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE TABLE raw (day TEXT, amount REAL)",
            "CREATE VIEW v AS SELECT *, 1 AS one FROM raw",
            "CREATE TABLE q AS SELECT * FROM v",
            "ALTER TABLE raw ADD COLUMN till TEXT",
            "CREATE TABLE late AS SELECT * FROM v",
        ),
    )
    assert asked(store, "+q") == {"raw#day > q#day IDENTITY", "raw#amount > q#amount IDENTITY"}
    assert "raw#till > late#till IDENTITY" in asked(store, "+late")


def test_stars_of_unknown_tables_hand_names_on(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE VIEW v AS SELECT * FROM raw WHERE ok",
            "CREATE TABLE q AS SELECT amount AS a FROM v",
            "CREATE VIEW w AS SELECT *, day AS d FROM raw",
            "CREATE TABLE p AS SELECT * FROM w",
        ),
    )
    assert asked(store, "+q") == {"raw#amount > q#a IDENTITY", "raw#ok > q#a FILTER"}
    assert asked(store, "+p#d") == {"raw#day > p#d IDENTITY"}
    assert asked(store, "+p#other") == {"raw#other > p#other IDENTITY"}


def test_a_count_of_a_view_is_of_its_rows(store: Store) -> None:
    put(store, run_of(DAILY, "CREATE TABLE q AS SELECT count(*) AS n FROM daily"))
    assert {edge.rpartition(" ")[2] for edge in asked(store, "+q#n")} <= {"INDIRECT", "FILTER", "GROUP_BY"}
    assert sources(store, "q") == {"raw statement"}


def test_a_view_that_no_parser_can_take_apart_is_all_of_its_tables(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sql_columns.tree_of
    monkeypatch.setattr(sql_columns, "tree_of", lambda text, system: None if "VIEW" in text else real(text, system))
    put(store, run_of(DAILY, "CREATE TABLE q AS SELECT total FROM daily"))
    assert asked(store, "+q#total") == {"raw > q#total DIRECT"}


def test_views_of_views(store: Store) -> None:
    put(
        store,
        run_of(
            DAILY,
            "CREATE VIEW best AS SELECT max(total) AS top, city FROM daily JOIN shop USING (day) GROUP BY city",
            "INSERT INTO raw SELECT * FROM till",
            "CREATE TABLE q AS SELECT top FROM best",
        ),
    )
    assert sources(store, "q") == {"raw statement", "shop statement"}
    assert upstream(store, "q") == {"raw", "shop", "till"}
    assert "raw#amount > q#top AGGREGATION" in asked(store, "+q")
    assert not any("best" in edge or "daily" in edge for edge in asked(store, "+q"))


def test_a_view_of_a_view_that_was_defined_anew(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE VIEW v AS SELECT a FROM one",
            "CREATE VIEW w AS SELECT a FROM v",
            "CREATE TABLE q AS SELECT a FROM w",
            "DROP VIEW v",
            "CREATE VIEW v AS SELECT b AS a FROM two",
            "CREATE TABLE p AS SELECT a FROM w",
        ),
    )
    assert asked(store, "+q") == {"one#a > q#a IDENTITY"}
    assert asked(store, "+p") == {"two#b > p#a IDENTITY"}


def test_the_definition_of_that_moment_counts(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE VIEW v AS SELECT a FROM one",
            "CREATE TABLE first AS SELECT a FROM v",
            "DROP VIEW v",
            "CREATE VIEW v AS SELECT b AS a FROM two",
            "CREATE TABLE second AS SELECT a FROM v",
            "CREATE VIEW IF NOT EXISTS v AS SELECT c AS a FROM three",
            "CREATE TABLE third AS SELECT a FROM v",
            "CREATE OR REPLACE VIEW v AS SELECT d AS a FROM four",
            "CREATE TABLE fourth AS SELECT a FROM v",
            "DROP VIEW IF EXISTS v",
            "CREATE TABLE v AS SELECT e AS a FROM five",
            "CREATE TABLE fifth AS SELECT a FROM v",
        ),
    )
    assert {name: sources(store, name) for name in ("first", "second", "third", "fourth", "fifth")} == {
        "first": {"one statement"},
        "second": {"two statement"},
        "third": {"two statement"},
        "fourth": {"four statement"},
        "fifth": {"v statement"},
    }
    assert asked(store, "+third") == {"two#b > third#a IDENTITY"}


def test_equal_times_are_told_apart_by_their_numbers(store: Store) -> None:
    run = RunSpans("job.py")
    for text in (
        "CREATE TABLE q AS SELECT a FROM v",
        "CREATE VIEW v AS SELECT a FROM one",
        "CREATE TABLE p AS SELECT a FROM v",
    ):
        statement(run, text, 1)
    put(store, run)
    assert (sources(store, "q"), sources(store, "p")) == ({"v statement"}, {"one statement"})


def test_a_view_of_another_run_stays_what_it_is(store: Store) -> None:
    put(
        store,
        run_of("CREATE VIEW v AS SELECT a FROM one"),
        run_of("CREATE TABLE q AS SELECT a FROM v", start=50, name="b"),
    )
    assert sources(store, "q") == {"v statement"}
    assert upstream(store, "q") == {"v"}


def test_a_temporary_view_is_seen_by_its_own_process(store: Store) -> None:
    run, other = RunSpans("job.py"), RunSpans("job.py", process="worker")
    statement(run, "CREATE TEMP VIEW v AS SELECT a FROM one", 1)
    statement(run, "CREATE TABLE q AS SELECT a FROM v", 2)
    statement(other, "CREATE TABLE p AS SELECT a FROM v", 3)
    statement(run, "DROP VIEW v", 4)
    statement(run, "CREATE TABLE r AS SELECT a FROM v", 5)
    put(store, run, other)
    assert (sources(store, "q"), sources(store, "p"), sources(store, "r")) == (
        {"one statement"},
        {"v statement"},
        {"v statement"},
    )


def test_a_temporary_view_may_hide_the_table_that_it_reads(store: Store) -> None:
    put(store, run_of("CREATE TEMP VIEW raw AS SELECT day FROM main.raw", "CREATE TABLE q AS SELECT day FROM raw"))
    assert asked(store, "+q") == {"raw#day > q#day IDENTITY"}


def test_a_view_over_a_temporary_table_is_seen_through_to_the_end(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE TEMP TABLE scratch AS SELECT * FROM raw",
            "CREATE TEMP VIEW v AS SELECT day FROM scratch",
            "CREATE TABLE q AS SELECT day FROM v",
        ),
    )
    assert upstream(store, "q") == {"raw"}
    assert asked(store, "+q") == {"raw#day > q#day IDENTITY"}


def test_attached_databases(store: Store) -> None:
    attached = {names.PROVENANCE_DATABASE_ATTACHED: json.dumps({"old": "/data/old.db"})}
    run = RunSpans("job.py")
    # A lasting view of an attached database reads tables of that one.
    statement(run, "CREATE VIEW old.v AS SELECT a FROM sale", 1, **attached)
    statement(run, "CREATE TEMP VIEW w AS SELECT a FROM old.sale UNION ALL SELECT a FROM sale", 2, **attached)
    statement(run, "CREATE TABLE q AS SELECT a FROM old.v", 3, **attached)
    statement(run, "CREATE TABLE p AS SELECT a FROM w", 4, **attached)
    put(store, run)

    def tables(name: str) -> set[str]:
        graph = lineage(store, f"+{name}")
        return {
            f"{graph.nodes[edge.source].namespace} {graph.nodes[edge.source].name}"
            for edge in graph.edges
            if edge.relation == "derived"
        }

    assert tables("q") == {"sqlite:/data/old.db sale"}
    assert tables("p") == {"sqlite:/data/old.db sale", f"{DB} sale"}
    assert asked(store, "+q") == {"sale#a > q#a IDENTITY"}


def test_a_common_table_of_the_name_of_a_view_is_no_view(store: Store) -> None:
    put(
        store,
        run_of(DAILY, "CREATE TABLE q AS WITH daily AS (SELECT a AS total FROM other) SELECT total FROM daily"),
    )
    assert sources(store, "q") == {"other statement"}
    assert asked(store, "+q") == {"other#a > q#total IDENTITY"}


def test_the_rows_of_a_view_are_followed_out_of_the_database(store: Store) -> None:
    run = run_of(DAILY)
    query = statement(run, "SELECT total FROM daily", 5)
    write = run.io("write", "/data/out.csv", 6, sources=[], complete=True)
    handed_on(query, write)
    put(store, run)
    assert sources(store, "out.csv") == {"raw flow"}


def test_files_that_several_spans_tell_of_belong_to_one_view(store: Store) -> None:
    run = RunSpans("job.py")
    for name in ("/data/1.csv", "/data/2.csv"):
        span = statement(run, 'CREATE VIEW v AS SELECT day FROM "*.csv"', 1, "duckdb")
        told = {
            names.PROVENANCE_ENTITY_NAMESPACE: "file",
            names.PROVENANCE_ENTITY_NAME: name,
            names.PROVENANCE_ENTITY_ALIAS: "*.csv",
            names.PROVENANCE_EVIDENCE: names.PROVENANCE_EVIDENCE_STATEMENT,
        }
        span.events.append(SpanEvent(names.EVENT_PROVENANCE_ENTITY_USED, span.end, told))
    statement(run, "CREATE TABLE q AS SELECT day FROM v", 2, "duckdb")
    put(store, run)
    assert sources(store, "q") == {"1.csv statement", "2.csv statement"}
    assert asked(store, "+q") == {"1.csv#day > q#day IDENTITY", "2.csv#day > q#day IDENTITY"}


def test_a_read_of_a_view_counts_at_its_time_and_not_when_it_is_written(store: Store) -> None:
    run = run_of(DAILY)
    view = {
        names.PROVENANCE_ENTITY_NAMESPACE: DB,
        names.PROVENANCE_ENTITY_NAME: "daily",
        names.PROVENANCE_ENTITY_TYPE: "table",
    }
    read = run.add(names.PROVENANCE_KIND_IO, "read daily", {names.PROVENANCE_OPERATION: "read", **view}, start=5)
    statement(run, "DROP VIEW daily", 6)
    write = run.io("write", "/data/out.csv", 7, sources=[], complete=True)
    handed_on(read, write)
    write.events[-1].attributes.update(view)
    put(store, run)
    assert sources(store, "out.csv") == {"raw flow"}


def test_a_view_that_is_never_read_goes_nowhere(store: Store) -> None:
    run = run_of(DAILY)
    run.write("/data/out.csv", 9)
    put(store, run)
    assert upstream(store, "out.csv") == set()
    assert used(store) == set()
    assert dumped(store)[2] == []


def test_a_view_of_constants_and_one_of_itself_stay_what_they_are(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE VIEW one AS SELECT 1 AS n",
            "CREATE VIEW ring AS SELECT * FROM bell JOIN bell AS b USING (x) JOIN bell AS c USING (x)",
            "CREATE VIEW bell AS SELECT * FROM ring JOIN ring AS r USING (x) JOIN ring AS s USING (x)",
            "CREATE TABLE q AS SELECT n FROM one",
            "CREATE TABLE p AS SELECT * FROM ring",
        ),
    )
    assert sources(store, "q") == {"one statement"}
    assert sources(store, "p") == {"bell statement"}
    assert asked(store, "+p#x")


def test_what_a_statement_reads_itself_is_told_once(store: Store) -> None:
    put(store, run_of(DAILY, "CREATE TABLE q AS SELECT total FROM daily JOIN raw USING (day)"))
    assert sources(store, "q") == {"raw statement"}


def test_any_order_of_arrival_gives_the_same(tmp_path: Path) -> None:
    run = run_of(
        DAILY,
        "CREATE TABLE raw AS SELECT * FROM monday",
        "CREATE TABLE q AS SELECT total FROM daily",
        "DROP VIEW daily",
        "CREATE VIEW daily AS SELECT other AS total FROM shop",
        "CREATE TABLE p AS SELECT total FROM daily",
    )
    found = []
    for seed in range(6):
        spans = list(run.spans)
        random.Random(seed).shuffle(spans)
        with open_store(str(tmp_path / f"{seed}.db")) as store:
            for at in range(0, len(spans), 2):
                store.merge(extract(spans[at : at + 2]), derive=derive_run)
            store.merge(extract(spans), derive=derive_run)
            found.append(dumped(store))
    assert all(each == found[0] for each in found)
    assert ("q", "raw", "statement") in found[0][0]
    assert ("p", "shop", "statement") in found[0][0]


def test_facts_that_follow_no_longer_are_gone(store: Store) -> None:
    first, second = RunSpans("job.py"), RunSpans("job.py", process="late")
    statement(first, "CREATE VIEW v AS SELECT a FROM one", 1)
    statement(first, "CREATE TABLE q AS SELECT a FROM v", 3)
    statement(second, "CREATE OR REPLACE VIEW v AS SELECT b AS a FROM two", 2)
    put(store, first)
    assert sources(store, "q") == {"one statement"}
    put(store, second)
    assert sources(store, "q") == {"two statement"}
    assert used(store) == {"two"}


def dumped(store: Store) -> list[Any]:
    rows = store._rows  # type: ignore[attr-defined]
    edges = (
        "SELECT o.name, i.name, d.evidence FROM derived d JOIN fact o ON o.id = d.output JOIN fact i ON i.id = d.input"
    )
    facts = "SELECT span_id, relation, name, hidden, node, operation FROM fact"
    return [sorted(rows(query)) for query in (edges, facts, "SELECT * FROM column_edge")]
