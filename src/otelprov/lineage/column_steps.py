# SPDX-License-Identifier: Apache-2.0
"""One step from column to column over the store: what a column of a version was made of, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otelprov.lineage.columns import EVERY, SAME
from otelprov.lineage.derive import weaker
from otelprov.lineage.joining import Joiner
from otelprov.lineage.sql_relations import DIRECT, IDENTITY, WHOLE, combined
from otelprov.model.records import GENERATED, USED, ColumnEdge
from otelprov.semconv import PROVENANCE_EVIDENCE_FLOW, PROVENANCE_EVIDENCE_STATEMENT
from otelprov.store.contract import TEMPORARY, Fact, Store

_MAX_DEPTH = 50
_MAX_USES = 100


class Step(NamedTuple):
    """A column at the far end of an edge, WHOLE for all of the entity; `shown_by` is the fact whose span shows it."""

    fact: Fact
    column: str
    how: str
    evidence: str
    shown_by: Fact


class ColumnSteps:
    """Steps over one store, which see through temporary entities and the results of statements."""

    def __init__(self, store: Store, join: Joiner) -> None:
        self.store = store
        self.join = join
        self._edges: dict[tuple[str, str], list[ColumnEdge]] = {}

    def into(self, head: Fact, column: str) -> list[Step]:
        """What a column of a version comes from: facts that used it, or made the version before."""
        steps = _distinct(self._into(head, column, _MAX_DEPTH))
        return _distinct(step._replace(column=WHOLE, how=DIRECT) for step in steps) if column == WHOLE else steps

    def _into(self, head: Fact, column: str, depth: int) -> Iterator[Step]:
        if not depth:
            return
        for made in self.store.members(head.id) or [head]:
            yield from self._of_write(head, made, column, depth)
        earlier = self.join.before(head)
        if earlier is not None:
            yield from self._through(earlier, column, IDENTITY, PROVENANCE_EVIDENCE_STATEMENT, head, depth)

    def _of_write(self, head: Fact, made: Fact, column: str, depth: int) -> Iterator[Step]:
        edges = self._edges_to(made, (made.io.namespace, made.io.name))
        if not edges:
            # Nothing is known of columns: what the version was made of, as a whole.
            for edge in self.store.derived_from(head.id):
                if edge.shown_by == made.id:
                    for used in self.store.facts([edge.input]):
                        if used.hidden != TEMPORARY:
                            yield Step(used, WHOLE, DIRECT, edge.evidence, made)
            return
        yield from self._of_edges(made, edges, column, made, depth, head)

    def _of_edges(
        self,
        of: Fact,
        edges: list[ColumnEdge],
        column: str,
        shown_by: Fact,
        depth: int,
        head: Fact | None = None,
    ) -> Iterator[Step]:
        facts = self.store.facts_of_span(of.io.trace_id, of.io.span_id)
        for edge in _chosen(edges, column):
            if not edge.input_namespace:
                # A constant.
                continue
            source = column if edge.input_column == SAME else edge.input_column
            used = _used(facts, edge.input_namespace, edge.input_name)
            if used is None:
                # It reads what it writes: the version before.
                earlier = self.join.before(head) if head is not None else None
                if earlier is not None and (of.io.namespace, of.io.name) == (edge.input_namespace, edge.input_name):
                    yield from self._through(earlier, source, edge.how, PROVENANCE_EVIDENCE_STATEMENT, shown_by, depth)
                continue
            evidence = used.io.evidence or PROVENANCE_EVIDENCE_STATEMENT
            yield from self._behind(used, source, edge.how, evidence, shown_by, depth)

    def _behind(self, used: Fact, column: str, how: str, evidence: str, shown_by: Fact, depth: int) -> Iterator[Step]:
        """A used fact, or what stands behind it: a read, the result of a statement, a temporary table."""
        if used.io.evidence == PROVENANCE_EVIDENCE_FLOW and used.io.source_span:
            trace_id = used.io.source_trace or used.io.trace_id
            facts = self.store.facts_of_span(trace_id, used.io.source_span)
            reads = [fact for fact in facts if fact.io.relation == USED and fact.id != used.id]
            if used.io.type == "database":
                yield from self._of_result(reads, column, how, shown_by, depth)
                return
            named = [fact for fact in reads if (fact.io.namespace, fact.io.name) == (used.io.namespace, used.io.name)]
            used = named[0] if named else used
        yield from self._through(used, column, how, evidence, shown_by, depth)

    def _of_result(self, reads: list[Fact], column: str, how: str, shown_by: Fact, depth: int) -> Iterator[Step]:
        """Behind the rows that a statement gave back."""
        if not depth or not reads:
            return
        edges = [edge for edge in self._of_span(reads[0]) if not edge.output_name]
        if not edges or column == WHOLE:
            for used in reads:
                yield from self._behind(used, WHOLE, how, PROVENANCE_EVIDENCE_FLOW, shown_by, depth - 1)
            return
        for step in self._of_edges(reads[0], edges, column, shown_by, depth - 1):
            yield step._replace(how=combined(step.how, how), evidence=PROVENANCE_EVIDENCE_FLOW)

    def _through(self, used: Fact, column: str, how: str, evidence: str, shown_by: Fact, depth: int) -> Iterator[Step]:
        """The step to a fact; where it is about a temporary entity of this run, the steps on from there."""
        if used.hidden != TEMPORARY:
            yield Step(used, column, how, evidence, shown_by)
            return
        producer = self.join.producer(used) if used.io.relation == USED else used
        if producer is None or producer.io.run_id != shown_by.io.run_id:
            yield Step(used, column, how, evidence, shown_by)
            return
        for step in self._into(producer, column, depth - 1):
            yield step._replace(
                how=combined(step.how, how), evidence=weaker(step.evidence, evidence), shown_by=shown_by
            )

    def out_of(self, node: str, fact: Fact, column: str) -> list[Step]:
        """What was made of a column of a version: head facts, with the columns that it went into."""
        return _distinct(self._out_of(node, fact, column, _MAX_DEPTH))

    def _out_of(self, node: str, fact: Fact, column: str, depth: int) -> Iterator[Step]:
        if not depth:
            return
        for used in self.join.uses(fact.io.namespace, fact.io.name, node):
            yield from self._of_use(used, column, IDENTITY, used.io.evidence or PROVENANCE_EVIDENCE_STATEMENT, depth)
        if fact.io.relation == GENERATED and fact.head == fact.id:
            later = self.join.after(fact)
            if later is not None:
                yield from self._made(later, later, column, IDENTITY, PROVENANCE_EVIDENCE_STATEMENT, depth)

    def _of_use(self, used: Fact, column: str, how: str, evidence: str, depth: int) -> Iterator[Step]:
        if not depth:
            return
        of_span = self._of_span(used)
        own = [edge for edge in of_span if (edge.input_namespace, edge.input_name) == (used.io.namespace, used.io.name)]
        facts = self.store.facts_of_span(used.io.trace_id, used.io.span_id)
        outputs = [fact for fact in facts if fact.io.relation == GENERATED]
        for output, way in _reached(own, of_span, column):
            for made in outputs:
                if (made.io.namespace, made.io.name) == output[:2]:
                    yield from self._from_head(made, output[2], combined(how, way), evidence, depth)
            if not output[1]:
                # The result of a statement: on to whatever was made of it.
                for hint in self.store.flows_from(used.io.trace_id, used.io.span_id):
                    if hint.io.type == "database":
                        yield from self._of_use(
                            hint, output[2], combined(how, way), PROVENANCE_EVIDENCE_FLOW, depth - 1
                        )
        if not of_span:
            for derived in self.store.derived_by(used.id):
                heads = {head.id: head for head in self.store.facts([derived.output, derived.shown_by])}
                if derived.output in heads:
                    head = heads[derived.output]
                    if not self._edges_to(heads.get(derived.shown_by, head), (head.io.namespace, head.io.name)):
                        yield from self._made(
                            head, heads.get(derived.shown_by, head), WHOLE, DIRECT, derived.evidence, depth
                        )
        for hint in self.store.flows_from(used.io.trace_id, used.io.span_id):
            if (hint.io.namespace, hint.io.name) == (used.io.namespace, used.io.name) and hint.id != used.id:
                yield from self._of_use(hint, column, how, PROVENANCE_EVIDENCE_FLOW, depth - 1)

    def _from_head(self, made: Fact, column: str, how: str, evidence: str, depth: int) -> Iterator[Step]:
        for head in self.store.facts([made.head]):
            yield from self._made(head, made, column, how, evidence, depth)

    def _made(self, head: Fact, shown_by: Fact, column: str, how: str, evidence: str, depth: int) -> Iterator[Step]:
        if head.hidden != TEMPORARY:
            yield Step(head, column, how, evidence, shown_by)
            return
        for step in self._out_of(head.node, head, column, depth - 1):
            yield step._replace(how=combined(how, step.how), evidence=weaker(evidence, step.evidence))

    def _of_span(self, fact: Fact) -> list[ColumnEdge]:
        key = fact.io.trace_id, fact.io.span_id
        found = self._edges.get(key)
        if found is None:
            found = self._edges[key] = self.store.column_edges(*key)
        return found

    def _edges_to(self, made: Fact, name: tuple[str, str]) -> list[ColumnEdge]:
        return [edge for edge in self._of_span(made) if (edge.output_namespace, edge.output_name) == name]

    def columns(self, fact: Fact) -> list[str]:
        """The columns of a version that edges speak of, as outputs of the span that made it."""
        edges = self._edges_to(fact, (fact.io.namespace, fact.io.name))
        return [edge.output_column for edge in edges if edge.output_column not in (SAME, EVERY)]

    def used_columns(self, node: str, fact: Fact) -> list[str]:
        """The columns of a version that edges speak of, as inputs of the spans that used it."""
        found: list[str] = []
        for used in self.join.uses(fact.io.namespace, fact.io.name, node)[:_MAX_USES]:
            name = used.io.namespace, used.io.name
            spans = [used, *self.store.flows_from(used.io.trace_id, used.io.span_id)[:_MAX_USES]]
            edges = [edge for of in spans for edge in self._of_span(of)]
            found += [edge.input_column for edge in edges if (edge.input_namespace, edge.input_name) == name]
        return [column for column in dict.fromkeys(found) if column not in (SAME, WHOLE)]


def _chosen(edges: list[ColumnEdge], column: str) -> list[ColumnEdge]:
    """The edges into one column; into all of them for the entity as a whole."""
    if column == WHOLE:
        return edges
    own = [edge for edge in edges if edge.output_column.lower() == column.lower()]
    rest = own or [edge for edge in edges if edge.output_column == SAME]
    return [*rest, *(edge for edge in edges if edge.output_column == EVERY)]


def _used(facts: list[Fact], namespace: str, name: str) -> Fact | None:
    return next(
        (fact for fact in facts if fact.io.relation == USED and (fact.io.namespace, fact.io.name) == (namespace, name)),
        None,
    )


def _reached(
    own: list[ColumnEdge], of_span: list[ColumnEdge], column: str
) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Outputs (namespace, name, column) that a column has gone into, and how."""
    for edge in own:
        output = edge.output_namespace, edge.output_name
        if edge.input_column == SAME:
            explained = any(
                (other.output_namespace, other.output_name) == output and other.output_column.lower() == column.lower()
                for other in of_span
            )
            if not explained:
                yield (*output, column), edge.how
        elif edge.input_column == WHOLE or column == WHOLE or edge.input_column.lower() == column.lower():
            known = edge.output_column if edge.output_column not in (SAME, EVERY) else WHOLE
            yield (*output, known), edge.how


def _distinct(steps: Iterable[Step]) -> list[Step]:
    found: dict[tuple[int, str, str], Step] = {}
    for step in steps:
        found.setdefault((step.fact.id, step.column.lower(), step.how), step)
    return list(found.values())
