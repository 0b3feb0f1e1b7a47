# SPDX-License-Identifier: Apache-2.0
"""Who may still write how much: the limit of all journals of the home, shared out so that bulk detail goes first."""

from __future__ import annotations

import enum
import os
import time

from otelprov.journal.encode import EndedSpan
from otelprov.semconv import (
    EVENT_PROVENANCE_ENTITY_GENERATED,
    EVENT_PROVENANCE_ENTITY_USED,
    EVENT_PROVENANCE_LOSS,
    EVENT_PROVENANCE_PROCESS_ENDED,
    EVENT_PROVENANCE_RUN_FINISHED,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_KIND,
    PROVENANCE_KIND_DATASET,
    PROVENANCE_KIND_IMPORT,
    PROVENANCE_KIND_MUTATIONS,
    PROVENANCE_KIND_RECORD,
    PROVENANCE_KIND_RUN,
)

# Less would not hold the beginning and the end of a single run.
_SMALLEST = 131_072
_RESERVE = 65_536
_SECONDS = 5.0
_MOST_BETWEEN = 16 * 1024 * 1024
_LEAST_BETWEEN = 65_536


class Rank(enum.IntEnum):
    """What a span is worth when room gets short; the lowest goes first."""

    MUTATIONS = 0
    IMPORTS = 1
    DETAIL = 2
    EDGES = 3
    ENDS = 4


_ENDS = frozenset({EVENT_PROVENANCE_LOSS, EVENT_PROVENANCE_PROCESS_ENDED, EVENT_PROVENANCE_RUN_FINISHED})
_ENTITIES = frozenset({EVENT_PROVENANCE_ENTITY_USED, EVENT_PROVENANCE_ENTITY_GENERATED})
_BY_KIND = {
    PROVENANCE_KIND_MUTATIONS: Rank.MUTATIONS,
    PROVENANCE_KIND_IMPORT: Rank.IMPORTS,
    PROVENANCE_KIND_DATASET: Rank.EDGES,
    PROVENANCE_KIND_RECORD: Rank.EDGES,
    PROVENANCE_KIND_RUN: Rank.ENDS,
}


def rank_of(span: EndedSpan) -> Rank:
    """The rank of a span: declarations and ends of runs, edges and starts, other detail, imports, mutations."""
    if not span.scope.startswith("otelprov"):
        return Rank.DETAIL
    names = {event[0] for event in span.events}
    if names & _ENDS:
        return Rank.ENDS
    kind = span.attributes.get(PROVENANCE_KIND)
    known = _BY_KIND.get(kind) if isinstance(kind, str) else None
    if known is not None:
        return known
    return Rank.EDGES if PROVENANCE_ENTITY_NAME in span.attributes or names & _ENTITIES else Rank.DETAIL


class Budget:
    """How much room the journals of a folder have left, found out by looking at the folder every so often.

    `limit` is in bytes. Several processes do not see each other between two looks; what they may overshoot by in that
    time is a 64th of the limit each.
    """

    def __init__(self, folder: str, limit: int) -> None:
        self.folder = folder
        self.limit = max(limit, _SMALLEST)
        reserve = min(max(_RESERVE, self.limit // 32), self.limit // 4)
        full = self.limit - reserve
        self._ceilings = (self.limit * 2 // 5, self.limit // 2, self.limit * 3 // 5, full, self.limit)
        # Bytes of all files but the one being written now.
        self._elsewhere = 0
        self._between = min(_MOST_BETWEEN, max(_LEAST_BETWEEN, self.limit // 64))
        self._look_at = 0.0
        self._look_at_size = 0

    def admits(self, span: EndedSpan, own: int) -> bool:
        """Whether a span may be written with which our own file would have `own` bytes."""
        used = self._elsewhere + own
        return used <= self._ceilings[0] or used <= self._ceilings[rank_of(span)]

    def short(self, own: int) -> bool:
        """Whether the least valuable spans find no room any more, at a size of our own file."""
        return self._elsewhere + own >= self._ceilings[0]

    def due(self, own: int) -> bool:
        """Whether it is time to look at the folder again."""
        return own >= self._look_at_size or time.monotonic() >= self._look_at

    def look(self, own_path: str, own: int) -> None:
        """Add up what is there; when room is short, remove journals that are shipped and whose writers are dead."""
        begun = time.monotonic()
        self._elsewhere = _size_of(self.folder, os.path.basename(own_path))
        if self.short(own):
            # Loaded only in need: most processes never come near the limit.
            from otelprov.journal.retention import remove_shipped

            self._elsewhere -= remove_shipped(self.folder, self._elsewhere + own - self._ceilings[0] * 3 // 4)
        # A folder that takes long to look at is looked at less often: a hundredth of the time at most.
        self._look_at = begun + max(_SECONDS, 100 * (time.monotonic() - begun))
        self._look_at_size = own + self._between

    def closed(self, size: int) -> None:
        """Our own file of so many bytes is not our own any more."""
        self._elsewhere += size
        self._look_at_size = 0


def _size_of(folder: str, without: str) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != without:
                    try:
                        total += entry.stat(follow_symlinks=False).st_size
                    except OSError:
                        continue  # removed meanwhile
    except OSError:
        return total
    return total
