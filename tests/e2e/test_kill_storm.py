# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments: what was acknowledged is there, once, and whatever is left behind can be read."""

from __future__ import annotations

import http.client
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_processes import wait_until
from launch import OBSERVED, environment
from otlp_documents import line, pairs, span

from otelprov.lineage.intake import take_in_journals
from otelprov.semconv import names
from otelprov.store import open_store

KILLS = int(os.environ.get("KILLS", "40"))
RECEIVER_KILLS = KILLS // 2
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
    told: set[str] = set()
    for journal in journals:
        # Every line but the last is whole.
        for one in journal.read_bytes().split(b"\n")[:-1]:
            spans = [
                each
                for group in json.loads(one).get("resourceSpans", [])
                for scoped in group["scopeSpans"]
                for each in scoped["spans"]
            ]
            found += [(each["traceId"], each["spanId"]) for each in spans]
            told |= {each["name"] for each in spans}
    assert len(set(found)) == len(found)
    missing = [
        name
        for number in acknowledged
        for name in (f"write {number.strip()}.txt", f"order {number.strip()}")
        if name not in told
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


class Sender(threading.Thread):
    """Sends batches until told to end; one that was not acknowledged is sent again, as every exporter does."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.url = ""
        self.ending = threading.Event()
        self.acknowledged: set[str] = set()
        self.again = 0
        self._first = number * 1_000_000

    def run(self) -> None:
        for start in range(self._first + 1, self._first + 1_000_000, 5):
            written = {f"/data/{number}": number for number in range(start, start + 5)}
            body = line(*(_write(name, number) for name, number in written.items()))
            while not self._accepted(body):
                self.again += 1
                if self.ending.wait(0.01):
                    return
            self.acknowledged |= set(written)

    def _accepted(self, body: bytes) -> bool:
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _write(name: str, number: int) -> dict[str, Any]:
    values = {
        names.PROVENANCE_KIND: names.PROVENANCE_KIND_IO,
        names.PROVENANCE_RUN_ID: "a" * 32,
        names.PROVENANCE_PROCESS_ID: "b" * 16,
        names.PROVENANCE_SEQ: number,
        names.PROVENANCE_OPERATION: names.PROVENANCE_OPERATION_WRITE,
        names.PROVENANCE_ENTITY_NAMESPACE: "file",
        names.PROVENANCE_ENTITY_NAME: name,
        names.PROVENANCE_ENTITY_TYPE: "file",
    }
    event = {"name": names.EVENT_PROVENANCE_ENTITY_GENERATED, "timeUnixNano": "1790000000000000000"}
    return span(number, values, events=[event | {"attributes": pairs(values)}])


def test_a_receiver_killed_at_any_moment_has_stored_what_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    store_path = str(tmp_path / "store.db")
    senders = [Sender(number) for number in range(2)]
    for number in range(RECEIVER_KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, store_path],
            env=environment(tmp_path / "home"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as server:
            assert server.stdout is not None
            assert server.stderr is not None
            url = server.stdout.readline().decode().strip()
            assert url, server.stderr.read().decode()
            for sender in senders:
                sender.url = url
                if not number:
                    sender.start()
            before = sum(len(sender.acknowledged) for sender in senders)
            wait_until(lambda: sum(len(one.acknowledged) for one in senders) > before, "an acknowledgement")  # noqa: B023
            time.sleep(chance.uniform(0, 0.25))
            server.kill()
        acknowledged = set[str]().union(*(set(sender.acknowledged) for sender in senders))
        with closing(open_store(store_path)) as store:
            stored = {entity.name: entity.generated for entity in store.entities("*", limit=None)}
        assert acknowledged <= set(stored)
        assert set(stored.values()) == {1}
    for sender in senders:
        sender.ending.set()
    for sender in senders:
        sender.join()
    with closing(sqlite3.connect(store_path)) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    sent_again = sum(sender.again for sender in senders)
    print(f"{RECEIVER_KILLS} kills, {len(acknowledged)} acknowledged, sent again {sent_again} times")
    assert sent_again
