# SPDX-License-Identifier: Apache-2.0
"""The journal folder as a source: every file from where the last reading ended."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from otelprov.ingest.contract import Batch, MalformedError, Problems
from otelprov.ingest.jsonl import Batcher, End, read_lines
from otelprov.ingest.sift import Sift
from otelprov.ingest.streams import ByteStream
from otelprov.journal.folder import JournalFile, journal_files, open_journal
from otelprov.journal.late_end import complete


class JournalSource:
    """All journals of a folder; `positions` says, for each path, up to which byte it has been taken in already."""

    def __init__(self, folder: str, positions: Mapping[str, int] | None = None) -> None:
        self.name = f"journal {folder}"
        self.problems = Problems()
        self.sift = Sift()
        self._folder = folder
        self._positions = positions or {}

    def batches(self) -> Iterator[Batch]:
        """Read every file from its position; a file that is shorter than that is another one, and read whole."""
        for file in journal_files(self._folder):
            if not file.alive:
                complete(file.path)
        for file in journal_files(self._folder, self.problems.note):
            position = self._positions.get(file.path, 0)
            if position == file.size:
                continue
            yield from self._file(file, position if position < file.size else 0)

    def _file(self, file: JournalFile, position: int) -> Iterator[Batch]:
        try:
            fd = open_journal(file.path)
        except FileNotFoundError:
            return  # shipped and removed meanwhile
        except OSError as error:
            self.problems.note(file.path, f"left out: {error.strerror}")
            return
        with io.FileIO(fd, "rb") as raw:
            raw.seek(position)
            try:
                stream = ByteStream(raw, position)
            except MalformedError as error:
                self.problems.note(file.path, str(error))
                return
            batcher = Batcher(file.path, stream, resumable=True)
            end = End.WAIT if file.alive else End.CLOSED
            yield from read_lines(stream, batcher, self.problems, self.sift, end)
