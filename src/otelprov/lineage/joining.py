# SPDX-License-Identifier: Apache-2.0
"""Joins what was read to the version that a producer made: the rule of versions and time."""

from __future__ import annotations

from otelprov.model.records import GENERATED
from otelprov.store.contract import Bounds, Fact, Store


class Joiner:
    """Joins used facts of one store within bounds of time; remembers what it found."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self.store = store
        self.bounds = bounds
        self._producers: dict[int, Fact | None] = {}
        self._uses: dict[tuple[str, str], dict[str, list[Fact]]] = {}

    def producer(self, used: Fact) -> Fact | None:
        """The head fact of the version that was read; None where nobody is known to have made it."""
        if used.id not in self._producers:
            self._producers[used.id] = self._find(used)
        return self._producers[used.id]

    def node(self, fact: Fact) -> str:
        """The id of the version that a fact used or generated."""
        if fact.io.relation == GENERATED:
            return fact.node
        producer = self.producer(fact)
        return producer.node if producer is not None else fact.node

    def uses(self, namespace: str, name: str, node: str) -> list[Fact]:
        """The used facts that are joined to a version."""
        by_node = self._uses.get((namespace, name))
        if by_node is None:
            by_node = self._uses[namespace, name] = {}
            until = min(self.bounds.until, (1 << 63) - 2)
            for used in self.store.uses(namespace, name, self.bounds.since, until + 1):
                by_node.setdefault(self.node(used), []).append(used)
        return by_node.get(node, [])

    def before(self, head: Fact) -> Fact | None:
        """The version that a write has added to: the last one before it, unless the entity was removed in between."""
        io = head.io
        if not io.accumulates:
            return None
        # A write without a length must not be found to come before itself.
        earlier = self.store.producer(io.namespace, io.name, "", min(io.start, io.end - 1))
        if earlier is None or earlier.node == head.node or earlier.io.end < self.bounds.since:
            return None
        return None if self.store.deleted_between(io.namespace, io.name, earlier.io.end, io.start) else earlier

    def after(self, head: Fact) -> Fact | None:
        """The version that has added to this one."""
        later = self.store.next_producer(head.io.namespace, head.io.name, head.io.end, self.bounds.until)
        if later is None:
            return None
        earlier = self.before(later)
        return later if earlier is not None and earlier.id == head.id else None

    def _find(self, used: Fact) -> Fact | None:
        io = used.io
        if io.version:
            same = self.store.producer(io.namespace, io.name, io.version, io.start)
            if same is not None:
                return self._in_time(same)
        last = self.store.producer(io.namespace, io.name, "", io.start)
        if last is None or (io.version and comparable(io.version, last.io.version)):
            return None
        return self._in_time(last)

    def _in_time(self, head: Fact) -> Fact | None:
        return head if head.io.end >= self.bounds.since else None


def comparable(one: str, other: str) -> bool:
    """Whether two versions can tell if the content is the same: both known, and found in the same way."""
    return bool(one) and bool(other) and one.partition(":")[0] == other.partition(":")[0]
