# SPDX-License-Identifier: Apache-2.0
"""Whatever the set-up, no span arrives at the Collector twice with different content."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from backend_processes import Collector, wait_until
from launch import BIN, OBSERVED, environment

from otelprov.testing import Recorded

pytestmark = pytest.mark.backends
OVERLAYS = Path(sys.prefix) / "overlays"
PROGRAM = """
import time
from opentelemetry import trace
open("in.txt", "w").write("1\\n")
schema = "https://opentelemetry.io/schemas/1.30.0"
tracer = trace.get_tracer("app", "1.2", schema_url=schema, attributes={"of": "scope"})
values = {"ratio": 0.1, "big": 2**62, "odd": "ä \\x01", "many": [1.5, 2.0], "switch": True, "none at all": []}
with tracer.start_as_current_span("load", attributes=values) as span:
    open("out.txt", "w").write(open("in.txt").read())
    span.add_event("half", {"n": 1})
    span.set_status(trace.Status(trace.StatusCode.ERROR, "half done"))
    linked = trace.Link(span.get_span_context(), {"why": "x"})
    with tracer.start_as_current_span("inner", kind=trace.SpanKind.CLIENT, links=[linked]):
        pass
time.sleep(1.5)
"""
NONE = dict.fromkeys(("OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")


def guest(vendor: str, **more: str) -> dict[str, str]:
    distro = {"upstream": "distro", "elastic": "distro", "splunk": "splunk_distro"}[vendor]
    return {
        "PYTHONPATH": str(OVERLAYS / vendor),
        "OTEL_PYTHON_DISTRO": distro,
        "OTEL_PYTHON_CONFIGURATOR": "configurator",
        **NONE,
        **more,
    }


SETTINGS = {
    "chosen": {},
    "chosen, gRPC": {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    "chosen, JSON": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
    "chosen, a sample": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "guest of upstream": guest("upstream"),
    "guest of Elastic": guest("elastic"),
    "guest of Splunk": guest("splunk"),
    "guest that ships as well": guest("upstream", OTELPROV_SHIP="always"),
}


def spans(record: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Id, scope and content of all that has arrived."""
    found = []
    for path in record.glob("traces*.jsonl"):
        for line in path.read_text().splitlines():
            for group in json.loads(line)["resourceSpans"]:
                for scope_spans in group["scopeSpans"]:
                    found += [(span["spanId"], scope_spans.get("scope", {}), span) for span in scope_spans["spans"]]
    return found


def comparable(span: dict[str, Any]) -> str:
    """A span as text, attributes in one order."""
    for holder in (span, *span.get("events", ())):
        holder.get("attributes", []).sort(key=lambda pair: str(pair["key"]))
    return json.dumps(span, sort_keys=True)


@pytest.mark.parametrize("how", SETTINGS)
def test_a_span_that_arrives_twice_is_the_same(tmp_path: Path, collector: Collector, how: str) -> None:
    home = tmp_path / "home"
    (tmp_path / "program.py").write_text(PROGRAM)
    protocol = SETTINGS[how].get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.otlp_grpc}" if protocol == "grpc" else collector.otlp_http,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        **SETTINGS[how],
    }
    subprocess.run([*OBSERVED, "program.py"], cwd=tmp_path, env=environment(home, **settings), check=True, timeout=60)
    recorded = {span.span_id for span in Recorded(home).spans()}
    # Everything once more, as after an answer that was lost.
    for position in (home / "journal").glob("*.shipped"):
        position.unlink()
    again = subprocess.run([str(BIN / "otelprov"), "ship"], env=environment(home, **settings), check=False, timeout=60)
    assert again.returncode == 0
    if how != "chosen, a sample":
        wait_until(lambda: recorded <= {span_id for span_id, *_ in spans(collector.record)}, "all spans")
    arrived: dict[str, set[str]] = {}
    times: dict[str, int] = {}
    for span_id, scope, span in spans(collector.record):
        if span_id in recorded:
            arrived.setdefault(span_id, set()).add(f"{json.dumps(scope, sort_keys=True)} {comparable(span)}")
            times[span_id] = times.get(span_id, 0) + 1
    assert max(times.values()) > 1
    different = [sorted(told) for told in arrived.values() if len(told) > 1]
    assert different == [], "\n".join(different[0])
