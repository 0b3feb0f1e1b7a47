# SPDX-License-Identifier: Apache-2.0
"""Lineage published into the real Jaeger: its dependencies are the lineage, and publishing again adds nothing."""

import graphs
import pytest
import recorded
from backend_processes import Jaeger, get_json, wait_until
from command_line import CommandLine

from otelprov.errors import BackendUnreachableError
from otelprov.export.deliver import deliver, endpoint_at
from otelprov.export.jaeger import derived_traces

pytestmark = pytest.mark.backends

EXPECTED = {
    ("data:raw.csv", "job:featurize"),
    ("job:featurize", "data:features.parquet"),
    ("data:features.parquet", "job:train"),
    ("data:params.yaml", "job:train"),
    ("job:train", "data:model.pkl"),
}


def dependencies(jaeger: Jaeger, end: int) -> set[tuple[str, str]]:
    """What System Architecture draws: pairs of services, parent to child."""
    until = end // 10**6 + 3_600_000
    found = get_json(f"{jaeger.query}/api/dependencies?endTs={until}&lookback={until}") or {}
    return {(link["parent"], link["child"]) for link in found.get("data") or []}


def stored(jaeger: Jaeger, traces) -> list[list[tuple]]:
    """The spans of traces as Jaeger has them, without what differs between the two generations of its answer."""
    return [
        sorted(
            (
                span["spanId"],
                span.get("parentSpanId", ""),
                span["name"],
                span["startTimeUnixNano"],
                span["endTimeUnixNano"],
            )
            for span in jaeger.spans(f"{trace.trace_id:032x}")
        )
        for trace in traces
    ]


def test_dependencies_are_the_lineage_and_publishing_again_changes_nothing(jaeger):
    traces = list(derived_traces(graphs.training()))
    end = graphs.T0 + 10 * graphs.MINUTE
    deliver(traces, endpoint_at(jaeger.otlp_http))
    wait_until(lambda: [len(spans) for spans in stored(jaeger, traces)] == [3, 7], "both traces in Jaeger")
    first = stored(jaeger, traces)
    assert wait_until(lambda: dependencies(jaeger, end), "dependencies") == EXPECTED

    deliver(derived_traces(graphs.training()), endpoint_at(jaeger.otlp_http))
    marker = list(derived_traces(graphs.graph(*wide_run())))
    deliver(marker, endpoint_at(jaeger.otlp_http))
    wait_until(lambda: stored(jaeger, marker)[-1], "what was sent after the second time")
    assert stored(jaeger, traces) == first
    assert {pair for pair in dependencies(jaeger, end) if "wide" not in "".join(pair)} == EXPECTED


def wide_run():
    inputs = [graphs.entity(f"/wide/in-wide-{place}") for place in range(3)]
    output, run = graphs.entity("/wide/out-wide"), graphs.run("wide", 7)
    return [*inputs, output, run], graphs.step(run, inputs, [output])


def test_a_span_in_jaeger_leads_to_its_evidence(jaeger):
    (trace,) = [trace for trace in derived_traces(graphs.training()) if trace.run_id.startswith("7c1e")]
    deliver([trace], endpoint_at(jaeger.otlp_http))
    spans = wait_until(lambda: jaeger.spans(f"{trace.trace_id:032x}"), "the trace in Jaeger")
    model = next(span for span in spans if span["name"].startswith("model.pkl"))
    assert [(link["traceId"], link["spanId"]) for link in model["links"]] == [
        (f"{0x7C1E << 112:032x}", f"{0x7C1E * 1000 + 400:016x}")
    ]
    values = {item["key"]: item["value"] for item in model["attributes"]}
    assert values["provenance.derived"] == {"boolValue": True}
    assert "provenance.kind" not in values


def test_the_query_port_is_not_taken_for_the_otlp_port(jaeger):
    with pytest.raises(BackendUnreachableError, match="OTLP/HTTP port"):
        deliver(derived_traces(graphs.training()), endpoint_at(jaeger.query))


def test_by_command_into_jaeger_and_back_without_becoming_evidence(jaeger, tmp_path):
    here = CommandLine(tmp_path / "here")
    recorded.training(here.home)
    assert here("ship", "--to", jaeger.otlp_http).status == 0
    answer = here("lineage", "+model.pkl", "--json").document
    assert here("publish", "--to", jaeger.otlp_http, "--json").document["traces"] == 2
    wait_until(lambda: "job:train.py" in jaeger.services(), "the published service in Jaeger")

    there = CommandLine(tmp_path / "there")
    wait_until(lambda: there("ingest", f"jaeger={jaeger.query}").status == 0, "everything taken in from Jaeger")
    runs = {run["run_id"] for run in there("runs", "--json").document["runs"]}
    assert runs == {f"{number:04x}{'0' * 28}" for number in (0x7C1D, 0x7C1E)}
    assert there("lineage", "+model.pkl", "--json").document == answer
