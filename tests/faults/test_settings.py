# SPDX-License-Identifier: Apache-2.0
"""A mistaken setting costs a program neither its life nor its provenance: one line says what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from launch import LAUNCHED, OBSERVED, PLAIN, SOURCE, run

MISTAKES = {
    "OTEL_PROPAGATORS": "tracecontext,typo",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "lots",
    "OTEL_TRACES_EXPORTER": "otlp_typo,otlp",
    "OTEL_PYTHON_ID_GENERATOR": "typo",
    "OTEL_PYTHON_CONFIGURATOR": "typo",
}


@pytest.mark.parametrize("launcher", [OBSERVED, LAUNCHED, PLAIN], ids=["instrument", "run", "autoload"])
def test_the_program_runs_and_is_recorded_whatever_is_set(tmp_path: Path, launcher: list[str]) -> None:
    ran = run(tmp_path, SOURCE + "print('done')\n", launcher=launcher, OTELPROV_AUTOLOAD="1", **MISTAKES)
    assert (ran.process.returncode, ran.process.stdout) == (0, "done\n"), ran.process.stderr
    assert ran.recorded.names() == ["write a.txt", "read a.txt"]
    for name in MISTAKES:
        assert sum(name in line for line in ran.process.stderr.splitlines()) == 1, ran.process.stderr
    assert "Traceback" not in ran.process.stderr
