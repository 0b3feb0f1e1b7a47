# SPDX-License-Identifier: Apache-2.0
"""Finds what a name in a selection means: entities at their newest version, one version by id, or runs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from otelprov.lineage.joining import Joiner, comparable
from otelprov.model.records import GENERATED, USED
from otelprov.store.contract import Bounds, Fact, Store

MIN_PREFIX = 4
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Seed:
    """Where a walk begins: a run, or the version `node`, with a fact that speaks for it; `note` says what is odd."""

    run_id: str = ""
    node: str = ""
    fact: Fact | None = None
    note: str = ""


def find_seeds(store: Store, name: str, bounds: Bounds, join: Joiner) -> list[Seed]:
    """What a name means, the most exact meaning that there is: id, path, last part of a name, table, glob, run."""
    by_id = _by_id(store, name, join)
    if by_id:
        return by_id
    for pattern in _patterns(name):
        found = [
            seed
            for namespace, entity, _ in store.entity_names(pattern)
            if (seed := newest_version(store, namespace, entity, bounds, join)) is not None
        ]
        if found:
            return found
    runs = store.runs(name=name, limit=None)
    in_time = [run for run in runs if bounds.since <= run.started <= bounds.until]
    if any(mark in name for mark in "*?["):
        return [Seed(run_id=run.run_id) for run in in_time]
    return [Seed(run_id=run.run_id) for run in in_time[:1]]


def newest_version(store: Store, namespace: str, name: str, bounds: Bounds, join: Joiner) -> Seed | None:
    """The newest version of an entity that was generated or used within bounds of time; None where there is none."""
    made = store.newest(namespace, name, GENERATED, bounds)
    used = store.newest(namespace, name, USED, bounds)
    if used is not None and (made is None or used.io.start >= made.io.end):
        producer = join.producer(used)
        if producer is not None:
            return Seed(node=producer.node, fact=producer)
        if made is None or comparable(used.io.version, made.io.version):
            note = ""
            if made is not None:
                note = f"{name} has changed outside of any recorded run since run {made.io.run_id[:8]} wrote it"
            return Seed(node=used.node, fact=used, note=note)
    return Seed(node=made.node, fact=made) if made is not None else None


def _by_id(store: Store, name: str, join: Joiner) -> list[Seed]:
    prefix = name.lower()
    if len(prefix) < MIN_PREFIX or not set(prefix) <= _HEX:
        return []
    seeds = [Seed(run_id=run_id) for run_id in store.runs_of_prefix(prefix)]
    best: dict[str, Fact] = {}
    for fact in store.facts_of_node(prefix):
        node = join.node(fact)
        # A read may have been joined to a version of another id since: that one is not what was asked for.
        if not node.startswith(prefix):
            continue
        known = best.get(node)
        if known is None or _speaks(fact) > _speaks(known):
            best[node] = fact
    return [*seeds, *(Seed(node=node, fact=fact) for node, fact in sorted(best.items()))]


def _speaks(fact: Fact) -> tuple[bool, int, int, str]:
    return fact.io.relation == GENERATED and fact.head == fact.id, fact.io.end, fact.io.seq, fact.io.span_id


def _patterns(name: str) -> list[str]:
    """What to look for, in turn: paths as they stand and with links resolved, then the name itself."""
    if name.startswith("~"):
        name = os.path.expanduser(name)
    found = [name] if os.path.isabs(name) else []
    if os.path.isabs(name) or os.sep in name or os.path.exists(name) or name.startswith("."):
        found += [os.path.abspath(name), os.path.realpath(name)]
    return list(dict.fromkeys([*found, name]))
