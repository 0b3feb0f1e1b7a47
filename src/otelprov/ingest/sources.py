# SPDX-License-Identifier: Apache-2.0
"""The words by which a user names a source, and the source that they mean."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from otelprov import config
from otelprov.errors import NotFoundError, UsageError
from otelprov.ingest.contract import Batch, Problems, Source
from otelprov.ingest.journal import JournalSource
from otelprov.ingest.otlp_file import STANDARD_INPUT, OtlpFileSource
from otelprov.ingest.sift import Sift
from otelprov.journal.folder import BESIDE
from otelprov.journal.journal import SUFFIX

FORMS = """  journal       what processes on this machine have recorded
  jaeger=URL    a Jaeger, for example jaeger=http://localhost:16686
  PATH          a file of OTLP (JSON lines, a JSON document or protobuf, also packed with gzip or zstd)
  FOLDER        every such file of a folder, in the order of their names
  -             OTLP from standard input
  listen=ADDR   what is sent to an address such as 127.0.0.1:4318 over OTLP/HTTP, until Ctrl-C"""


class FolderSource:
    """The files of one folder as one source; hidden files and folders inside it are left out."""

    def __init__(self, path: str, positions: Mapping[str, int] | None = None) -> None:
        self.name = f"OTLP folder {path}"
        self.problems = Problems()
        self.sift = Sift()
        self._path = path
        self._positions = positions

    def batches(self) -> Iterator[Batch]:
        """Read file after file."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._path) if entry.is_file())
        except OSError as error:
            self.problems.note(self._path, f"can't be listed: {error.strerror}")
            return
        for name in names:
            if name.startswith(".") or name.endswith(tuple(SUFFIX + beside for beside in BESIDE)):
                continue
            file = OtlpFileSource(os.path.join(self._path, name), self._positions)
            file.problems, file.sift = self.problems, self.sift
            yield from file.batches()


def open_source(text: str, positions: Mapping[str, int] | None = None) -> Source:
    """The source that `text` names; `positions` says up to which byte each file has been taken in already.

    Raises UsageError for a form that there is not, NotFoundError for a file that there is not.
    """
    if text == "journal":
        return JournalSource(config.journal_folder(), positions)
    if text == STANDARD_INPUT:
        return OtlpFileSource(text)
    kind, separator, rest = text.partition("=")
    if separator and kind == "jaeger":
        from otelprov.ingest.jaeger import JaegerSource

        return JaegerSource(rest)
    if os.path.isdir(text):
        return FolderSource(os.path.abspath(text), positions)
    if os.path.exists(text):
        return OtlpFileSource(text, positions)
    if not text or "://" in text or (separator and "/" not in kind and "." not in kind):
        raise UsageError(f"There is no source {text!r}. A source is one of:\n{FORMS}")
    raise NotFoundError(f"There is no file or folder {text!r}. A source is one of:\n{FORMS}")
