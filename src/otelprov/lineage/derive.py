# SPDX-License-Identifier: Apache-2.0
"""The derivation rules: which versions follow from which reads of the same run, and how well that is known."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from otelprov.lineage.columns import MAX_EDGES, column_edges
from otelprov.lineage.heads import find_heads
from otelprov.lineage.ids import entity_node, span_version
from otelprov.lineage.scopes import Scopes
from otelprov.lineage.views import Views, through_views
from otelprov.lineage.weak import WeakReads, input_key
from otelprov.model.graph import EVIDENCE_ORDER
from otelprov.model.records import GENERATED, USED, StatementRecord, StepRecord
from otelprov.semconv import PROVENANCE_EVIDENCE_FLOW, PROVENANCE_EVIDENCE_STATEMENT
from otelprov.store.contract import SHOWN, SUPERSEDED, TEMPORARY, Derivation, Derived, Fact

# So many edges of mere order (or through temporary entities) of one run are drawn one by one, and no more.
MAX_WEAK_EDGES = 10_000
RANK = {evidence: rank for rank, evidence in enumerate(EVIDENCE_ORDER)}

# So far from statement to statement goes what was read out of memory.
_MAX_DEPTH = 20

Inputs = dict[int, Derived]


def derive_run(
    facts: Sequence[Fact], steps: Sequence[StepRecord], statements: Sequence[StatementRecord] = ()
) -> Derivation:
    """Derive everything that follows from what one run has told. The facts are changed in place."""
    views = Views(statements)
    facts, aside = through_views(facts, views)
    run = _Run(sorted(facts, key=fact_order), steps, aside)
    inputs = run.edges()
    edges = run.see_through(inputs)
    columns, too_many = column_edges(facts, statements, views)
    if too_many:
        run.missing.append(f"more than {MAX_EDGES:,} edges between columns: not all of them are kept")
    return Derivation(facts, edges, run.missing, columns)


def weaker(one: str, other: str) -> str:
    """The weaker of two kinds of evidence."""
    return max(one, other, key=lambda evidence: RANK.get(evidence, len(RANK)))


class Closed(enum.Enum):
    """Whether an output can have inputs that nothing shows.

    A complete flow speaks of what is followed from a read on. What was read into plain objects (a number, a list) is
    not, and a data frame does not tell a number from a file from a number in the code.
    """

    NO = 0
    FOLLOWED = 1
    ALL = 2


class _Run:
    def __init__(self, facts: list[Fact], steps: Sequence[StepRecord], aside: set[int]) -> None:
        self.missing: list[str] = []
        self.scopes = Scopes(steps)
        self.by_id = {fact.id: fact for fact in facts}
        self.used = [fact for fact in facts if fact.io.relation == USED and fact.id not in aside]
        self.written = [fact for fact in facts if fact.io.relation == GENERATED and fact.id not in aside]
        self.used_by_span: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.used:
            self.used_by_span.setdefault((fact.io.trace_id, fact.io.span_id), []).append(fact)
        writing = {(fact.io.trace_id, fact.io.span_id) for fact in self.written}
        # What a writing call itself reads goes into what that call writes, and nowhere else.
        hints = {fact.id for fact in self.used if self._sources(fact)}
        self.reads = [
            fact for fact in self.used if (fact.io.trace_id, fact.io.span_id) not in writing and fact.id not in hints
        ]
        find_heads(self.written, self.used)
        for fact in facts:
            fact.head, fact.hidden, fact.via_run = 0 if fact.id in aside else fact.head, SHOWN, False
            if fact.id in hints or fact.id in aside:
                fact.hidden = SUPERSEDED
            fact.scope = self.scopes.scope_of(fact.io)
            head = self.by_id.get(fact.head)
            version = fact.io.version
            if head is not None and not version:
                version = span_version(head.io.trace_id, head.io.span_id)
            fact.node = entity_node(fact.io.namespace, fact.io.name, version)
        self.weak = WeakReads(self.reads, self.used, self.written, self.scopes, MAX_WEAK_EDGES)

    def edges(self) -> dict[int, Inputs]:
        """Inputs of every head fact, by the rules, temporary entities still among them."""
        inputs: dict[int, Inputs] = {fact.head: {} for fact in self.written}
        if self.weak.too_many or self.weak.overfull:
            self.missing.append(
                f"more than {MAX_WEAK_EDGES} pairs of a read and a later write are not drawn one by one: "
                "these are linked through the run alone"
            )
        for output in sorted(self.written, key=lambda fact: (fact.io.end, fact_order(fact))):
            own, stated = self._own_inputs(output)
            whole = stated or _is_copy(output, own)
            closed = Closed.ALL if whole else Closed.FOLLOWED if output.io.flow_complete else Closed.NO
            best = {input_key(fact): (evidence, fact) for fact, evidence in own}
            if closed is not Closed.ALL:
                for fact, evidence in self.weak.before(output):
                    key = input_key(fact)
                    if key not in best and (closed is Closed.NO or fact.id in self.weak.loose):
                        best[key] = (evidence, fact)
                output.via_run = self.weak.too_many or self.weak.is_overfull(output)
            for evidence, fact in best.values():
                if not self._is_own_version(fact, output):
                    _keep(inputs[output.head], Derived(output.head, fact.id, evidence, output.id))
        return inputs

    def _own_inputs(self, output: Fact) -> tuple[list[tuple[Fact, str]], bool]:
        """What the writing call itself says it reads, and whether that is all there is to know."""
        found: dict[int, tuple[Fact, str]] = {}
        closed = False
        for fact in self.used_by_span.get((output.io.trace_id, output.io.span_id), ()):
            evidence = fact.io.evidence if fact.io.evidence in RANK else PROVENANCE_EVIDENCE_STATEMENT
            closed = closed or fact.io.evidence == PROVENANCE_EVIDENCE_STATEMENT
            sources = self._sources(fact)
            if sources:
                fact.hidden = SUPERSEDED
            for source in sources or [fact]:
                known = found.get(source.id)
                if known is None or RANK[evidence] < RANK[known[1]]:
                    found[source.id] = (source, evidence)
        return list(found.values()), closed

    def _sources(self, hint: Fact, depth: int = 0) -> list[Fact]:
        """The reads that a flow event goes back to, where they are known: of a statement, all tables that it read.

        What that statement itself has read out of memory goes back further.
        """
        if hint.io.evidence != PROVENANCE_EVIDENCE_FLOW or not hint.io.source_span or depth > _MAX_DEPTH:
            return []
        trace_id = hint.io.source_trace or hint.io.trace_id
        facts = [fact for fact in self.used_by_span.get((trace_id, hint.io.source_span), ()) if fact is not hint]
        if hint.io.type != "database":
            facts = [fact for fact in facts if _name(fact) == _name(hint)][:1]
        return [source for fact in facts for source in (self._sources(fact, depth + 1) or [fact])]

    def _is_own_version(self, fact: Fact, output: Fact) -> bool:
        if (fact.io.namespace, fact.io.name) != (output.io.namespace, output.io.name):
            return False
        if fact.io.version or output.io.version:
            return fact.io.version == output.io.version
        return self.weak.own_producer(fact) == output.head or fact.io.span_id == output.io.span_id

    def see_through(self, inputs: dict[int, Inputs]) -> list[Derived]:
        """Replace inputs that are temporary entities of this run by what those derive from, and hide them."""
        generated = {(fact.io.namespace, fact.io.name) for fact in self.written}
        passing = {name for fact in self.by_id.values() if fact.io.temporary and (name := _name(fact)) in generated}
        plain = [edge for found in inputs.values() for edge in found.values()]
        if not passing:
            return plain
        for fact in self.by_id.values():
            if _name(fact) in passing and fact.hidden == SHOWN:
                fact.hidden = TEMPORARY
        budget = MAX_WEAK_EDGES
        resolved: dict[int, Inputs] = {}
        # A version is finished with the last of its writes.
        finished: dict[int, int] = {}
        for fact in self.written:
            finished[fact.head] = max(finished.get(fact.head, 0), fact.io.end)
        for head in sorted(inputs, key=lambda head: (finished[head], fact_order(self.by_id[head]))):
            through: Inputs = {}
            resolved[head] = through
            for edge in inputs[head].values():
                source = self.by_id[edge.input]
                if _name(source) not in passing:
                    _keep(through, edge)
                    continue
                before = resolved.get(self.weak.own_producer(source), {})
                budget -= len(before)
                if budget < 0:
                    self.by_id[head].via_run = True
                    continue
                for earlier in before.values():
                    _keep(
                        through,
                        Derived(head, earlier.input, weaker(edge.evidence, earlier.evidence), edge.shown_by),
                    )
        if budget < 0:
            self.missing.append("too many paths lead through temporary files: some are linked through the run alone")
        # The edges to and from temporary entities stay, for a reader of such an entity in another run.
        merged: dict[tuple[int, int], Derived] = {(edge.output, edge.input): edge for edge in plain}
        for found in resolved.values():
            for edge in found.values():
                merged.setdefault((edge.output, edge.input), edge)
        return list(merged.values())


def _is_copy(output: Fact, own: Sequence[tuple[Fact, str]]) -> bool:
    """Whether a write has the content of its one source, or is the member of an archive: nothing else went in."""
    if not output.io.flow_complete or len(own) != 1:
        return False
    source = own[0][0].io
    member = output.io.namespace == source.namespace and output.io.name.startswith(f"{source.name}!/")
    return member or (source.version == output.io.version and source.version.startswith("sha256:"))


def _keep(inputs: Inputs, edge: Derived) -> None:
    known = inputs.get(edge.input)
    if known is None or RANK[edge.evidence] < RANK[known.evidence]:
        inputs[edge.input] = edge


def _name(fact: Fact) -> tuple[str, str]:
    return fact.io.namespace, fact.io.name


def fact_order(fact: Fact) -> tuple[int, int, str, str, str, str, str]:
    """The order in which facts happened; equal times are put in an order that no arrival can change."""
    io = fact.io
    return io.start, io.seq, io.trace_id, io.span_id, io.relation, io.namespace, io.name
