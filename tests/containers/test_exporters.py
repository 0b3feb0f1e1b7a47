# SPDX-License-Identifier: Apache-2.0
"""Exporters of changes against real files, servers and a real broker: what arrives, and what is lost, exactly."""

import json
import resource
import stat
import subprocess
import sys
import threading
import time

import pytest
from backend_processes import free_port, wait_until
from launch import OBSERVED, PLAIN
from launch import run as launch
from observer_plots import lines_of, nobody_stays, numbers  # noqa: F401
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import TracerProvider

from otelprov.capture.inside import is_inside
from otelprov.containers import (
    JsonLinesExporter,
    observe,
    track,
    tracking,
    tracking_actor,
)
from otelprov.containers.exporters import Exporter, Sent, change_json

# The shape


def test_the_shape_of_a_change():
    orders = track({}, "orders", site=True)
    span = TracerProvider().get_tracer("t").start_span("work")
    with trace.use_span(span), tracking_actor("ana"):
        orders["total"] = 3
        orders["total"] = "paid"
    change = tracking(orders).last_change()
    context = span.get_span_context()
    found = change_json(change, values=True)
    assert found == {
        "container": {"id": tracking(orders).id, "name": "orders", "type": "dict"},
        "number": 2,
        "action": "set",
        "location": "['total']",
        "old": {"type": "int", "value": 3},
        "new": {"type": "str", "value": "paid"},
        "elements": None,
        "time": found["time"],
        "thread": threading.get_ident(),
        "actor": "ana",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "code": {"file": __file__, "line": found["code"]["line"], "function": "test_the_shape_of_a_change"},
    }
    when = found["time"]
    assert when.endswith(f".{change.time % 10**9:09d}Z")
    assert when.startswith(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(change.time // 10**9)))


def test_what_is_told_of_values():
    class Thing:
        def __repr__(self):
            raise AssertionError

    inner, box = track([], "inner"), track({}, "box")
    for value in (1.5, True, None, float("nan"), 10**30, b"x", "y" * 5000, Thing(), inner):
        box["v"] = value
    changes = tracking(box).changes()
    told = [change_json(change, values=True)["new"] for change in changes if change.number]
    qualified = "test_what_is_told_of_values.<locals>.Thing"
    assert told == [
        {"type": "float", "value": 1.5},
        {"type": "bool", "value": True},
        {"type": "NoneType", "value": None},
        {"type": "float"},
        {"type": "int"},
        {"type": "bytes"},
        {"type": "str", "length": 5000},
        {"type": qualified},
        {"type": "list", "container": tracking(inner).id},
    ]
    without = [change_json(change)["new"] for change in changes if change.number]
    assert not any("value" in side for side in without)
    assert [side["type"] for side in without] == [side["type"] for side in told]
    json.dumps(told, allow_nan=False)


def test_secrets_are_cut_from_names_places_and_values():
    token = "ghp_" + "a1B2" * 9
    box = track({}, f"box of {token}")
    with tracking_actor(token):
        box["password"] = "hunter2"
        box[token] = f"Authorization: Bearer {token}"
        box["note"] = f"see {token}"
    told = "".join(json.dumps(change_json(change, values=True)) for change in tracking(box).changes())
    assert "hunter2" not in told
    assert token not in told
    assert "note" in told


# JSON Lines


def test_lines_in_order_for_the_owner_only(tmp_path):
    path = tmp_path / "changes.jsonl"
    cart = track([], "cart")
    with JsonLinesExporter(path, batch=7) as exporter, observe(cart, exporter):
        for number in range(1, 51):
            cart.append(number)
        assert exporter.flush(10)
        assert numbers(lines_of(path)) == list(range(1, 51))
        cart.append("last")
    assert (exporter.sent, exporter.lost) == (51, 0)
    assert numbers(lines_of(path))[-1] == 51
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_has_grown_is_put_aside_and_the_newest_are_kept(tmp_path):
    cart = track([], "cart")
    every, few = tmp_path / "every.jsonl", tmp_path / "few.jsonl"
    with (
        JsonLinesExporter(every, rotate=1000, batch=2) as keeping,
        JsonLinesExporter(few, rotate=1000, batch=2, backups=2) as dropping,
        observe(cart, keeping),
        observe(cart, dropping),
    ):
        for number in range(40):
            cart.append(number)
    # In the order in which they were put aside.
    aside = sorted(tmp_path.glob("every.jsonl.*"), key=lambda path: int(path.suffix[1:]))
    assert len(aside) >= 5
    last = lines_of(every) if every.exists() else []
    assert numbers([change for path in aside for change in lines_of(path)] + last) == list(range(1, 41))
    kept = sorted(tmp_path.glob("few.jsonl.*"), key=lambda path: int(path.suffix[1:]))
    assert [path.name[4:] for path in kept] == [path.name[6:] for path in aside[-2:]]


APPENDING = """
import os, sys
from otelprov.capture.inside import is_inside
from otelprov.containers import JsonLinesExporter, observe, track
cart = track([], "cart")
exporter = JsonLinesExporter(sys.argv[1], rotate=20_000, batch=3)
observe(cart, exporter, capacity=10_000)
cart.append("before")
assert exporter.flush(20)
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        for number in range(300):
            cart.append(number)
        exporter.close(20)
        os._exit(exporter.sent != 300 or exporter.lost != 0)
    children.append(child)
for number in range(300):
    cart.append(number)
exporter.close(20)
assert (exporter.sent, exporter.lost) == (301, 0), (exporter.sent, exporter.lost)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
"""


def test_a_process_and_its_forked_children_share_a_file(tmp_path):
    subprocess.run([sys.executable, "-c", APPENDING, str(tmp_path / "c.jsonl")], check=True, timeout=60)
    found = [change for path in tmp_path.glob("c.jsonl*") for change in lines_of(path)]
    by_container = {}
    for change in found:
        by_container.setdefault(change["container"]["id"], []).append(change["number"])
    assert len(list(tmp_path.glob("c.jsonl*"))) > 3
    assert sorted(map(len, by_container.values())) == [300, 300, 301]
    assert all(len(set(of_one)) == len(of_one) for of_one in by_container.values())


FULL = """
import json, resource, sys
from otelprov.containers import Collector, JsonLinesExporter, observe, track
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
cart, seen = track([], "cart"), Collector()
exporter = JsonLinesExporter(sys.argv[1], batch=10, patience=0.1)
observe(cart, exporter)
observe(cart, seen)
for number in range(100):
    cart.append(number)
assert exporter.flush(20)
assert list(cart) == list(range(100)) == [change.new for change in seen]
print(json.dumps([exporter.sent, exporter.lost, dict(exporter.losses), exporter.last_error]))
"""


def test_a_full_disk_costs_what_does_not_fit_and_is_counted(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    path = tmp_path / "c.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], check=True, timeout=60, capture_output=True, text=True
    )
    sent, lost, losses, error = json.loads(done.stdout)
    assert sent + lost == 100
    assert 0 < sent < 100
    assert losses == {"exporter_failed": lost}
    assert "File too large" in error
    # No half line is left of what did not fit.
    assert numbers(lines_of(path)) == list(range(1, sent + 1))


def test_what_an_exporter_does_is_neither_recorded_nor_traced_and_its_threads_end():
    class Noting(Exporter):
        def send(self, lines, seconds):
            noted.append((is_inside(), is_instrumentation_enabled(), threading.current_thread()))
            return Sent(taken=len(lines))

        def shut(self):
            noted.append("shut")

    noted, cart = [], track([], "cart")
    with Noting() as exporter, observe(cart, exporter):
        cart.append(1)
    assert noted[0][:2] == (True, False)
    assert noted[1:] == ["shut"]
    thread = noted[0][2]
    assert thread.daemon
    wait_until(lambda: not thread.is_alive(), "the end of the thread", 5.0)
    cart.append(2)
    assert len(noted) == 2


# The end of a process

ENDING = """
from otelprov.containers import HttpExporter, JsonLinesExporter, observe, track
import sys
cart = track([], "cart")
observe(cart, HttpExporter(sys.argv[1]))
observe(cart, JsonLinesExporter(sys.argv[2]))
for number in range(10):
    cart.append(number)
"""


def test_a_recorded_program_that_ends_in_the_middle_sends_what_it_has(tmp_path):
    path = tmp_path / "c.jsonl"
    ran = launch(tmp_path, f"{ENDING}\nimport os\nos._exit(3)", f"http://127.0.0.1:{free_port()}/", str(path))
    assert ran.process.returncode == 3, ran.process.stderr
    assert numbers(lines_of(path)) == list(range(1, 11))


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "alone"])
def test_a_program_that_ends_at_once_sends_what_it_can_and_declares_the_rest(tmp_path, recorded):
    path = tmp_path / "c.jsonl"
    began = time.monotonic()
    url = f"http://127.0.0.1:{free_port()}/"
    ran = launch(tmp_path, ENDING, url, str(path), launcher=OBSERVED if recorded else PLAIN)
    assert ran.process.returncode == 0, ran.process.stderr
    assert time.monotonic() - began < 10
    assert numbers(lines_of(path)) == list(range(1, 11))
    if recorded:
        spans = ran.recorded.spans()
        told = [event for span in spans for event in span.events if event.name == "provenance.loss"]
        assert [event.attributes["provenance.loss.count"] for event in told] == [10]
        # What we write ourselves is no file of the program's.
        assert not [span.name for span in spans if "c.jsonl" in span.name]
