# SPDX-License-Identifier: Apache-2.0
"""Spans to fill a journal with, and what its readers find there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from otelprov.capture.recorder import Recorder
from otelprov.ingest.journal import JournalSource
from otelprov.journal.encode import EndedSpan
from otelprov.semconv import names

RUN = "4d1e9f6e0c8b4c0f9a55e1b7a2f0c3d4"
RESOURCE = {names.SERVICE_NAME: "shop", names.SERVICE_INSTANCE_ID: "1" * 16, names.PROVENANCE_RUN_ID: RUN}


def ended(number: int, kind: str = names.PROVENANCE_KIND_IO, size: int = 0, scope: str = "otelprov") -> EndedSpan:
    """A span with `number` as its span id."""
    attributes = {names.PROVENANCE_KIND: kind, names.PROVENANCE_SEQ: number, names.CODE_FUNCTION_NAME: "x" * size}
    return EndedSpan(f"span {number}", 5, number, 3, 10, 20, attributes, scope)


def readable(folder: Path) -> list[int]:
    """The span ids that a reader finds, in its order."""
    return [int(span.span_id, 16) for batch in JournalSource(str(folder)).batches() for span in batch.spans]


def declared(folder: Path) -> Counter[str]:
    """How many records the journals say were lost, by reason."""
    found: Counter[str] = Counter()
    for batch in JournalSource(str(folder)).batches():
        for span in batch.spans:
            for event in span.events:
                if event.name == names.EVENT_PROVENANCE_LOSS:
                    about = event.attributes
                    assert 0 < about[names.PROVENANCE_LOSS_FIRST] <= about[names.PROVENANCE_LOSS_LAST]
                    found[about[names.PROVENANCE_LOSS_REASON]] += about[names.PROVENANCE_LOSS_COUNT]
    return found


_ABOUT: dict[str, dict[str, str]] = {
    names.PROVENANCE_KIND_IMPORT: {
        names.PROVENANCE_MODULE_NAME: "some.module",
        names.PROVENANCE_MODULE_STYLE: names.PROVENANCE_MODULE_STYLE_LAZY,
    },
    names.PROVENANCE_KIND_STEP: {names.PROVENANCE_STEP_TYPE: names.PROVENANCE_STEP_TYPE_FUNCTION},
    names.PROVENANCE_KIND_IO: {names.PROVENANCE_OPERATION: names.PROVENANCE_OPERATION_READ},
}


def emit(recorder: Recorder, kind: str, number: int) -> int:
    """Emit a span of a kind, those of I/O with an entity; return its id."""
    about = {names.CODE_FILE_PATH: f"/src/module_{number}.py", **_ABOUT[kind]}
    events = []
    if kind == names.PROVENANCE_KIND_IO:
        entity = {
            names.PROVENANCE_ENTITY_NAMESPACE: "file",
            names.PROVENANCE_ENTITY_NAME: f"/data/{number}.csv",
            names.PROVENANCE_ENTITY_TYPE: "file",
        }
        about |= entity
        events = [(names.EVENT_PROVENANCE_ENTITY_USED, entity)]
    return recorder.emit(kind, f"{kind} {number}", about, events=events).span_id


def emit_run(recorder: Recorder) -> int:
    """Emit the last span of a run; return its id."""
    about = {names.PROVENANCE_RUN_NAME: "r", names.PROVENANCE_RUN_STATUS: names.PROVENANCE_RUN_STATUS_COMPLETED}
    return recorder.emit(names.PROVENANCE_KIND_RUN, "run r", about).span_id
