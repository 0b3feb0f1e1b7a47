# SPDX-License-Identifier: Apache-2.0
"""Which containers a name means, and which point of a history a number or a time means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from otelprov.cli.container_text import names_and_locations
from otelprov.cli.runs import since_time
from otelprov.errors import NotFoundError, UsageError
from otelprov.export.text import counted
from otelprov.lineage.locations import steps
from otelprov.lineage.restoring import Part, Point, Restored, restore
from otelprov.model.containers import ContainerSummary
from otelprov.model.records import MutationRecord
from otelprov.store.contract import END_OF_TIME, RunDetail, Store

_MOST_NAMED = 5
_MIN_PREFIX = 4
# A time in nanoseconds, as `--json` gives it, is longer than any number of a change.
_NANOSECONDS = re.compile(r"\d{16,19}")
# A change of a container inside: its id, or the number at the end of it, and the number of the change.
_INSIDE = re.compile(r"((?:[0-9a-f]{1,32}-)?\d{1,15}):(\d{1,15})")


def chosen(known: Sequence[ContainerSummary], wanted: str, run: str) -> list[ContainerSummary]:
    """The containers that a name, a pattern, or the beginning of an id means; raises NotFoundError for none."""
    found = [summary for summary in known if wanted in summary.names]
    if not found and len(wanted) >= _MIN_PREFIX:
        exact = [summary for summary in known if summary.container == wanted]
        found = exact or [summary for summary in known if summary.container.startswith(wanted)]
    if not found:
        found = [summary for summary in known if any(fnmatchcase(name, wanted) for name in summary.names)]
    if found:
        return found
    if not known:
        raise NotFoundError(
            f"Looking for container {wanted!r}: run {run} changed no tracked container. Make some with otelprov.track."
        )
    names = sorted({name for summary in known for name in summary.names})
    alike = difflib.get_close_matches(wanted, names, _MOST_NAMED)
    listed = alike or names[:_MOST_NAMED]
    more = ", …" if not alike and len(names) > _MOST_NAMED else ""
    raise NotFoundError(
        f"Looking for container {wanted!r}: run {run} changed none of that name. "
        f"{'Did you mean' if alike else 'There are'}: {', '.join(listed)}{more}"
    )


@dataclass(slots=True)
class Wanted:
    """Which changes to show; patterns have `*` and `?`. Texts are empty where anything goes."""

    actor: str = ""
    action: str = ""
    location: str = ""

    def __bool__(self) -> bool:
        return bool(self.actor or self.action or self.location)

    def of(self, changes: Iterable[MutationRecord]) -> Iterator[MutationRecord]:
        """Those changes among others."""
        actor, action, location = map(_pattern, (self.actor, self.action, self.location))
        for change in changes:
            if (
                actor.fullmatch(change.actor)
                and action.fullmatch(change.action)
                and (not self.location or any(map(location.fullmatch, _places(change))))
            ):
                yield change


def _places(change: MutationRecord) -> Iterator[str]:
    """Where a change was made, with and without the name of the container, in each one that holds it."""
    for name, location in ((change.name, change.location), *names_and_locations(change.locations or "[]")):
        yield location
        yield f"{name}{location}"


def _pattern(glob: str) -> re.Pattern[str]:
    # Brackets stand for themselves: locations are full of them.
    return re.compile(re.escape(glob or "*").replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


class Histories:
    """The containers of one run in a store, as replays need them."""

    def __init__(self, store: Store, run: RunDetail, known: Sequence[ContainerSummary]) -> None:
        self._store = store
        self._run_id = run.summary.run_id
        self._known = {summary.container: summary for summary in known}
        self._parents = {process.process_id: process for process in run.processes}

    def outermost(self, found: Sequence[ContainerSummary], wanted: str) -> ContainerSummary:
        """The one container that is meant; raises UsageError where there are several that no other of them holds."""
        if len(found) > 1:
            firsts: dict[str, MutationRecord] = {}
            for change in self._store.mutations(self._run_id, [summary.container for summary in found], changes=(0, 1)):
                firsts.setdefault(change.container, change)
            outer = [one for one in found if _is_outermost(firsts.get(one.container), wanted)]
            found = outer or found
        if len(found) > 1:
            listed = ", ".join(summary.container for summary in found[:_MOST_NAMED])
            more = ", …" if len(found) > _MOST_NAMED else ""
            raise UsageError(
                f"Looking for the content of {wanted!r}: {len(found)} containers have that name. "
                f"Give the id of one: {listed}{more}"
            )
        return found[0]

    def point(self, of: ContainerSummary, text: str, process: str) -> Point:
        """The point that a number of a change, one of a container inside (`3:12`), or a time stands for."""
        inside = _INSIDE.fullmatch(text)
        if inside is not None:
            which = inside[1] if "-" in inside[1] else f"{of.container.rpartition('-')[0]}-{inside[1]}"
            if which not in self._known:
                raise NotFoundError(f"Looking for point {text!r} of {of.names[0]}: the run has no container {which}")
            return self.point(self._known[which], inside[2], process)
        number = int(text) if text.isdecimal() and not _NANOSECONDS.fullmatch(text) else -1
        spread = {one: span for one, span in of.processes.items() if one.startswith(process)}
        if not spread:
            listed = ", ".join(of.processes)
            raise NotFoundError(f"Looking for process {process!r}: {of.names[0]} was changed by {listed}")
        if number >= 0:
            within = {one: span for one, span in spread.items() if span[0] <= number <= span[1]}
            if not within:
                ends = [end for span in spread.values() for end in span]
                raise NotFoundError(
                    f"Looking for change {number} of {of.names[0]}: its changes go from {min(ends)} to {max(ends)}"
                )
            spread = within
        if len(spread) > 1:
            raise UsageError(
                f"Looking for point {text!r} of {of.names[0]}: it went on in {len(spread)} processes after a fork. "
                f"Choose one with --process: {', '.join(spread)}"
            )
        (process_id,) = spread
        if number < 0:
            return Point(process_id, END_OF_TIME, moment_of(text))
        found = next(iter(self.read(Part(of.container, process_id, number, number))), None)
        if found is None:
            raise NotFoundError(
                f"Looking for change {number} of {of.names[0]}: it has not arrived. "
                f"Its history is not complete: {'; '.join(self.holes([of]))}"
            )
        return Point(process_id, found.seq, END_OF_TIME)

    def restored(self, of: ContainerSummary, point: Point) -> Restored:
        """The container, with those inside it, at a point."""
        return restore(of.container, point, self.read, self._spread, self._ancestry(point.process_id))

    def read(self, part: Part) -> Iterator[MutationRecord]:
        """The changes of a container in one process."""
        return self._store.mutations(
            self._run_id, [part.container], process_id=part.process_id, changes=(part.first, part.last)
        )

    def holes(self, found: Sequence[ContainerSummary]) -> list[str]:
        """Sentences about the numbers of changes that are missing."""
        sentences: list[str] = []
        for summary in found:
            if not summary.missing:
                continue
            for process_id, (first, last) in summary.processes.items():
                made_here = summary.container.startswith(process_id)
                gaps = list(
                    _gaps(self.read(Part(summary.container, process_id, first, last)), 1 if made_here else first)
                )
                told = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in gaps[:_MOST_NAMED])
                if gaps:
                    more = ", …" if len(gaps) > _MOST_NAMED else ""
                    total = sum(b - a + 1 for a, b in gaps)
                    sentences.append(
                        f"{counted(total, 'change')} of {summary.names[0]} ({summary.container}) missing: {told}{more}"
                    )
        return sentences

    def _spread(self, container: str) -> Mapping[str, tuple[int, int]]:
        summary = self._known.get(container)
        return summary.processes if summary is not None else {}

    def _ancestry(self, process_id: str) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        while process_id and all(process_id != one for one, _ in found):
            process = self._parents.get(process_id)
            found.append((process_id, process.started if process is not None else 0))
            process_id = process.parent_id if process is not None else ""
        return found


def moment_of(text: str) -> int:
    """Nanoseconds of a time: as a number of them, `7d`, `2026-11-20T14:03:01.5`; raises UsageError for others."""
    return int(text) if _NANOSECONDS.fullmatch(text) else since_time(text)


def _is_outermost(first: MutationRecord | None, wanted: str) -> bool:
    if first is None:
        return False
    return len(steps(first.location)) <= (0 if first.action == "create" else 1) and fnmatchcase(first.name, wanted)


def _gaps(changes: Iterable[MutationRecord], first: int) -> Iterator[tuple[int, int]]:
    following = first
    for change in changes:
        if change.change > following:
            yield following, change.change - 1
        following = max(following, change.change + 1)
