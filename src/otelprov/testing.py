# SPDX-License-Identifier: Apache-2.0
"""For tests, ours and yours: record what a piece of code does, and read it back as spans.

with otelprov.testing.recording(tmp_path) as recorded:
    pandas.read_csv("a.csv")
assert recorded.names() == ["read a.csv"]
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otelprov import config
from otelprov.capture import producers
from otelprov.capture.disk import digests
from otelprov.capture.held import hand_on
from otelprov.capture.recorder import Recorder, Run, current, install, random_bits
from otelprov.ingest.otlp_json import decode
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span
from otelprov.semconv import PROVENANCE_KIND, PROVENANCE_KIND_IO, SERVICE_NAME
from otelprov.semconv.validate import problems

_SECONDS_TO_DIGEST = 10.0


class Recorded:
    """What was recorded under one OTELPROV_HOME: everything its journals hold, read anew at each call."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def lines(self) -> list[bytes]:
        """The whole lines of all journals, in order of file name."""
        files = sorted((self.home / "journal").glob("*.jsonl"))
        lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
        # An empty one is what is left of a write that a signal handler has broken off.
        return [line for line in lines if line.endswith(b"\n") and line != b"\n"]

    def spans(self, kind: str = "") -> list[Span]:
        """All spans, or those of one `provenance.kind`, in the order in which they ended."""
        found = [span for line in self.lines() for span in decode(line, Sift())]
        return [span for span in found if not kind or span.attributes.get(PROVENANCE_KIND) == kind]

    def io(self) -> list[Span]:
        """Reads, writes and their kin."""
        return self.spans(PROVENANCE_KIND_IO)

    def names(self, kind: str = PROVENANCE_KIND_IO) -> list[str]:
        """Names of the spans of one kind."""
        return [span.name for span in self.spans(kind)]

    def problems(self) -> list[str]:
        """What the registry says against anything recorded."""
        return [problem for line in self.lines() for problem in problems(json.loads(line))]


@contextmanager
def recording(home: Path | str, *, name: str = "test", strict: bool = True) -> Iterator[Recorded]:
    """Record into `home` (a folder; the process's OTELPROV_HOME meanwhile) with a run of its own.

    With `strict`, errors of ours are raised instead of swallowed, and what was recorded must pass the registry.
    """
    home = Path(home)
    saved = {key: os.environ.get(key) for key in (config.HOME.variable, config.TESTING.variable)}
    previous = current()
    os.environ[config.HOME.variable] = str(home)
    if strict:
        os.environ[config.TESTING.variable] = "1"
    run = Run(
        run_id=f"{random_bits(128):032x}",
        name=name,
        trace_id=random_bits(128),
        span_id=random_bits(64),
        parent_span_id=0,
        started=time.time_ns(),
        sampled=True,
        owner=True,
    )
    resource: dict[str, Any] = {SERVICE_NAME: name}
    # What was done before belongs to whoever recorded then.
    hand_on()
    recorder = Recorder(run, resource)
    install(recorder)
    recorded = Recorded(home)
    try:
        yield recorded
    finally:
        hand_on()
        digests.finish(_SECONDS_TO_DIGEST)
        producers.tell()
        install(previous)
        recorder.journal.close()
        for key, value in saved.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
    if strict:
        found = recorded.problems()
        if found:
            raise AssertionError("against the registry: " + "; ".join(found))
