# SPDX-License-Identifier: Apache-2.0
"""A run that lost records says so wherever it is shown, with how many and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from journaled import declared
from observed import Observed

PROGRAM = """
import os, pathlib, signal, sys
from opentelemetry import trace
rows = pathlib.Path("raw.csv").read_text()
tracer = trace.get_tracer("bulk")
for number in range(1_000):
    tracer.start_span(f"bulk {number}").end()
pathlib.Path("out.csv").write_text(rows)
if sys.argv[1:] == ["killed"]:
    os.kill(os.getpid(), signal.SIGKILL)
"""
REASON = "journal_limit_detail"


def observed_with_limit(root: Path, *arguments: str) -> Observed:
    observed = Observed(root)
    observed.write("raw.csv", "a,b\n")
    observed.write("bulk.py", PROGRAM)
    observed.run("bulk.py", *arguments, OTELPROV_JOURNAL_LIMIT="200000", OTEL_TRACES_EXPORTER="none")
    return observed


@pytest.fixture(scope="module")
def bulky(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observed_with_limit(tmp_path_factory.mktemp("bulky"))


def kept(observed: Observed) -> int:
    return sum(1 for span in observed.recorded.spans() if span.scope == "bulk")


def test_what_is_declared_is_what_was_lost_and_show_tells_it(bulky: Observed) -> None:
    lost = 1_000 - kept(bulky)
    assert lost > 0
    assert declared(bulky.home / "journal") == {REASON: lost}
    said = bulky.otelprov("show", "bulk").stdout.decode()
    assert f"lost: {lost:,} ({REASON})" in said
    assert f"{lost} records could not be kept ({REASON})" in said
    summary: dict[str, Any] = bulky.answer("show", "bulk")["run"]
    assert summary["complete"] is False
    assert summary["status"] == "completed"


def test_the_edges_of_such_a_run_are_there_and_their_graph_says_that_it_is_incomplete(bulky: Observed) -> None:
    assert ["raw.csv", "out.csv"] in [edge[:2] for edge in bulky.edges("+out.csv")]
    graph = bulky.graph("+out.csv")
    assert graph["complete"] is False
    assert any(f"records could not be kept ({REASON})" in sentence for sentence in graph["missing"])
    done = bulky.otelprov("lineage", "+out.csv")
    assert f"records could not be kept ({REASON})" in (done.stdout + done.stderr).decode()


def test_the_loss_of_a_killed_run_is_known(tmp_path: Path) -> None:
    observed = observed_with_limit(tmp_path, "killed")
    assert observed.runs() == {"bulk.py": "interrupted"}
    said = observed.answer("show", "bulk")["run"]
    assert said["losses"][REASON] > 0
    assert said["complete"] is False
