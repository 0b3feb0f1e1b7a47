# SPDX-License-Identifier: Apache-2.0
"""Sends one export request and says what became of it; an answer that is no OTLP answer is no success."""

from __future__ import annotations

import enum
import gzip
import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any, Protocol

from otelprov.journal.connection import KeptConnection, retry_after
from otelprov.journal.endpoint import Endpoint
from otelprov.journal.protobuf import request_bytes
from otelprov.journal.request import NOT_ENCODABLE, to_json

_MAX_ANSWER = 1_048_576
# No body, and a partial success that says nothing, as Collectors send it; everything else is parsed.
_NOTHING_REJECTED = (b"", b"\x0a\x00")
_RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 401, 403, 404, 407})


class Outcome(enum.Enum):
    """What became of a request: taken whole, to be tried again later, or refused for what is in it."""

    TAKEN = "taken"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome, why, how many spans the other side says it rejected, and the seconds it asks us to wait."""

    outcome: Outcome
    message: str = ""
    rejected: int = 0
    wait: float = 0.0


class Sender(Protocol):
    """Sends requests to one endpoint; used by one thread at a time."""

    def send(self, request: dict[str, Any], timeout: float | None = None) -> Answer:
        """Send a request in OTLP/JSON shape; `timeout` in seconds. Never raises for the network."""

    def close(self) -> None:
        """Give connections up."""


def sender_for(endpoint: Endpoint) -> Sender:
    """The sender for an endpoint's protocol; gRPC is imported only here."""
    if endpoint.protocol == "grpc":
        from otelprov.journal.send_grpc import GrpcSender

        return GrpcSender(endpoint)
    return HttpSender(endpoint)


class HttpSender:
    """OTLP/HTTP, protobuf or JSON, over one kept connection. Redirects are not followed: they are no success."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection = KeptConnection(endpoint.url, self._context)

    def send(self, request: dict[str, Any], timeout: float | None = None) -> Answer:
        """Send one request; see Sender."""
        seconds = self._endpoint.timeout if timeout is None else timeout
        as_json = self._endpoint.protocol == "http/json"
        try:
            body = to_json(request) if as_json else request_bytes(request)
        except NOT_ENCODABLE as error:
            # A line that is not what we write: the shipper looks for it, so that the others get through.
            return Answer(Outcome.REFUSED, f"not encodable: {type(error).__name__}: {error}"[:500])
        headers = {
            "content-type": "application/json" if as_json else "application/x-protobuf",
            "user-agent": "otelprov",
            **self._endpoint.headers,
        }
        if self._endpoint.gzip:
            body = gzip.compress(body, 1)
            headers["content-encoding"] = "gzip"
        try:
            response, content = self._connection.post(body, headers, seconds, _MAX_ANSWER)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(Outcome.LATER, f"{type(error).__name__}: {error}")
        return _judge(response, content, as_json)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._endpoint.certificate or None)
        if self._endpoint.client_certificate:
            context.load_cert_chain(self._endpoint.client_certificate, self._endpoint.client_key or None)
        return context


def _judge(response: http.client.HTTPResponse, content: bytes, as_json: bool) -> Answer:
    status = response.status
    if status in _RETRY_STATUS:
        return Answer(Outcome.LATER, f"HTTP {status} {response.reason}", wait=retry_after(response))
    if status in (400, 413, 415, 422):
        return Answer(Outcome.REFUSED, f"HTTP {status} {response.reason}")
    if status != 200:
        return Answer(Outcome.LATER, f"HTTP {status} {response.reason} is no answer of an OTLP endpoint")
    kind = (response.getheader("content-type") or "").split(";")[0].strip().lower()
    expected = "application/json" if as_json else "application/x-protobuf"
    if content and kind != expected:
        return Answer(Outcome.LATER, f"HTTP 200 with {kind or 'no content type'}, not {expected}: no OTLP endpoint")
    try:
        rejected, message = _partial(content, as_json)
    except ValueError:
        return Answer(Outcome.LATER, "HTTP 200 with a body that is no ExportTraceServiceResponse")
    return Answer(Outcome.TAKEN, message, rejected)


def _partial(content: bytes, as_json: bool) -> tuple[int, str]:
    if content in _NOTHING_REJECTED:
        return 0, ""
    if as_json:
        document = json.loads(content)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        partial = document.get("partialSuccess") or {}
        return int(partial.get("rejectedSpans", 0)), str(partial.get("errorMessage", ""))[:500]
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        response = ExportTraceServiceResponse.FromString(content)
    except DecodeError as error:
        raise ValueError(str(error)) from error
    return response.partial_success.rejected_spans, response.partial_success.error_message[:500]
