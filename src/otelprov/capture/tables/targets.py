# SPDX-License-Identifier: Apache-2.0
"""What a writer of tables may be given: a path, an open file, or a folder in which it makes files of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.flow.contents import span_of
from otelprov.capture.flow.identity import Origins
from otelprov.capture.tables.columns import ColumnEdge
from otelprov.capture.tables.sources import files_below
from otelprov.capture.tables.table_io import record_write


class Target:
    """Where a table is about to be written; made before that, to know afterwards which files of a folder are new."""

    def __init__(self, place: Any, format_: str, *, folder: bool = False) -> None:
        if isinstance(place, (str, os.PathLike)):
            place = os.path.expanduser(os.fsdecode(place))
        self._place = place
        self._format = format_
        self._folder = folder and type(place) is str and "://" not in place
        self._files = states(place) if self._folder else {}
        self._before = span_of(place)

    def record(
        self,
        call: Call,
        sources: Origins | None,
        shape: tuple[int | None, Any] = (None, None),
        edges: Sequence[ColumnEdge] = (),
    ) -> None:
        """Record what has been written, with what it comes from; `shape` is rows and columns."""
        if not self._folder:
            record_write(self._place, call, self._format, sources, shape, before=self._before, edges=edges)
            return
        for path, state in states(self._place).items():
            if self._files.get(path) != state:
                record_write(path, call, self._format, sources, edges=edges)


def states(folder: str) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of change of each file below a folder: what tells afterwards which of them are new."""
    found: dict[str, tuple[int, int, int]] = {}
    for path in files_below(folder):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path] = status.st_ino, status.st_size, status.st_mtime_ns
    return found
