# SPDX-License-Identifier: Apache-2.0
"""Reads that lie before a write: evidence of the same step, or of mere order, kept within bounds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from otelprov.lineage.scopes import Scopes
from otelprov.model.records import IoRecord
from otelprov.semconv import PROVENANCE_EVIDENCE_FLOW, PROVENANCE_EVIDENCE_ORDER, PROVENANCE_EVIDENCE_STEP
from otelprov.store.contract import Fact

Key = tuple[str, str, str, int]
# Of each step, or of what lies outside every request: input key -> the first and the last read of it so far.
Bucket = dict[Key, list[Fact]]


def input_key(fact: Fact) -> Key:
    """What makes two reads the same input: name and version, or the read itself where no version is known."""
    io = fact.io
    return io.namespace, io.name, io.version, 0 if io.version else fact.id


class WeakReads:
    """The reads of a run by step and by scope, opened up as time goes on.

    `too_many` says that edges of mere order would be more than `limit`, so that none of them are given; `overfull` are
    the steps of which the same is true. `loose` are ids of reads that went into plain objects: no library told of
    rows, and no flow among all that was `used` goes back to them.
    """

    def __init__(
        self, reads: Sequence[Fact], used: Sequence[Fact], written: Sequence[Fact], scopes: Scopes, limit: int
    ) -> None:
        self._scopes = scopes
        sources = {read.io.source_span for read in used if read.io.evidence == PROVENANCE_EVIDENCE_FLOW}
        self.loose = {read.id for read in reads if read.io.rows < 0 and read.io.span_id not in sources}
        self._reads = reads
        self._producers: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        for fact in sorted(written, key=lambda fact: (fact.io.end, fact.io.start, fact.io.span_id)):
            ends, heads = self._producers.setdefault((fact.io.namespace, fact.io.name), ([], []))
            ends.append(fact.io.end)
            heads.append(fact.head)
        # Gone through twice, once to count.
        self._places = [(self._bucket_key(fact), scopes.chain(fact.io), scopes.scope_of(fact.io)) for fact in reads]
        self._limit = limit
        self._rewind()
        self.overfull: set[str] = set()
        self.too_many = self._count(written) > limit
        self._rewind()

    def _rewind(self) -> None:
        self._next = 0
        self._loose_so_far = 0
        self._of_step: dict[str, Bucket] = {}
        self._of_scope: dict[str, Bucket] = {}

    def own_producer(self, fact: Fact) -> int:
        """Head of the version that this run itself had made before a read, 0 where it had made none."""
        ends, heads = self._producers.get((fact.io.namespace, fact.io.name), ([], []))
        at = bisect_right(ends, fact.io.start)
        return heads[at - 1] if at else 0

    def before(self, output: Fact) -> Iterator[tuple[Fact, str]]:
        """Reads before a write with their evidence, the stronger first. Writes must come in order of their end."""
        self._open_until(output.io)
        for step_id in self._scopes.chain(output.io):
            if step_id in self.overfull:
                continue
            for fact in _facts(self._of_step.get(step_id)):
                yield fact, PROVENANCE_EVIDENCE_STEP
        if self.too_many:
            return
        for scope in ("", *self._scopes.isolating(output.io)):
            for fact in _facts(self._of_scope.get(scope)):
                yield fact, PROVENANCE_EVIDENCE_ORDER

    def _open_until(self, output: IoRecord) -> None:
        reads = self._reads
        while self._next < len(reads) and _is_before(reads[self._next].io, output):
            fact = reads[self._next]
            key, chain, scope = self._places[self._next]
            self._next += 1
            self._loose_so_far += fact.id in self.loose
            for step_id in chain:
                _add(self._of_step.setdefault(step_id, {}), key, fact)
            _add(self._of_scope.setdefault(scope, {}), key, fact)

    def _bucket_key(self, fact: Fact) -> Key:
        io = fact.io
        return io.namespace, io.name, io.version, 0 if io.version else self.own_producer(fact)

    def is_overfull(self, output: Fact) -> bool:
        """Whether a write lies in a step whose edges are not given."""
        return not self.overfull.isdisjoint(self._scopes.chain(output.io))

    def _count(self, written: Sequence[Fact]) -> int:
        """How many edges of mere order there would be; those of each step are counted by the way."""
        total = 0
        of_step: dict[str, int] = {}
        for output in sorted(written, key=lambda fact: fact.io.end):
            self._open_until(output.io)
            if output.io.flow_complete:
                total += self._loose_so_far
                continue
            for step_id in self._scopes.chain(output.io):
                of_step[step_id] = of_step.get(step_id, 0) + len(self._of_step.get(step_id, ()))
            total += sum(len(self._of_scope.get(scope, ())) for scope in ("", *self._scopes.isolating(output.io)))
        self.overfull = {step_id for step_id, number in of_step.items() if number > self._limit}
        return total


def _is_before(read: IoRecord, written: IoRecord) -> bool:
    # Two things at one point of the clock: the numbers of the process tell which came first.
    return read.start < written.end or (read.start == written.end and read.seq < written.seq)


def _facts(bucket: Bucket | None) -> Iterator[Fact]:
    for first_and_last in (bucket or {}).values():
        yield from first_and_last


def _add(bucket: Bucket, key: Key, fact: Fact) -> None:
    known = bucket.get(key)
    if known is None:
        bucket[key] = [fact]
    elif not key[2]:
        # Where no version is known, the last read may have seen something else than the first.
        known[1:] = [fact]
