# SPDX-License-Identifier: Apache-2.0
"""The steps that requests are, and something that is written while one is served."""

from __future__ import annotations

import time

from otelprov.capture.io import record_io
from otelprov.model.entity import Entity
from otelprov.model.span import Span
from otelprov.semconv import names
from otelprov.testing import Recorded

INTERNAL, SERVER = 1, 2


def touch(name: str) -> None:
    """Record that a file was written."""
    now = time.time_ns()
    record_io("write", Entity("file", f"/data/{name}", "file"), scope="otelprov.test", start=now, end=now)


def steps(recorded: Recorded) -> list[Span]:
    """All steps, in the order in which they ended."""
    return recorded.spans(names.PROVENANCE_KIND_STEP)


def only_step(recorded: Recorded) -> Span:
    """The one step that there is."""
    found = steps(recorded)
    assert len(found) == 1, [span.name for span in found]
    return found[0]
