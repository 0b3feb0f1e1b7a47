# SPDX-License-Identifier: Apache-2.0
"""Packs changes into `provenance.mutations` spans: at most 100 each, under the span that was current at the change."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry import trace

from otelprov.capture import guard, recorder
from otelprov.capture.recorder import STEP_KEY, Recorder, random_bits
from otelprov.capture.scrub.chosen import has_rules
from otelprov.containers.actor import actor_in
from otelprov.containers.encode import Encoder
from otelprov.containers.pending import Entry, Numbered, place_of
from otelprov.containers.tracker import Tracker
from otelprov.interrupts import let_through
from otelprov.journal.encode import EndedSpan
from otelprov.semconv import (
    PROVENANCE_ACTOR,
    PROVENANCE_CONTAINER_COUNT,
    PROVENANCE_KIND,
    PROVENANCE_KIND_MUTATIONS,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_RUN_ID,
    PROVENANCE_SEQ,
    PROVENANCE_STEP_ID,
)

MOST_EVENTS = 100
# Of one span, in characters; with values captured, a single change may be a megabyte.
_MOST_TEXT = 500_000
_LOST = "changes_not_packed"


class _Group:
    """Changes of one batch that belong under the same span, in the same step and by the same actor."""

    __slots__ = ("actor", "entries", "events", "parent", "step")

    def __init__(self, parent: tuple[int, int, int], step: str, actor: str) -> None:
        self.parent = parent
        self.step = step
        self.actor = actor
        self.entries: list[Entry] = []
        self.events: list[str] = []


class Packer:
    """Packs for whatever recorder there is.

    `inherited`: containers with smaller numbers than the first were made in the process of the second, oldest first.
    """

    def __init__(self, inherited: Sequence[tuple[int, str]] = ()) -> None:
        self._encoder: Encoder | None = None
        self._inherited = inherited
        # A batch in which a signal handler has interrupted us, and the last one that is done.
        self._job: _Batch | None = None
        self._finished: list[Numbered] | None = None

    def pack(self, batch: list[Numbered]) -> None:
        """Put a batch into the journal, where something is recorded.

        Raises only what a signal handler raises in between; called again with the same list, it does the rest.
        """
        current = recorder.current()
        if current is None or not batch:
            return
        job = self._job
        if job is None or job.batch is not batch:
            if batch is self._finished:
                return
            job = self._job = _Batch(batch, current, self._encoder_for(current))
        try:
            job.go_on()
        except Exception as error:
            let_through(error)
            self._finish(batch)
            job.give_up(error)
        self._finish(batch)

    def _finish(self, batch: list[Numbered]) -> None:
        self._job, self._finished = None, batch

    def _encoder_for(self, current: Recorder) -> Encoder:
        encoder = self._encoder
        if encoder is None or encoder.process_id != current.process_id or encoder.run_id != current.run.run_id:
            encoder = self._encoder = Encoder(current, self.process_of)
        return encoder

    def process_of(self, number: int) -> str:
        """The process that made the container of a number; empty where nothing is recorded."""
        place = bisect.bisect_right(self._inherited, number, key=lambda inherited: inherited[0])
        if place < len(self._inherited):
            return self._inherited[place][1]
        current = recorder.current()
        return "" if current is None else current.process_id


class _Batch:
    """One batch on its way; `go_on` goes on where it was interrupted, wherever that was."""

    def __init__(self, batch: list[Numbered], current: Recorder, encoder: Encoder) -> None:
        self.batch = batch
        self._current = current
        self._encoder = encoder
        # In the order in which the changes were made, whatever they are packed under.
        self._numbers: list[int] = []
        # The number of the next span, where one is taken already.
        self._number: list[int] = []
        self._groups: dict[Any, _Group] = {}
        # How many changes are in the journal.
        self._put = 0
        # A span that is about to be put, its group, and what is left of the group and done in all when it is.
        self._putting: tuple[EndedSpan, _Group, list[Entry], list[str], int] | None = None

    def go_on(self) -> None:
        """Pack the rest."""
        self._current.add_numbers(self._numbers, len(self.batch) - len(self._numbers))
        self._finish_putting()
        done = self._put
        for group in self._groups.values():
            # What was added to the one of them only is added again.
            length = min(len(group.events), len(group.entries))
            del group.events[length:], group.entries[length:]
            done += length
        self._add(zip(self.batch[done:], self._numbers[done:], strict=True))
        for group in self._groups.values():
            while group.events:
                self._put_first(group)

    def give_up(self, error: Exception) -> None:
        """Declare what is not in the journal: its numbers are given out."""
        self._current.journal.losses.add(_LOST, len(self.batch) - self._put)
        guard.failed("packing changes", error)

    def _add(self, changes: Iterable[tuple[Numbered, int]]) -> None:
        event = self._encoder.event
        # By the identity of contexts, which the batch keeps alive: most changes have that of the one before.
        of_contexts: dict[int, _Group] = {}
        last_where: Any = of_contexts
        last_context: Any = of_contexts
        last_thread = 0
        for (entry, number), sequence in changes:
            where = entry[6]
            if where is not last_where:
                last_where = where
                thread, context = place_of(where)
                if context is not last_context or thread != last_thread:
                    last_context, last_thread = context, thread
                    group = of_contexts.get(id(context)) or _group_of(context, self._current, self._groups)
                    of_contexts[id(context)] = group
                    place = self._encoder.place(thread, group.actor)
            events = group.events
            events.append(event(entry, number, sequence, place))
            group.entries.append(entry)
            if len(events) >= MOST_EVENTS:
                # At once, as long as the texts are in the processor's cache.
                self._put_first(group)

    def _put_first(self, group: _Group) -> None:
        events, entries = group.events, group.entries
        end = _fitting(events)
        span = self._span(group, entries[:end], ",".join(events[:end]))
        self._putting = (span, group, entries[end:], events[end:], self._put + end)
        self._finish_putting()

    def _finish_putting(self) -> None:
        if self._putting is not None:
            # Where that was interrupted, once more: a span that is there twice counts once.
            span, group, entries, events, put = self._putting
            self._current.put(span)
            group.entries, group.events, self._put = entries, events, put
            self._number.clear()
            self._putting = None

    def _span(self, group: _Group, entries: list[Entry], events: str) -> EndedSpan:
        if not self._number:
            self._current.add_numbers(self._number, 1)
        attributes: dict[str, Any] = {
            PROVENANCE_KIND: PROVENANCE_KIND_MUTATIONS,
            PROVENANCE_RUN_ID: self._encoder.run_id,
            PROVENANCE_PROCESS_ID: self._encoder.process_id,
            PROVENANCE_SEQ: self._number[0],
            PROVENANCE_CONTAINER_COUNT: len(entries),
        }
        if group.step:
            attributes[PROVENANCE_STEP_ID] = group.step
        if group.actor:
            attributes[PROVENANCE_ACTOR] = group.actor
        trace_id, parent_id, flags = group.parent
        start = entries[0][2]
        span = EndedSpan(
            name=_name(self._encoder, entries),
            trace_id=trace_id,
            span_id=random_bits(64),
            parent_id=parent_id,
            start=start,
            # The clock may have been set back in between.
            end=max(start, entries[-1][2]),
            attributes=attributes,
            flags=flags & 0xFF,
            encoded_events=events,
        )
        if has_rules():
            # Rules of the user's go by the names of attributes.
            from otelprov.journal.decode import with_events

            span = with_events(span)
        return span


def _group_of(context: Any, current: Recorder, groups: dict[Any, _Group]) -> _Group:
    span = trace.get_current_span(context).get_span_context()
    if span.is_valid:
        parent = span.trace_id, span.span_id, int(span.trace_flags)
    else:
        run = current.run
        parent = run.trace_id, run.span_id, int(run.sampled)
    found = context.get(STEP_KEY, "") if isinstance(context, dict) else ""
    step = found if type(found) is str else ""
    actor = actor_in(context)
    key = parent, step, actor
    group = groups.get(key)
    if group is None:
        group = groups[key] = _Group(*key)
    return group


def _name(encoder: Encoder, entries: list[Entry]) -> str:
    first = entries[0][0]
    trackers: set[Tracker] = {entry[0] for entry in entries}
    if len(trackers) > 1:
        return f"change {len(trackers)} containers"
    extra = entries[0][7] if len(entries[0]) == 8 else None
    return f"change {encoder.name(extra.paths[0][0] if extra is not None and extra.paths else first)}"


def _fitting(events: list[str]) -> int:
    """How many of the first events make a span that is neither too long nor has too many; at least one."""
    size = 0
    for place, told in enumerate(events):
        size += len(told)
        if place == MOST_EVENTS or (size > _MOST_TEXT and place):
            return place
    return len(events)
