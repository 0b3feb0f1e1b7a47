# SPDX-License-Identifier: Apache-2.0
"""A few seconds of fuzzing for each decoder; `make fuzz` has minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.seeds import SEEDS

SCRIPT = Path(__file__).parent / "fuzz_decoders.py"


@pytest.mark.parametrize("target", SEEDS)
def test_only_malformed_error_comes_out(tmp_path: Path, target: str) -> None:
    # A process is told to have used what the one that started it had, which is all tests before this one: so a shell
    # that has used nothing starts it.
    started = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, str(SCRIPT)]
    done = subprocess.run(
        [*started, target, str(tmp_path), "-seed=1", "-max_total_time=2"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    # It did start, and from every seed.
    assert "DONE" in done.stderr
    assert list(tmp_path.glob("*-*")) == []
