# SPDX-License-Identifier: Apache-2.0
"""The configurations in collector-config, as the real Collector and the real Jaeger run them."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from backend_processes import CONFIG, Collector, Jaeger, binary, post_traces, wait_until

from otelprov import semconv

pytestmark = pytest.mark.backends

TOKEN = "ghp_" + "a1B2c3D4e5" * 4


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def texts(span_or_event: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: next(iter(item["value"].values())) for item in span_or_event.get("attributes", [])}


def request_of(trace_id: str, count: int = 1, **more: Any) -> dict[str, Any]:
    """A request of `count` spans, all of one trace."""
    now = time.time_ns()
    times = {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000)}
    ids = [secrets.token_hex(8) for _ in range(count)]
    spans = [{"traceId": trace_id, "spanId": one, "name": "read", "kind": 1, **times, **more} for one in ids]
    resource = {"attributes": attributes({semconv.SERVICE_NAME: "configs"})}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "an.application"}, "spans": spans}]}]
    }


def span_ids(request: dict[str, Any]) -> set[str]:
    return {span["spanId"] for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]}


def recorded(collector: Collector) -> list[dict[str, Any]]:
    """Spans in the gateway's record file."""
    lines = (collector.record / "traces.jsonl").read_text().splitlines()
    parts = [part for line in lines for part in json.loads(line)["resourceSpans"]]
    return [span for part in parts for scope in part["scopeSpans"] for span in scope["spans"]]


@pytest.mark.parametrize("name", ["agent.yaml", "gateway.yaml"])
def test_the_collector_accepts_its_configuration(name: str) -> None:
    done = subprocess.run(
        [binary("OTELPROV_OTELCOL"), "validate", "--config", str(CONFIG / name)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "deprecat" not in done.stderr


def test_jaeger_puts_the_ui_settings_into_its_page(jaeger: Jaeger) -> None:
    with urllib.request.urlopen(f"{jaeger.query}/") as answer:
        page = answer.read().decode()
    found = re.search(r"JAEGER_CONFIG\s*=\s*(\{.*?\});", page, re.DOTALL)
    assert found, page
    settings = json.loads(found[1])
    assert settings["topTagPrefixes"] == ["provenance."]
    urls = {pattern["key"]: pattern["url"] for pattern in settings["linkPatterns"]}
    assert urls[semconv.PROVENANCE_ORIGIN_TRACE_ID] == f"/trace/#{{{semconv.PROVENANCE_ORIGIN_TRACE_ID}}}"
    ours = {name for name in vars(semconv).values() if isinstance(name, str)}
    for key, url in urls.items():
        named = set(re.findall(r"#\{([^}]+)\}", url)) - {"trace.traceID"}
        assert key in named
        assert named <= ours, "a pattern names an attribute that we do not have"


def test_a_span_goes_from_the_agent_over_the_gateway_to_jaeger(
    tmp_path: Path, jaeger: Jaeger, collector: Collector
) -> None:
    trace, linked = secrets.token_hex(16), {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8)}
    values = {semconv.PROVENANCE_KIND: "io", semconv.PROVENANCE_ENTITY_NAME: "/data/features.parquet"}
    event = {
        "name": semconv.EVENT_PROVENANCE_ENTITY_USED,
        "timeUnixNano": str(time.time_ns()),
        "attributes": attributes(values),
    }
    sent = request_of(trace, attributes=attributes(values), links=[linked], events=[event])
    with Collector(tmp_path / "agent", collector.otlp_grpc, role="agent") as agent:
        post_traces(agent.otlp_http, sent)
        [span] = wait_until(lambda: jaeger.spans(trace), "the span in Jaeger")
    assert {span["spanId"]} == span_ids(sent)
    assert texts(span).items() >= values.items()
    assert {key: span["links"][0][key] for key in linked} == linked
    assert span["events"][0]["name"] == semconv.EVENT_PROVENANCE_ENTITY_USED
    assert texts(span["events"][0]) == values


def test_the_agent_reads_each_line_of_a_journal_once(tmp_path: Path, jaeger: Jaeger, collector: Collector) -> None:
    trace = secrets.token_hex(16)
    # The second line is longer than what a file receiver takes for a line by default (1 MiB).
    lines = [request_of(trace, 2), request_of(trace, 4000, attributes=attributes({"padding": "x" * 300}))]
    agent = Collector(tmp_path / "agent", collector.otlp_grpc, role="agent")
    journal = agent.home / "journal" / "process.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text(json.dumps(lines[0]) + "\n")
    with agent:
        wait_until(lambda: len(jaeger.spans(trace)) == 2, "the first line")
        long, later = json.dumps(lines[1]) + "\n", request_of(trace)
        with journal.open("a") as file:
            file.write(long[:1_000_000])
            file.flush()
            # Longer than the receiver's usual patience with half a line.
            time.sleep(0.8)
            file.write(long[1_000_000:])
        wait_until(lambda: len(jaeger.spans(trace)) == 4002, "the long line")
        agent.kill()
        with journal.open("a") as file:
            file.write(json.dumps(later) + "\n")
        agent.start()
        wait_until(lambda: len(jaeger.spans(trace)) == 4003, "the line written while the agent was away")
    times = [span["spanId"] for span in recorded(collector) if span["traceId"] == trace]
    assert len(times) == len(set(times)) == 4003


def test_no_span_is_lost_when_jaeger_and_the_collector_are_killed(tmp_path: Path) -> None:
    trace, sent = secrets.token_hex(16), set[str]()
    with Jaeger(tmp_path / "jaeger") as jaeger, Collector(tmp_path / "gateway", jaeger.otlp_grpc) as gateway:
        killer = threading.Timer(0.3, jaeger.kill)
        killer.start()
        # What the Collector has said yes to is sent; half of it, at least, while Jaeger is down.
        deadline = time.monotonic() + 0.8
        while time.monotonic() < deadline:
            request = request_of(trace, 20)
            post_traces(gateway.otlp_http, request)
            sent |= span_ids(request)
        killer.join()
        gateway.kill()
        jaeger.start()
        there = {span["spanId"] for span in jaeger.spans(trace)}
        assert there < sent, "nothing was waiting in the queue, so this proves nothing"
        gateway.start()
        wait_until(lambda: {span["spanId"] for span in jaeger.spans(trace)} >= sent, "every span that was sent")
        assert sent <= {span["spanId"] for span in recorded(gateway)}


MASKED = {
    semconv.PROVENANCE_RUN_COMMAND: f"python train.py --data in.csv token={TOKEN}",
    semconv.EXCEPTION_MESSAGE: f"401 for Bearer {TOKEN}",
    semconv.VCS_REPOSITORY_URL_FULL: "ssh://robot:hunter2hunter2@git.example/repo.git",
    "app.start": "serve --api-key hunter2hunter2 --port 80",
    "app.dsn": "Server=db;Uid=me;Pwd=hunter2hunter2;",
    "app.settings": '{"db_password": "hunter2hunter2", "rows": 5}',
}
KEPT = {
    semconv.PROVENANCE_ENTITY_NAME: "/data/password_resets.csv",
    semconv.PROVENANCE_ENTITY_NAMESPACE: "postgres://db.example:5432",
    semconv.PROVENANCE_ENTITY_VERSION: "sha256:" + "0123456789abcdef" * 4,
    semconv.PROVENANCE_ORIGIN_RUN_NAME: "token=7",
    semconv.PROVENANCE_MODULE_NAME: "secret_santa.tokens",
    semconv.PROVENANCE_COLUMNS: "token: int, password: str",
    semconv.CODE_FILE_PATH: "/srv/token=9/train.py",
    semconv.DB_QUERY_TEXT: "SELECT id FROM logins WHERE token = other.token AND password = ?",
    semconv.ARTIFACT_PURL: "pkg:pypi/secretstorage@3.3.3",
    semconv.PROVENANCE_RUN_NAME: "train.py",
    semconv.PROVENANCE_RUN_PARAMS: '{"max_tokens": 100, "tokenizer": "bpe"}',
    semconv.PROCESS_WORKING_DIRECTORY: "/srv/task-force-and-risk-assessment-and-mitigation",
    "partition": "/lake/token=5/part-0.parquet",
}


def test_secrets_are_masked_and_names_are_not(jaeger: Jaeger, collector: Collector) -> None:
    trace = secrets.token_hex(16)
    event = {"name": "exception", "timeUnixNano": str(time.time_ns()), "attributes": attributes(MASKED | KEPT)}
    post_traces(collector.otlp_http, request_of(trace, attributes=attributes(MASKED | KEPT), events=[event]))
    [span] = wait_until(lambda: jaeger.spans(trace), "the span in Jaeger")
    for found in (texts(span), texts(span["events"][0])):
        assert {key: found[key] for key in KEPT} == KEPT
        for key in MASKED:
            assert "****" in found[key], key
            assert not re.search(r"ghp_|hunter2", found[key]), key
    raw = (collector.record / "traces.jsonl").read_text()
    assert TOKEN not in raw
    assert "hunter2" not in raw


def test_a_token_in_a_name_is_masked_too(jaeger: Jaeger, collector: Collector) -> None:
    trace = secrets.token_hex(16)
    name = {semconv.PROVENANCE_ENTITY_NAME: f"/dump/{TOKEN}.txt"}
    post_traces(collector.otlp_http, request_of(trace, attributes=attributes(name)))
    [span] = wait_until(lambda: jaeger.spans(trace), "the span in Jaeger")
    assert texts(span)[semconv.PROVENANCE_ENTITY_NAME] == "/dump/****.txt"
