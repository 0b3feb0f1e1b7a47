# SPDX-License-Identifier: Apache-2.0
"""Draws the graph of columns: where they come from, and what was made of them; by entities where no column is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from otelprov.lineage.column_steps import ColumnSteps, Step
from otelprov.lineage.drawing import code_of, entity_node
from otelprov.lineage.ids import column_node
from otelprov.lineage.joining import Joiner
from otelprov.lineage.matching import Seed
from otelprov.lineage.sql_relations import INDIRECT, WHOLE
from otelprov.model.graph import EVIDENCE_ORDER, Edge, Graph
from otelprov.model.records import GENERATED
from otelprov.store.contract import Fact, Store
from otelprov.store.rows import column_names

# Of several ways in which one column comes from another, the plainest is told.
_PLAIN = ("DIRECT:IDENTITY", "DIRECT:TRANSFORMATION", "DIRECT:AGGREGATION", "DIRECT")


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of a version: id of the version, the fact that speaks for it, and the column, WHOLE for all of it."""

    node: str
    fact: Fact = field(compare=False)
    column: str = WHOLE

    @property
    def id(self) -> str:
        return column_node(self.node, self.column) if self.column else self.node


def column_graph(
    store: Store, join: Joiner, seeds: Iterable[Seed], column: str, up: int | None, down: int | None, limit: int
) -> Graph:
    """The graph around columns of what the seeds name: one column, or all that are known where `column` is empty."""
    drawing = _Drawing(store, join, limit)
    focus = [place for seed in seeds for place in drawing.places(seed, column)]
    for place in focus:
        drawing.add(place)
    drawing.walk(focus, up, upstream=True)
    drawing.walk(focus, down, upstream=False)
    return drawing.finish([place.id for place in focus])


class _Drawing:
    def __init__(self, store: Store, join: Joiner, limit: int) -> None:
        self.store = store
        self.join = join
        self.limit = limit
        self.steps = ColumnSteps(store, join)
        self.graph = Graph()
        self.edges: dict[tuple[str, str], Step] = {}
        self.hidden_up: set[str] = set()
        self.hidden_down: set[str] = set()

    def places(self, seed: Seed, column: str) -> list[_Place]:
        """Columns of what a seed names; of a run those of all that it has generated."""
        facts: list[Fact] = []
        if seed.fact is not None:
            facts = [seed.fact]
        elif seed.run_id:
            made = self.store.facts_of_run(seed.run_id, GENERATED, self.join.bounds)
            facts = [fact for fact in made if fact.head == fact.id]
        found = [(self.join.node(fact), fact, self._names(fact)) for fact in facts]
        if column:
            spelled = {name.lower(): name for _, _, names in found for name in names}
            return [_Place(node, fact, spelled.get(column.lower(), column)) for node, fact, _ in found]
        return [_Place(node, fact, name) for node, fact, names in found for name in names or [WHOLE]]

    def _names(self, fact: Fact) -> list[str]:
        names = list(column_names(fact.io.column_names))
        producer = fact if fact.io.relation == GENERATED else self.join.producer(fact)
        if producer is not None:
            for made in self.store.members(producer.head) or [producer]:
                names += [*column_names(made.io.column_names), *self.steps.columns(made)]
        names += self.steps.used_columns(self.join.node(fact), fact)
        spelled = {name.lower(): name for name in reversed(names)}
        return sorted(spelled.values(), key=names.index)

    def add(self, place: _Place) -> bool:
        """Add a node; False where there are too many."""
        if place.id not in self.graph.nodes:
            if len(self.graph.nodes) >= self.limit:
                self.graph.truncated = True
                return False
            node = entity_node(place.node, place.fact)
            if place.column:
                node.id, node.type = place.id, "column"
                node.name = f"{node.name}#{place.column}"
                node.details = {"entity": place.node, "column": place.column}
            self.graph.nodes[place.id] = node
        return True

    def walk(self, focus: list[_Place], hops: int | None, *, upstream: bool) -> None:
        """Draw what lies on one side, so many hops far."""
        queue = deque((place, 0) for place in focus)
        visited: set[str] = set()
        while queue:
            place, depth = queue.popleft()
            if place.id in visited:
                continue
            visited.add(place.id)
            stop = hops is not None and depth >= hops
            for step in self._next(place, upstream=upstream):
                far = self._far(step, upstream=upstream)
                if far.id == place.id:
                    continue
                if stop or not self.add(far):
                    (self.hidden_up if upstream else self.hidden_down).add(far.id)
                    continue
                ends = (far.id, place.id) if upstream else (place.id, far.id)
                known = self.edges.get(ends)
                if known is None or _rank(step) < _rank(known):
                    self.edges[ends] = step
                if not (step.how.startswith(INDIRECT) and far.column == WHOLE):
                    queue.append((far, depth + 1))

    def _next(self, place: _Place, *, upstream: bool) -> list[Step]:
        if not upstream:
            return self.steps.out_of(place.node, place.fact, place.column)
        fact = place.fact
        producer = fact if fact.io.relation == GENERATED else self.join.producer(fact)
        if producer is not None and producer.head != producer.id:
            producer = next(iter(self.store.facts([producer.head])), None)
        return self.steps.into(producer, place.column) if producer is not None else []

    def _far(self, step: Step, *, upstream: bool) -> _Place:
        fact = step.fact
        if upstream and fact.io.relation != GENERATED:
            producer = self.join.producer(fact)
            if producer is not None:
                return _Place(producer.node, producer, step.column)
        return _Place(fact.node, fact, step.column)

    def finish(self, focus: list[str]) -> Graph:
        """The finished graph, with the gaps of its runs."""
        graph = self.graph
        runs = self.store.summaries({step.shown_by.io.run_id for step in self.edges.values()})
        for (source, target), step in self.edges.items():
            io = step.shown_by.io
            code = code_of(step.shown_by, runs.get(io.run_id))
            graph.edges.append(
                Edge(
                    *(source, target, "derived", step.evidence, io.run_id, io.trace_id, io.span_id, code),
                    transformation=step.how,
                )
            )
        for run in sorted(runs.values(), key=lambda run: (run.started, run.run_id)):
            graph.missing += run.missing
        graph.complete = not graph.missing
        graph.focus = [node for node in dict.fromkeys(focus) if node in graph.nodes]
        graph.hidden_upstream = len(self.hidden_up - graph.nodes.keys())
        graph.hidden_downstream = len(self.hidden_down - graph.nodes.keys())
        return graph


def _rank(step: Step) -> tuple[int, int, str]:
    how = _PLAIN.index(step.how) if step.how in _PLAIN else len(_PLAIN)
    evidence = EVIDENCE_ORDER.index(step.evidence) if step.evidence in EVIDENCE_ORDER else len(EVIDENCE_ORDER)
    return how, evidence, step.shown_by.io.span_id
