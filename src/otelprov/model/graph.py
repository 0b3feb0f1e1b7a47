# SPDX-License-Identifier: Apache-2.0
"""The answer to a lineage question: nodes, edges, and whether something is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 1

EVIDENCE_ORDER = ("flow", "statement", "step", "order", "declared")


@dataclass(slots=True)
class Node:
    """A node; `kind` is entity, run, step or agent; `time` is in nanoseconds (generated, or started), 0 unknown."""

    id: str
    kind: str
    type: str
    namespace: str
    name: str
    version: str = ""
    tags: tuple[str, ...] = ()
    status: str = ""
    time: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The node in the JSON shape of schema version 1."""
        shape: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "type": self.type,
            "namespace": self.namespace,
            "name": self.name,
            "version": self.version,
            "tags": list(self.tags),
        }
        if self.status:
            shape["status"] = self.status
        if self.time:
            shape["time"] = self.time
        if self.details:
            shape["details"] = self.details
        return shape


@dataclass(slots=True)
class Edge:
    """An edge in the direction in which data flows; the span it names shows it.

    `transformation` says of an edge between columns how the one comes from the other, in the words of OpenLineage.
    """

    source: str
    target: str
    relation: str
    evidence: str
    run_id: str
    trace_id: str
    span_id: str
    code: str = ""
    transformation: str = ""

    def as_json(self) -> dict[str, Any]:
        """The edge in the JSON shape of schema version 1."""
        shape: dict[str, Any] = {
            "source": self.source,
            "target": self.target,
            "relation": self.relation,
            "evidence": self.evidence,
            "run_id": self.run_id,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "code": self.code,
        }
        if self.transformation:
            shape["transformation"] = self.transformation
        return shape


@dataclass(slots=True)
class Graph:
    """Nodes and edges; `focus` holds the ids of the nodes that the selection named."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    focus: list[str] = field(default_factory=list)
    complete: bool = True
    truncated: bool = False
    hidden_upstream: int = 0
    hidden_downstream: int = 0
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The graph in the JSON shape of schema version 1, in a stable order."""
        shape: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "nodes": [node.as_json() for node in sorted(self.nodes.values(), key=_node_order)],
            "edges": [edge.as_json() for edge in sorted(self.edges, key=_edge_order)],
            "complete": self.complete,
            "truncated": self.truncated,
            "hidden": {"upstream": self.hidden_upstream, "downstream": self.hidden_downstream},
            "focus": list(self.focus),
        }
        if self.missing:
            shape["missing"] = list(self.missing)
        return shape

    def into(self, node_id: str) -> Iterable[Edge]:
        """Edges whose target is the node."""
        return (edge for edge in self.edges if edge.target == node_id)


def _node_order(node: Node) -> tuple[int, str, str]:
    return (node.time, node.kind, node.id)


def _edge_order(edge: Edge) -> tuple[str, str, str, str]:
    return (edge.relation, edge.source, edge.target, edge.span_id)
