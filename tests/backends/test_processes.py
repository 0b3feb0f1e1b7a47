# SPDX-License-Identifier: Apache-2.0
"""The processes that the fixtures start end with the process that started them, even when that one is killed."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from backend_processes import ROOT, BackendProcess, wait_until

SCRIPT = """
import pathlib, sys, time
from backend_processes import Jaeger
jaeger = Jaeger(pathlib.Path(sys.argv[1])).start()
print(jaeger.query, flush=True)
time.sleep(600)
"""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


@pytest.mark.backends
def test_a_backend_dies_with_a_killed_test_run(tmp_path: Path) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True
    )
    with runner:
        assert runner.stdout
        query = runner.stdout.readline().strip()
        assert answers(query)
        runner.kill()
        wait_until(lambda: not answers(query), "Jaeger to end with its test run")


@pytest.mark.backends
def test_what_is_not_healthy_fails_with_its_log(tmp_path: Path) -> None:
    class Broken(BackendProcess):
        variable, port_names = "OTELPROV_OTELCOL", ("HEALTH",)

        def environment(self) -> dict[str, str]:
            return {}

    config = tmp_path / "broken.yaml"
    config.write_text("receivers: {nonsense: {}}\n")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)broken.yaml: the process ended with 1.*nonsense"):
        Broken(tmp_path, config).start()
