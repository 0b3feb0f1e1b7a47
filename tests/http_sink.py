# SPDX-License-Identifier: Apache-2.0
"""A real HTTP server that takes what is posted to it, or answers as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

UNTRUSTED = Path(__file__).parent / "tls" / "untrusted.pem"


class Sink:
    """What has come in, and what is answered next: a status, with headers; None lets the client wait."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.times: list[float] = []
        self.answers: deque[tuple[int | None, dict[str, str]]] = deque()
        self.let_go = threading.Event()
        self.url = ""
        self._server: ThreadingHTTPServer | None = None

    def answer(self, status: int | None, **headers: str) -> None:
        """Give this answer to the next request that has none yet; 200 to those after it."""
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}))

    def start(self, port: int = 0, tls: bool = False) -> None:
        """Listen; again on the same port after `stop`."""
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(UNTRUSTED)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}/changes"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and close what is open."""
        if self._server is not None:
            self.let_go.set()
            self._server.shutdown()
            self._server.server_close()
            for connection in self._server.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that are kept are closed by us, not waited for.
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self.connections: list[Any] = []
        super().__init__(*arguments)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.server.connections.append(self.connection)  # type: ignore[attr-defined]

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sink.times.append(time.monotonic())
            sink.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, headers = sink.answers.popleft() if sink.answers else (200, {})
            if status is None:
                sink.let_go.wait(20)
                self.close_connection = True
                return
            if 200 <= status < 300:
                sink.taken += json.loads(body)
            self.send_response(status)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def listening(tls: bool = False) -> Iterator[Sink]:
    """A sink that listens on a port of its own."""
    sink = Sink()
    sink.start(tls=tls)
    try:
        yield sink
    finally:
        sink.stop()
