# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON lines of a stream, in batches from which reading can go on."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from otelprov.ingest.contract import Batch, MalformedError, Problems
from otelprov.ingest.otlp_json import decode
from otelprov.ingest.sift import Sift
from otelprov.ingest.streams import MAX_DOCUMENT, ByteStream
from otelprov.model.span import Span

# A batch is what is stored in one transaction.
BATCH_SPANS = 8192
BATCH_BYTES = 8 * 2**20


class Batcher:
    """Gathers spans of one `key` until there are enough for a batch."""

    def __init__(self, key: str, stream: ByteStream, *, resumable: bool) -> None:
        self.key = key
        self._stream = stream
        self._resumable = resumable and not stream.packed
        self._spans: list[Span] = []
        self.behind = self._given = stream.offset

    def add(self, spans: list[Span], behind: int) -> Iterator[Batch]:
        """Take spans that end at byte `behind`; give a batch when it is full."""
        self._spans += spans
        self.behind = behind
        if len(self._spans) >= BATCH_SPANS or behind - self._given >= BATCH_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[Batch]:
        """What is left; nothing when neither a span came nor the position moved."""
        if self._spans or (self._resumable and self.behind > self._given):
            spans, self._spans, self._given = self._spans, [], self.behind
            yield Batch(spans, self.key, self.behind if self._resumable else 0)


class End(Enum):
    """What to make of a last line that has no end."""

    WAIT = "its writer is at it: leave it for the next time"
    RETRY = "take it if it can be read, else it is a problem, and looked at again the next time"
    CLOSED = "nobody will end it: take it if it can be read, else it is a problem, once"


def read_lines(stream: ByteStream, batcher: Batcher, problems: Problems, sift: Sift, end: End) -> Iterator[Batch]:
    """Decode line after line; what can't be is a problem with the number of its line, or its offset when resumed."""
    from_start = stream.offset == 0
    number = 0
    try:
        while True:
            start = stream.offset
            line, whole = stream.line()
            number += 1
            where = f"{batcher.key}, line {number}" if from_start else f"{batcher.key}, byte {start}"
            if not line:
                break
            if not whole:
                problems.note(where, f"a line of over {MAX_DOCUMENT} bytes was passed over")
            ended = line.endswith(b"\n") or not whole
            if not ended and end is End.WAIT:
                break
            spans = _line(line, where, problems, sift) if whole else []
            if spans is None and not ended and end is End.RETRY:
                break
            yield from batcher.add(spans or [], stream.offset)
    except MalformedError as error:
        problems.note(batcher.key, str(error))
    yield from batcher.rest()


def _line(line: bytes, where: str, problems: Problems, sift: Sift) -> list[Span] | None:
    if line.isspace():
        return []
    try:
        return decode(line, sift)
    except MalformedError as error:
        what = str(error) if line.endswith(b"\n") else f"the last line is cut off or broken: {error}"
        problems.note(where, what)
        return None
    finally:
        problems.take(where, sift)
