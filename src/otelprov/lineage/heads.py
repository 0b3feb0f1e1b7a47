# SPDX-License-Identifier: Apache-2.0
"""Finds the writes of a run that together made one version: one fact, the head, stands for all of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from otelprov.store.contract import Fact


def find_heads(written: Sequence[Fact], used: Sequence[Fact]) -> None:
    """Set `head` of generating facts (in order of time), and 0 on used ones.

    Where a write says no version and leaves the older content in place (rows put into a table), a burst of such writes
    is one version until the run itself reads the entity. What was rolled over into sibling spans is one write.
    """
    reads: dict[tuple[str, str], list[int]] = {}
    for fact in used:
        fact.head = 0
        reads.setdefault((fact.io.namespace, fact.io.name), []).append(fact.io.start)
    for times in reads.values():
        times.sort()
    last: dict[tuple[str, str], tuple[Fact, Fact]] = {}
    for fact in written:
        name = (fact.io.namespace, fact.io.name)
        known = last.get(name)
        fact.head = fact.id
        if known is not None and (_siblings(known[1], fact) or _burst(known[1], fact, reads.get(name, []))):
            fact.head = known[0].id
            last[name] = (known[0], fact)
        else:
            last[name] = (fact, fact)


def _siblings(before: Fact, fact: Fact) -> bool:
    one, other = before.io, fact.io
    return (one.process_id, one.parent_id, one.start, one.end, one.operation, one.version) == (
        other.process_id,
        other.parent_id,
        other.start,
        other.end,
        other.operation,
        other.version,
    )


def _burst(before: Fact, fact: Fact, reads: list[int]) -> bool:
    if before.io.version or fact.io.version or not fact.io.accumulates:
        return False
    return bisect_right(reads, fact.io.start) == bisect_right(reads, before.io.start)
