# SPDX-License-Identifier: Apache-2.0
"""The examples in real processes: their lineage is what they say it is, and they see no difference."""

from __future__ import annotations

import shutil
import subprocess
import sys

import httpx
import pytest
from backend_processes import free_port
from observed import EXAMPLES, Observed


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Observed:
    """The pipeline after one observed run of all of it, with nothing set but where to record."""
    observed = Observed(tmp_path_factory.mktemp("pipeline"), "pipeline")
    done = subprocess.run(
        ["sh", "run_all.sh"],
        cwd=observed.folder,
        env=observed.environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    observed.output = done.stdout
    observed.errors = done.stderr
    return observed


def test_the_pipeline_has_the_lineage_that_it_says(pipeline):
    expected = pipeline.expected()
    assert pipeline.edges(expected["selection"]) == sorted(expected["edges"])
    assert pipeline.runs() == expected["runs"]


def test_the_pipelines_graph_is_whole_and_shows_its_evidence(pipeline):
    graph = pipeline.graph("+model.joblib")
    assert graph["complete"] is True
    assert graph["truncated"] is False
    kinds = {node["id"]: node["kind"] for node in graph["nodes"]}
    assert set(kinds.values()) == {"entity", "run"}
    labels = {node["id"]: node["label"] for node in graph["nodes"]}
    code = {
        (labels[edge["source"]], labels[edge["target"]]): edge["code"].rpartition("/")[2]
        for edge in graph["edges"]
        if edge["relation"] == "derived"
    }
    assert code["clean.parquet", "features.parquet"] == "features.py:11"
    assert code["params.json", "model.joblib"] == "train.py:25"
    versions = {node["label"]: node["version"] for node in graph["nodes"] if node["kind"] == "entity"}
    assert all(version.startswith("sha256:") for version in versions.values()), versions


def test_other_questions_about_the_pipeline(pipeline):
    derived = pipeline.edges("classes.csv+")
    assert ["raw/classes.csv", "features.parquet", "derived", "flow"] in derived
    assert ["features.parquet", "metrics.json", "derived", "order"] in derived
    assert not any("clean.parquet" in edge for edge in derived)
    between = pipeline.edges("wine_1.csv+ and +features.parquet")
    assert between == [
        ["clean.parquet", "features.parquet", "derived", "flow"],
        ["raw/wine_1.csv", "clean.parquet", "derived", "flow"],
    ]


def test_the_pipeline_sees_no_difference(pipeline, tmp_path):
    plain = Observed(tmp_path, "pipeline")
    done = subprocess.run(
        ["sh", "run_all.sh"],
        cwd=plain.folder,
        env=plain.environment(LAUNCHER=""),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, pipeline.output, pipeline.errors)
    for name in ("clean.parquet", "features.parquet", "metrics.json", "model.joblib"):
        assert (plain.folder / name).read_bytes() == (pipeline.folder / name).read_bytes(), name
    assert not plain.home.exists()


def test_everything_recorded_of_the_pipeline_is_in_the_registry(pipeline):
    assert pipeline.recorded.problems() == []


@pytest.mark.parametrize(
    "ending",
    [
        "raise KeyError('customer')",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a message')",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os; os._exit(4)",
        "def f():\n    return f()\nf()",
    ],
)
def test_a_program_ends_as_it_would_have(tmp_path, ending):
    observed = Observed(tmp_path)
    observed.write("a.csv", "x\n1\n")
    observed.write("script.py", f"print(open('a.csv').read())\n{ending}\n")
    with_us, without = observed.run("script.py"), observed.run("script.py", observed=False)
    assert with_us.returncode == without.returncode
    assert with_us.stdout == without.stdout
    assert with_us.stderr == without.stderr
    [read] = observed.recorded.io()
    assert read.name == "read a.csv"
    status = observed.runs()["script.py"]
    assert status == ("interrupted" if "kill" in ending else "failed")


def ask(port: int, verb: str, path: str, body: object = None) -> httpx.Response:
    return httpx.request(verb, f"http://127.0.0.1:{port}{path}", json=body, timeout=30)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory) -> Observed:
    """The FastAPI example after some requests."""
    observed, port = Observed(tmp_path_factory.mktemp("flowers"), "fastapi_app"), free_port()
    observed.run("get_data.py", observed=False)
    command = ("uvicorn", "--app-dir", "src", "flowers.app:app", "--port", str(port), "--log-level", "warning")
    with observed.server(*command, port=port):
        for length, width in ((1.4, 0.2), (4.7, 1.4), (6.0, 2.5)):
            assert ask(port, "POST", "/flowers", {"petal_length": length, "petal_width": width}).status_code == 201
        assert ask(port, "GET", "/flowers/2").json() == {"petal_length": 4.7, "petal_width": 1.4}
        assert ask(port, "GET", "/flowers/99").status_code == 404
        assert ask(port, "POST", "/reports/first").json() == {"flowers": 3}
    assert (observed.folder / "reports" / "first.json").read_text() == (
        '{"1": "setosa", "2": "versicolor", "3": "virginica"}'
    )
    return observed


def test_the_fastapi_example_has_the_lineage_that_it_says(flowers):
    expected = flowers.expected()
    assert flowers.edges(expected["selection"]) == sorted(expected["edges"])


def test_the_fastapi_example_names_the_files_that_nothing_loads(flowers):
    # Status 1: there is something that nothing loads.
    answer = flowers.answer("imports", "unused", "--root", "src", status=1)
    source = flowers.folder.resolve() / "src"
    assert answer["unused"] == [str(source / name) for name in flowers.expected()["unused"]]


def test_the_flask_example_has_the_lineage_that_it_says(tmp_path):
    observed, port = Observed(tmp_path, "flask_app"), free_port()
    with observed.server("gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "app:app", port=port):
        for sensor, value in (("a", 1.0), ("a", 3.0), ("b", 5.0)):
            assert ask(port, "POST", "/readings", {"sensor": sensor, "value": value}).status_code == 201
        assert ask(port, "GET", "/readings/1").json()["sensor"] == "a"
        assert ask(port, "POST", "/averages").status_code == 200
        assert ask(port, "POST", "/exports/week").json()["rows"] == 2
    expected = observed.expected()
    assert observed.edges(expected["selection"]) == sorted(expected["edges"])


def test_the_examples_know_nothing_of_us():
    for file in EXAMPLES.glob("*/**/*.py"):
        assert "otelprov" not in file.read_text(), file


def test_the_pipeline_without_us_needs_nothing_of_us(tmp_path):
    shutil.copytree(EXAMPLES / "pipeline", tmp_path / "pipeline")
    done = subprocess.run([sys.executable, "get_data.py"], cwd=tmp_path / "pipeline", check=False)
    assert done.returncode == 0
