# SPDX-License-Identifier: Apache-2.0
"""What an endpoint can't or won't take stays in the journal, and never stands in the way of the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from launch import receiving

from otelprov.journal.encode import EndedSpan
from otelprov.journal.endpoint import parse
from otelprov.journal.journal import Journal
from otelprov.journal.senders import sender_for
from otelprov.journal.ship import Shipper, ship_all
from otelprov.model.span import Span
from otelprov.semconv import PROVENANCE_KIND, PROVENANCE_KIND_IO


def journalled(folder: Path, count: int) -> Path:
    journal = Journal(str(folder), "a" * 16, {"service.name": "app"})
    for number in range(1, count + 1):
        assert journal.append(EndedSpan(f"s{number}", 7, number, 0, 1, 2, {PROVENANCE_KIND: PROVENANCE_KIND_IO}))
    journal.close()
    return Path(journal.path)


def names(spans: list[Span]) -> list[str]:
    return [span.name for span in spans]


@contextmanager
def refusing(status: int, **headers: str) -> Iterator[tuple[str, list[float]]]:
    """An endpoint that answers with one status, and when it was asked, by its own clock in seconds."""
    requests: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(time.monotonic())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("status", [400, 413])
def test_an_endpoint_that_refuses_everything_is_tried_again_later(tmp_path: Path, status: int) -> None:
    journalled(tmp_path, 100)
    with refusing(status) as (url, requests):
        report = ship_all(url, str(tmp_path))
    assert report.failed
    assert str(status) in report.message
    assert len(requests) <= 16
    with receiving() as (url, got):
        assert not ship_all(url, str(tmp_path)).failed
    assert sorted(names(got)) == sorted(f"s{number}" for number in range(1, 101))


@pytest.mark.parametrize(("status", "headers", "least"), [(429, {"Retry_After": "1"}, 1.0), (503, {}, 0.5)])
def test_an_endpoint_is_left_alone_as_long_as_it_says(
    tmp_path: Path, status: int, headers: dict[str, str], least: float
) -> None:
    own = str(journalled(tmp_path, 3))
    with refusing(status, **headers) as (url, requests):
        endpoint = parse(url)
        assert endpoint is not None
        shipper = Shipper(str(tmp_path), sender_for(endpoint))
        deadline, pause = time.monotonic() + 10, threading.Event()
        while len(requests) < 2 and time.monotonic() < deadline:
            shipper.tick(own)
            pause.wait(0.01)
        shipper.close()
    assert least <= requests[1] - requests[0] < least + 1


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_line_that_cannot_be_encoded_does_not_hold_up_the_others(tmp_path: Path, protocol: str) -> None:
    path = journalled(tmp_path, 20)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"startTimeUnixNano":"1"', b'"startTimeUnixNano":"1795260035.69"')
    lines[9] = lines[9].replace(b'"name":"s10"', b'"name":["s10"]')
    path.write_bytes(b"".join(lines))
    if protocol == "grpc":
        # It is found before anything is sent: no server is needed to see that the call refuses and does not raise.
        from otelprov.journal.endpoint import parse
        from otelprov.journal.request import combine, parse_line
        from otelprov.journal.senders import Outcome, sender_for

        sender = sender_for(parse("grpc://127.0.0.1:1"))
        group = parse_line(lines[9])
        assert group is not None
        assert sender.send(combine([group], None), 0.1).outcome is Outcome.REFUSED
        sender.close()
        return
    with receiving() as (url, got):
        report = ship_all(url, str(tmp_path))
        assert (report.failed, report.refused, report.spans) == (False, 2, 18)
    assert sorted(names(got)) == sorted(f"s{number}" for number in range(1, 21) if number not in (4, 10))
