# SPDX-License-Identifier: Apache-2.0
"""The Collector is away while a program makes spans, and comes back: all of them arrive, and the program stays small.

`make outage` runs it with 360,000 spans, an hour of 100 a second, and prints what it measured.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path

from backend_processes import Collector, free_port, wait_until
from launch import OBSERVED, environment

from otelprov.journal.folder import journal_files
from otelprov.journal.position import position_of

SPANS = int(os.environ.get("OUTAGE_SPANS", "12000"))
MOST_MEMORY = 48 * 1024
PROGRAM = """
import os, sys, time
from opentelemetry import trace

def memory(what):
    return int(next(line for line in open("/proc/self/status") if line.startswith(what)).split()[1])

tracer = trace.get_tracer("app")
oracle = open("oracle", "wb", buffering=1 << 16)
for number in range(int(sys.argv[1])):
    if number == 1000:
        before = memory("VmRSS")
    with tracer.start_as_current_span("load orders") as span:
        for key in range(8):
            span.set_attribute(f"app.key.{key}", f"value {number} of {key}")
        span.set_attribute("app.batch", number)
        span.set_attribute("http.route", "/orders/{id}")
    oracle.write(b"%016x\\n" % span.get_span_context().span_id)
oracle.close()
os.rename("oracle", "made")
sys.stdin.readline()
print(before, memory("VmHWM"))
"""


def is_drained(home: Path) -> bool:
    return all(position_of(file.path) >= os.path.getsize(file.path) for file in journal_files(str(home / "journal")))


def arrived(record: Path) -> Counter[str]:
    """How often each span of the application's is in the Collector's record."""
    found: Counter[str] = Counter()
    contents: dict[str, int] = {}
    with contextlib.ExitStack() as open_files:
        files = [open_files.enter_context(path.open()) for path in record.glob("traces*.jsonl")]
        for line in itertools.chain(*files):
            scopes = (scope for group in json.loads(line)["resourceSpans"] for scope in group["scopeSpans"])
            for span in (span for scope in scopes for span in scope["spans"] if span["name"] == "load orders"):
                found[span["spanId"]] += 1
                content = hash(json.dumps(span, sort_keys=True))
                assert contents.setdefault(span["spanId"], content) == content, span
    return found


def test_what_is_made_while_the_collector_is_away_arrives_when_it_is_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    # Nobody takes what the gateway passes on: it keeps that, and its record is what counts here.
    gateway = Collector(tmp_path / "gateway", f"127.0.0.1:{free_port()}")
    (tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [*OBSERVED, "program.py", str(SPANS)],
        cwd=tmp_path,
        env=environment(
            home,
            OTEL_EXPORTER_OTLP_ENDPOINT=gateway.otlp_http,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_PYTHON_DISTRO="otelprov",
            OTEL_PYTHON_CONFIGURATOR="otelprov",
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((tmp_path / "made").exists, "the program's spans", 30 + SPANS / 2000)
        with gateway:
            back = time.monotonic()
            wait_until(lambda: is_drained(home), "the journal to be shipped", 60 + SPANS / 1000)
            seconds = time.monotonic() - back
            output, _ = process.communicate("\n", timeout=60)
        before, most = map(int, output.split())
    finally:
        process.kill()
    made, found = (tmp_path / "made").read_text().split(), arrived(gateway.record)
    assert len(made) == SPANS
    assert found.keys() == set(made)
    assert most - before <= MOST_MEMORY
    twice = sum(count - 1 for count in found.values())
    print(
        f"{SPANS:,} spans made during the outage, 0 lost, {twice} sent twice (identical), drained in {seconds:.1f} s"
        f" ({SPANS / seconds:,.0f} a second), {(most - before) / 1024:.1f} MiB more memory"
    )
