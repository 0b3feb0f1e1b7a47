# SPDX-License-Identifier: Apache-2.0
"""An OTLP/HTTP receiver: what it answered 200 for has been handled."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelprov.errors import UsageError
from otelprov.ingest import otlp_json, otlp_proto
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.sift import FAULT_SPAN_ID, FAULT_TRACE_ID, Sift
from otelprov.model.span import Span

# Largest request after unpacking, in bytes.
MAX_REQUEST = 16 * 2**20
# Requests that are read at the same time; more of them wait for their turn.
MAX_AT_ONCE = 8
_SECONDS_TO_SEND = 30
_SECONDS_TO_HEAR_OUT = 2.0
_PIECE = 64 * 1024
# A sender that is still sending does not hear an answer, so this much of a refused request is read and thrown away.
_THROWN_AWAY = 64 * 2**20
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_INVALID_ARGUMENT, _UNIMPLEMENTED, _UNAVAILABLE = 3, 12, 14

Decoder = Callable[[bytes, Sift], list[Span]]
_PATHS: dict[str, tuple[dict[str, Decoder], Any]] = {
    "/v1/traces": ({_PROTOBUF: otlp_proto.decode, _JSON: otlp_json.decode}, ExportTraceServiceResponse),
    "/v1/logs": ({_PROTOBUF: otlp_proto.decode_logs, _JSON: otlp_json.decode}, ExportLogsServiceResponse),
}


class Receiver:
    """Serves `/v1/traces` and `/v1/logs` at `url` while it is entered as a context.

    `handle` gets the spans of interest of one request, one request at a time; the sender hears 200 after it returned,
    and 503 ("send it again") when it raised. After the context was left it is not called again. `sift` counts what
    came.
    """

    def __init__(
        self,
        handle: Callable[[list[Span]], None],
        host: str = "127.0.0.1",
        port: int = 0,
        max_request: int = MAX_REQUEST,
    ) -> None:
        self.sift = Sift()
        self.max_request = max_request
        self.last_error = ""
        self._handle = handle
        self._handling = threading.Lock()
        self._ended = False
        self.turns = threading.BoundedSemaphore(MAX_AT_ONCE)
        try:
            self._server = _Server((host, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"Can't listen on {host}:{port}: {reason}. Choose another port, or 0 for any.") from None
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="otelprov-receiver")

    @property
    def url(self) -> str:
        """The base address, for OTEL_EXPORTER_OTLP_ENDPOINT."""
        host, port = self._server.server_address[:2]
        host = host.decode() if isinstance(host, (bytes, bytearray)) else str(host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._handling:
            self._ended = True

    def take(self, spans: list[Span], sift: Sift) -> None:
        """Hand the spans of one request on; raises whatever `handle` raises."""
        with self._handling:
            if self._ended:
                # A connection of before is still being read: what it sends is for the next receiver.
                raise ConnectionAbortedError("the receiver has ended")
            if spans:
                self._handle(spans)
            self.sift.kept += sift.kept
            self.sift.foreign += sift.foreign
            self.sift.derived += sift.derived
            for what, count in sift.faults.items():
                self.sift.fault(what, count)


class _Server(ThreadingHTTPServer):
    # Waiting for each open connection would let a sender that keeps its connection stop us from ending.
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Remember what went wrong in a connection; standard error belongs to the program."""
        self.receiver.last_error = f"{client_address[0]}: {sys.exception()!r}"


class _RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, message: str, code: int = _INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "otelprov"
    sys_version = ""
    timeout = _SECONDS_TO_SEND
    _unread = 0

    def do_POST(self) -> None:
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        length = self.headers.get("Content-Length", "")
        self._unread = int(length) if length.isascii() and length.isdigit() and len(length) <= 12 else -1
        try:
            with self.server.receiver.turns:
                answer = self._export(content_type)
        except _RefusedError as refused:
            self._refuse(refused, content_type)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        else:
            self._answer(200, answer, content_type)

    def do_GET(self) -> None:
        known = self._path() in _PATHS
        message = "only POST is understood here" if known else f"there is nothing at {self._path()}"
        self._refuse(_RefusedError(405 if known else 404, message, _UNIMPLEMENTED), _JSON)

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: standard error belongs to the program."""

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _export(self, content_type: str) -> Any:
        if self._path() not in _PATHS:
            raise _RefusedError(404, f"there is nothing at {self._path()}", _UNIMPLEMENTED)
        decoders, response = _PATHS[self._path()]
        if content_type not in decoders:
            raise _RefusedError(415, f"content type {content_type!r} is not understood: send {' or '.join(decoders)}")
        sift = Sift()
        try:
            spans = decoders[content_type](self._body(), sift)
        except MalformedError as error:
            raise _RefusedError(400, str(error)) from None
        try:
            self.server.receiver.take(spans, sift)
        except Exception as error:
            # Not acknowledged, so the sender keeps it and tries again; what went wrong is not the sender's to know.
            self.server.receiver.last_error = f"{type(error).__name__}: {error}"
            raise _RefusedError(503, "could not be stored: send it again", _UNAVAILABLE) from None
        rejected = sift.faults.get(FAULT_TRACE_ID, 0) + sift.faults.get(FAULT_SPAN_ID, 0)
        if not sift.faults:
            return response()
        message = "; ".join(f"{what}: {count}" for what, count in sift.faults.items())
        answer = response()
        answer.partial_success.error_message = message
        if response is ExportTraceServiceResponse:
            answer.partial_success.rejected_spans = rejected
        return answer

    def _body(self) -> bytes:
        if self._unread < 0:
            raise _RefusedError(411, "a Content-Length is needed")
        limit = self.server.receiver.max_request
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise _RefusedError(415, f"content encoding {encoding!r} is not understood: send gzip, or none")
        if self._unread > limit:
            raise _RefusedError(413, f"the request is over {limit} bytes: send smaller batches")
        body = self._received(self._unread)
        return _unpacked(body, limit) if encoding == "gzip" else body

    def _received(self, length: int) -> bytes:
        body = self.rfile.read(length)
        self._unread = 0
        if len(body) < length:
            raise ConnectionError("the sender went away")
        return body

    def _answer(self, status: int, message: Any, content_type: str) -> None:
        if content_type == _PROTOBUF:
            body = message.SerializeToString()
        else:
            content_type = _JSON
            body = json.dumps(json_format.MessageToDict(message)).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            if status == 405:
                self.send_header("Allow", "POST")
            if status == 503:
                self.send_header("Retry-After", "1")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _refuse(self, refused: _RefusedError, content_type: str) -> None:
        self.close_connection = True
        left = min(self._unread, _THROWN_AWAY)
        try:
            while left > 0 and (piece := self.rfile.read(min(left, _PIECE))):
                left -= len(piece)
        except OSError:
            return
        self._answer(refused.status, Status(code=refused.code, message=str(refused)), content_type)
        if self._unread < 0:
            self._hear_out()

    def _hear_out(self) -> None:
        """Throw away what still comes: to close in the middle of it would take the answer from the sender."""
        end = time.monotonic() + _SECONDS_TO_HEAR_OUT
        left = _THROWN_AWAY
        with contextlib.suppress(OSError):
            self.connection.settimeout(_SECONDS_TO_HEAR_OUT)
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and time.monotonic() < end and (piece := self.rfile.read1(_PIECE)):
                left -= len(piece)


def _unpacked(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise _RefusedError(400, f"the gzip is broken: {error}") from None
    if len(data) > limit:
        raise _RefusedError(413, f"the request unpacks to over {limit} bytes: send smaller batches")
    if not unpacker.eof:
        raise _RefusedError(400, "the gzip ends too early")
    return data
