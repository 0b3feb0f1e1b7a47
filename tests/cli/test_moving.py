# SPDX-License-Identifier: Apache-2.0
"""ingest, ship and publish: what goes in, what goes out, and what is said when it can't."""

import gzip
import http.server
import json
import shutil
import socket
import threading
import time

import pytest
import recorded
from recorded import Program


@pytest.fixture
def nobody():
    """The address of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def backend():
    """An OTLP/HTTP endpoint that keeps what it is sent; `refuse` makes it answer 400."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        refuse = False

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, self.headers["Content-Type"], body))
            self.send_response(400 if type(self).refuse else 200)
            self.send_header("Content-Type", self.headers["Content-Type"])
            answer = b"{}" if self.headers["Content-Type"] == "application/json" else b""
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.handler = requests, Handler
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_ingest_files_of_another_machine_twice(otelprov, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    recorded.training(elsewhere)
    files = sorted((elsewhere / "journal").glob("*.jsonl"))
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(files[0].read_bytes()))
    said = otelprov("ingest", str(packed), str(files[1]), "--json")
    assert said.status == 0
    assert [source["spans"] > 0 for source in said.document["sources"]] == [True, True]
    first = otelprov("lineage", "+model.pkl", "--json").out
    assert otelprov("ingest", str(packed), str(files[1])).status == 0
    assert otelprov("lineage", "+model.pkl", "--json").out == first


def test_ingest_keeps_what_it_can_and_says_5(otelprov, tmp_path):
    recorded.training(tmp_path / "elsewhere")
    file = min((tmp_path / "elsewhere/journal").glob("*.jsonl"))
    file.write_bytes(file.read_bytes() + b"{ not json\n")
    said = otelprov("ingest", str(file))
    assert said.status == 5
    assert "not taken in" in said.err
    assert len(otelprov("runs", "--json").document["runs"]) == 1


def test_ingest_of_nothing_that_is_there(otelprov, tmp_path, nobody):
    assert otelprov("ingest", str(tmp_path / "none.jsonl")).status == 3
    assert otelprov("ingest", f"jaeger={nobody}").status == 4
    assert otelprov("ingest", "kafka=x").status == 2
    assert otelprov("ingest").status == 2
    recorded.training(tmp_path)
    mixed = otelprov("ingest", str(tmp_path / "none.jsonl"), str(tmp_path / "journal"))
    assert mixed.status == 5
    assert "none.jsonl" in mixed.err


def test_ship_sends_once(otelprov, backend):
    recorded.training(otelprov.home)
    first = otelprov("ship", "--to", backend.url, "--json")
    assert first.status == 0
    assert first.document["spans"] == 16
    assert {path for path, _, _ in backend.requests} == {"/v1/traces"}
    assert otelprov("ship", "--to", backend.url, "--json").document["spans"] == 0


def test_ship_where_nobody_answers_is_4_and_without_an_endpoint_2(otelprov, nobody):
    recorded.training(otelprov.home)
    said = otelprov("ship", "--to", nobody)
    assert (said.status, said.out) == (4, "")
    assert "nothing is lost" in said.err
    assert otelprov("ship").status == 2


def test_ship_of_what_is_refused_is_5(otelprov, backend):
    program = Program(otelprov.home, 1, "one.py")
    program.end()
    backend.handler.refuse = True
    said = otelprov("ship", "--to", backend.url)
    assert said.status == 5
    assert "refused" in said.err


def published(backend):
    """Spans of all requests: (trace, span, parent, service, name)."""
    return [
        (
            span["traceId"],
            span["spanId"],
            span.get("parentSpanId", ""),
            group["resource"]["attributes"][0]["value"]["stringValue"],
            span["name"],
        )
        for _, _, body in backend.requests
        for group in json.loads(body)["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def test_publish_draws_everything_and_the_same_the_second_time(otelprov, backend):
    recorded.training(otelprov.home)
    said = otelprov("publish", "--to", backend.url, "--json")
    assert (said.status, said.err) == (0, "")
    assert (said.document["traces"], said.document["spans"]) == (2, 10)
    first = published(backend)
    services = {span: service for _, span, _, service, _ in first}
    assert {(services[parent], service) for _, _, parent, service, _ in first if parent} == {
        ("data:raw.csv", "job:featurize.py"),
        ("job:featurize.py", "data:features.parquet"),
        ("data:features.parquet", "job:train.py"),
        ("data:params.yaml", "job:train.py"),
        ("job:train.py", "data:model.pkl"),
    }
    backend.requests.clear()
    assert otelprov("publish", "--to", backend.url).out == "published 2 traces, 10 spans\n"
    assert published(backend) == first


def test_what_was_published_is_no_evidence_when_it_comes_back(otelprov, backend, tmp_path):
    recorded.training(otelprov.home)
    before = otelprov("lineage", "+model.pkl", "--json").out
    otelprov("publish", "--to", backend.url)
    file = tmp_path / "back.json"
    file.write_bytes(backend.requests[0][2])
    assert otelprov("ingest", str(file)).status == 0
    assert otelprov("lineage", "+model.pkl", "--json").out == before
    assert len(otelprov("runs", "--json").document["runs"]) == 2
    other = shutil.copytree(otelprov.home, tmp_path / "copy")
    assert (other / "store.db").exists()


def test_publish_a_selection(otelprov, backend):
    recorded.training(otelprov.home)
    program = Program(otelprov.home, 0xD00D, "unrelated.py", recorded.T0)
    program.read("/other/model.pkl")
    program.write("/other/x.csv")
    program.end()
    assert otelprov("publish", "--to", backend.url, "+features.parquet", "--json").document["traces"] == 1
    backend.requests.clear()
    otelprov("publish", "--to", backend.url, "+/data/model.pkl")
    # The short name that tells it from a thing outside the selection.
    assert "data:data/model.pkl" in {service for _, _, _, service, _ in published(backend)}
    assert otelprov("publish", "--to", backend.url, "+none").status == 3


def test_a_run_that_goes_on_is_published_later(otelprov, backend):
    program = Program(otelprov.home, 0xA11E, "alive.py", time.time_ns())
    program.write("/data/x.csv")
    said = otelprov("publish", "--to", backend.url)
    assert said.out == "published 0 traces, 0 spans\n"
    assert "1 run still running" in said.err
    program.end()
    assert otelprov("publish", "--to", backend.url).out == "published 1 trace, 2 spans\n"


def test_publish_where_it_cannot_be(otelprov, nobody):
    recorded.training(otelprov.home)
    said = otelprov("publish", "--to", nobody)
    assert (said.status, said.out) == (4, "")
    assert nobody in said.err
    assert otelprov("publish", "--to", "not a url").status == 2
    assert otelprov("publish").status == 2
