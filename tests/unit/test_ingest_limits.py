# SPDX-License-Identifier: Apache-2.0
"""Requests that are small on the network and huge in memory, slow or endless, are refused soon and cheaply."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest
from otlp_documents import line, span
from wire_bodies import HOSTILE_PROTOBUF, MIB, message

from otelprov.ingest import otlp_proto, wire
from otelprov.ingest.body import Budget, BusyError
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.otlp_file import OtlpFileSource
from otelprov.ingest.receiver import Receiver
from otelprov.ingest.sift import Sift
from otelprov.ingest.wire import TooMuchError

# A receiver in a process of its own, and what each hostile request costs it.
MEASURED = """
import gzip, http.client, json, sys, time, urllib.parse
from otelprov.ingest.receiver import Receiver
from wire_bodies import HOSTILE_JSON, HOSTILE_PROTOBUF
kind = sys.argv[1]

def post(receiver, body, **more):
    address = urllib.parse.urlsplit(receiver.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/" + kind, **more})
    answer = connection.getresponse()
    return answer.status, answer.read()

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

with Receiver(lambda spans: None) as receiver:
    assert post(receiver, b"" if kind == "x-protobuf" else b"{}")[0] == 200
    for name, make in (HOSTILE_PROTOBUF if kind == "x-protobuf" else HOSTILE_JSON).items():
        packed = gzip.compress(make(16 * 2**20 - 100), 1)
        # The peak so far is that of making the body: from here on it counts anew.
        open("/proc/self/clear_refs", "w").write("5")
        before, used = peak(), time.process_time()
        status, answer = post(receiver, packed, **{"Content-Encoding": "gzip"})
        cost = time.process_time() - used
        found = {"name": name, "status": status, "ms": cost * 1000, "mib": peak() - before, "sent": len(packed)}
        print(json.dumps(found))
"""


@pytest.mark.parametrize("kind", ["x-protobuf", "json"])
def test_a_hostile_body_costs_little(tmp_path: Path, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, kind],
        env={"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 6
    for each in lines:
        found = json.loads(each)
        print(kind, found)
        assert found["status"] in (400, 413), found
        assert found["sent"] < MIB
        assert found["mib"] <= 64, found
        # 100 ms are the goal on an idle machine; processor time on one that is shared can be some times that.
        assert found["ms"] <= 500, found


def test_what_is_allowed_passes() -> None:
    pair = message(0x4A, message(0x0A, b"key") + message(0x12, message(0x0A, b"some value")))
    spans = message(0x12, message(0x0A, bytes(range(1, 17))) + message(0x12, b"12345678") + pair * 12) * 8192
    body = message(0x0A, message(0x12, message(0x0A, message(0x0A, b"otelprov")) + spans))
    assert len(body) > MIB
    assert len(otlp_proto.decode(body, Sift())) == 8192


def test_the_count_knows_each_message() -> None:
    for name, make in HOSTILE_PROTOBUF.items():
        with pytest.raises(
            TooMuchError, match="far more fields" if name in ("scalars", "unknown fields") else "smaller"
        ):
            wire.check_protobuf(make(2 * MIB), wire.TRACES)


def test_a_file_is_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "traces.pb.gz"
    path.write_bytes(gzip.compress(HOSTILE_PROTOBUF["empty spans"](4 * MIB)))
    source = OtlpFileSource(str(path))
    assert [span for batch in source.batches() for span in batch.spans] == []
    assert "over 50000 spans" in str(source.problems[0])


@pytest.mark.parametrize("fields", [b"\x32\x00", b"\x2a\x00", b""], ids=["attributes", "bodies", "records"])
def test_the_count_knows_log_records(fields: bytes) -> None:
    records = message(0x12, fields * MIB) if fields else b"\x12\x00" * MIB
    with pytest.raises(TooMuchError):
        otlp_proto.decode_logs(message(0x0A, message(0x12, records)), Sift())


@pytest.mark.parametrize("cut", [1, 2, 100_000])
def test_what_is_cut_off_is_malformed(cut: int) -> None:
    body = message(0x0A, message(0x12, message(0x12, message(0x2A, b"x" * 400_000))))[:-cut]
    with pytest.raises(MalformedError):
        wire.check_protobuf(body, wire.TRACES)


def test_json_is_counted_outside_of_strings() -> None:
    many = wire.MAX_JSON_GROUPS + 10_000
    wire.check_json(b'{"a": "' + b"{[," * many + b'"}')
    wire.check_json(b'{"a": "' + rb"\"{," * many + b'"}')
    with pytest.raises(TooMuchError):
        wire.check_json(b'["", "\\\\", ' + b"[]," * many + b"0]")
    exact = b"[" * wire.MAX_JSON_GROUPS
    wire.check_json(exact)
    with pytest.raises(TooMuchError):
        wire.check_json(b"[" * (wire.MAX_JSON_GROUPS + 1000))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"resourceSpans":' * 100_000,
        b'{"resourceSpans":[{"a":' + b"7" * 100_000 + b"}]}",
        line(span(1)).replace(b'"startTimeUnixNano": "', b'"startTimeUnixNano": "' + b"9" * 100_000),
    ],
    ids=["deep lists", "deep objects", "a long number", "a long time"],
)
def test_deep_and_long_json_is_answered(body: bytes) -> None:
    with Receiver(lambda spans: None) as receiver:
        start = time.monotonic()
        status = raw(receiver, _request(body))
        assert status in (b"200", b"400"), status
        assert time.monotonic() - start < 2
        assert raw(receiver, _request(line(span(2)))) == b"200"


@pytest.mark.parametrize("trace_id", [b"x" * 10_000, b"", bytes(16)], ids=["long", "empty", "zero"])
def test_a_span_with_an_odd_id_is_rejected_alone(trace_id: bytes) -> None:
    pair = message(0x4A, message(0x0A, b"provenance.kind") + message(0x12, message(0x0A, b"io")))
    good = message(0x12, message(0x0A, b"t" * 16) + message(0x12, b"12345678") + pair)
    odd = message(0x12, message(0x0A, trace_id) + message(0x12, b"12345678") + pair)
    odd += message(0x12, message(0x0A, b"t" * 16) + message(0x12, b"") + pair)
    sift = Sift()
    assert len(otlp_proto.decode(message(0x0A, message(0x12, odd + good + odd)), sift)) == 1
    assert sum(sift.faults.values()) == 4


def test_gzip_of_two_parts_is_refused_not_halved() -> None:
    body = gzip.compress(line(span(1))) + gzip.compress(line(span(2)))
    with Receiver(lambda spans: None) as receiver:
        assert raw(receiver, _request(body, b"Content-Encoding: gzip\r\n")) == b"400"


@pytest.mark.parametrize("slow", ["in the body", "in the headers", "silent"])
def test_a_slow_sender_is_cut_off(slow: str) -> None:
    with Receiver(lambda spans: None, seconds_to_send=0.5) as receiver, _connected(receiver) as sender:
        if slow == "in the body":
            sender.sendall(_request(b"{}" + b" " * 100)[:-100])
        elif slow == "in the headers":
            sender.sendall(b"POST /v1/traces HTTP/1.1\r\nX: ")
        start = time.monotonic()
        sender.settimeout(0.05)
        while time.monotonic() - start < 5:
            try:
                if slow != "silent":
                    sender.sendall(b" ")
                if not sender.recv(1000):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert 0.3 < time.monotonic() - start < 2
        assert raw(receiver, _request(line(span(1)))) == b"200"


def test_slow_senders_do_not_keep_others_waiting() -> None:
    with Receiver(lambda spans: None, seconds_to_send=20) as receiver:
        waiting = [_connected(receiver) for _ in range(20)]
        try:
            for sender in waiting:
                sender.sendall(_request(b" " * 1000)[:-1])
            start = time.monotonic()
            assert raw(receiver, _request(line(span(1)))) == b"200"
            assert time.monotonic() - start < 2
        finally:
            for sender in waiting:
                sender.close()


def test_a_million_headers_are_refused() -> None:
    with Receiver(lambda spans: None) as receiver:
        headers = b"".join(b"X-%d: 1\r\n" % number for number in range(100_000))
        assert raw(receiver, b"POST /v1/traces HTTP/1.1\r\n" + headers + b"\r\n") == b"431"
        assert raw(receiver, b"POST /v1/traces HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n") == b"431"
        assert raw(receiver, b"POST / HTTP/x\r\n\r\n") == b"400"
        assert raw(receiver, _request(line(span(1)))) == b"200"


def test_chunks_without_end_are_refused() -> None:
    with Receiver(lambda spans: None) as receiver, _connected(receiver) as sender:
        sender.sendall(
            b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        start = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT012 - which of the sends meets the closed connection is open
            while time.monotonic() - start < 10:
                sender.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        assert time.monotonic() - start < 8
        assert raw(receiver, _request(line(span(1)))) == b"200"


def test_too_many_connections_are_turned_away_with_a_time_to_come_again() -> None:
    with Receiver(lambda spans: None) as receiver:
        held = 0
        while receiver.connections.acquire(blocking=False):
            held += 1
        with _connected(receiver) as sender:
            answer = _all(sender)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"]
        for _ in range(held):
            receiver.connections.release()
        assert raw(receiver, _request(line(span(1)))) == b"200"


def test_no_room_for_bodies_is_told_and_given_back() -> None:
    kept: list[object] = []
    with Receiver(kept.extend) as receiver:
        receiver.waiting = Budget(10)
        answer = b""
        with _connected(receiver) as sender:
            sender.sendall(_request(line(span(1))))
            answer = _all(sender)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in answer
        assert kept == []
        receiver.waiting = Budget(len(line(span(1))))
        assert [raw(receiver, _request(line(span(number)))) for number in range(1, 4)] == [b"200"] * 3


def test_room_is_given_back_when_reading_fails() -> None:
    import io

    budget = Budget(10)
    with pytest.raises(BusyError), budget.body(io.BytesIO(b"x" * 11), 11):
        pass
    with pytest.raises(ConnectionError), budget.body(io.BytesIO(b"x" * 9), 10):
        pass
    with budget.body(io.BytesIO(b"x" * 10), 10) as body:
        assert body == b"x" * 10


def raw(receiver: Receiver, request: bytes) -> bytes:
    """The status of the answer to a request on a connection of its own."""
    with _connected(receiver) as sender:
        # What was answered before the rest was sent can still be read.
        with contextlib.suppress(OSError):
            sender.sendall(request)
        found = re.match(rb"HTTP/1\.1 (\d+) ", _all(sender))
        assert found
        return found[1]


def _connected(receiver: Receiver) -> socket.socket:
    address = urllib.parse.urlsplit(receiver.url)
    return socket.create_connection((str(address.hostname), address.port or 0), timeout=20)


def _all(sender: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := sender.recv(65536):
            answer += piece
    except ConnectionError:
        pass
    return answer


def _request(body: bytes, more: bytes = b"") -> bytes:
    head = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + more + b"Content-Length: %d\r\n\r\n" % len(body) + body
