# SPDX-License-Identifier: Apache-2.0
"""What a run says of its coverage: opens, edges, digests, and libraries that were left alone, with versions and why."""

from __future__ import annotations

import json

import pytest
from observed import Observed
from spans import RunSpans

from otelprov.capture import coverage
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.semconv import names
from otelprov.store import open_store
from otelprov_instrumentors.pandas import PandasInstrumentor

PROGRAM = """
import os, subprocess, sys
import pandas, netCDF4
pandas.DataFrame({"a": range(20_000)}).to_csv("a.csv")
pandas.read_csv("a.csv")
open("small.txt", "w").write("x")
if len(sys.argv) == 1:
    subprocess.run([sys.executable, "-c", "open('small.txt').read()"])
"""


@pytest.fixture
def observed(tmp_path):
    """A program that uses pandas and a library that nobody has an instrumentor for."""
    made = Observed(tmp_path)
    made.write("program.py", PROGRAM)
    made.write("netCDF4.py", "__version__ = '1.7.2'\n")
    return made


def libraries(observed):
    return {library["name"]: library for library in observed.answer("show", "last")["run"]["libraries"]}


def lines(observed):
    return observed.otelprov("show", "last").stdout.decode().splitlines()


def test_edges_digests_and_libraries_of_a_run_and_of_its_processes(observed):
    import pandas

    observed.script("program.py")
    run = observed.answer("show", "last")["run"]
    said = run["coverage"]
    # pandas wrote and read, Python wrote, and the other process read.
    assert said[names.PROVENANCE_COVERAGE_EDGES] == 4
    assert said[names.PROVENANCE_COVERAGE_OPENS] == said[names.PROVENANCE_COVERAGE_RECORDED] == 2
    # One version of one file.
    assert (said[names.PROVENANCE_COVERAGE_DIGESTS], run["undigested"]) == (1, {})
    found = libraries(observed)
    assert found["pandas"] == {"name": "pandas", "version": pandas.__version__, "edges": 2, "why": ""}
    assert found["files"]["edges"] == 2
    why = "no instrumentor of otelprov was loaded for it"
    assert found["netCDF4"] == {"name": "netCDF4", "version": "1.7.2", "edges": 0, "why": why}
    shown = lines(observed)
    [line] = [line for line in shown if line.startswith("coverage")]
    assert line.split(maxsplit=1)[1].startswith("4 edges; of Python's own opens: 2 opens seen, 2 recorded, ")
    assert "digests     1 of larger files taken" in shown
    assert f"  pandas {pandas.__version__}  2 edges" in shown
    assert f"  netCDF4 1.7.2  left alone: {why}" in shown


def test_a_version_that_is_too_new_is_left_alone_said_once_and_shown(observed):
    versions = PandasInstrumentor.versions
    observed.write("fake/pandas-999.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pandas\nVersion: 999.0\n")
    done = observed.run("program.py", "alone", PYTHONPATH=str(observed.folder / "fake"))
    assert done.returncode == 0
    said = [line for line in done.stderr.decode().splitlines() if "pandas" in line]
    assert said == [f"otelprov leaves pandas alone: version 999.0 is installed, {versions} is supported"]
    why = f"its version is not {versions}"
    assert libraries(observed)["pandas"] == {"name": "pandas", "version": "999.0", "edges": 0, "why": why}
    assert f"  pandas 999.0  left alone: {why}" in lines(observed)
    # What it did through Python's own means is there all the same.
    assert "write a.csv" in observed.recorded.names()


def test_what_was_switched_off_is_shown(observed):
    observed.script("program.py", "alone", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="prov-pandas")
    assert libraries(observed)["pandas"]["why"] == "switched off by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def test_why_digests_are_missing_is_shown(observed):
    observed.script("program.py", "alone", OTELPROV_DIGEST_LIMIT="70000")
    assert observed.answer("show", "last")["run"]["undigested"] == {"too large": 1}
    assert "digests     0 of larger files taken; 1 not taken: too large" in lines(observed)


def test_what_is_no_object_is_passed_over(tmp_path):
    run = RunSpans()
    run.started()
    odd = ["{", "[]", "1", '{"a":1,"b":{"version":2,"edges":"x","why":[]},"c":{"version":"3","edges":4}}', ""]
    for time, text in enumerate(odd, 1):
        run.process_ended(
            time, **{names.PROVENANCE_COVERAGE_LIBRARIES: text, names.PROVENANCE_COVERAGE_UNDIGESTED: text}
        )
    with open_store(str(tmp_path / "store.db")) as store:
        store.merge(extract(run.spans), derive=derive_run)
        detail = store.run("last")
    assert [(library.name, library.version, library.edges) for library in detail.libraries] == [
        ("b", "", 0),
        ("c", "3", 4),
    ]
    assert detail.undigested == {"a": 1}


def test_a_child_counts_what_it_does_itself_and_says_the_same_of_libraries(monkeypatch):
    monkeypatch.setattr(coverage, "_edges", {"otelprov.pandas": 3})
    monkeypatch.setattr(coverage, "_instrumented", {"pandas": "9.9"})
    monkeypatch.setattr(coverage, "_left_alone", {})
    coverage.reset()
    said = coverage.attributes()
    assert said[names.PROVENANCE_COVERAGE_EDGES] == 0
    assert json.loads(said[names.PROVENANCE_COVERAGE_LIBRARIES])["pandas"] == {"version": "9.9", "edges": 0}
