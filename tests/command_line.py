# SPDX-License-Identifier: Apache-2.0
"""The command line as a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START = "import sys; from otelprov.cli.main import cli; cli(sys.argv[1:])"


@dataclass
class Said:
    """What a command wrote and its exit status."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as the one JSON document that it must be."""
        document = json.loads(self.out)
        assert document["schema_version"] == 1
        return document


class CommandLine:
    """Runs `otelprov` with the home folder `home`; `environment` is added to a clean one."""

    def __init__(self, home: Path) -> None:
        self.home = home
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "NO_COLOR"))}
        self.environment = {**inherited, "OTELPROV_HOME": str(home), "TZ": "UTC"}

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-c", START, *words],
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)
