# SPDX-License-Identifier: Apache-2.0
"""Processes that are measured: what they are started with, and what they took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
# Contrib's own instrumentors of what the tests need would import these, with us and without us.
NO_WEB = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi,flask,asgi,wsgi"}


def environment(home: str | os.PathLike[str], **more: str) -> dict[str, str]:
    """Of a measured process: with a home of its own and no settings of telemetry but those in `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL")}
    # Installed packages have their bytecode; a source tree whose bytecode may not be written is compiled at each start.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "OTELPROV_HOME": os.fspath(home), "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", **more}


def finished(command: Sequence[str], env: Mapping[str, str], folder: str | os.PathLike[str]) -> tuple[str, float]:
    """What a process says, and the CPU seconds that it took with its children; ends the benchmark where it failed."""
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as stream:
        said = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the measured process ended with status {process.returncode}")
    return said, usage.ru_utime + usage.ru_stime
