# SPDX-License-Identifier: Apache-2.0
"""Runs that execute SQL statements, put into a store and asked for columns: for tests of lineage."""

from __future__ import annotations

from typing import Any

from spans import RunSpans

from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.model.graph import Graph
from otelprov.model.span import SpanEvent
from otelprov.semconv import names
from otelprov.store import Store

DB = "sqlite:/data/app.db"


def run_of(*texts: str, name: str = "job.py", start: int = 0, system: str = "sqlite") -> RunSpans:
    run = RunSpans(name, start=start)
    run.started()
    for number, text in enumerate(texts, 1):
        statement(run, text, start + number, system)
    run.ended(start + len(texts) + 1)
    return run


def statement(run: RunSpans, text: str, at: float, system: str = "sqlite", **more: Any) -> Any:
    database = {
        names.PROVENANCE_OPERATION: names.PROVENANCE_OPERATION_EXECUTE,
        names.PROVENANCE_ENTITY_NAMESPACE: DB,
        names.PROVENANCE_ENTITY_NAME: "",
        names.PROVENANCE_ENTITY_TYPE: "database",
        names.DB_SYSTEM_NAME: system,
        names.DB_NAMESPACE: "/data/app.db",
        names.DB_QUERY_TEXT: text,
    }
    return run.add(names.PROVENANCE_KIND_IO, text[:20], database | more, start=at, end=at + 0.5)


def put(store: Store, *runs: RunSpans) -> None:
    for run in runs:
        store.merge(extract(run.spans), derive=derive_run)


def edges(graph: Graph) -> set[str]:
    """`from > to how` with the last parts of names."""
    last = {key: node.name.rpartition("/")[2] for key, node in graph.nodes.items()}
    return {
        f"{last[edge.source]} > {last[edge.target]} {edge.transformation.rpartition(':')[2]}" for edge in graph.edges
    }


def asked(store: Store, selection: str) -> set[str]:
    return edges(lineage(store, selection, level="column"))


def handed_on(query: Any, write: Any, told: str = "") -> None:
    """Note that what was written was followed from the result of a statement."""
    values = {
        names.PROVENANCE_ENTITY_NAMESPACE: DB,
        names.PROVENANCE_ENTITY_NAME: "",
        names.PROVENANCE_ENTITY_TYPE: "database",
        names.PROVENANCE_EVIDENCE: names.PROVENANCE_EVIDENCE_FLOW,
        names.PROVENANCE_SOURCE_SPAN_ID: query.span_id,
        names.PROVENANCE_SOURCE_TRACE_ID: query.trace_id,
    }
    values |= {names.PROVENANCE_COLUMN_EDGES: told} if told else {}
    write.events.append(SpanEvent(names.EVENT_PROVENANCE_ENTITY_USED, write.end, values))
