# SPDX-License-Identifier: Apache-2.0
"""The house rules that a program can check."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "instrumentors", "tests", "docs", "examples", "benchmarks", "semconv", "tools")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") if "node_modules" not in file.parts)
MOST_LINES = 400


def shown(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("folder", ["src", "instrumentors", "tests"])
def test_no_module_is_longer_than_can_be_read_at_once(folder):
    below = [file for file in FILES if file.is_relative_to(ROOT / folder)]
    lengths = {shown(file): len(file.read_text(encoding="utf-8").splitlines()) for file in below}
    assert below
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_every_python_file_names_its_licence():
    line = "# SPDX-License-Identifier: Apache-2.0"
    texts = {shown(file): file.read_text(encoding="utf-8").splitlines()[:2] for file in FILES}
    assert [name for name, first in texts.items() if line not in first] == []


def test_modules_of_the_package_say_in_a_sentence_what_they_are_for():
    below = [file for file in FILES if shown(file).startswith(("src", "instrumentors"))]
    silent = [shown(file) for file in below if '\n"""' not in file.read_text(encoding="utf-8")[:300]]
    assert silent == []


def test_nothing_is_put_off_in_a_comment():
    # Put together, so that this file does not find itself.
    words = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
    more = [file for pattern in ("*.md", "*.yaml", "*.toml", "Makefile") for file in ROOT.glob(pattern)]
    more += [*(ROOT / "docs").rglob("*.md"), *(ROOT / "collector-config").glob("*.yaml")]
    assert [shown(file) for file in [*FILES, *more] if words.search(file.read_text(encoding="utf-8"))] == []
