# SPDX-License-Identifier: Apache-2.0
"""The level of columns: through statements, flows, temporary tables and runs, and where no column is known."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spans import RunSpans
from statement_runs import asked, edges, handed_on, put, run_of, statement

from otelprov.errors import NotFoundError
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.semconv import names
from otelprov.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "store.db")) as opened:
        yield opened


def test_columns_through_tables_that_the_run_has_defined(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE TABLE raw (day TEXT, amount REAL, note TEXT)",
            "CREATE TABLE copied AS SELECT * FROM raw",
            "CREATE TABLE totals (day, total)",
            "INSERT INTO totals SELECT day, sum(amount) FROM copied GROUP BY day",
        ),
    )
    assert asked(store, "+totals#total") == {
        "copied#amount > totals#total AGGREGATION",
        "copied#day > totals#total GROUP_BY",
        "raw#amount > copied#amount IDENTITY",
        "raw#day > copied#day IDENTITY",
    }
    assert asked(store, "raw#note+") == {"raw#note > copied#note IDENTITY"}
    assert "raw#amount > copied#amount IDENTITY" in asked(store, "raw#amount+ and +totals#total")


def test_a_name_with_a_column_needs_no_level(store: Store) -> None:
    put(store, run_of("CREATE TABLE q AS SELECT a AS z FROM t"))
    assert edges(lineage(store, "+q#z")) == {"t#a > q#z IDENTITY"}
    [focus] = lineage(store, "+q#Z").focus
    shape = lineage(store, "+q#z").as_json()
    [edge] = shape["edges"]
    assert (edge["transformation"], edge["evidence"], edge["target"]) == ("DIRECT:IDENTITY", "statement", focus)
    node = next(node for node in shape["nodes"] if node["id"] == focus)
    assert (node["type"], node["name"], node["details"]["column"]) == ("column", "q#z", "z")
    with pytest.raises(NotFoundError):
        lineage(store, "+missing#z")


def test_hops_are_bounded_and_the_rest_is_counted(store: Store) -> None:
    put(store, run_of("CREATE TABLE b AS SELECT x FROM a", "CREATE TABLE c AS SELECT x FROM b"))
    graph = lineage(store, "1+c#x")
    assert edges(graph) == {"b#x > c#x IDENTITY"}
    assert graph.hidden_upstream == 1


@pytest.mark.parametrize("kind", ["TEMP TABLE", "TEMPORARY TABLE"])
def test_temporary_tables_are_seen_through(store: Store, kind: str) -> None:
    put(
        store,
        run_of(
            "CREATE TABLE raw (day TEXT, amount REAL)",
            f"CREATE {kind} step AS SELECT day, amount * 2 AS twice FROM raw WHERE amount > ?",
            "CREATE TABLE done AS SELECT max(twice) AS top FROM step",
        ),
    )
    assert asked(store, "+done#top") == {"raw#amount > done#top AGGREGATION"}
    assert asked(store, "raw#amount+") >= {"raw#amount > done#top AGGREGATION"}


def test_a_star_of_an_unknown_table_hands_on_names(store: Store) -> None:
    put(
        store,
        run_of("CREATE TABLE one AS SELECT *, a + ? AS more FROM far", name="first.py"),
        run_of("CREATE TABLE two AS SELECT more, a, other FROM one", name="second.py", start=100),
    )
    assert asked(store, "+two") == {
        "one#more > two#more IDENTITY",
        "one#a > two#a IDENTITY",
        "one#other > two#other IDENTITY",
        "far#a > one#more TRANSFORMATION",
        "far#a > one#a IDENTITY",
        "far#other > one#other IDENTITY",
    }
    assert asked(store, "far#other+") == {
        "far#other > one#other IDENTITY",
        "one#other > two#other IDENTITY",
    }


def test_what_nobody_can_tell_is_answered_by_the_table(store: Store) -> None:
    put(store, run_of("INSERT INTO done SELECT * FROM far"))
    assert asked(store, "+done#x") == {"far > done#x DIRECT"}


def test_a_constant_has_no_source(store: Store) -> None:
    put(store, run_of("CREATE TABLE q AS SELECT a, ? AS made FROM t"))
    assert asked(store, "+q#made") == set()
    assert asked(store, "+q#a") == {"t#a > q#a IDENTITY"}


def test_an_update_comes_from_the_version_before_too(store: Store) -> None:
    put(
        store,
        run_of(
            "CREATE TABLE t (a, b)",
            "INSERT INTO t (a, b) SELECT x, y FROM src",
            "SELECT * FROM t",
            "UPDATE t SET b = a",
        ),
    )
    found = asked(store, "+t#b")
    assert "src#y > t#b IDENTITY" in found
    assert {"t#a > t#b IDENTITY", "t#b > t#b IDENTITY"} & found


def flow(run: RunSpans, read: Any, output: str, told: list[list[str]] | None, at: float) -> Any:
    """A write of a file that was followed from a read, with its columns."""
    write = run.io("write", output, at, at + 0.1, sources=[read], complete=True)
    if told is not None:
        for event in write.events:
            if names.PROVENANCE_EVIDENCE in event.attributes:
                event.attributes[names.PROVENANCE_COLUMN_EDGES] = json.dumps(told)
    return write


def test_flows_tell_their_columns(store: Store) -> None:
    run = RunSpans("flow.py")
    read = run.io("read", "/data/a.csv", 1, version="sha256:1", **{names.PROVENANCE_COLUMN_NAMES: '["x","y"]'})
    read.attributes[names.PROVENANCE_COLUMNS] = 2
    flow(run, read, "/data/known.csv", [["z", "x", "DIRECT:IDENTITY"], ["", "y", "INDIRECT:FILTER"]], 2)
    flow(run, read, "/data/same.csv", [["*", "*", "DIRECT:IDENTITY"]], 3)
    flow(run, read, "/data/unknown.csv", None, 4)
    put(store, run)
    assert asked(store, "+known.csv#z") == {"a.csv#x > known.csv#z IDENTITY", "a.csv#y > known.csv#z FILTER"}
    assert asked(store, "+same.csv#y") == {"a.csv#y > same.csv#y IDENTITY"}
    assert asked(store, "+unknown.csv#y") == {"a.csv > unknown.csv#y DIRECT"}
    assert asked(store, "a.csv#x+") == {
        "a.csv#x > known.csv#z IDENTITY",
        "a.csv#x > same.csv#x IDENTITY",
        "a.csv#x > unknown.csv DIRECT",
    }
    assert {node.details.get("column") for node in lineage(store, "a.csv", level="column").nodes.values()} == {"x", "y"}


def test_edges_that_were_left_out_may_come_from_any_column(store: Store) -> None:
    run = RunSpans("flow.py")
    read = run.io("read", "/data/a.csv", 1, version="sha256:1")
    write = flow(run, read, "/data/b.csv", [["z", "x", "DIRECT:IDENTITY"]], 2)
    write.events[-1].attributes[names.PROVENANCE_COLUMN_LEFT_OUT] = 3
    put(store, run)
    assert asked(store, "+b.csv#z") == {"a.csv#x > b.csv#z IDENTITY"}
    assert asked(store, "+b.csv#w") == {"a.csv > b.csv#w DIRECT"}


def test_the_result_of_a_statement_is_handed_on(store: Store) -> None:
    run = RunSpans("query.py")
    statement(run, "CREATE TABLE raw (day TEXT, amount REAL)", 1)
    query = statement(run, "SELECT day, sum(amount) AS total FROM raw GROUP BY day", 2)
    write = run.io("write", "/data/out.csv", 3)
    handed_on(query, write, '[["sum","total","DIRECT:IDENTITY"]]')
    put(store, run)
    wanted = {"raw#amount > out.csv#sum AGGREGATION", "raw#day > out.csv#sum GROUP_BY"}
    assert asked(store, "+out.csv#sum") == wanted
    assert asked(store, "raw#amount+") == {"raw#amount > out.csv#sum AGGREGATION"}
    assert {node.name.rpartition("/")[2] for node in lineage(store, "+out.csv").nodes.values()} >= {"raw", "out.csv"}


@pytest.mark.parametrize(
    "said",
    ["", "[", "5", "null", '["x"]', '[["a"]]', '[["a","b",3]]', "[[" * 5000, '{"a": "b"}', '[["a","b","c","d"]]'],
)
def test_nonsense_in_the_place_of_edges_is_no_edge(store: Store, said: str) -> None:
    run = RunSpans("flow.py")
    read = run.io("read", "/data/a.csv", 1, version="sha256:1", **{names.PROVENANCE_COLUMN_NAMES: said})
    write = flow(run, read, "/data/b.csv", [], 2)
    write.events[-1].attributes[names.PROVENANCE_COLUMN_EDGES] = said
    put(store, run)
    assert asked(store, "+b.csv#z") == {"a.csv > b.csv#z DIRECT"}


def dumped(store: Store) -> list[Any]:
    rows = store._rows  # type: ignore[attr-defined]
    return sorted(rows("SELECT * FROM column_edge"))


def test_any_order_of_arrival_gives_the_same_edges(tmp_path: Path) -> None:
    run = run_of(
        "CREATE TABLE raw (day TEXT, amount REAL)",
        "CREATE TABLE copied AS SELECT * FROM raw",
        "ALTER TABLE copied RENAME COLUMN amount TO value",
        "CREATE TABLE done AS SELECT * FROM copied",
        "DROP TABLE copied",
        "CREATE TABLE again AS SELECT * FROM copied",
    )
    found = []
    for seed in range(6):
        spans = list(run.spans)
        random.Random(seed).shuffle(spans)
        with open_store(str(tmp_path / f"{seed}.db")) as store:
            for at in range(0, len(spans), 3):
                store.merge(extract(spans[at : at + 3]), derive=derive_run)
            store.merge(extract(spans), derive=derive_run)
            found.append(dumped(store))
    assert all(each == found[0] for each in found)
    assert any("value" in row for row in found[0])


def test_two_statements_of_one_database_are_two_sources(store: Store) -> None:
    run = RunSpans("two.py")
    one, two = statement(run, "SELECT a FROM left_table", 1), statement(run, "SELECT b FROM right_table", 2)
    write = run.io("write", "/data/out.csv", 3, sources=[], complete=True)
    for query in (one, two):
        handed_on(query, write)
    put(store, run)
    graph = lineage(store, "+out.csv")
    found = {graph.nodes[edge.source].name: edge.evidence for edge in graph.edges if edge.relation == "derived"}
    assert found == {"left_table": "flow", "right_table": "flow"}
    assert not [entity for entity in store.entities() if "#" in entity.name]
