# SPDX-License-Identifier: Apache-2.0
"""However a process ends, every span that had ended is in a journal, and the run's state says what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest
from backend_processes import wait_until
from launch import OBSERVED, environment, run

from otelprov.lineage.intake import take_in_journals
from otelprov.store.sqlite import SqliteStore

GOOD_RUNS = int(os.environ.get("GOOD_RUNS", "12"))

# Each span that has ended is noted with write(2), which outlives the process as the journal does.
WORK = """
import os, signal, sys, time
from opentelemetry import trace
tracer = trace.get_tracer("app")
oracle = os.open("oracle", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

def work(count=20):
    for _ in range(count):
        span = tracer.start_span("op")
        span.end()
        os.write(oracle, b"%016x\\n" % span.get_span_context().span_id)

"""
FORKED = "fork = multiprocessing.get_context('fork')\n"
SPAWNED = "if __name__ == '__main__':\n    spawn = multiprocessing.get_context('spawn')\n"
ENDS = {
    "os._exit": ("work()\nos._exit(0)", 0, "completed"),
    "SIGKILL": ("work()\nos.kill(os.getpid(), signal.SIGKILL)", -9, "interrupted"),
    "SIGSEGV": ("work()\nos.kill(os.getpid(), signal.SIGSEGV)", -11, "interrupted"),
    "exec": ("work()\nos.execv(sys.executable, [sys.executable, '-c', 'pass'])", 0, "completed"),
    "fork": ("if os.fork() == 0:\n    work()\n    os._exit(0)\nos.wait()\nwork()", 0, "completed"),
    "a killed child": (
        "if os.fork() == 0:\n    work()\n    os.kill(os.getpid(), 9)\nos.wait()\nwork()",
        0,
        "completed",
    ),
    "fork pool": (
        f"import multiprocessing\n{FORKED}with fork.Pool(2) as pool:\n    pool.map(work, [5] * 8)",
        0,
        "completed",
    ),
    "spawn": (
        f"import multiprocessing\n{SPAWNED}    child = spawn.Process(target=work)\n    child.start()\n    child.join()",
        0,
        "completed",
    ),
    "threads at the end": (
        "import threading\nfor kind in (True, False):\n"
        "    threading.Thread(target=lambda: (time.sleep(0.1), work(200)), daemon=kind).start()\ntime.sleep(0.05)",
        0,
        "completed",
    ),
    "late atexit": ("import atexit\natexit.register(work)\nwork()", 0, "completed"),
}


def recorded_ids(home: Path) -> list[str]:
    """Ids of the spans of the program's own tracer in all journals."""
    found = []
    for path in (home / "journal").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            scope = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]
            if scope["scope"]["name"] == "app":
                found += [span["spanId"] for span in scope["spans"]]
    return found


def states(home: Path) -> list[str]:
    store = SqliteStore(str(home / "store.db"))
    try:
        take_in_journals(store, str(home / "journal"))
        return [run.status for run in store.runs()]
    finally:
        store.close()


@pytest.mark.parametrize("how", ENDS)
def test_no_ended_span_is_lost(tmp_path: Path, how: str) -> None:
    source, status, state = ENDS[how]
    ran = run(tmp_path, WORK + textwrap.dedent(source))
    assert ran.process.returncode == status, ran.process.stderr
    noted, kept = (tmp_path / "oracle").read_text().split(), recorded_ids(tmp_path / "home")
    assert set(noted) <= set(kept)
    assert len(noted) >= 20
    assert len(kept) == len(set(kept))
    assert states(tmp_path / "home") == [state]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_process_killed_at_work_loses_nothing_and_is_interrupted_at_once(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "program.py").write_text(WORK + "while True:\n    work(1)\n")
    home = tmp_path / "home"
    process = subprocess.Popen([*OBSERVED, "program.py"], cwd=tmp_path, env=environment(home))
    oracle = tmp_path / "oracle"
    wait_until(lambda: oracle.exists() and oracle.stat().st_size > 17 * 200, "200 spans", 30.0)
    assert states(home) == ["running"]
    os.kill(process.pid, number)
    assert process.wait(30) == -number
    assert set(oracle.read_text().split()) <= set(recorded_ids(home))
    assert states(home) == ["interrupted"]


def test_a_reader_that_looks_all_the_time_never_takes_a_good_run_for_an_interrupted_one(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("""
import os, sys
if os.fork() == 0:
    os._exit(0)
os.wait()
os.execv(sys.executable, [sys.executable, "-c", "pass"])
""")
    seen: set[str] = set()
    for batch in range(0, GOOD_RUNS, 3):
        # Homes of few enough runs: a reader goes through all that there is, and lists a hundred.
        home = tmp_path / f"home {batch // 99}"
        processes = [
            subprocess.Popen([*OBSERVED, "program.py"], cwd=tmp_path, env=environment(home)) for _each in range(3)
        ]
        while any(process.poll() is None for process in processes):
            seen.update(states(home))
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert seen <= {"running", "completed"}, batch
    ended = [state for home in tmp_path.glob("home *") for state in states(home)]
    assert ended == ["completed"] * len(range(0, GOOD_RUNS, 3)) * 3
    print(f"{len(ended):,} good runs, looked at all the time: none was ever shown as interrupted")
