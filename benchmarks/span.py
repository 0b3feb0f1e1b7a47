# SPDX-License-Identifier: Apache-2.0
"""What a span of the application costs its thread: started, ten attributes, ended, scrubbed, in the journal, shipped.

Usage: python benchmarks/span.py [ROUNDS] [SPANS]

Whole processes in turns, each sending to an HTTP endpoint of this benchmark that takes everything:
`sdk alone` has no span processor, `sdk batch` the SDK's BatchSpanProcessor with the OTLP/HTTP exporter, `otelprov` is
the same program under `opentelemetry-instrument` with this distro. In a loop as fast as it goes (what arrives late in
the queue of `sdk batch` is dropped there), and at 1,000 spans a second. Microseconds a span; medians over the rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from processes import BIN, environment

PROGRAM = """
import sys, time
from opentelemetry import trace

way, spans, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
if way != "otelprov":
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
if way == "batch":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = trace.get_tracer("benchmark")
clock, times = time.perf_counter_ns, []
begun, cpu = time.perf_counter(), time.thread_time()
for number in range(spans):
    if rate:
        time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
    before = clock()
    with tracer.start_as_current_span("load orders") as span:
        span.set_attribute("app.batch", number)
        span.set_attribute("app.rows", 1200 + number)
        span.set_attribute("app.ratio", 0.25)
        span.set_attribute("app.dry_run", False)
        span.set_attribute("app.customer", "north-east")
        span.set_attribute("db.system.name", "postgresql")
        span.set_attribute("db.collection.name", "public.orders")
        span.set_attribute("code.function.name", "warehouse.load.orders")
        span.set_attribute("http.route", "/orders/{id}")
        span.set_attribute("http.response.status_code", 200)
    times.append(clock() - before)
cpu = time.thread_time() - cpu
times.sort()
print(*(times[len(times) * part // 1000] / 1000 for part in (500, 990, 999)), times[-1] / 1000, cpu / spans * 1e6)
"""


class Endpoint(BaseHTTPRequestHandler):
    """Takes every export request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read it, and say yes."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing to say."""


def measured(way: str, folder: Path, endpoint: str, spans: int, rate: int) -> list[float]:
    """One process: p50, p99, p99.9, longest, and thread CPU, of a span, in microseconds."""
    env = environment(
        folder / "home", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"
    )
    command = [str(BIN / "python"), str(folder / "program.py"), way, str(spans), str(rate)]
    if way == "otelprov":
        command = [str(BIN / "opentelemetry-instrument"), *command]
        env |= {"OTEL_PYTHON_DISTRO": "otelprov", "OTEL_PYTHON_CONFIGURATOR": "otelprov"}
    ran = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return [float(figure) for figure in ran.stdout.split()]


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    spans = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    ways = {"alone": "sdk alone", "batch": "sdk batch", "otelprov": "otelprov"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "program.py").write_text(PROGRAM)
        for rate, made in ((0, spans), (1000, min(spans, 4_000))):
            found: dict[str, list[list[float]]] = {way: [] for way in ways}
            for _round in range(rounds):
                for way in ways:
                    found[way].append(measured(way, folder, endpoint, made, rate))
            print(f"\n{made:,} spans, {f'{rate:,} a second' if rate else 'as fast as it goes'}")
            print(f"{'':12}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>10}{'CPU':>8}{'p50 to sdk batch':>18}")
            for way, title in ways.items():
                columns = [statistics.median(column) for column in zip(*found[way], strict=True)]
                ratios = [mine[0] / theirs[0] for mine, theirs in zip(found[way], found["batch"], strict=True)]
                figures = "".join(
                    f"{figure:{width}.1f}" for figure, width in zip(columns, (9, 9, 9, 10, 8), strict=True)
                )
                print(f"{title:12}{figures}{statistics.median(ratios):17.2f}x")
    server.shutdown()


if __name__ == "__main__":
    main()
