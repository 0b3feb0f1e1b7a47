# SPDX-License-Identifier: Apache-2.0
"""A small Jaeger `api_v3`, of the generation that has `trace-summaries` or of the one before it.

It keeps to what is documented of the two: both cap a search without saying so, neither pages, nothing found is 404,
and a path that is unknown is answered by the page of the UI with status 200. It stands in for a release that can't be
built here; the older generation is also tested against the real Jaeger.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = b"<!DOCTYPE html><html><title>Jaeger UI</title></html>"


class JaegerServer(ThreadingHTTPServer):
    """`add` spans by service, then enter it; `max_depth` is the largest depth that its storage accepts."""

    daemon_threads = True

    def __init__(self, *, summaries: bool, max_depth: int = 10_000) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.summaries = summaries
        self.max_depth = max_depth
        self.spans: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[str] = []
        self.gone: set[str] = set()
        self.broken = ""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, service: str, *spans: dict[str, Any]) -> None:
        self.spans += [(service, span) for span in spans]

    def __enter__(self) -> JaegerServer:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def find(self, service: str, start: int, end: int, depth: int) -> list[str]:
        """Ids of the traces with a span of the service that starts in the window, the newest arrived first, capped."""
        found = {
            span["traceId"]: None
            for held, span in reversed(self.spans)
            if held == service and start <= int(span["startTimeUnixNano"]) <= end
        }
        return list(found)[:depth]

    def result(self, trace_ids: list[str]) -> dict[str, Any]:
        groups = []
        for trace_id in trace_ids:
            for service, span in self.spans:
                if span["traceId"] == trace_id:
                    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
                    scoped = {"scope": {"name": "otelprov.files"}, "spans": [span]}
                    groups.append({"resource": {"attributes": attributes}, "scopeSpans": [scoped]})
        return {"result": {"resourceSpans": groups}}


class _Handler(BaseHTTPRequestHandler):
    server: JaegerServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        given = dict(urllib.parse.parse_qsl(query))
        self.server.requests.append(self.path)
        if self.server.broken:
            self._send(200, self.server.broken.encode(), "application/json")
        elif path == "/api/v3/services":
            self._json(200, {"services": sorted({service for service, _ in self.server.spans})})
        elif path == "/api/v3/trace-summaries" and self.server.summaries:
            self._search(given, "query.serviceName", "query.startTimeMin", "query.startTimeMax", "query.searchDepth")
        elif path == "/api/v3/traces" and not self.server.summaries:
            names = ("query.service_name", "query.start_time_min", "query.start_time_max", "query.num_traces")
            self._search(given, *names)
        elif path.startswith("/api/v3/traces/"):
            self._trace(path.rpartition("/")[2], given)
        else:
            self._send(200, PAGE, "text/html; charset=utf-8")

    def _search(self, given: dict[str, str], service: str, start: str, end: str, depth: str) -> None:
        if unknown := [name for name in given if name not in (service, start, end, depth, "query.raw_traces")]:
            return self._error(400, f"unknown parameter {unknown}")
        if not 0 < int(given.get(depth, "0")) <= self.server.max_depth:
            return self._error(500, "search depth must be greater than 0 and less than max traces")
        window = _nanoseconds(given[start]), _nanoseconds(given[end])
        found = self.server.find(given[service], *window, int(given[depth]))
        if not found:
            return self._error(404, "No traces found")
        if not self.server.summaries:
            return self._json(200, self.server.result(found))
        return self._json(200, {"summaries": [{"traceId": trace_id, "spanCount": 1} for trace_id in found]})

    def _trace(self, trace_id: str, given: dict[str, str]) -> None:
        raw = "rawTraces" if self.server.summaries else "raw_traces"
        assert given == {raw: "true"}
        found = self.server.result([trace_id])
        if trace_id in self.server.gone or not found["result"]["resourceSpans"]:
            return self._error(404, "No traces found")
        return self._json(200, found)

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"error": {"httpCode": status, "message": message}})

    def _json(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode(), "text/plain; charset=utf-8")

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def _nanoseconds(moment: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time with nine digits of them."""
    seconds, _, rest = moment.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(rest.ljust(9, "0"))
