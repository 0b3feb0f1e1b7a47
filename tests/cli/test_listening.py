# SPDX-License-Identifier: Apache-2.0
"""`otelprov ingest listen=`: a live stream into the store, until somebody or the clock ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from backend_processes import wait_until
from command_line import START, CommandLine
from observed import Observed

from otelprov.cli.listening import host_and_port, seconds_of
from otelprov.errors import UsageError

PROGRAM = """
import pathlib
text = pathlib.Path("raw.csv").read_text()
pathlib.Path("clean.csv").write_text(text.upper())
"""


@contextmanager
def listener(otelprov, *words):
    """A receiving `otelprov` and the address that it has said."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, "ingest", "listen=127.0.0.1:0", *words],
        env=otelprov.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        said = process.stderr.readline()
        yield process, re.search(r"http://127\.0\.0\.1:\d+", said).group()
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def names_of(graph):
    return sorted(node["name"] for node in graph["nodes"])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_what_a_program_sends_is_in_the_store_as_it_is_in_its_journal(tmp_path, otelprov, ending):
    observed = Observed(tmp_path)
    observed.home = tmp_path / "elsewhere"
    observed.write("raw.csv", "a,b\n")
    observed.write("clean.py", PROGRAM)
    with listener(otelprov, "--json") as (process, url):
        observed.script("clean.py", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf")
        # A second process reads the store while the first one goes on writing to it.
        wait_until(lambda: otelprov("lineage", "+clean.csv", "--json").status == 0, "the spans to be in the store")
        process.send_signal(ending)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    (source,) = json.loads(out)["sources"]
    assert source["spans"] > 2
    assert source["problems"] == []
    graph = otelprov("lineage", "+clean.csv", "--json").document
    assert graph == observed.answer("lineage", "+clean.csv")
    assert {os.path.basename(name) for name in names_of(graph)} >= {"raw.csv", "clean.csv"}


def test_the_clock_ends_it_and_the_counts_are_told(otelprov):
    said = otelprov("ingest", "listen=127.0.0.1:0", "--for", "1s")
    assert said.status == 0
    assert said.out == "listen=127.0.0.1:0: took in 0 spans\n"
    assert "listening on http://127.0.0.1:" in said.err


def test_wrong_usage_is_said(otelprov: CommandLine):
    assert otelprov("ingest", "traces.jsonl", "--for", "1s").status == 2
    assert otelprov("ingest", "listen=:0", "--for", "soon").status == 2
    assert otelprov("ingest", "listen=:0", "listen=:0", "--for", "1s").status == 2
    assert otelprov("ingest", "listen=127.0.0.1:http").status == 2


def test_an_address_that_is_taken_is_said(otelprov):
    with listener(otelprov) as (_, url):
        said = otelprov("ingest", f"listen={url.removeprefix('http://')}", "--for", "1s")
    assert said.status == 2
    assert "Choose another port" in said.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:4319", ("0.0.0.0", 4319)),
        (":4319", ("127.0.0.1", 4319)),
        ("4319", ("127.0.0.1", 4319)),
        ("box", ("box", 4318)),
        ("", ("127.0.0.1", 4318)),
    ],
)
def test_either_part_of_an_address_may_be_left_out(text, expected):
    assert host_and_port(text) == expected


def test_lengths_of_time():
    assert [seconds_of(text) for text in ("10s", "5m", "2h", "1d")] == [10, 300, 7200, 86400]
    for text in ("", "10", "s", "-1s", "1w", "9999999s"):
        with pytest.raises(UsageError):
            seconds_of(text)
