# SPDX-License-Identifier: Apache-2.0
"""Which runs loaded a version of a library, and which had the same configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import CommandLine
from recorded import Program

PURL = "artifact.purl"


@pytest.fixture
def otelprov(tmp_path: Path) -> CommandLine:
    home = tmp_path / "home"
    versions = {"old.py": ("3.1.0", "3"), "new.py": ("3.1.1", "3"), "other.py": ("3.1.1", "5")}
    for number, (name, (version, epochs)) in enumerate(versions.items(), start=1):
        program = Program(home, number, name, epochs=epochs)
        program.imported("pandas", "__main__", **{PURL: f"pkg:pypi/pandas@{version}"})
        program.end()
    failed = Program(home, 4, "failed.py")
    failed.imported("pandas", "__main__", **{PURL: "pkg:pypi/pandas@3.1.1", "error.type": "ImportError"})
    failed.end()
    return CommandLine(home)


def names(otelprov: CommandLine, *words: str) -> list[str]:
    return sorted(run["name"] for run in otelprov("runs", *words, "--json").document["runs"])


def test_which_runs_loaded_a_version(otelprov: CommandLine) -> None:
    assert names(otelprov, "--imported", "pandas==3.1.1") == ["new.py", "other.py"]
    assert names(otelprov, "--imported", "Pandas==3.1.0") == ["old.py"]
    assert names(otelprov, "--imported", "pandas") == ["new.py", "old.py", "other.py"]
    assert names(otelprov, "--imported", "numpy") == []


def test_which_runs_had_the_same_configuration(otelprov: CommandLine) -> None:
    assert names(otelprov, "--like", "new") == ["new.py", "old.py"]
    assert names(otelprov, "--like", "other.py") == ["other.py"]
    assert otelprov("runs", "--like", "nobody").status == 3
