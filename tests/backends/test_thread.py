# SPDX-License-Identifier: Apache-2.0
"""The whole thread: application, real Collector, real Jaeger, `otelprov ingest`: the same graph as from the journal."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from backend_processes import Collector, Jaeger, get_json, wait_until
from launch import BIN, OBSERVED, environment

from otelprov.testing import Recorded

pytestmark = pytest.mark.backends
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "pipeline"
STEPS = ("prepare.py", "features.py", "train.py")
OUTPUTS = ("model.joblib", "metrics.json")


def otelprov(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "otelprov"), *arguments],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def graph(home: Path, output: str, **more: str) -> dict[str, Any]:
    done = otelprov(home, "lineage", f"+{output}", "--json", **more)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Path:
    """The example, run once through the Collector, all of it arrived."""
    folder = tmp_path_factory.mktemp("project") / "pipeline"
    shutil.copytree(EXAMPLE, folder)
    subprocess.run([str(BIN / "python"), "get_data.py"], cwd=folder, env=environment(folder / "home"), check=True)
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.otlp_grpc}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    for script in STEPS:
        subprocess.run([*OBSERVED, script], cwd=folder, env=environment(folder / "home", **settings), check=True)
    shipped = otelprov(folder / "home", "ship", **settings)
    assert shipped.returncode == 0, shipped.stderr
    return folder


@pytest.fixture(scope="module")
def arrived(project: Path, jaeger: Jaeger) -> Path:
    """The project, once Jaeger answers with every span of its journals."""
    expected: dict[str, set[str]] = {}
    for span in Recorded(project / "home").spans():
        expected.setdefault(span.trace_id, set()).add(span.span_id)
    assert len(expected) == len(STEPS)
    for trace_id, spans in expected.items():
        wait_until(lambda t=trace_id, s=spans: {span["spanId"] for span in jaeger.spans(t)} == s, "a whole trace")
    return project


def test_jaeger_gives_the_same_graph_edge_for_edge(arrived: Path, jaeger: Jaeger, tmp_path: Path) -> None:
    done = otelprov(tmp_path, "ingest", f"jaeger={jaeger.query}")
    assert done.returncode == 0, done.stderr
    for output in OUTPUTS:
        name = str(arrived / output)
        from_journal, from_jaeger = graph(arrived / "home", name), graph(tmp_path, name)
        assert len(from_journal["edges"]) > 10
        assert from_jaeger == from_journal
        assert from_jaeger["complete"]


def test_a_link_in_jaeger_leads_from_the_consumer_to_the_producer(arrived: Path, jaeger: Jaeger) -> None:
    spans = {span.span_id: span for span in Recorded(arrived / "home").spans()}
    (reading,) = [s for s in spans.values() if s.name == "read clean.parquet"]
    (writing,) = [s for s in spans.values() if s.name == "write clean.parquet"]
    assert reading.trace_id != writing.trace_id
    (shown,) = [span for span in jaeger.spans(reading.trace_id) if span["spanId"] == reading.span_id]
    assert {(link["traceId"], link["spanId"]) for link in shown["links"]} == {(writing.trace_id, writing.span_id)}
    attributes = {pair["key"]: next(iter(pair["value"].values())) for pair in shown["attributes"]}
    assert attributes["provenance.origin.run.name"] == "prepare.py"
    assert attributes["provenance.origin.trace_id"] == writing.trace_id


def test_spans_are_named_as_a_story(arrived: Path, jaeger: Jaeger) -> None:
    (trace_id,) = {s.trace_id for s in Recorded(arrived / "home").spans() if s.name == "run features.py"}
    spans = jaeger.spans(trace_id)
    (root,) = [span for span in spans if not span.get("parentSpanId")]
    assert root["name"] == "run features.py"
    names = {span["name"] for span in spans}
    assert {"read clean.parquet", "read classes.csv", "write features.parquet"} <= names
    assert any(name.startswith("import pandas") for name in names)


def dependencies(jaeger: Jaeger) -> set[tuple[str, str]]:
    query = urlencode({"endTs": int(time.time() * 1000) + 60_000, "lookback": 86_400_000})
    answer = get_json(f"{jaeger.query}/api/dependencies?{query}")
    return {(pair["parent"], pair["child"]) for pair in answer["data"]}


def test_published_lineage_is_the_system_architecture(arrived: Path, jaeger: Jaeger, tmp_path: Path) -> None:
    expected = {
        ("data:wine_1.csv", "job:prepare.py"),
        ("data:wine_2.csv", "job:prepare.py"),
        ("job:prepare.py", "data:clean.parquet"),
        ("data:clean.parquet", "job:features.py"),
        ("data:classes.csv", "job:features.py"),
        ("job:features.py", "data:features.parquet"),
        ("data:features.parquet", "job:train.py"),
        ("data:params.json", "job:train.py"),
        ("job:train.py", "data:model.joblib"),
        ("job:train.py", "data:metrics.json"),
    }
    for _again in range(2):
        done = otelprov(arrived / "home", "publish", "--to", jaeger.otlp_http)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: dependencies(jaeger) == expected, f"the dependencies {sorted(expected)}")
    # What was drawn is no evidence: reading that Jaeger again gives the same graph.
    done = otelprov(tmp_path, "ingest", f"jaeger={jaeger.query}")
    assert done.returncode == 0, done.stderr
    name = str(arrived / "model.joblib")
    assert graph(tmp_path, name) == graph(arrived / "home", name)
