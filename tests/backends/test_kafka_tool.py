# SPDX-License-Identifier: Apache-2.0
"""tools/kafka.py: what it says when it can't fetch Kafka, and that it takes nothing but what was pinned."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from backend_processes import ROOT

TOOL = ROOT / "tools" / "kafka.py"


def run(tmp_path: Path, path: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": path}
    return subprocess.run([sys.executable, str(TOOL)], env=env, capture_output=True, text=True, timeout=60)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache" / "otelprov" / "backends").iterdir() if path.name != "lock"]


def test_without_maven_it_says_what_is_needed(tmp_path: Path) -> None:
    done = run(tmp_path, "/nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs Java and Maven on PATH" in done.stderr
    assert left(tmp_path) == []


def test_files_that_are_not_those_that_were_pinned_are_refused(tmp_path: Path) -> None:
    """A Maven that brings other files stands in for a registry that does."""
    bring = "mkdir -p ${word#*=}; echo x > ${word#*=}/kafka_2.13-4.1.0.jar"
    program(tmp_path / "bin" / "mvn", f"for word; do case $word in -DoutputDirectory=*) {bring};; esac; done")
    program(tmp_path / "bin" / "java", "exit 0")
    done = run(tmp_path, f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not what tests/kafka/sha256 says" in done.stderr
    assert "kafka_2.13-4.1.0.jar" in done.stderr
    assert left(tmp_path) == []


def test_a_maven_that_fails_shows_its_end(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "mvn", "echo no such artifact; exit 7")
    program(tmp_path / "bin" / "java", "exit 0")
    done = run(tmp_path, f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert done.returncode == 1
    assert "no such artifact" in done.stderr
    assert "Traceback" not in done.stderr
