# SPDX-License-Identifier: Apache-2.0
"""An OTLP/HTTP receiver: what it answered 200 for has been handled."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelprov.errors import UsageError
from otelprov.ingest import otlp_json, otlp_proto
from otelprov.ingest.body import PIECE, Budget, BusyError, TimedSocket, unpacked
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.sift import FAULT_SPAN_ID, FAULT_TRACE_ID, Sift
from otelprov.ingest.wire import TooMuchError, check_json
from otelprov.model.span import Span

# Largest request after unpacking, in bytes.
MAX_REQUEST = 16 * 2**20
# Bodies, as they were sent, that are in memory at the same time.
MAX_WAITING = 64 * 2**20
# Requests that are unpacked and decoded at the same time; more of them wait for their turn.
MAX_AT_ONCE = 2
MAX_CONNECTIONS = 256
_SECONDS_TO_SEND = 30
_SECONDS_TO_WAIT = 10
_SECONDS_TO_HEAR_OUT = 2.0
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
    and 503 ("send it again") when it raised or there was no room for the request. After the context was left it is not
    called again. `sift` counts what came.
    """

    def __init__(
        self,
        handle: Callable[[list[Span]], None],
        host: str = "127.0.0.1",
        port: int = 0,
        max_request: int = MAX_REQUEST,
        seconds_to_send: float = _SECONDS_TO_SEND,
    ) -> None:
        self.sift = Sift()
        self.max_request = max_request
        self.last_error = ""
        self._handle = handle
        self._handling = threading.Lock()
        self._ended = False
        self.seconds_to_send = seconds_to_send
        self.waiting = Budget(MAX_WAITING)
        self.connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
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


_BUSY = "too busy: send it again"
_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
_TURNED_AWAY %= (len(_NO_ROOM := json.dumps({"code": _UNAVAILABLE, "message": _BUSY}).encode()), _NO_ROOM)


class _Server(ThreadingHTTPServer):
    # Waiting for each open connection would let a sender that keeps its connection stop us from ending.
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False
    receiver: Receiver

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or turn it away when there are too many."""
        if self.receiver.connections.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.settimeout(1)
            request.sendall(_TURNED_AWAY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve the connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.receiver.connections.release()

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
    _unread = 0

    def setup(self) -> None:
        """Read through a clock: what the base class has allows a sender any number of slow reads."""
        super().setup()
        self.rfile.close()
        seconds = self.server.receiver.seconds_to_send
        self._timed = TimedSocket(self.connection, seconds, seconds)
        self.rfile = io.BufferedReader(self._timed, PIECE)

    def handle_one_request(self) -> None:
        """Serve one request of a connection."""
        self._timed.begin()
        self._unread = 0
        super().handle_one_request()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class finds wrong with a request as everything else is answered."""
        self._unread = -1
        if self.request_version == "HTTP/0.9":
            # As the base class takes a first line that it can't read; such an answer would have no status.
            self.request_version = "HTTP/1.0"
        self._refuse(_RefusedError(code, message or self.responses[code][0]), _JSON)

    def do_POST(self) -> None:
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        length = self.headers.get("Content-Length", "")
        self._unread = int(length) if length.isascii() and length.isdigit() and len(length) <= 12 else -1
        try:
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
        unpack = self._unpacking()
        try:
            with self.server.receiver.waiting.body(self.rfile, self._unread) as body:
                self._unread = 0
                with self._turn():
                    data = unpack(body)
                    if content_type == _JSON:
                        check_json(data)
                    self._take(decoders[content_type](data, sift), sift)
        except BusyError:
            self._unread = -1 if self._unread else 0
            raise _RefusedError(503, _BUSY, _UNAVAILABLE) from None
        except TooMuchError as error:
            raise _RefusedError(413, str(error)) from None
        except MalformedError as error:
            raise _RefusedError(400, str(error)) from None
        rejected = sift.faults.get(FAULT_TRACE_ID, 0) + sift.faults.get(FAULT_SPAN_ID, 0)
        if not sift.faults:
            return response()
        message = "; ".join(f"{what}: {count}" for what, count in sift.faults.items())
        answer = response()
        answer.partial_success.error_message = message
        if response is ExportTraceServiceResponse:
            answer.partial_success.rejected_spans = rejected
        return answer

    def _take(self, spans: list[Span], sift: Sift) -> None:
        try:
            self.server.receiver.take(spans, sift)
        except Exception as error:
            # Not acknowledged, so the sender keeps it and tries again; what went wrong is not the sender's to know.
            self.server.receiver.last_error = f"{type(error).__name__}: {error}"
            raise _RefusedError(503, "could not be stored: send it again", _UNAVAILABLE) from None

    def _unpacking(self) -> Callable[[bytearray], bytes]:
        if self._unread < 0:
            raise _RefusedError(411, "a Content-Length is needed")
        limit = self.server.receiver.max_request
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise _RefusedError(415, f"content encoding {encoding!r} is not understood: send gzip, or none")
        if self._unread > limit:
            raise _RefusedError(413, f"the request is over {limit} bytes: send smaller batches")
        return bytes if encoding == "identity" else lambda body: unpacked(body, limit)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        turns = self.server.receiver.turns
        if not turns.acquire(timeout=_SECONDS_TO_WAIT):
            raise BusyError
        try:
            yield
        finally:
            turns.release()

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
            while left > 0 and (piece := self.rfile.read(min(left, PIECE))):
                left -= len(piece)
        except OSError:
            return
        self._answer(refused.status, Status(code=refused.code, message=str(refused)), content_type)
        if self._unread < 0:
            self._hear_out()

    def _hear_out(self) -> None:
        """Throw away what still comes: to close in the middle of it would take the answer from the sender."""
        left = _THROWN_AWAY
        with contextlib.suppress(OSError):
            self._timed.end_in(_SECONDS_TO_HEAR_OUT)
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (piece := self.rfile.read1(PIECE)):
                left -= len(piece)
