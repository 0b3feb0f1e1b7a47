# SPDX-License-Identifier: Apache-2.0
"""Answers who changed which tracked container, when: summaries, and histories that are read as they are asked for."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from otelprov.model.containers import ContainerSummary
from otelprov.model.records import MutationRecord
from otelprov.store import rows
from otelprov.store.contract import END_OF_TIME, Bounds
from otelprov.store.lookups import Lookups

# One row for each block of events and manner of change: a small part of the changes.
_PARTS = (
    "SELECT c.container, c.process_id, m.name, m.type, m.actor, b.trace_id, b.step_id, count(*), min(x.time), "  # noqa: S608
    "max(x.time), min(x.change), max(x.change), sum(x.change > 0), "
    "max(x.key <> '' OR x.old_value <> '' OR x.new_value <> ''), max(x.locations <> '') "
    f"FROM {rows.MUTATION_TABLES} WHERE c.run_id = ? GROUP BY x.container, x.manner, x.block"
)
# Names of further containers that hold one, out of pairs of name and location; whatever else the text may be, no error.
_OTHER_NAMES = (
    "SELECT c.container, CASE j.type WHEN 'array' THEN json_extract(j.value, '$[0]') END, count(*) "  # noqa: S608
    f"FROM {rows.MUTATION_TABLES}, json_each(CASE WHEN json_valid(x.locations) THEN x.locations ELSE '[]' END) j "
    "WHERE c.run_id = ? AND x.locations <> '' GROUP BY 1, 2"
)
_CHANGES = (
    f"SELECT {rows.MUTATION_FIELDS} FROM {rows.MUTATION_TABLES} WHERE c.id = ? "  # noqa: S608
    "AND x.time BETWEEN ? AND ? AND x.change BETWEEN ? AND ? ORDER BY x.seq, x.change"
)
_CHANGES_OF_SEVERAL = _CHANGES.replace("c.id = ?", "c.id IN (SELECT value FROM json_each(?))")
_NEWEST = _CHANGES.replace("ORDER BY x.seq, x.change", "ORDER BY x.seq DESC, x.change DESC LIMIT ?")
_ANY_CHANGE = (-END_OF_TIME, END_OF_TIME)


class Histories(Lookups):
    """The part of the store that knows tracked containers."""

    def containers(self, run_id: str) -> list[ContainerSummary]:
        """The tracked containers that a run changed, in order of their first change."""
        query = "SELECT trace_id, span_id, name FROM step WHERE run_id = ?"
        steps = {(trace, span): name for trace, span, name in self._rows(query, (run_id,))}
        parts: dict[str, list[tuple[Any, ...]]] = {}
        for row in self._connection.execute(_PARTS, (run_id,)):
            parts.setdefault(row[0], []).append(row)
        others: dict[str, Counter[str]] = {}
        if any(part[-1] for of in parts.values() for part in of):
            for container, name, count in self._rows(_OTHER_NAMES, (run_id,)):
                if isinstance(name, str):
                    others.setdefault(container, Counter())[name] += count
        found = [_summary(container, of, others.get(container), steps) for container, of in parts.items()]
        return sorted(found, key=lambda summary: (summary.first, summary.container))

    def mutations(
        self,
        run_id: str,
        containers: Iterable[str] | None = None,
        *,
        process_id: str = "",
        bounds: Bounds | None = None,
        changes: tuple[int, int] | None = None,
        newest: int | None = None,
    ) -> Iterator[MutationRecord]:
        """The changes of containers: of a process in order of number, over processes in order of time."""
        wanted = None if containers is None else set(containers)
        ids: dict[str, list[int]] = {}
        query = "SELECT process_id, id, container FROM container WHERE run_id = ? ORDER BY process_id, id"
        for process, number, container in self._rows(query, (run_id,)):
            if (wanted is None or container in wanted) and process_id in ("", process):
                ids.setdefault(process, []).append(number)
        within = bounds or Bounds()
        limits = (within.since, within.until, *(changes or _ANY_CHANGE))
        histories = [self._history(numbers, limits, newest) for numbers in ids.values()]
        return histories[0] if len(histories) == 1 else heapq.merge(*histories, key=attrgetter("time"))

    def _history(self, numbers: Sequence[int], limits: tuple[int, ...], newest: int | None) -> Iterator[MutationRecord]:
        """The changes of some containers in one process."""
        if newest is not None:
            found = [row for number in numbers for row in self._rows(_NEWEST, (number, *limits, newest))]
            return iter(sorted(map(rows.mutation_of, found), key=attrgetter("seq", "change")))
        # Of a single one they lie in that order; several have to be sorted.
        query, of = (_CHANGES, numbers[0]) if len(numbers) == 1 else (_CHANGES_OF_SEVERAL, json.dumps(numbers))
        return map(rows.mutation_of, self._connection.execute(query, (of, *limits)))


def _summary(
    container: str,
    parts: Sequence[tuple[Any, ...]],
    other_names: Counter[str] | None,
    known_steps: dict[tuple[str, str], str],
) -> ContainerSummary:
    names: Counter[str] = Counter(other_names)
    types: Counter[str] = Counter()
    actors: dict[str, int] = {}
    steps: dict[tuple[str, str], int] = {}
    processes: dict[str, list[int]] = {}
    found = ContainerSummary(container, first=min(part[8] for part in parts), last=max(part[9] for part in parts))
    for part in parts:
        _, process, name, kind, actor, trace, step, count, first, _, lowest, highest, numbered, values, _ = part
        names[name] += count
        types[kind] += count
        if actor:
            actors[actor] = min(actors.get(actor, first), first)
        if step:
            steps[trace, step] = min(steps.get((trace, step), first), first)
        of = processes.setdefault(process, [first, lowest, highest, 0])
        of[:] = min(of[0], first), min(of[1], lowest), max(of[2], highest), of[3] + numbered
        found.changes += numbered
        found.values = found.values or bool(values)
    for process, (_, lowest, highest, numbered) in sorted(processes.items(), key=lambda item: item[1][0]):
        found.processes[process] = (lowest, highest)
        # A container that was taken over from a parent process goes on with the parent's numbers.
        begin = 1 if container.startswith(process) else max(lowest, 1)
        found.missing += max(highest - begin + 1 - numbered, 0)
    found.names = [name for name, _ in sorted(names.items(), key=lambda item: (-item[1], item[0]))]
    found.types = [kind for kind, _ in sorted(types.items(), key=lambda item: (-item[1], item[0]))]
    found.actors = sorted(actors, key=lambda actor: (actors[actor], actor))
    for key in sorted(steps, key=lambda key: (steps[key], key)):
        name = known_steps.get(key, key[1])
        found.steps[name] = found.steps.get(name, 0) + 1
    return found
