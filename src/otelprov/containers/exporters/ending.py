# SPDX-License-Identifier: Apache-2.0
"""How exporters end with their process, and begin anew in its children."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING

from otelprov.capture import recorder
from otelprov.capture.guard import guarded
from otelprov.capture.life.exits import before_end
from otelprov.containers import pending

if TYPE_CHECKING:
    from otelprov.containers.exporters.exporter import Exporter

# A process waits so long for all its exporters together; half of it where the journal has to be shipped after them.
_SECONDS = 0.5

_live: weakref.WeakSet[Exporter] = weakref.WeakSet()
_watching = False


def register(exporter: Exporter) -> None:
    """End an exporter with the process, if it has not been closed by then."""
    global _watching
    _live.add(exporter)
    if not _watching:
        _watching = True
        atexit.register(finish)
        before_end("ending exporters of changes", finish)
        os.register_at_fork(after_in_child=_after_fork_in_child)


@guarded
def finish() -> None:
    """End all of them at once, within half a second in all."""
    pending.drain()
    deadline = time.monotonic() + (_SECONDS if recorder.current() is None else _SECONDS / 2)
    exporters = list(_live)
    for exporter in exporters:
        exporter.end_by(deadline)
    for exporter in exporters:
        exporter.join_until(deadline)


def _after_fork_in_child() -> None:
    for exporter in list(_live):
        exporter.after_fork_in_child()
