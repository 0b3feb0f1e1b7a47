# SPDX-License-Identifier: Apache-2.0
"""50,000 changes of containers in one request: all of them come back in order, from the journal and out of Jaeger."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from backend_processes import Collector, Jaeger, free_port, wait_until
from observed import Observed

from otelprov.model.span import Span
from otelprov.semconv import names

pytestmark = pytest.mark.backends
CHANGES = 50_000
ROUNDS = 25_000
APPENDED, ASSIGNED = 15_000, 10_000
KEYS = 500
APP = f"""
from fastapi import FastAPI

from otelprov.containers import track, tracked, tracking_actor

app = FastAPI()


@tracked(name="basket.totals")
class Totals:
    pass


@app.post("/basket")
def fill():
    orders = track({{}}, "basket.orders", site=True)
    lines = track([], "basket.lines", values=True)
    totals = Totals()
    with tracking_actor("nightly"):
        for number in range({ROUNDS}):
            orders[f"k{{number % {KEYS}}}"] = number
            if number < {APPENDED}:
                lines.append(number)
            if number < {ASSIGNED}:
                totals.value = number
    return {{"orders": len(orders)}}
"""
LINE_OF_ORDERS = 1 + APP.splitlines().index('            orders[f"k{number % 500}"] = number')


def expected() -> Iterator[tuple[str, str, str]]:
    for number in range(ROUNDS):
        yield "basket.orders", "set", f"['k{number % KEYS}']"
        if number < APPENDED:
            yield "basket.lines", "append", ""
        if number < ASSIGNED:
            yield "basket.totals", "set", ".value"


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory, collector: Collector, jaeger: Jaeger) -> Observed:
    """The server after its one request, with everything shipped while Jaeger was down: the queue is full of it."""
    made, port = Observed(tmp_path_factory.mktemp("containers")), free_port()
    made.write("app.py", APP)
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.otlp_http, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    jaeger.stop()
    with made.server("uvicorn", "app:app", "--port", str(port), "--log-level", "warning", port=port, **settings):
        answer = httpx.post(f"http://127.0.0.1:{port}/basket", timeout=120)
        assert answer.json() == {"orders": KEYS}
    shipped = made.otelprov("ship", "--to", collector.otlp_http)
    assert shipped.returncode == 0, shipped.stderr.decode()
    jaeger.start()
    return made


@pytest.fixture(scope="module")
def step(observed: Observed) -> Span:
    (found,) = observed.recorded.spans(names.PROVENANCE_KIND_STEP)
    return found


def check(answer: dict[str, Any], step: Span) -> None:
    changes = [change for change in answer["changes"] if change["action"] != "create"]
    assert len(changes) == CHANGES
    assert [(one["name"], one["action"], one["location"]) for one in changes] == list(expected())
    assert [one["seq"] for one in changes] == sorted({one["seq"] for one in changes})
    assert {one["actor"] for one in changes} == {"nightly"}
    assert {(one["step"], one["step_id"], one["trace_id"]) for one in changes} == {
        ("POST /basket", step.span_id, step.trace_id)
    }
    orders = [one for one in changes if one["name"] == "basket.orders"]
    assert [one["number"] for one in orders] == list(range(1, ROUNDS + 1))
    assert {one["code"]["line"] for one in orders} == {LINE_OF_ORDERS}
    assert (answer["shown"], answer["hidden"]) == (CHANGES + 3, 0)
    # The server was asked to end; nothing else is missing.
    assert ["interrupted" in sentence for sentence in answer["missing"]] == [True]


def test_the_journal_gives_all_of_them(observed: Observed, step: Span) -> None:
    check(observed.answer("containers", "last", "basket*", "--limit", "0"), step)
    assert observed.answer("containers", "last", "basket.lines", "--at", "777")["content"] == list(range(777))


def test_jaeger_gives_the_same_and_shows_each_change_in_its_request(
    observed: Observed, step: Span, jaeger: Jaeger, tmp_path: Path
) -> None:
    spans = {span.span_id for span in observed.recorded.spans() if span.trace_id == step.trace_id}
    assert len(spans) > CHANGES / 100
    trace = f"{jaeger.query}/api/v3/traces/{step.trace_id}?raw_traces=true"

    def arrived() -> bool:
        # Counted, because reading 60 MB of JSON each time would take longer than the arrival.
        try:
            with urllib.request.urlopen(trace, timeout=60) as answer:
                return answer.read().count(b'"spanId":"') >= len(spans)
        except urllib.error.HTTPError as error:
            error.close()
            return False

    wait_until(arrived, "the whole trace of the request", 120)
    in_jaeger = {span["spanId"]: span for span in jaeger.spans(step.trace_id)}
    assert in_jaeger.keys() >= spans
    blocks = [span for span in in_jaeger.values() if span["name"].startswith("change ")]
    # FastAPI's own span of the request lies between.
    assert {in_jaeger[block["parentSpanId"]]["name"] for block in blocks} == {"POST /basket"}
    event = next(event for block in blocks for event in block["events"] if "['k7']" in str(event["attributes"]))
    said = {pair["key"]: next(iter(pair["value"].values())) for pair in event["attributes"]}
    assert event["name"] == names.EVENT_PROVENANCE_CONTAINER_MUTATION
    assert (said[names.PROVENANCE_ACTOR], said[names.PROVENANCE_CONTAINER_LOCATION]) == ("nightly", "['k7']")

    home = Observed(tmp_path)
    taken = home.otelprov("ingest", f"jaeger={jaeger.query}")
    assert taken.returncode == 0, taken.stderr.decode()
    answer = home.answer("containers", "last", "basket*", "--limit", "0")
    check(answer, step)
    assert answer == observed.answer("containers", "last", "basket*", "--limit", "0")
