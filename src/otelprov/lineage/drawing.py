# SPDX-License-Identifier: Apache-2.0
"""Draws facts into a graph: nodes once, and of parallel edges the one with the strongest evidence."""

from __future__ import annotations

import os
from typing import Any

from otelprov.lineage.derive import RANK, fact_order
from otelprov.model.graph import Edge, Graph, Node
from otelprov.model.records import GENERATED
from otelprov.semconv import PROVENANCE_EVIDENCE_STATEMENT
from otelprov.store.contract import Fact, RunSummary, Store

# Names under which a version was seen, too.
MAX_SAME = 5


class Drawing:
    """A graph in the making; `nodes` maps ids to the facts that speak for them, None for a run."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nodes: dict[str, Fact | None] = {}
        self.edges: dict[tuple[str, str, str], tuple[str, Fact]] = {}

    @property
    def full(self) -> bool:
        """Whether no more nodes should be added."""
        return len(self.nodes) >= self.limit

    def entity(self, node_id: str, fact: Fact) -> None:
        """Add a version; the first fact that generated it speaks for it, else the first that used it."""
        known = self.nodes.get(node_id)
        if known is None or _voice(fact) < _voice(known):
            self.nodes[node_id] = fact

    def run(self, run_id: str) -> None:
        """Add a run."""
        self.nodes.setdefault(run_id, None)

    def edge(self, source: str, target: str, relation: str, evidence: str, shown_by: Fact) -> None:
        """Add an edge, or strengthen it; never one from a node to itself."""
        if source == target:
            return
        known = self.edges.get((source, target, relation))
        if known is None or _strength(evidence, shown_by) < _strength(*known):
            self.edges[source, target, relation] = (evidence, shown_by)

    def used(self, node_id: str, used: Fact, evidence: str = PROVENANCE_EVIDENCE_STATEMENT) -> None:
        """Add the edge from a version to the run that used it.

        Its evidence is that of the strongest derived edge that it serves; where it serves none, `statement`: the
        recorded call itself shows it.
        """
        self.run(used.io.run_id)
        self.edge(node_id, used.io.run_id, "used", evidence, used)

    def generated(self, node_id: str, made: Fact, evidence: str = PROVENANCE_EVIDENCE_STATEMENT) -> None:
        """Add the edge from a run to the version that it generated; evidence as for `used`."""
        self.run(made.io.run_id)
        self.edge(made.io.run_id, node_id, "generated", evidence, made)

    def graph(self, store: Store) -> Graph:
        """The finished graph, with the names and the gaps of its runs."""
        graph = Graph()
        runs = store.summaries(node_id for node_id, fact in self.nodes.items() if fact is None)
        for node_id, fact in self.nodes.items():
            graph.nodes[node_id] = run_node(node_id, runs.get(node_id)) if fact is None else entity_node(node_id, fact)
            if fact is not None and fact.io.version.startswith("sha256:"):
                io = fact.io
                same = store.same_content(io.namespace, io.name, io.version, MAX_SAME)
                if same:
                    graph.nodes[node_id].details["same_content"] = [
                        name if namespace == "file" else f"{namespace}/{name}" for namespace, name in same
                    ]
        for (source, target, relation), (evidence, fact) in self.edges.items():
            code = code_of(fact, runs.get(fact.io.run_id))
            io = fact.io
            graph.edges.append(Edge(source, target, relation, evidence, io.run_id, io.trace_id, io.span_id, code))
        for run in sorted(runs.values(), key=lambda run: (run.started, run.run_id)):
            graph.missing += run.missing
        graph.complete = not graph.missing
        return graph


def _voice(fact: Fact) -> tuple[Any, ...]:
    return fact.io.relation != GENERATED, *fact_order(fact)


def _strength(evidence: str, fact: Fact) -> tuple[int, int, int, str, str]:
    io = fact.io
    return RANK.get(evidence, len(RANK)), io.start, io.seq, io.trace_id, io.span_id


def run_node(run_id: str, run: RunSummary | None) -> Node:
    """The node of a run; without a summary, of one that is only named."""
    if run is None:
        return Node(run_id, "run", "run", "run", run_id)
    return Node(run_id, "run", "run", "run", run.name or run_id[:8], status=run.status, time=run.started)


def entity_node(node_id: str, fact: Fact) -> Node:
    """The node of a version of an entity, as a fact tells of it."""
    io = fact.io
    generated = io.relation == GENERATED
    numbers = {"rows": io.rows, "columns": io.columns, "size": io.size}
    details: dict[str, Any] = {key: number for key, number in numbers.items() if number >= 0}
    if io.format:
        details["format"] = io.format
    version = io.version or (f"span:{io.span_id}" if generated else "")
    time = io.end if generated else io.start
    return Node(node_id, "entity", io.type, io.namespace, io.name, version, time=time, details=details)


def code_of(fact: Fact, run: RunSummary | None) -> str:
    """`train.py:41`: the file below the run's folder, else beside its script, else in full."""
    path = fact.io.code_file
    if not path:
        return ""
    for folder in (run.working_directory, os.path.dirname(run.code_file)) if run is not None else ():
        if folder and path.startswith(folder.rstrip("/") + "/"):
            path = path[len(folder.rstrip("/")) + 1 :]
            break
    return f"{path}:{fact.io.code_line}" if fact.io.code_line else path
