# SPDX-License-Identifier: Apache-2.0
"""The recorder of one process: gives ids and sequence numbers, and puts ended spans into the journal."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from opentelemetry import trace

from otelprov import config
from otelprov.capture.inside import quietly
from otelprov.capture.scrub import scrub_attributes, scrub_span
from otelprov.journal.encode import EndedSpan, Event
from otelprov.journal.journal import Journal
from otelprov.semconv import (
    EVENT_PROVENANCE_LOSS,
    EVENT_PROVENANCE_PROCESS_ENDED,
    PROVENANCE_KIND,
    PROVENANCE_KIND_RECORD,
    PROVENANCE_KIND_RUN,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_PROCESS_RECORDS,
    PROVENANCE_RUN_ID,
    PROVENANCE_SEQ,
    PROVENANCE_STEP_ID,
    SERVICE_INSTANCE_ID,
)

SAMPLED = 1

if TYPE_CHECKING:

    class SpanDetails(TypedDict, total=False):
        """What a span may have besides its kind, name and attributes."""

        scope: str
        start: int
        end: int
        events: Sequence[Pending]
        links: Sequence[tuple[int, int]]
        status: int
        status_message: str
        span_id: int
        parent: tuple[int, int, int] | None
        span_kind: int


Pending = tuple[str, Mapping[str, Any]]


class Run(NamedTuple):
    """The run that this process belongs to; ids as integers but for `run_id` (32 hex digits)."""

    run_id: str
    name: str
    trace_id: int
    span_id: int
    parent_span_id: int
    started: int
    sampled: bool
    owner: bool


# Span id of the nearest step, as 16 hex digits.
current_step: ContextVar[str] = ContextVar("otelprov_step", default="")
# The same by this key of the OpenTelemetry context, for what is looked at when the step is long left.
STEP_KEY = "otelprov-step"


def random_bits(bits: int) -> int:
    """A non-zero random number; from the system, so that forked children never repeat their parent's."""
    while True:
        value = int.from_bytes(os.urandom(bits // 8), "big")
        if value:
            return value


class Recorder:
    """Everything of ours that a process emits goes through `emit`, which never raises for reasons of storage."""

    def __init__(self, run: Run, resource: Mapping[str, Any]) -> None:
        self.run = run
        self.process_id = f"{random_bits(64):016x}"
        self.parent_process_id = ""
        self.pid = os.getpid()
        # Others that want to see our ended spans: the application's exporters, where we are guests.
        self.forward: Callable[[EndedSpan], None] | None = None
        # Told once, before the first span of this process: writes the record that the process has started.
        self.announce: Callable[[], None] | None = None
        self._resource = dict(resource)
        self._sequence = itertools.count(1)
        self._announcing = threading.RLock()
        self.journal = self._new_journal()

    def _new_journal(self) -> Journal:
        resource = {**self._resource, PROVENANCE_RUN_ID: self.run.run_id, PROVENANCE_PROCESS_ID: self.process_id}
        # A forked child is another instance of the service.
        resource[SERVICE_INSTANCE_ID] = self.process_id
        return Journal(config.journal_folder(), self.process_id, scrub_attributes(resource))

    def parent_context(self) -> tuple[int, int, int]:
        """Trace id, span id and flags of what a span made now hangs under: the current span, else the run."""
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return context.trace_id, context.span_id, int(context.trace_flags)
        return self.run.trace_id, self.run.span_id, int(self.run.sampled)

    def emit(self, kind: str, name: str, attributes: Mapping[str, Any], **details: Unpack[SpanDetails]) -> EndedSpan:
        """Put one ended span of ours into the journal, and return it; `details` are those of `make`."""
        if self.announce is not None:
            self._announce()
        span = self.make(kind, name, attributes, **details)
        self.put(span)
        return span

    def make(
        self,
        kind: str,
        name: str,
        attributes: Mapping[str, Any],
        *,
        scope: str = "otelprov",
        start: int = 0,
        end: int = 0,
        events: Sequence[Pending] = (),
        links: Sequence[tuple[int, int]] = (),
        status: int = 0,
        status_message: str = "",
        span_id: int = 0,
        parent: tuple[int, int, int] | None = None,
        span_kind: int = 1,
    ) -> EndedSpan:
        """The span that `emit` would put into the journal; it has its sequence number, so it must get there.

        `start` and `end` are nanoseconds since the epoch, now where 0. `parent` is (trace id, parent span id, flags).
        """
        end = end or time.time_ns()
        trace_id, parent_id, flags = parent or self.parent_context()
        values = {
            PROVENANCE_KIND: kind,
            PROVENANCE_RUN_ID: self.run.run_id,
            PROVENANCE_PROCESS_ID: self.process_id,
            PROVENANCE_SEQ: next(self._sequence),
            **attributes,
        }
        step = current_step.get()
        if step and PROVENANCE_STEP_ID not in values:
            values[PROVENANCE_STEP_ID] = step
        stamped = [self._stamped(event, end, details) for event, details in events]
        return EndedSpan(
            name=name,
            trace_id=trace_id,
            span_id=span_id or random_bits(64),
            parent_id=parent_id,
            start=start or end,
            end=end,
            attributes=values,
            scope=scope,
            events=stamped,
            links=links,
            kind=span_kind,
            status=status,
            status_message=status_message,
            flags=flags & 0xFF,
        )

    def _stamped(self, event: str, time_ns: int, details: Mapping[str, Any]) -> Event:
        number = next(self._sequence)
        values = {PROVENANCE_RUN_ID: self.run.run_id, PROVENANCE_SEQ: number, **details}
        if PROVENANCE_PROCESS_RECORDS in details:
            # Only here is it known how many there are, this one included.
            values[PROVENANCE_PROCESS_RECORDS] = number
        return event, time_ns, values

    def add_numbers(self, numbers: list[int], count: int) -> None:
        """Add so many sequence numbers, for records that the caller makes itself: all must get into the journal.

        None is lost where a signal handler raises in between: they are in the list before one can.
        """
        if self.announce is not None:
            self._announce()
        numbers.extend(itertools.islice(self._sequence, count))

    def put(self, span: EndedSpan) -> None:
        """Put an ended span, ours or another's, into the journal and on to whoever else wants ours.

        Raises only what a signal handler of the program's raises meanwhile, when the span is in the journal.
        """
        try:
            self._put(span)
        except BaseException:
            # Not known how far it got: twice in the journal is once in the store.
            self._put(span)
            raise

    def _put(self, span: EndedSpan) -> None:
        with quietly():
            span = scrub_span(span)
            journal = self.journal
            journal.append(span)
            if journal.losses and journal.works and (journal.losses.due() or _is_last(span)):
                self._declare_losses()
            if self.forward is not None and span.flags & SAMPLED and span.scope.startswith("otelprov"):
                self.forward(span)

    def record(self, name: str, event: str, details: Mapping[str, Any]) -> EndedSpan:
        """Emit an event that happens outside any other span, on a zero-length carrier."""
        if event == EVENT_PROVENANCE_PROCESS_ENDED and self.journal.losses:
            # Also where nothing could be written up to now: this is the last chance.
            self._declare_losses()
        return self.record_all(name, [(event, details)])

    def record_all(self, name: str, events: Sequence[Pending]) -> EndedSpan:
        """As `record`, for several events on one carrier."""
        parent = (self.run.trace_id, self.run.span_id, int(self.run.sampled))
        return self.emit(PROVENANCE_KIND_RECORD, name, {}, events=events, parent=parent)

    def _announce(self) -> None:
        with self._announcing:
            announce, self.announce = self.announce, None
            if announce is not None:
                announce()

    def _declare_losses(self) -> None:
        losses = self.journal.losses
        # Noted first: the record below goes through put() again.
        losses.declared()
        with quietly():
            found = losses.take()
            if found:
                self.record_all("loss", [(EVENT_PROVENANCE_LOSS, loss.details()) for loss in found])

    def after_fork_in_child(self) -> None:
        """Become another process of the same run: own id, own sequence, own journal."""
        self.journal.forget_file()
        self.parent_process_id, self.process_id = self.process_id, f"{random_bits(64):016x}"
        self.pid = os.getpid()
        self._sequence = itertools.count(1)
        self._announcing = threading.RLock()
        self.journal = self._new_journal()


def _is_last(span: EndedSpan) -> bool:
    return span.attributes.get(PROVENANCE_KIND) == PROVENANCE_KIND_RUN


_recorder: Recorder | None = None


def current() -> Recorder | None:
    """The recorder of this process; None where nothing is being recorded."""
    return _recorder


def install(recorder: Recorder | None) -> None:
    """Make a recorder the one of this process."""
    global _recorder
    _recorder = recorder
