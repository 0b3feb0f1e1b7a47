# SPDX-License-Identifier: Apache-2.0
"""`otelprov doctor`, in environments with real distros, endpoints and stores."""

import http.server
import json
import os
import socket
import sqlite3
import threading

import pytest


def findings(said, area):
    return [finding for finding in said.document["findings"] if finding["area"] == area]


def other_distro(folder, name="acme", *, broken=False):
    """A real installed distribution with a distro and a configurator, in a folder for PYTHONPATH."""
    info = folder / f"{name}-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(
        f"[opentelemetry_distro]\n{name}_distro = {name}_otel:Distro\n\n"
        f"[opentelemetry_configurator]\n{name}_configurator = {name}_otel:Configurator\n\n"
        f"[opentelemetry_instrumentor]\n{name}_lib = {name}_missing:Instrumentor\n"
    )
    (folder / f"{name}_otel.py").write_text(
        ("import nothing_of_this_name\n" if broken else "")
        + "from opentelemetry.instrumentation.distro import BaseDistro\n"
        "class Distro(BaseDistro):\n    def _configure(self, **kwargs): pass\n"
        "class Configurator: pass\n"
    )
    return str(folder)


def test_a_new_installation_is_healthy_but_for_what_it_says(otelprov):
    said = otelprov("doctor", "--json")
    (mode,) = findings(said, "mode")
    assert mode["facts"] == {"mode": "distro"}
    (versions,) = findings(said, "versions")
    assert versions["level"] == "ok"
    assert versions["facts"]["packages"]["opentelemetry-sdk"].startswith("1.45")
    (store,) = findings(said, "store")
    assert store["facts"]["exists"] is False
    assert not (otelprov.home / "store.db").exists()
    assert said.status == (0 if said.document["healthy"] else 1)


def test_the_first_distro_found_wins_and_the_variable_decides(otelprov, tmp_path):
    path = other_distro(tmp_path / "site")
    first = otelprov("doctor", "--json", PYTHONPATH=path)
    (distro,) = findings(first, "distro")
    assert distro["facts"]["chosen"] == "acme_distro"
    assert distro["facts"]["why"] == "first of 2 found, no variable set"
    assert findings(first, "mode")[0]["facts"] == {"mode": "guest"}

    ours = otelprov(
        "doctor", "--json", PYTHONPATH=path, OTEL_PYTHON_DISTRO="otelprov", OTEL_PYTHON_CONFIGURATOR="otelprov"
    )
    assert findings(ours, "distro")[0]["facts"]["why"] == "OTEL_PYTHON_DISTRO=otelprov"
    assert findings(ours, "mode")[0]["facts"] == {"mode": "distro"}

    half = otelprov("doctor", "--json", PYTHONPATH=path, OTEL_PYTHON_DISTRO="otelprov")
    (mode,) = findings(half, "mode")
    assert mode["level"] == "note"
    assert "half" in mode["text"]


def test_the_choice_is_the_one_that_opentelemetry_makes(otelprov, tmp_path):
    """The same question to the loader itself."""
    import subprocess
    import sys

    path = other_distro(tmp_path / "site")
    code = (
        "from opentelemetry.instrumentation.auto_instrumentation._load import _load_distro\n"
        "print(type(_load_distro()).__module__)"
    )
    for chosen in ({}, {"OTEL_PYTHON_DISTRO": "otelprov"}, {"OTEL_PYTHON_DISTRO": "acme_distro"}):
        environment = {**otelprov.environment, "PYTHONPATH": path, **chosen}
        real = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        (distro,) = findings(otelprov("doctor", "--json", PYTHONPATH=path, **chosen), "distro")
        assert distro["facts"]["chosen"].partition("_")[0] == real.stdout.strip().partition("_")[0].partition(".")[0]


def test_a_name_that_nobody_has_is_broken(otelprov):
    said = otelprov("doctor", "--json", OTEL_PYTHON_DISTRO="splunk", OTEL_PYTHON_CONFIGURATOR="")
    assert said.status == 1
    (distro,) = findings(said, "distro")
    assert distro["level"] == "bad"
    assert "OTEL_PYTHON_DISTRO=splunk" in distro["text"]
    assert findings(said, "configurator")[0]["level"] == "bad"


def test_a_distro_that_fails_to_import_is_broken(otelprov, tmp_path):
    said = otelprov("doctor", "--json", PYTHONPATH=other_distro(tmp_path / "site", broken=True))
    assert said.status == 1
    assert "nothing_of_this_name" in findings(said, "distro")[0]["text"]


def test_instrumentors_say_why_they_are_off(otelprov, tmp_path):
    path = other_distro(tmp_path / "site")
    said = otelprov(
        "doctor", "--json", PYTHONPATH=path, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="prov-files , prov-pandas"
    )
    states = {finding["facts"].get("name"): finding["facts"] for finding in findings(said, "instrumentor")}
    assert states["prov-files"]["on"] is False
    assert states["prov-files"]["why"] == "named in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
    others = {state["name"]: state for state in states[None]["others"]}
    assert others["acme_lib"]["why"] == "not installed: acme_missing"
    everything = otelprov("doctor", "--json", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*")
    assert not any(finding["facts"].get("on") for finding in findings(everything, "instrumentor"))


@pytest.fixture
def listener():
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def test_an_endpoint_that_is_set_and_does_not_answer_is_4(otelprov, listener):
    said = otelprov(
        "doctor",
        "--json",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://user:hunter2@127.0.0.1:{listener}",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*",
    )
    (endpoint,) = findings(said, "endpoint")
    assert endpoint["level"] == "unreachable"
    assert said.status == 4
    assert "hunter2" not in said.out + said.err


class Answering(http.server.BaseHTTPRequestHandler):
    kind = "application/x-protobuf"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"" if self.kind != "text/html" else b"<html>"
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize(("kind", "level"), [("application/x-protobuf", "ok"), ("text/html", "unreachable")])
def test_an_endpoint_must_answer_as_otlp_does(otelprov, kind, level):
    handler = type("Handler", (Answering,), {"kind": kind})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            said = otelprov("doctor", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert findings(said, "endpoint")[0]["level"] == level


def test_a_damaged_store_and_one_of_a_later_version_are_broken(otelprov):
    otelprov.home.mkdir(mode=0o700)
    store = otelprov.home / "store.db"
    store.write_bytes(b"not a database at all" * 100)
    said = otelprov("doctor", "--json")
    assert said.status == 1
    assert findings(said, "store")[0]["level"] == "bad"
    store.unlink()
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    (finding,) = findings(otelprov("doctor", "--json"), "store")
    assert finding["level"] == "bad"
    assert "9999" in finding["text"]


def test_the_journal_is_measured_and_its_rights_are_checked(otelprov):
    folder = otelprov.home / "journal"
    folder.mkdir(parents=True, mode=0o755)
    folder.chmod(0o755)
    file = folder / "1700000000000-1-abcdef0123456789-0.jsonl"
    file.write_text('{"resourceSpans":[]}\n')
    old = file.stat().st_mtime - 60
    os.utime(file, (old, old))
    said = otelprov("doctor", "--json")
    first, access = findings(said, "journal")[:2]
    assert first["facts"]["files"] == 1
    assert first["facts"]["not_shipped_bytes"] == 21
    assert first["facts"]["writers"] == 0
    assert access["level"] == "bad"
    assert access["advice"] == f"chmod 700 {folder}"
    folder.chmod(0o700)
    assert all(finding["level"] != "bad" for finding in findings(otelprov("doctor", "--json"), "journal"))


def test_for_people_each_finding_is_a_line_with_what_to_do_below(otelprov):
    said = otelprov("doctor", OTEL_PYTHON_DISTRO="nobody")
    lines = said.out.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("distro"))
    assert "bad" in lines[place]
    assert "unset OTEL_PYTHON_DISTRO" in lines[place + 1]
    assert json.loads(otelprov("doctor", "--json").out)["findings"]
