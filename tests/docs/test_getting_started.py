# SPDX-License-Identifier: Apache-2.0
"""The first page that people read works: its commands are run in a fresh folder and home, and print what it says."""

import getpass
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "getting-started.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANYTHING = "…"

# What differs from run to run, and what it becomes on both sides.
VARIABLE = (
    (r"\brun [0-9a-f]{32}\b", "run RUN"),
    (r"\brun [0-9a-f]{8}\b", "run RUN"),
    (r"\botelprov show [0-9a-f]{8}\b", "otelprov show RUN"),
    (r"^[0-9a-f]{8}  ", "RUN  "),
    (r"\(([\w.]+)\) \([0-9a-f]{8}\)", r"(\1) (RUN)"),
    (r" \([0-9a-f]{8}\) was", " (RUN) was"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "TOOK"),
    (r"\bon \S+$", "on HOST"),
    (r" +", " "),
)


@dataclass
class Said:
    """A command of the page and what the page says that it prints."""

    command: str
    lines: list[str] = field(default_factory=list)


def blocks() -> list[tuple[str, str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def commands(text: str) -> list[Said]:
    found: list[Said] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Said(line[2:]))
        else:
            found[-1].lines.append(line)
    return found


def stable(line: str) -> str:
    for pattern, replacement in VARIABLE:
        line = re.sub(pattern, replacement, line)
    return line.strip()


def agree(expected: list[str], printed: list[str]) -> bool:
    """Whether the lines are the same; a line of … stands for any lines, … in a line for any text."""
    if not expected:
        return not printed
    if expected[0] == ANYTHING:
        return any(agree(expected[1:], printed[start:]) for start in range(len(printed) + 1))
    pattern = ".*".join(re.escape(part) for part in expected[0].split(ANYTHING))
    # The digests on the page end in … as printed.
    return bool(printed and re.fullmatch(pattern, printed[0], re.DOTALL)) and agree(expected[1:], printed[1:])


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> list[tuple[Said, list[str]]]:
    """Each command of the page with what it really prints, in the order of the page."""
    root = tmp_path_factory.mktemp("started").resolve()
    project = root / "project"
    project.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "XDG_"))}
    for name in ("TRACEPARENT", "BAGGAGE", "PYTHONPATH"):
        kept.pop(name, None)
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    environment = {**kept, "PATH": scripts, "HOME": str(root), "LANG": "C.UTF-8"}
    # A repository above the folder for temporary files would be the program's.
    environment["GIT_CEILING_DIRECTORIES"] = str(root)
    done: list[tuple[Said, list[str]]] = []
    for language, file, text in blocks():
        if file:
            (project / file).write_text(text, encoding="utf-8")
        for said in commands(text) if language == "console" else []:
            ran = subprocess.run(
                ["bash", "-c", said.command],
                cwd=project,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
                check=False,
            )
            printed = ran.stdout.replace(str(project), "/home/ana/project").replace(f" {getpass.getuser()}", " ana")
            # Some shells say it.
            done.append((said, [line for line in printed.splitlines() if line != "Killed"]))
    return done


def test_the_page_has_commands_and_files():
    kinds = [language for language, _file, _text in blocks()]
    assert kinds.count("console") >= 6
    assert [file for _language, file, _text in blocks() if file] == [
        "orders.csv",
        "customers.csv",
        "report.py",
        "slow.py",
    ]


def test_every_command_prints_what_the_page_says(session):
    for said, printed in session:
        expected = [stable(line) for line in said.lines]
        real = [stable(line) for line in printed]
        assert agree(expected, real), f"$ {said.command}\n" + "\n".join(printed)


def test_a_difference_is_noticed():
    assert agree(["a", "…", "z"], ["a", "b", "c", "z"])
    assert agree(["x…y"], ["x--y"])
    assert not agree(["a", "…", "z"], ["a", "b"])
    assert not agree(["a"], ["a", "b"])
    assert not agree([stable("1 run, 3 entities")], [stable("1 run, 4 entities")])
    assert not agree([stable("a.csv  sha256:85b1a726…  (order)")], [stable("a.csv  sha256:85b1a727…  (order)")])
