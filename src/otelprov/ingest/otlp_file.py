# SPDX-License-Identifier: Apache-2.0
"""Files of OTLP as a source: JSON lines, one JSON document or protobuf, packed or not, told apart by content."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from otelprov.errors import UsageError
from otelprov.ingest.contract import Batch, MalformedError, Problems
from otelprov.ingest.jsonl import Batcher, End, read_lines
from otelprov.ingest.otlp_json import decode
from otelprov.ingest.sift import Sift
from otelprov.ingest.streams import MAX_DOCUMENT, ByteStream, unpack
from otelprov.model.span import Span

STANDARD_INPUT = "-"
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
# Field 1, length-delimited: what every request that is not empty begins with.
_FIRST_FIELD = 0x0A
# What a message inside a frame can begin with: protobuf, JSON, gzip, zstd.
_IN_FRAME = (b"\x0a", b"{", b"\x1f\x8b", b"\x28\xb5")


class OtlpFileSource:
    """One file, or standard input for `-`; unpacked lines and frames are read on from `positions[absolute path]`."""

    def __init__(self, path: str, positions: Mapping[str, int] | None = None) -> None:
        self.key = "standard input" if path == STANDARD_INPUT else os.path.abspath(path)
        self.name = f"OTLP file {self.key}"
        self.problems = Problems()
        self.sift = Sift()
        self._piped = path == STANDARD_INPUT
        self._position = 0 if self._piped else (positions or {}).get(self.key, 0)

    def batches(self) -> Iterator[Batch]:
        """Read what is readable; the rest is noted with its line number or byte offset."""
        if self._piped:
            yield from self._stream(sys.stdin.buffer)
            return
        try:
            # A FIFO without a writer would make opening wait for ever.
            raw = os.fdopen(os.open(self.key, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb", buffering=0)
        except OSError as error:
            self.problems.note(self.key, f"can't be opened: {error.strerror}")
            return
        with raw:
            status = os.fstat(raw.fileno())
            if not stat.S_ISREG(status.st_mode):
                self.problems.note(self.key, "left out: not a regular file (pipe it in with `-` instead)")
                return
            # A file that is shorter than what was read of it is another one.
            if self._position and self._position <= status.st_size:
                raw.seek(self._position)
            else:
                self._position = 0
            yield from self._stream(raw)

    def _stream(self, raw: BinaryIO) -> Iterator[Batch]:
        try:
            stream = ByteStream(raw, self._position)
            yield from self._content(stream, Batcher(self.key, stream, resumable=not self._piped))
        except (MalformedError, UsageError) as error:
            self.problems.note(self.key, str(error))

    def _content(self, stream: ByteStream, batcher: Batcher) -> Iterator[Batch]:
        head = stream.head
        start = head.removeprefix(_BOM).lstrip(_BLANK)
        if not head:
            if not stream.offset:
                self.problems.note(self.key, "empty")
        elif start[:1] == b"{" and start[1:].lstrip(_BLANK)[:1] in (b'"', b"}", b""):
            yield from self._json(stream, batcher)
        elif _is_frame(head):
            yield from self._frames(stream, batcher)
        elif head[0] == _FIRST_FIELD:
            yield from self._message(stream, batcher)
        elif not start:
            yield from read_lines(stream, batcher, self.problems, self.sift, End.RETRY)
        else:
            self.problems.note(self.key, f"neither OTLP/JSON nor OTLP protobuf: begins with {head[:12]!r}")

    def _json(self, stream: ByteStream, batcher: Batcher) -> Iterator[Batch]:
        line, whole = stream.line()
        while line and line.removeprefix(_BOM).isspace():
            line, whole = stream.line()
        line = line.removeprefix(_BOM).rjust(len(line))
        if whole:
            stream.put_back(line)
        if whole and self._position == 0 and not line.rstrip(_BLANK).endswith(b"}"):
            yield from self._document(stream, batcher)
        yield from read_lines(stream, batcher, self.problems, self.sift, End.RETRY)

    def _document(self, stream: ByteStream, batcher: Batcher) -> Iterator[Batch]:
        """A document over several lines; where it is none, whichever of its lines can be read alone."""
        data = stream.line()[0]
        data += stream.read(MAX_DOCUMENT - len(data))
        try:
            spans = decode(data, self.sift)
        except MalformedError as error:
            spans, unread = self._some_lines(data)
            what = f"not one document ({error})"
            self.problems.note(self.key, f"{what}; {unread} of its lines can't be read by themselves")
        self.problems.take(self.key, self.sift)
        yield from batcher.add(spans, stream.offset)

    def _some_lines(self, data: bytes) -> tuple[list[Span], int]:
        spans: list[Span] = []
        unread = 0
        for line in data.splitlines():
            try:
                spans += decode(line, self.sift)
            except MalformedError:
                unread += 1
        return spans, unread

    def _frames(self, stream: ByteStream, batcher: Batcher) -> Iterator[Batch]:
        """Messages with four bytes of length before each, as the Collector's file exporter writes them."""
        while True:
            start = stream.offset
            where = f"{self.key}, byte {start}"
            length = int.from_bytes(prefix := stream.read(4), "big")
            if not prefix:
                break
            if length > MAX_DOCUMENT:
                # There is no way back to the next frame from a length that is not one.
                self.problems.note(where, f"a message of {length} bytes is too large; the rest was not read")
                break
            data = stream.read(length)
            if len(prefix) < 4 or len(data) < length:
                self.problems.note(where, "the last message is cut off")
                break
            yield from batcher.add(self._taken(data, where), stream.offset)
        yield from batcher.rest()

    def _message(self, stream: ByteStream, batcher: Batcher) -> Iterator[Batch]:
        data = stream.read(MAX_DOCUMENT + 1)
        if len(data) > MAX_DOCUMENT:
            self.problems.note(self.key, f"a message of over {MAX_DOCUMENT} bytes was passed over")
            return
        yield from batcher.add(self._taken(data, self.key), stream.offset)
        yield from batcher.rest()

    def _taken(self, data: bytes, where: str) -> list[Span]:
        # Generated code that costs 50 ms to import, and most sources are JSON.
        from otelprov.ingest import otlp_proto

        try:
            data = unpack(data)
            reads = decode if data[:1] == b"{" else otlp_proto.decode_unnamed
            return reads(data, self.sift)
        except MalformedError as error:
            self.problems.note(where, str(error))
            return []
        finally:
            self.problems.take(where, self.sift)


def _is_frame(head: bytes) -> bool:
    """Four bytes of length, then something that a message begins with (an empty message has nothing)."""
    length = int.from_bytes(head[:4], "big")
    return len(head) >= 4 and 0 < length <= MAX_DOCUMENT and head[4:].startswith(_IN_FRAME)
