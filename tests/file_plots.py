# SPDX-License-Identifier: Apache-2.0
"""Recorded spans of files in a folder of a test, and short ways to make and read files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from otelprov.capture import coverage
from otelprov.capture.disk import files
from otelprov.capture.inside import quietly
from otelprov.semconv import names
from otelprov.testing import recording
from otelprov_instrumentors.files import FilesInstrumentor


@pytest.fixture
def recorded(tmp_path):
    """Recorded spans of files in `tmp_path / "data"`, the working folder."""
    data = tmp_path / "data"
    data.mkdir()
    before = Path.cwd()
    os.chdir(data)
    instrumentor = FilesInstrumentor()
    try:
        with recording(tmp_path / "home") as found:
            instrumentor.instrument()
            coverage.reset()
            yield found
            instrumentor.uninstrument()
            files.finish_open_files()
    finally:
        os.chdir(before)
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


def make(name, content="1,2\n"):
    """A file that was there before."""
    with quietly():
        Path(name).write_text(content)


def digest(name):
    with quietly():
        return "sha256:" + hashlib.sha256(Path(name).read_bytes()).hexdigest()


def sources(span):
    return sorted(
        event.attributes[names.PROVENANCE_ENTITY_NAME].rsplit("/", 1)[-1]
        for event in span.events
        if names.PROVENANCE_SOURCE_SPAN_ID in event.attributes
    )


def versions(recorded):
    return [(span.name, span.attributes.get(names.PROVENANCE_ENTITY_VERSION)) for span in recorded.io()]
