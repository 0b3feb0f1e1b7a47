# SPDX-License-Identifier: Apache-2.0
"""Lineage drawn as traces, so that Jaeger's System Architecture page is the lineage: data to job to data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from otelprov import __version__
from otelprov.export.text import short_name, short_version, telling_names
from otelprov.journal.encode import EndedSpan, span_json
from otelprov.model.graph import Edge, Graph, Node
from otelprov.semconv import names

SPAN_LIMIT = 1000
_STATUS_ERROR = 2


@dataclass(slots=True)
class _Flow:
    """The used and generated edges of a graph, by both ends, in the order of time."""

    nodes: Mapping[str, Node]
    into: dict[str, list[Edge]] = field(default_factory=dict)
    out_of: dict[str, list[Edge]] = field(default_factory=dict)


@dataclass(slots=True)
class DerivedTrace:
    """One derived trace: its run, its spans by service name, and how many edges upstream did not fit in."""

    run_id: str
    trace_id: int
    spans: dict[str, list[EndedSpan]] = field(default_factory=dict)
    left_out: int = 0

    def count(self) -> int:
        """How many spans the trace has."""
        return sum(len(spans) for spans in self.spans.values())

    def resource_spans(self) -> list[dict[str, Any]]:
        """The trace as the `resourceSpans` of an OTLP/JSON request."""
        return [
            {
                "resource": {"attributes": [{"key": names.SERVICE_NAME, "value": {"stringValue": service}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "otelprov", "version": __version__},
                        "schemaUrl": names.SCHEMA_URL,
                        "spans": [json.loads(span_json(span)) for span in spans],
                    }
                ],
            }
            for service, spans in sorted(self.spans.items())
        ]


def derived_traces(graph: Graph, *, known: Iterable[Node] = (), limit: int = SPAN_LIMIT) -> Iterator[DerivedTrace]:
    """Yield the derived traces of every run of the graph, oldest run first.

    A trace starts at the sources of everything upstream of its run and ends at the run's outputs, parent to child in
    the direction of the data. All edges of the run itself are drawn, in further traces where `limit` spans are not
    enough; of what is upstream, the nearest edges that fit. `known` are entities outside the graph that short names
    must differ from as well. Same graph, same traces, same ids.
    """
    flow = _flow(graph)
    entities = [node for node in graph.nodes.values() if node.kind == "entity"]
    services = telling_names([*entities, *(node for node in known if node.kind == "entity")])
    for run in sorted((node for node in graph.nodes.values() if node.kind == "run"), key=_order):
        chosen, left_out = _chosen(flow, run, limit)
        if chosen:
            drawing = _Drawing(flow, run, services, chosen, limit)
            traces = drawing.traces()
            traces[0].left_out = left_out
            yield from traces


def _flow(graph: Graph) -> _Flow:
    flow = _Flow(graph.nodes)
    seen: set[tuple[str, str]] = set()
    for edge in sorted(graph.edges, key=lambda edge: (edge.source, edge.target, edge.trace_id, edge.span_id)):
        ends = (edge.source, edge.target)
        joins = edge.source in graph.nodes and edge.target in graph.nodes
        if joins and edge.relation in {"used", "generated"} and ends not in seen:
            seen.add(ends)
            flow.out_of.setdefault(edge.source, []).append(edge)
            flow.into.setdefault(edge.target, []).append(edge)
    for edges in flow.out_of.values():
        edges.sort(key=lambda edge: _order(graph.nodes[edge.target]))
    for edges in flow.into.values():
        edges.sort(key=lambda edge: _order(graph.nodes[edge.source]))
    return flow


def _order(node: Node) -> tuple[int, str, str, str]:
    return (node.time, node.name, node.version, node.id)


def _chosen(flow: _Flow, run: Node, limit: int) -> tuple[set[tuple[str, str]], int]:
    """Edges to draw for a run: its own, then what is upstream, nearest first; and how many were left out."""
    own = [*flow.into.get(run.id, ()), *flow.out_of.get(run.id, ())]
    chosen = {(edge.source, edge.target) for edge in own}
    heads = {edge.source for edge in own if edge.source != run.id} or {run.id}
    front = [edge.source for edge in flow.into.get(run.id, ())]
    visited = {run.id, *front}
    left_out = 0
    while front:
        beyond: list[str] = []
        for node_id in front:
            for edge in flow.into.get(node_id, ()):
                ends = (edge.source, edge.target)
                if ends in chosen:
                    continue
                # A root is a span too; the node that gets its first edge is a root no longer.
                roots = len(heads) - (node_id in heads) + (edge.source not in visited)
                if len(chosen) + 1 + roots > limit:
                    left_out += 1
                    continue
                chosen.add(ends)
                heads.discard(node_id)
                if edge.source not in visited:
                    heads.add(edge.source)
                    visited.add(edge.source)
                    beyond.append(edge.source)
        front = beyond
    return chosen, left_out


class _Drawing:
    """The traces of one run."""

    def __init__(
        self,
        flow: _Flow,
        run: Node,
        services: Mapping[tuple[str, str], str],
        chosen: set[tuple[str, str]],
        limit: int,
    ) -> None:
        self.flow = flow
        self.run = run
        self.services = services
        self.chosen = chosen
        self.limit = limit
        self.parts: list[DerivedTrace] = []
        self.placed: dict[str, int] = {}

    def traces(self) -> list[DerivedTrace]:
        """Draw from the sources down, a node expanded on its first visit only, so linear in the edges."""
        targets = {target for _, target in self.chosen}
        members = sorted({end for ends in self.chosen for end in ends}, key=lambda node_id: self._order(node_id))
        sources = [node_id for node_id in members if node_id not in targets]
        expanded: set[str] = set()
        self._next_part()
        # Members come after the sources for the sake of circles, which have no source of their own.
        for start in [*sources, *members]:
            if start in expanded or not self._edges(start):
                continue
            stack: list[tuple[str, Edge | None]] = [(start, None)]
            while stack:
                node_id, edge = stack.pop()
                self._place(node_id, edge)
                if node_id not in expanded:
                    expanded.add(node_id)
                    stack += [(onward.target, onward) for onward in reversed(self._edges(node_id))]
        return self.parts

    def _order(self, node_id: str) -> tuple[int, str, str, str]:
        return _order(self.flow.nodes[node_id])

    def _edges(self, node_id: str) -> list[Edge]:
        return [edge for edge in self.flow.out_of.get(node_id, ()) if (edge.source, edge.target) in self.chosen]

    def _next_part(self) -> None:
        trace_id = _hash("trace", self.run.id, str(len(self.parts)), size=16)
        self.parts.append(DerivedTrace(_run_id(self.run), trace_id))
        self.placed = {}

    def _place(self, node_id: str, edge: Edge | None) -> None:
        room = self.limit - self.parts[-1].count()
        if room < (2 if edge is not None and edge.source not in self.placed else 1):
            self._next_part()
        if edge is not None and edge.source not in self.placed:
            self._add(edge.source, None)
        if edge is not None or node_id not in self.placed:
            self._add(node_id, edge)

    def _add(self, node_id: str, edge: Edge | None) -> None:
        part, node = self.parts[-1], self.flow.nodes[node_id]
        span_id = _hash("span", f"{part.trace_id:x}", edge.source if edge is not None else "", node_id, size=8)
        start, end = self._times(node)
        failed = node.status in {names.PROVENANCE_RUN_STATUS_FAILED, names.PROVENANCE_RUN_STATUS_INTERRUPTED}
        span = EndedSpan(
            name=_span_name(node),
            trace_id=part.trace_id,
            span_id=span_id,
            parent_id=self.placed[edge.source] if edge is not None else 0,
            start=start,
            end=max(start, end),
            attributes=_attributes(node, edge),
            links=[(int(edge.trace_id, 16), int(edge.span_id, 16))] if edge and edge.trace_id and edge.span_id else [],
            status=_STATUS_ERROR if failed else 0,
            status_message=node.status if failed else "",
        )
        self.placed.setdefault(node_id, span_id)
        service = f"job:{node.name}" if node.kind != "entity" else f"data:{self.services[node.namespace, node.name]}"
        part.spans.setdefault(service, []).append(span)

    def _times(self, node: Node) -> tuple[int, int]:
        if node.kind != "entity":
            ended = node.details.get("ended")
            return node.time, ended if isinstance(ended, int) else node.time
        if node.time:
            return node.time, node.time
        makers = [self.flow.nodes[edge.source].time for edge in self.flow.into.get(node.id, ())]
        users = [self.flow.nodes[edge.target].time for edge in self.flow.out_of.get(node.id, ())]
        # Nobody saw a source being made: it was there when the first of its readers began.
        first = min([time for time in makers or users if time] or [self.run.time])
        return first, first


def _span_name(node: Node) -> str:
    if node.kind != "entity":
        return f"run {node.name}"
    version = short_version(node.version)
    return f"{short_name(node)} {version}" if version else short_name(node)


def _attributes(node: Node, edge: Edge | None) -> dict[str, str | bool | int]:
    shared: dict[str, str | bool | int] = {names.PROVENANCE_DERIVED: True}
    if edge is not None:
        path, _, line = edge.code.rpartition(":")
        if path and line.isdigit():
            shared |= {names.CODE_FILE_PATH: path, names.CODE_LINE_NUMBER: int(line)}
    if node.kind == "entity":
        shared |= {
            names.PROVENANCE_ENTITY_NAMESPACE: node.namespace,
            names.PROVENANCE_ENTITY_NAME: node.name,
            names.PROVENANCE_ENTITY_TYPE: node.type,
        }
        return shared | ({names.PROVENANCE_ENTITY_VERSION: node.version} if node.version else {})
    shared |= {names.PROVENANCE_RUN_ID: _run_id(node), names.PROVENANCE_RUN_NAME: node.name}
    return shared | ({names.PROVENANCE_RUN_STATUS: node.status} if node.status else {})


def _run_id(node: Node) -> str:
    return str(node.details.get("run_id") or node.id.removeprefix("run:"))


def _hash(*parts: str, size: int) -> int:
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    # Zero is no id in OTLP.
    return int.from_bytes(hashlib.sha256(joined).digest()[:size], "big") or 1
