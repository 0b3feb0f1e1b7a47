# SPDX-License-Identifier: Apache-2.0
"""The list of features is whole and true: every id once, every page and every test that it names is there."""

import ast
import functools
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "features.md").read_text(encoding="utf-8")
# How many rows there are of each kind.
ROWS = {"IMP": 8, "RUN": 14, "IO": 12, "TAG": 9, "CON": 9, "DAT": 7, "LIN": 8, "SRV": 8}
STATES = {"done", "partly", "not yet"}


class Row(NamedTuple):
    id: str
    state: str
    what: str
    page: str
    tests: list[str]


def rows() -> list[Row]:
    found = []
    for line in PAGE.splitlines():
        if re.match(r"\| [A-Z]+-\d+ \|", line):
            id_, state, what, page, tests = (cell.strip() for cell in line.strip("|").split("|"))
            link = re.fullmatch(r"\[.*\]\((.*)\)", page)
            found.append(Row(id_, state, what, link[1] if link else "", re.findall(r"`([^`]+::[^`]+)`", tests)))
    return found


@functools.cache
def names_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_"))


def test_every_id_is_listed_once_in_its_order():
    assert [row.id for row in rows()] == [f"{kind}-{n}" for kind, most in ROWS.items() for n in range(1, most + 1)]


def test_a_row_has_a_state_and_what_is_done_has_a_page_and_a_test():
    for row in rows():
        assert row.state in STATES, row
        assert row.what, row
        has_both = bool(row.page) and bool(row.tests)
        assert has_both if row.state != "not yet" else not (row.page or row.tests), row


def test_what_is_partly_done_says_what_is_missing():
    words = re.compile(r"\b(not|no)\b")
    assert [row.id for row in rows() if row.state == "partly" and not words.search(row.what)] == []


def test_every_page_exists():
    assert [(row.id, row.page) for row in rows() if row.page and not (DOCS / row.page).exists()] == []


def test_every_test_exists():
    missing = []
    for row in rows():
        for named in row.tests:
            file, _, function = named.partition("::")
            path = ROOT / file
            if not path.exists() or function not in names_in(path):
                missing.append((row.id, named))
    assert missing == []
