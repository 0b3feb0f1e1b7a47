# SPDX-License-Identifier: Apache-2.0
"""The OTLP/HTTP receiver, spoken to by the real exporter and by hand."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otlp_documents import START, line, span

from otelprov.errors import UsageError
from otelprov.ingest.receiver import Receiver
from otelprov.model.span import Span
from otelprov.semconv import names

JSON, PROTOBUF = "application/json", "application/x-protobuf"


class Kept:
    """A handler that keeps spans, or fails when told to."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.error: Exception | None = None
        self.inside = threading.Lock()

    def __call__(self, spans: list[Span]) -> None:
        assert self.inside.acquire(blocking=False), "called twice at the same time"
        try:
            if self.error:
                raise self.error
            time.sleep(0.002)  # long enough for another request to come in between, were that possible
            self.spans += spans
        finally:
            self.inside.release()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def receiver(kept: Kept) -> Iterator[Receiver]:
    with Receiver(kept, max_request=100_000) as running:
        yield running


def send(
    receiver: Receiver,
    body: bytes,
    content_type: str = JSON,
    path: str = "/v1/traces",
    method: str = "POST",
    **headers: str,
) -> tuple[int, Any, dict[str, str]]:
    address = urllib.parse.urlsplit(receiver.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    try:
        given = {"Content-Type": content_type} | {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        content = answer.read()
        return (
            answer.status,
            json.loads(content) if "json" in answer.headers["Content-Type"] else content,
            dict(answer.headers),
        )
    finally:
        connection.close()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_real_exporter(receiver: Receiver, kept: Kept, compression: Compression) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("otelprov.files").start_as_current_span("read a.csv") as made:
        made.set_attribute(names.PROVENANCE_KIND, names.PROVENANCE_KIND_IO)
        made.add_event(names.EVENT_PROVENANCE_ENTITY_USED, {names.PROVENANCE_ENTITY_NAME: "/a.csv"})
    provider.shutdown()
    [found] = kept.spans
    assert (found.name, found.scope) == ("read a.csv", "otelprov.files")
    assert found.span_id == f"{made.get_span_context().span_id:016x}"
    assert found.events[0].attributes == {names.PROVENANCE_ENTITY_NAME: "/a.csv"}


def test_json_is_answered_with_json(receiver: Receiver, kept: Kept) -> None:
    status, answer, headers = send(receiver, line(span(1), span(2)))
    assert (status, answer, headers["Content-Type"]) == (200, {}, JSON)
    assert [each.name for each in kept.spans] == ["read 1", "read 2"]


def test_spans_that_can_not_be_taken_are_told(receiver: Receiver, kept: Kept) -> None:
    status, answer, _ = send(receiver, line(span(1), span(0)))
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert "trace id" in answer["partialSuccess"]["errorMessage"]
    assert len(kept.spans) == 1


def test_log_records(receiver: Receiver, kept: Kept) -> None:
    record = {"timeUnixNano": str(START), "eventName": names.EVENT_PROVENANCE_LOSS}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    assert send(receiver, body, path="/v1/logs")[0] == 200
    assert [each.name for each in kept.spans] == [names.EVENT_PROVENANCE_LOSS]


def test_it_is_acknowledged_only_after_it_was_handled(receiver: Receiver, kept: Kept) -> None:
    kept.error = OSError("disk full")
    status, answer, headers = send(receiver, line(span(1)))
    assert status == 503
    assert answer["code"] == 14
    assert "disk full" not in answer["message"]
    assert headers["Retry-After"] == "1"
    assert "disk full" in receiver.last_error
    kept.error = None
    assert send(receiver, line(span(1)))[0] == 200
    assert len(kept.spans) == 1


@pytest.mark.parametrize(
    ("body", "how", "status"),
    [
        (b"{broken", {}, 400),
        (b"[]", {}, 400),
        (b"\x0a\xff", {"content_type": PROTOBUF}, 400),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(line(span(1)))[:-20], {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(bytes(10_000_000)), {"Content_Encoding": "gzip"}, 413),
        (bytes(3_000_000), {}, 413),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"Content_Encoding": "br"}, 415),
        (b"{}", {"path": "/v1/metrics"}, 404),
        (b"", {"path": "/", "method": "GET"}, 404),
        (b"", {"method": "GET"}, 405),
        (b"{}", {"method": "PUT"}, 405),
        (b"{}", {"method": "OPTIONS"}, 405),
    ],
)
def test_what_is_refused(receiver: Receiver, kept: Kept, body: bytes, how: dict[str, str], status: int) -> None:
    found, answer, headers = send(receiver, body, **how)
    assert found == status
    if how.get("content_type") == PROTOBUF:
        assert headers["Content-Type"] == PROTOBUF
        assert Status.FromString(answer).message
    else:
        assert answer["message"]
    assert kept.spans == []
    assert send(receiver, line(span(1)))[0] == 200


def test_protobuf_is_answered_with_protobuf(receiver: Receiver) -> None:
    status, answer, headers = send(receiver, b"", PROTOBUF)
    assert (status, headers["Content-Type"]) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer) == ExportTraceServiceResponse()


def test_a_request_without_a_length_is_refused(receiver: Receiver) -> None:
    address = urllib.parse.urlsplit(receiver.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    try:
        # Far more than the buffers in between hold: the sender is still sending when the answer is given.
        pieces = iter([b" " * 65536] * 200)
        connection.request("POST", "/v1/traces", pieces, {"Content-Type": JSON}, encode_chunked=True)
        assert connection.getresponse().status == 411
    finally:
        connection.close()


def test_nothing_is_handled_after_the_end(kept: Kept) -> None:
    with Receiver(kept) as ended:
        pass
    with pytest.raises(ConnectionError):
        ended.take([], ended.sift)
    assert kept.spans == []


def test_many_senders_at_once(receiver: Receiver, kept: Kept) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: send(receiver, line(span(number)))[0], range(1, 101)))
    assert answers == [200] * 100
    assert {each.name for each in kept.spans} == {f"read {number}" for number in range(1, 101)}
    assert receiver.sift.kept == 100


def test_a_port_that_is_taken_is_said(receiver: Receiver) -> None:
    port = urllib.parse.urlsplit(receiver.url).port
    with pytest.raises(UsageError, match="Choose another port"):
        Receiver(lambda spans: None, port=port or 0)
    with pytest.raises(UsageError, match="Choose another port"):
        Receiver(lambda spans: None, port=99999)
