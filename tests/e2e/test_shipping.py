# SPDX-License-Identifier: Apache-2.0
"""What is in the journal arrives, once, whatever the endpoint does, and the program never waits for it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from backend_processes import Collector, Jaeger, free_port, wait_until
from launch import BIN, LAUNCHED, OBSERVED, PLAIN, SOURCE, Ran, environment, identities, receiving, run

from otelprov.journal.ship import ship_all
from otelprov.model.span import Span


@contextmanager
def answering(status: int, content_type: str, body: bytes, delay: float = 0.0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(delay)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
@pytest.mark.parametrize("launcher", [OBSERVED, LAUNCHED], ids=["instrument", "run"])
def test_everything_arrives_with_its_full_resource(tmp_path: Path, protocol: str, launcher: list[str]) -> None:
    with receiving() as (url, got):
        ran = run(
            tmp_path,
            SOURCE,
            launcher=launcher,
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        )
        assert ran.process.returncode == 0
        ship_all(url, str(tmp_path / "home" / "journal"))
    assert identities(got) == identities(ran.recorded.spans())
    for span in got:
        assert span.resource["telemetry.distro.name"] == "otelprov"
        assert span.resource["service.name"] == "program"


def test_an_endpoint_that_is_down_costs_the_program_nothing(tmp_path: Path) -> None:
    plain = run(tmp_path, SOURCE + "raise ValueError('mine')", launcher=PLAIN)
    ran = run(
        tmp_path, SOURCE + "raise ValueError('mine')", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}"
    )
    assert (ran.process.returncode, ran.process.stdout, ran.process.stderr) == (
        plain.process.returncode,
        plain.process.stdout,
        plain.process.stderr,
    )
    with receiving() as (url, got):
        report = ship_all(url, str(tmp_path / "home" / "journal"))
        assert not report.failed
        ship_all(url, str(tmp_path / "home" / "journal"))
    assert identities(got) == identities(ran.recorded.spans())


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (302, "text/html", b""),
        (200, "text/html", b"<html>please log in</html>"),
        (200, "application/x-protobuf", b"not protobuf"),
        (503, "text/plain", b""),
        (401, "text/plain", b""),
    ],
    ids=["redirect", "login page", "garbage", "unavailable", "unauthorised"],
)
def test_an_answer_that_is_no_success_loses_nothing(
    tmp_path: Path, status: int, content_type: str, body: bytes
) -> None:
    with answering(status, content_type, body) as url:
        ran = run(tmp_path, SOURCE, OTEL_EXPORTER_OTLP_ENDPOINT=url)
        assert ran.process.returncode == 0
    with receiving() as (url, got):
        ship_all(url, str(tmp_path / "home" / "journal"))
    assert identities(got) == identities(ran.recorded.spans())


def test_an_endpoint_that_never_answers_delays_the_end_by_half_a_second_at_most(tmp_path: Path) -> None:
    source = SOURCE + "import atexit, time\nprint(time.time_ns())\n"
    with answering(200, "application/x-protobuf", b"", delay=20.0) as url:
        ran = run(tmp_path, source, OTEL_EXPORTER_OTLP_ENDPOINT=url)
        ended = time.time_ns()
    last_statement = int(ran.process.stdout)
    # Half a second of ours, and what the interpreter needs to finish on a busy machine.
    assert (ended - last_statement) / 1e9 < 0.5 + 1.0


def test_one_refused_span_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    got: list[Span] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            from otelprov.ingest.otlp_proto import decode
            from otelprov.ingest.sift import Sift

            spans = decode(self.rfile.read(int(self.headers["Content-Length"])), Sift())
            bad = any(span.name == "read a.txt" for span in spans)
            if not bad:
                got.extend(spans)
            self.send_response(400 if bad else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    ran = run(tmp_path, SOURCE)
    report = ship_all(f"http://127.0.0.1:{server.server_address[1]}", str(tmp_path / "home" / "journal"))
    server.shutdown()
    server.server_close()
    thread.join()
    assert report.refused == 1
    expected = [span for span in ran.recorded.spans() if span.name != "read a.txt"]
    assert identities(got) == identities(expected)


def test_the_journal_of_a_killed_process_is_adopted_by_the_next(tmp_path: Path) -> None:
    killed = run(tmp_path, SOURCE + "import os; os.kill(os.getpid(), 9)")
    assert killed.process.returncode == -9
    before = killed.recorded.spans()
    assert before
    with receiving() as (url, got):
        run(tmp_path, SOURCE + "import time; time.sleep(3)", OTEL_EXPORTER_OTLP_ENDPOINT=url)
        assert set(identities(before)) <= set(identities(got))
        assert len(identities(got)) == len(set(identities(got)))


def test_a_long_program_ships_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SOURCE + "input()\n")
    with receiving() as (url, got):
        process = subprocess.Popen(
            [*OBSERVED, "program.py"],
            cwd=tmp_path,
            env=environment(tmp_path / "home", OTEL_EXPORTER_OTLP_ENDPOINT=url),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: any(span.name == "read a.txt" for span in got), "a span of a program that is still running")
        process.communicate(b"\n", timeout=30)
        wait_until(lambda: any(span.name == "run program.py" for span in got), "the run's own span", 5.0)


@pytest.mark.backends
def test_grpc_through_the_real_collector_to_the_real_jaeger(
    tmp_path: Path, collector: Collector, jaeger: Jaeger
) -> None:
    ran: Ran = run(
        tmp_path,
        SOURCE,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.otlp_grpc}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    endpoint = f"grpc://{collector.otlp_grpc}"
    report = ship_all(endpoint, str(tmp_path / "home" / "journal"))
    assert not report.failed, report.message
    (trace_id,) = {span.trace_id for span in ran.recorded.spans()}
    expected = {span.span_id for span in ran.recorded.spans()}
    wait_until(lambda: {span["spanId"] for span in jaeger.spans(trace_id)} == expected, "all spans in Jaeger")


def test_ship_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(BIN / "otelprov"), "ship"],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr
