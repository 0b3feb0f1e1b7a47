# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments: what was acknowledged is there, once, and whatever is left behind can be read."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from backend_processes import wait_until
from launch import BIN, OBSERVED, environment
from otlp_documents import line, span

from otelprov.ingest.otlp_json import decode
from otelprov.ingest.sift import Sift
from otelprov.lineage.intake import take_in_journals
from otelprov.semconv import names
from otelprov.store import open_store

KILLS = int(os.environ.get("KILLS", "40"))
AT_ONCE = 2
SEED = 20261121

# Each line is printed after the calls have returned.
PROGRAM = """
import itertools
from opentelemetry import trace
tracer = trace.get_tracer("shop")
for number in itertools.count():
    with open(f"{number}.txt", "w") as file:
        file.write("x")
    with tracer.start_as_current_span(f"order {number}"):
        pass
    print(number, flush=True)
"""

# Acknowledges requests over HTTP; its store is the one that the next server opens.
SERVER = """
import sys, threading
from otelprov.ingest.receiver import Receiver
from otelprov.lineage.intake import LiveIntake
from otelprov.store import open_store
with Receiver(LiveIntake(open_store(sys.argv[1])).take) as receiver:
    print(receiver.url, flush=True)
    threading.Event().wait()
"""


def _killed(folder: Path, seconds: float, *, from_start: bool) -> list[str]:
    """Observe the program in its folder and kill it; the lines that it has printed whole."""
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [*OBSERVED, "program.py"],
        cwd=folder,
        env=environment(folder / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        first = b"" if from_start else process.stdout.readline()
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        printed = first + process.stdout.read()
        killer.join()
    assert process.returncode == -9
    return [one.decode() for one in printed.splitlines(keepends=True) if one.endswith(b"\n")]


def _check(folder: Path, acknowledged: list[str]) -> str:
    """Compare what was acknowledged with the journal and the store; the status of the run, `""` for none."""
    journals = sorted((folder / "home" / "journal").glob("*.jsonl"))
    found: list[tuple[str, str]] = []
    told: list[str] = []
    for journal in journals:
        *whole, rest = journal.read_bytes().split(b"\n")
        for one in whole:
            json.loads(one)
            spans = decode(one, Sift())
            found += [(each.trace_id, each.span_id) for each in spans if each.span_id]
            told += [each["name"] for each in _spans(json.loads(one))]
    assert len(set(found)) == len(found)
    missing = [
        name
        for number in acknowledged
        for name in (f"write {number.strip()}.txt", f"order {number.strip()}")
        if name not in set(told)
    ]
    assert not missing, (len(acknowledged), missing[:5])
    with closing(open_store(str(folder / "home" / "store.db"))) as store:
        for _ in range(2):
            # The second time nothing is new, and nothing changes.
            take_in_journals(store, str(folder / "home" / "journal"))
            runs = store.runs()
            assert len(runs) <= 1
            written = {use.name for use in store.entities("*", limit=None)}
            assert {str(folder / f"{number.strip()}.txt") for number in acknowledged} <= written
    if not runs:
        assert not acknowledged
        return ""
    return runs[0].status


def _spans(document: dict) -> list[dict]:
    return [
        one for group in document.get("resourceSpans", []) for scoped in group["scopeSpans"] for one in scoped["spans"]
    ]


def test_a_program_killed_at_any_moment_has_recorded_what_it_has_done(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    # Every fifth is killed on its way up: while Python starts, while we do, while the run is announced.
    plan = [(number, chance.uniform(0.02, 0.4), number % 5 == 0) for number in range(KILLS)]

    def one(step: tuple[int, float, bool]) -> tuple[int, str]:
        number, seconds, from_start = step
        folder = tmp_path / str(number)
        acknowledged = _killed(folder, seconds + 0.2 * from_start, from_start=from_start)
        assert acknowledged or from_start
        status = _check(folder, acknowledged)
        assert status == "interrupted" or (from_start and not status), (number, status)
        return len(acknowledged), status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(one, plan))
    print(
        f"{KILLS} kills, {sum(count for count, _ in done)} acknowledged, {[s for _, s in done].count('')} unannounced"
    )
    assert sum(count for count, _ in done) > KILLS
