# SPDX-License-Identifier: Apache-2.0
"""Servers in real processes: each request a trace of its own, one run, and nothing lost when they are killed."""

from __future__ import annotations

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from backend_processes import free_port, wait_until
from observed import LAUNCHER, Observed

from otelprov.model.span import Span
from otelprov.semconv import names

SERVER = 2
SERVER_INSTRUMENTATIONS = "fastapi,asgi,flask,wsgi"


def ask(port: int, verb: str, path: str, body: object = None, **headers: str) -> httpx.Response:
    return httpx.request(verb, f"http://127.0.0.1:{port}{path}", json=body, headers=headers, timeout=30)


def steps(observed: Observed) -> list[Span]:
    return observed.recorded.spans(names.PROVENANCE_KIND_STEP)


def run_ids(spans: list[Span]) -> set[object]:
    return {span.attributes[names.PROVENANCE_RUN_ID] for span in spans}


def flowers(observed: Observed, port: int) -> tuple[str, ...]:
    observed.run("get_data.py", observed=False)
    return ("uvicorn", "--app-dir", "src", "flowers.app:app", "--port", str(port), "--log-level", "warning")


@pytest.mark.parametrize("others", [True, False])
def test_each_request_to_uvicorn_is_a_trace_of_its_own_linked_to_the_run(tmp_path, others):
    observed, port = Observed(tmp_path, "fastapi_app"), free_port()
    settings = {} if others else {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": SERVER_INSTRUMENTATIONS}
    caller = f"00-{'a' * 32}-{'b' * 16}-01"
    with observed.server(*flowers(observed, port), port=port, **settings):
        for number in range(5):
            ask(port, "POST", "/flowers", {"petal_length": number, "petal_width": 1})
        ask(port, "GET", "/flowers/1", traceparent=caller)
    found = steps(observed)
    assert [step.name for step in found] == ["POST /flowers"] * 5 + ["GET /flowers/{flower_id}"]
    [run_id] = run_ids(found)
    [started] = [span for span in observed.recorded.spans() if span.name.startswith("started")]
    assert started.attributes[names.PROVENANCE_RUN_ID] == run_id
    assert len({step.trace_id for step in found} | {started.trace_id}) == 7
    assert {link.trace_id for step in found for link in step.links} == {started.trace_id}
    assert found[5].trace_id == "a" * 32
    # The repository that holds the interpreter, if one does, is not the application's.
    assert "vcs." not in str([span for span in observed.recorded.spans() if span.name == "environment"])
    theirs = [span for span in observed.recorded.spans() if not span.scope.startswith("otelprov")]
    servers = [span for span in theirs if span.name in ("POST /flowers", "GET /flowers/{flower_id}")]
    assert len(servers) == 6
    assert {span.kind for span in servers} == {SERVER}
    if others:
        assert [span.parent_id for span in servers] == [step.span_id for step in found]
        assert [step.parent_id for step in found] == [""] * 5 + ["b" * 16]
    else:
        # FastAPI's own telemetry looks at nothing but the headers.
        assert [step.parent_id for step in found] == [span.span_id for span in servers]
        assert [span.parent_id for span in servers] == [""] * 5 + ["b" * 16]
    assert [span.trace_id for span in servers] == [step.trace_id for step in found]
    statements = [span for span in observed.recorded.io() if span.attributes.get(names.DB_OPERATION_NAME) == "INSERT"]
    assert [span.attributes[names.PROVENANCE_STEP_ID] for span in statements] == [step.span_id for step in found[:5]]


def test_gunicorn_with_two_workers_is_one_run_with_all_its_requests(tmp_path):
    observed, port = Observed(tmp_path, "flask_app"), free_port()
    command = ("gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "app:app")
    with observed.server(*command, port=port), ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, port, "POST", "/readings", {"sensor": "a", "value": n}) for n in range(40)]
        answers = [future.result() for future in asked]
    assert {answer.status_code for answer in answers} == {201}
    workers = {answer.json()["worker"] for answer in answers}
    assert len(workers) == 2
    found = [step for step in steps(observed) if step.name == "POST /readings"]
    assert len(found) == 40
    assert len({step.trace_id for step in found}) == 40
    assert len({step.attributes[names.PROVENANCE_PROCESS_ID] for step in found}) == 2
    assert len(run_ids(observed.recorded.spans())) == 1
    inserts = [span for span in observed.recorded.io() if span.attributes.get(names.DB_OPERATION_NAME) == "INSERT"]
    assert {span.attributes[names.PROVENANCE_STEP_ID] for span in inserts} == {step.span_id for step in found}
    assert observed.runs() == {"gunicorn": "completed"}
    assert observed.recorded.problems() == []


def test_what_had_ended_is_in_the_graph_after_kill_9(tmp_path):
    observed = Observed(tmp_path)
    observed.write("in.csv", "a,b\n1,2\n")
    observed.write(
        "script.py",
        "import time, pandas\n"
        "frame = pandas.read_csv('in.csv')\n"
        "frame.to_csv('out.csv')\n"
        "open('half.txt', 'w').write('x')\n"
        "unfinished = open('unfinished.txt', 'w')\n"
        "print('ready', flush=True)\n"
        "time.sleep(3600)\n",
    )
    process = subprocess.Popen(
        [LAUNCHER, "python", "script.py"], cwd=observed.folder, env=observed.environment(), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"ready\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert observed.edges("+out.csv") == [["in.csv", "out.csv", "derived", "flow"]]
    assert observed.graph("half.txt")["focus"]
    assert observed.runs() == {"script.py": "interrupted"}


def test_every_answered_request_is_kept_when_the_server_is_killed(tmp_path):
    observed, port = Observed(tmp_path, "fastapi_app"), free_port()
    with observed.server(*flowers(observed, port), port=port) as server:
        for number in range(10):
            assert ask(port, "POST", "/flowers", {"petal_length": number, "petal_width": 1}).status_code == 201
        # The last step ends just after its answer has left.
        wait_until(lambda: len(steps(observed)) == 10, "the last step to end")
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert len(steps(observed)) == 10
    assert observed.runs() == {"uvicorn": "interrupted"}
