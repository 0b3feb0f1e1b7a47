# SPDX-License-Identifier: Apache-2.0
"""Packs changes into `provenance.mutations` spans: at most 100 each, under the span that was current at the change."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry import trace

from otelprov.capture import guard, recorder
from otelprov.capture.recorder import STEP_KEY, Recorder, random_bits
from otelprov.capture.scrub.chosen import has_rules
from otelprov.containers.actor import actor_in
from otelprov.containers.encode import Encoder
from otelprov.containers.pending import Entry, Numbered, place_of
from otelprov.containers.tracker import Tracker
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
        # Changes of the batch at hand that are not in the journal yet.
        self._left = 0
        self._inherited = inherited

    def pack(self, batch: list[Numbered]) -> None:
        """Put a batch into the journal, where something is recorded; never raises."""
        current = recorder.current()
        if current is None or not batch:
            return
        self._left = len(batch)
        try:
            self._pack(batch, current)
        except BaseException as error:
            # Their numbers are given out: what is missing is said.
            current.journal.losses.add(_LOST, self._left)
            if not isinstance(error, Exception):
                raise
            guard.failed("packing changes", error)

    def _pack(self, batch: list[Numbered], current: Recorder) -> None:
        encoder = self._encoder_for(current)
        event = encoder.event
        groups: dict[Any, _Group] = {}
        # By the identity of contexts, which the batch keeps alive: most changes have that of the one before.
        of_contexts: dict[int, _Group] = {}
        group = _Group((0, 0, 0), "", "")
        last_where: Any = groups
        last_context: Any = groups
        last_thread = 0
        # In the order in which the changes were made, whatever they are packed under.
        for (entry, number), sequence in zip(batch, current.numbers(len(batch)), strict=True):
            where = entry[6]
            if where is not last_where:
                last_where = where
                thread, context = place_of(where)
                if context is not last_context or thread != last_thread:
                    last_context, last_thread = context, thread
                    group = of_contexts.get(id(context)) or _group_of(context, current, groups)
                    of_contexts[id(context)] = group
                    place = encoder.place(thread, group.actor)
                    events, entries = group.events, group.entries
            events.append(event(entry, number, sequence, place))
            entries.append(entry)
            if len(events) == MOST_EVENTS:
                # At once, as long as the texts are in the processor's cache.
                self._put_all(current, encoder, group)
        for group in groups.values():
            self._put_all(current, encoder, group)

    def _put_all(self, current: Recorder, encoder: Encoder, group: _Group) -> None:
        for start, end in _parts(group.events):
            self._put(current, encoder, group, group.entries[start:end], ",".join(group.events[start:end]))
        group.events.clear()
        group.entries.clear()

    def _put(
        self,
        current: Recorder,
        encoder: Encoder,
        group: _Group,
        entries: list[Entry],
        events: str,
    ) -> None:
        attributes: dict[str, Any] = {
            PROVENANCE_KIND: PROVENANCE_KIND_MUTATIONS,
            PROVENANCE_RUN_ID: encoder.run_id,
            PROVENANCE_PROCESS_ID: encoder.process_id,
            PROVENANCE_SEQ: current.numbers(1)[0],
            PROVENANCE_CONTAINER_COUNT: len(entries),
        }
        if group.step:
            attributes[PROVENANCE_STEP_ID] = group.step
        if group.actor:
            attributes[PROVENANCE_ACTOR] = group.actor
        trace_id, parent_id, flags = group.parent
        start = entries[0][2]
        span = EndedSpan(
            name=_name(encoder, entries),
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
        current.put(span)
        self._left -= len(entries)

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


def _parts(events: list[str]) -> Iterator[tuple[int, int]]:
    """Where to part events so that no part but one of a single event is too long."""
    start = size = 0
    for place, told in enumerate(events):
        size += len(told)
        if size > _MOST_TEXT and place > start:
            yield start, place
            start, size = place, len(told)
    if events:
        yield start, len(events)
