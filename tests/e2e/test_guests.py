# SPDX-License-Identifier: Apache-2.0
"""Beside another vendor's distro our spans are recorded, and leave through that distro's exporters."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from launch import BIN, SOURCE, environment, identities, receiving, run

OVERLAYS = Path(sys.prefix) / "overlays"
VENDORS = {"upstream": "opentelemetry-distro", "elastic": "elastic-opentelemetry", "splunk": "splunk-opentelemetry"}
OTHERS = "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"


def guest_settings(vendor: str, url: str, **more: str) -> dict[str, str]:
    winner = {"upstream": "distro", "elastic": "distro", "splunk": "splunk_distro"}[vendor]
    return {
        "PYTHONPATH": str(OVERLAYS / vendor),
        "OTEL_PYTHON_DISTRO": winner,
        "OTEL_PYTHON_CONFIGURATOR": "configurator",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        **dict.fromkeys(OTHERS, "none"),
        **more,
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_our_spans_are_recorded_and_leave_through_the_vendors_exporter_once(tmp_path: Path, vendor: str) -> None:
    with receiving() as (url, got):
        ran = run(tmp_path, SOURCE, **guest_settings(vendor, url))
    assert ran.process.returncode == 0
    assert ran.recorded.names() == ["write a.txt", "read a.txt"]
    assert ran.run_span().attributes["provenance.run.status"] == "completed"
    recorded, arrived = identities(ran.recorded.spans()), identities(got)
    assert len(arrived) == len(set(arrived))
    assert set(arrived) <= set(recorded)
    assert {name for _trace, _span, name in arrived} >= {"write a.txt", "read a.txt"}
    by_id = {span.span_id: span for span in ran.recorded.spans()}
    for span in got:
        assert (span.attributes, span.start, span.end) == (
            by_id[span.span_id].attributes,
            by_id[span.span_id].start,
            by_id[span.span_id].end,
        )


@pytest.mark.parametrize("vendor", VENDORS)
def test_whoever_is_found_first_our_spans_are_recorded(tmp_path: Path, vendor: str) -> None:
    quiet = dict.fromkeys(("OTEL_TRACES_EXPORTER", *OTHERS), "none")
    ran = run(tmp_path, SOURCE, PYTHONPATH=str(OVERLAYS / vendor), **quiet)
    assert ran.process.returncode == 0
    assert ran.recorded.names() == ["write a.txt", "read a.txt"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_doctor_says_who_won_and_why(tmp_path: Path, vendor: str) -> None:
    def doctor(**settings: str) -> dict[str, object]:
        done = subprocess.run(
            [str(BIN / "otelprov"), "doctor", "--json"],
            env=environment(tmp_path / "home", **settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in (0, 1), done.stderr
        document: dict[str, object] = json.loads(done.stdout)
        return document

    settings = guest_settings(vendor, "")
    del settings["OTEL_EXPORTER_OTLP_ENDPOINT"]
    as_guest = json.dumps(doctor(**settings))
    assert VENDORS[vendor] in as_guest
    assert "guest" in as_guest
    assert "OTEL_PYTHON_DISTRO" in as_guest
    alone = json.dumps(doctor())
    assert VENDORS[vendor] not in alone


def test_the_sampler_of_the_application_changes_nothing_in_the_journal(tmp_path: Path) -> None:
    for sampler in ("always_off", "traceidratio", "parentbased_always_off"):
        folder = tmp_path / sampler
        folder.mkdir()
        ran = run(
            folder,
            SOURCE,
            OTEL_TRACES_SAMPLER=sampler,
            OTEL_TRACES_SAMPLER_ARG="0.01",
            OTEL_SPAN_EVENT_COUNT_LIMIT="1",
            OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="1",
        )
        assert ran.recorded.names() == ["write a.txt", "read a.txt"]
        assert ran.run_span().attributes["provenance.run.status"] == "completed"
        assert ran.recorded.problems() == []
