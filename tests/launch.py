# SPDX-License-Identifier: Apache-2.0
"""Runs small programs as a user would, each with a home of its own, and reads their journals."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from otelprov.ingest.receiver import Receiver
from otelprov.model.span import Span
from otelprov.testing import Recorded

# One write and one read.
SOURCE = "open('a.txt', 'w').write('x'); open('a.txt').read()\n"

BIN = Path(sys.executable).parent
OBSERVED = [str(BIN / "opentelemetry-instrument"), str(BIN / "python")]
LAUNCHED = [str(BIN / "otelprov"), "run", "--", str(BIN / "python")]
PLAIN = [str(BIN / "python")]


@dataclass
class Ran:
    """A program that has ended: its process and what it recorded."""

    process: subprocess.CompletedProcess[str]
    recorded: Recorded

    def event(self, name: str) -> dict[str, object]:
        """Attributes of the one event of that name."""
        found = [event.attributes for span in self.recorded.spans() for event in span.events if event.name == name]
        assert len(found) == 1, (name, found)
        return found[0]

    def run_span(self) -> Span:
        """The one run span."""
        found = self.recorded.spans("run")
        assert len(found) == 1, [span.name for span in self.recorded.spans()]
        return found[0]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The test's own environment, without telemetry settings, with a home of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "OTELPROV_"))}
    # Nor with a source tree that is compiled anew in each process.
    for key in ("TRACEPARENT", "BAGGAGE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        kept.pop(key, None)
    return {**kept, "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", "OTELPROV_HOME": str(home), **more}


def run(folder: Path, source: str, *arguments: str, launcher: list[str] | None = None, **more: str) -> Ran:
    """Write a program into a folder, run it, wait for it. `more` are further environment variables."""
    script = folder / "program.py"
    script.write_text(textwrap.dedent(source))
    home = folder / "home"
    process = subprocess.run(
        [*(OBSERVED if launcher is None else launcher), str(script), *arguments],
        cwd=folder,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(process, Recorded(home))


def identities(spans: list[Span]) -> list[tuple[str, str, str]]:
    return sorted((span.trace_id, span.span_id, span.name) for span in spans)


@contextmanager
def receiving() -> Iterator[tuple[str, list[Span]]]:
    got: list[Span] = []
    with Receiver(got.extend) as receiver:
        yield receiver.url, got
