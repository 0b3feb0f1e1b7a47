# SPDX-License-Identifier: Apache-2.0
"""`otelprov show`: how a run is named, and what is told of it."""

import pytest
import recorded
from observed import Observed
from recorded import SECOND, T0, Program

from otelprov.semconv import names

PROGRAM = """
import pathlib, subprocess, sys
pathlib.Path("out.csv").write_text(pathlib.Path("raw.csv").read_text())
subprocess.run([sys.executable, "-c", "open('raw.csv').read()"])
def load():
    raise ValueError("no such column")
load()
"""


@pytest.fixture
def trained(otelprov):
    recorded.training(otelprov.home)
    return otelprov


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A real program that failed, with a process below it."""
    observed = Observed(tmp_path_factory.mktemp("failed"))
    observed.write("raw.csv", "a,b\n")
    observed.write("broken.py", PROGRAM)
    assert observed.run("broken.py").returncode == 1
    return observed


@pytest.mark.parametrize("name", ["train.py", "train", "tr", "last", "7c1e"])
def test_a_run_is_found_by_name_without_suffix_by_beginning_and_by_id(trained, name):
    assert trained("show", name, "--json").document["run"]["name"] == "train.py"


def test_the_newest_run_of_a_name_is_shown(otelprov):
    for number in (1, 2):
        Program(otelprov.home, 0xD000 + number, "train.py", T0 + number * SECOND).end()
    Program(otelprov.home, 0xD003, "train_all.py", T0).end()
    assert otelprov("show", "train", "--json").document["run"]["run_id"].startswith("d002")
    assert otelprov("show", "train_", "--json").document["run"]["run_id"].startswith("d003")
    several = otelprov("show", "tr")
    assert several.status == 2
    assert "train.py, train_all.py" in several.err
    assert otelprov("show", "rain").status == 3


def test_a_failure_is_told_with_stack_processes_and_evidence(failed):
    said = failed.otelprov("show", "broken").stdout.decode()
    lines = said.splitlines()
    assert lines[1].split() == ["status", "failed", "exit", "status", "1"]
    error = next(place for place, line in enumerate(lines) if line.startswith("error"))
    assert lines[error].split(maxsplit=1)[1] == "ValueError: no such column"
    assert lines[error + 1] == "  Traceback (most recent call last):"
    assert any(line.startswith("    File ") and line.endswith("in load") for line in lines[error:])
    (written,) = [line for line in lines if "out.csv" in line]
    assert written.endswith("(order)  broken.py:3")
    assert "\nprocesses (2)\n" in said
    assert "\nenvironment cpython 3." in said
    assert "\ncoverage    " in said


def test_the_document_has_the_same_keys_for_every_run(failed, trained):
    (one,) = failed.answer("runs")["runs"]
    shown = failed.answer("show", "last")["run"]
    assert {key: shown[key] for key in one if key not in {"inputs", "outputs"}} == {
        key: one[key] for key in one if key not in {"inputs", "outputs"}
    }
    assert shown["error_type"] == "ValueError"
    assert "in load" in shown["stacktrace"]
    assert [use["evidence"] for use in shown["outputs"]] == [["order"]]
    assert [use["evidence"] for use in shown["inputs"]] == [["order"]]
    assert shown.keys() == trained("show", "last", "--json").document["run"].keys()
    assert failed.answer("show", "last")["run"] == shown


def test_a_signal_and_losses_are_told(otelprov):
    program = Program(otelprov.home, 0xBAD1, "killed.py")
    loss = {names.PROVENANCE_LOSS_REASON: "disk full", names.PROVENANCE_LOSS_COUNT: 3}
    program.event(names.EVENT_PROVENANCE_LOSS, loss)
    program.end("interrupted", **{names.PROVENANCE_RUN_SIGNAL: "SIGKILL"})
    said = otelprov("show", "killed").out
    assert "interrupted  by SIGKILL" in said
    assert "lost: 3 (disk full)" in said


def test_the_tree_names_the_commit_else_the_digest_of_the_code(failed, trained):
    digest = failed.answer("show", "last")["run"]["code_digest"]
    assert len(digest) == len("sha256:") + 64
    assert failed.otelprov("lineage", "+out.csv").stdout.decode().splitlines()[1].endswith(f"code {digest[:15]}")
    assert trained("lineage", "+model.pkl").out.splitlines()[1].endswith("code a1b2c3d+dirty")
