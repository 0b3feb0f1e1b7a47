# SPDX-License-Identifier: Apache-2.0
"""The benchmark of tracked containers runs, and has a figure for each option."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from otelprov.containers.tracker import Options

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "containers.py"


def test_each_option_has_its_cost() -> None:
    command = [sys.executable, str(SCRIPT), "--no-peers", "--rounds", "1", "--growth", "6000"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "PYTHONPATH"))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^  (\w[\w,'=\[\] ]*?) {2,}([\d,.]+)", done.stdout, re.MULTILINE)
    figures = {name: float(figure.replace(",", "")) for name, figure in rows}
    assert all(figure > 0 for figure in figures.values())
    # `name` and `original` cost nothing with a change.
    for option in set(Options._fields) - {"name", "original"}:
        assert any(name.startswith(option) for name in figures), option
    assert {
        "actor",
        "observed by a collector, all handed on",
        "observed by a function, all handed on",
        "100 keys",
        "no option",
    } <= figures.keys()
