# SPDX-License-Identifier: Apache-2.0
"""Walks from versions and runs to what they come from and to what came from them; never recursive, always bounded."""

from __future__ import annotations

from collections import deque

from otelprov.lineage.derive import RANK, fact_order
from otelprov.lineage.drawing import Drawing
from otelprov.lineage.joining import Joiner
from otelprov.model.records import GENERATED, USED
from otelprov.semconv import PROVENANCE_EVIDENCE_ORDER, PROVENANCE_EVIDENCE_STATEMENT
from otelprov.store.contract import TEMPORARY, Bounds, Derived, Fact, Store


class Walk:
    """One walk over a store. A hop is one step from entity to entity; the run in between is not counted.

    `hidden_up` and `hidden_down` collect the ids of the nodes at which the walk stopped because of hops or limit.
    """

    def __init__(self, store: Store, bounds: Bounds, drawing: Drawing) -> None:
        self.store = store
        self.bounds = bounds
        self.drawing = drawing
        self.join = Joiner(store, bounds)
        self.truncated = False
        self.hidden_up: set[str] = set()
        self.hidden_down: set[str] = set()
        self._via_run: dict[str, list[Fact]] = {}

    # Upstream

    def up(self, heads: list[tuple[Fact, int]], hops: int | None) -> None:
        """Draw what the versions of head facts come from; each comes with the hops that led to it."""
        queue = deque(heads)
        visited: set[int] = set()
        while queue:
            head, depth = queue.popleft()
            if head.id in visited:
                continue
            visited.add(head.id)
            if (hops is not None and depth >= hops) or self.drawing.full:
                self.truncated = self.truncated or self.drawing.full
                self.hidden_up.update(self._inputs_of(head))
                continue
            self.drawing.entity(head.node, head)
            for source in self._sources(head):
                queue.append((source, depth + 1))

    def _sources(self, head: Fact) -> list[Fact]:
        """Draw the inputs of a version and return the versions, made by a run, among them."""
        drawing, join = self.drawing, self.join
        found: list[Fact] = []
        strongest = PROVENANCE_EVIDENCE_STATEMENT
        edges = self.store.derived_from(head.id)
        facts = {fact.id: fact for fact in self.store.facts({edge.input for edge in edges} | _shown_by(edges, head))}
        facts[head.id] = head
        shown = [edge for edge in edges if edge.input in facts and not _left_out(facts[edge.input], self.bounds)]
        if shown:
            strongest = min((edge.evidence for edge in shown), key=RANK.__getitem__)
        drawing.generated(head.node, head, strongest)
        for edge in sorted(shown, key=lambda edge: fact_order(facts[edge.input])):
            used, made = facts[edge.input], facts.get(edge.shown_by, head)
            producer = join.producer(used)
            node = producer.node if producer is not None else used.node
            if node == head.node:
                continue
            drawing.entity(node, producer or used)
            drawing.edge(node, head.node, "derived", edge.evidence, made)
            drawing.used(node, used, edge.evidence)
            drawing.generated(head.node, made, edge.evidence)
            if producer is not None:
                found.append(producer)
        if head.via_run or head.io.accumulates:
            found += self._through_run(head)
        earlier = join.before(head)
        if earlier is not None:
            drawing.entity(earlier.node, earlier)
            drawing.edge(earlier.node, head.node, "derived", PROVENANCE_EVIDENCE_STATEMENT, head)
            found.append(earlier)
        return found

    def _through_run(self, head: Fact) -> list[Fact]:
        """Inputs that are linked to a version through the run alone, because they are too many."""
        members = [made for made in self.store.members(head.id) if made.via_run]
        if not members:
            return []
        found: list[Fact] = []
        last = max(made.io.end for made in members)
        scopes = {"", *(made.scope for made in members)}
        for used in self.store.facts_of_run(head.io.run_id, USED, self.bounds):
            if self.drawing.full:
                self.truncated = True
                self.hidden_up.add(self.join.node(used))
                continue
            if used.io.start < last and used.scope in scopes:
                producer = self.join.producer(used)
                node = producer.node if producer is not None else used.node
                self.drawing.entity(node, producer or used)
                self.drawing.used(node, used, PROVENANCE_EVIDENCE_ORDER)
                if producer is not None:
                    found.append(producer)
        return found

    def _inputs_of(self, head: Fact) -> set[str]:
        inputs = self.store.facts(edge.input for edge in self.store.derived_from(head.id))
        nodes = {self.join.node(used) for used in inputs if not _left_out(used, self.bounds)}
        earlier = self.join.before(head)
        return (nodes | {earlier.node} if earlier is not None else nodes) - {head.node}

    # Downstream

    def down(self, seeds: list[tuple[str, Fact, int]], hops: int | None) -> None:
        """Draw what came from versions: node id, a fact that speaks for it, and the hops that led to it."""
        queue = deque(seeds)
        visited: set[str] = set()
        while queue:
            node, fact, depth = queue.popleft()
            if node in visited:
                continue
            visited.add(node)
            stop = (hops is not None and depth >= hops) or self.drawing.full
            self.truncated = self.truncated or self.drawing.full
            if not stop:
                self.drawing.entity(node, fact)
            for head in self._results(node, fact, draw=not stop):
                if stop:
                    self.hidden_down.add(head.node)
                else:
                    queue.append((head.node, head, depth + 1))

    def _results(self, node: str, fact: Fact, *, draw: bool) -> list[Fact]:
        found: dict[int, Fact] = {}
        for used in self.join.uses(fact.io.namespace, fact.io.name, node):
            # What a temporary entity was used for inside its run is drawn past it.
            if used.hidden and (used.hidden != TEMPORARY or used.io.run_id == fact.io.run_id):
                continue
            if draw:
                self.drawing.used(node, used)
            edges = self.store.derived_by(used.id)
            facts = {
                made.id: made
                for made in self.store.facts({edge.output for edge in edges} | {edge.shown_by for edge in edges})
            }
            for edge in sorted(edges, key=lambda edge: fact_order(facts[edge.output])):
                head = facts[edge.output]
                if head.node == node or not self._is_shown(head):
                    continue
                found[head.id] = head
                if draw:
                    made = facts.get(edge.shown_by, head)
                    self.drawing.entity(head.node, head)
                    self.drawing.edge(node, head.node, "derived", edge.evidence, made)
                    self.drawing.used(node, used, edge.evidence)
                    self.drawing.generated(head.node, made, edge.evidence)
            for made in self._made_through_run(used):
                found[made.id] = made
                if draw:
                    self.drawing.entity(made.node, made)
                    self.drawing.used(node, used, PROVENANCE_EVIDENCE_ORDER)
                    self.drawing.generated(made.node, made, PROVENANCE_EVIDENCE_ORDER)
        if fact.io.relation == GENERATED and fact.head == fact.id:
            later = self.join.after(fact)
            if later is not None:
                found[later.id] = later
                if draw:
                    self.drawing.entity(later.node, later)
                    self.drawing.edge(node, later.node, "derived", PROVENANCE_EVIDENCE_STATEMENT, later)
        return sorted(found.values(), key=fact_order)

    def _made_through_run(self, used: Fact) -> list[Fact]:
        made = self._via_run.get(used.io.run_id)
        if made is None:
            made = self._via_run[used.io.run_id] = self.store.made_through_run(used.io.run_id, self.bounds)
        after = [fact for fact in made if fact.io.end > used.io.start and used.scope in ("", fact.scope)]
        heads = {fact.head: fact for fact in after if fact.head == fact.id}
        return list(heads.values()) + self.store.facts({fact.head for fact in after} - heads.keys())

    def _is_shown(self, head: Fact) -> bool:
        if not self.bounds.since <= head.io.end <= self.bounds.until:
            return False
        if head.hidden != TEMPORARY:
            return True
        uses = self.join.uses(head.io.namespace, head.io.name, head.node)
        return any(used.io.run_id != head.io.run_id for used in uses)


def _shown_by(edges: list[Derived], head: Fact) -> set[int]:
    return {edge.shown_by for edge in edges} - {head.id}


def _left_out(used: Fact, bounds: Bounds) -> bool:
    return used.hidden == TEMPORARY or not bounds.since <= used.io.start <= bounds.until
