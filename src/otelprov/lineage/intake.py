# SPDX-License-Identifier: Apache-2.0
"""Takes what a source gives into a store: spans to facts to the transaction that also keeps the source's position."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from otelprov import config
from otelprov.ingest.contract import Problem, Source
from otelprov.ingest.journal import JournalSource
from otelprov.ingest.sift import Sift
from otelprov.journal.folder import journal_files
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.model.span import Span
from otelprov.store.contract import Store

# One transaction takes so many spans: large enough that a commit costs little, small enough for the memory. Of spans
# with many events it takes fewer.
SPANS_PER_MERGE = 50_000
EVENTS_OF_A_SPAN = 4


@dataclass(slots=True)
class IntakeReport:
    """What was taken in. `skipped` spans say nothing about provenance; `incomplete` speaks of touched runs."""

    spans: int = 0
    facts: int = 0
    new: int = 0
    skipped: int = 0
    conflicts: int = 0
    runs: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


def take_in(store: Store, source: Source) -> IntakeReport:
    """Read a source to its end. What was merged before an error stays, with the position that belongs to it."""
    report = IntakeReport()
    spans: list[Span] = []
    positions: dict[str, int] = {}
    held = 0
    for batch in source.batches():
        spans += batch.spans
        # A block of container changes is one span with a hundred facts.
        held += len(batch.spans) + sum(len(span.events) // EVENTS_OF_A_SPAN for span in batch.spans)
        if batch.offset:
            positions[batch.key] = batch.offset
        if held >= SPANS_PER_MERGE:
            _merge(store, spans, positions, report, at_once=False)
            spans, positions, held = [], {}, 0
    if spans or positions:
        _merge(store, spans, positions, report, at_once=held < SPANS_PER_MERGE)
    report.problems = list(source.problems)
    return _finish(store, report, source.sift)


def take_in_journals(store: Store, folder: str | None = None) -> IntakeReport:
    """Take in what the journals of this machine have that is new, and close the runs whose processes are dead."""
    folder = folder or config.journal_folder()
    # Looked at before reading: what a process that is dead by now has written, the reading is sure to see.
    files = journal_files(folder)
    report = take_in(store, JournalSource(folder, store.positions()))
    living = {file.process_id for file in files if file.alive}
    dead = {file.process_id for file in files} - living - {""}
    store.close_dead_runs(dead, time.time_ns())
    return report


class LiveIntake:
    """Takes in spans as they are sent: `take` returns when they are committed, edges are made when somebody asks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._report = IntakeReport()

    def take(self, spans: list[Span]) -> None:
        """Merge the spans of one request. Call it from one thread at a time."""
        # A server that goes on for days would have its edges made anew with every request.
        _merge(self._store, spans, {}, self._report, at_once=False)

    def finish(self, sift: Sift) -> IntakeReport:
        """Make the edges, and say what was taken in; `sift` counted what came."""
        for what, count in sift.faults.items():
            self._report.problems.append(Problem("requests", what, count))
        return _finish(self._store, self._report, sift)


def _finish(store: Store, report: IntakeReport, sift: Sift) -> IntakeReport:
    # Edges of a run are made once, after its last fact, and not once for each part of it.
    store.refresh(derive_run)
    report.skipped += sift.foreign + sift.derived
    for summary in store.summaries(sorted(report.runs)).values():
        report.incomplete += summary.missing
    return report


def _merge(
    store: Store, spans: list[Span], positions: Mapping[str, int], report: IntakeReport, *, at_once: bool
) -> None:
    records = extract(spans)
    merged = store.merge(records, positions=positions, derive=derive_run if at_once else None)
    report.spans += len(spans)
    report.facts += merged.facts
    report.new += merged.new
    report.conflicts += merged.conflicts
    report.skipped += records.ignored
    report.runs.update(merged.runs)
