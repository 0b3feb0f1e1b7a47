# SPDX-License-Identifier: Apache-2.0
"""A project in a folder of its own, whose programs run in fresh interpreters with their imports observed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otelprov.semconv import (
    CODE_FILE_PATH,
    ERROR_TYPE,
    PROVENANCE_KIND_IMPORT,
    PROVENANCE_MODULE_NAME,
    PROVENANCE_SEQ,
)
from otelprov.testing import Recorded

# Stands in for the launcher: what runs before the program's first line, in each of its processes.
SITE = """
import os
from otelprov.testing import recording
context = recording(os.environ["OTELPROV_HOME"], strict=False)
context.__enter__()
from otelprov.capture.recorder import current
os.register_at_fork(after_in_child=lambda: current().after_fork_in_child())
from otelprov_instrumentors.imports import ImportsInstrumentor
ImportsInstrumentor().instrument()
"""


class Project:
    """A project in a folder of its own, whose programs run in fresh interpreters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.site = folder / "site"
        self.home = folder / "home"
        self.recorded = Recorded(self.home)
        self.write("pyproject.toml", "")
        self.site.mkdir()
        (self.site / "sitecustomize.py").write_text(SITE)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environment(self, *, observed: bool = True, **settings: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "PYTHON"))}
        if observed:
            kept |= {"PYTHONPATH": str(self.site), "OTELPROV_HOME": str(self.home), "OTELPROV_TESTING": "1"}
        return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | settings

    def run(self, *arguments: str, observed: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(observed=observed, **settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str, **settings: str) -> str:
        done = self.run(*arguments, **settings)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert self.recorded.problems() == []
        return done.stdout

    def spans(self) -> dict[str, dict]:
        """Attributes of import spans, by name of module."""
        return {span.attributes[PROVENANCE_MODULE_NAME]: span.attributes for span in self.all_spans()}

    def all_spans(self) -> list:
        return self.recorded.spans(PROVENANCE_KIND_IMPORT)

    def told(self) -> list[dict]:
        """Attributes of all that was told to be loaded, as spans or as events."""
        found = []
        for span in self.all_spans():
            found += [span.attributes, *(event.attributes for event in span.events)]
        return [module for module in found if ERROR_TYPE not in module]

    def files(self) -> list[str]:
        """Files told, relative to the project, in order of seq, with repetitions."""
        told = sorted(self.told(), key=lambda module: module[PROVENANCE_SEQ])
        return [os.path.relpath(module[CODE_FILE_PATH], self.folder) for module in told if CODE_FILE_PATH in module]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
