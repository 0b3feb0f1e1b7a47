# SPDX-License-Identifier: Apache-2.0
"""Data programs as people write them: every true edge is found, none at flow or statement is false, nothing changes.

What is true is said twice: by the list beside each program, and, of files read and written, by the kernel, which
watched the program run without us.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from data_programs import (
    Captured,
    Ended,
    Program,
    captured,
    contents,
    fresh,
    judge,
    make_inputs,
    observed,
    programs,
    run,
)
from kernel_log import Touched, watching


@dataclass
class Compared:
    """One program, run alone with the kernel watching, and run observed."""

    program: Program
    plain: Ended
    ours: Ended
    kernel: Touched
    captured: Captured
    plain_files: dict[str, bytes | None]
    our_files: dict[str, bytes | None]


@pytest.fixture(scope="module", params=programs(), ids=lambda program: program.name)
def compared(request, tmp_path_factory) -> Compared:
    program = request.param
    root: Path = tmp_path_factory.mktemp(program.name)
    make_inputs(program, root / "made", program.sizes["test"])
    folder, with_us = fresh(root / "made", root / "plain"), fresh(root / "made", root / "observed")
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(run, program, with_us, observed())
        with watching(folder) as kernel:
            plain = run(program, folder)
        ours = running.result()
    return Compared(
        program,
        plain,
        ours,
        kernel,
        captured(program, with_us),
        contents(program, folder),
        contents(program, with_us),
    )


def test_the_program_sees_no_difference(compared):
    assert compared.plain.status == 0, compared.plain.errors.decode()
    assert (compared.ours.status, compared.ours.output, compared.ours.errors) == (
        0,
        compared.plain.output,
        compared.plain.errors,
    )
    assert compared.our_files.keys() == compared.plain_files.keys()
    assert [name for name, data in compared.plain_files.items() if compared.our_files[name] != data] == []


def test_every_true_edge_is_found(compared):
    score = judge(compared.program, compared.captured.edges)
    assert score.missed == []
    assert score.recall == 1.0


def test_what_is_said_to_be_known_is_true(compared):
    score = judge(compared.program, compared.captured.edges)
    assert score.false.get("flow", []) == []
    assert score.false.get("statement", []) == []


def test_the_files_are_those_that_the_kernel_saw(compared):
    program, kernel, ours = compared.program, compared.kernel, compared.captured
    databases = set(program.databases)
    # Of a database the kernel sees pages, and so no more than that it was used.
    assert data(program, ours.read) - databases == data(program, kernel.read) - databases
    assert data(program, ours.written) - databases == data(program, kernel.written) - databases
    assert databases <= ours.read | ours.written
    assert databases <= kernel.read | kernel.written


def test_what_was_recorded_is_in_the_registry(compared):
    assert compared.captured.problems == []


def data(program: Program, names: set[str]) -> set[str]:
    return {name for name in names if program.is_data(name)}


def test_the_kernels_log_tells_reads_from_writes(tmp_path):
    for name in ("read", "both", "untouched", "renamed"):
        (tmp_path / name).write_text("x")
    with watching(tmp_path) as kernel:
        (tmp_path / "read").read_text()
        with (tmp_path / "both").open("r+") as file:
            file.write(file.read())
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "made").write_text("x")
        (tmp_path / "folder" / "made").read_text()
        (tmp_path / "renamed").rename(tmp_path / "name")
        (tmp_path / "made").write_text("")
        list(tmp_path.iterdir())
    assert kernel.read >= {"read", "both"}
    assert kernel.read <= {"read", "both", "folder/made"}
    assert kernel.written == {"both", "folder/made", "name", "made"}
