# SPDX-License-Identifier: Apache-2.0
"""OTLP/gRPC, in a module of its own so that grpc is imported only where the settings ask for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelprov.journal.endpoint import Endpoint
from otelprov.journal.protobuf import request_bytes
from otelprov.journal.request import NOT_ENCODABLE
from otelprov.journal.senders import Answer, Outcome

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)


class GrpcSender:
    """Sends over one channel; TLS unless the URL is http:// or OTEL_EXPORTER_OTLP_INSECURE is true."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        parts = urlsplit(endpoint.url)
        options = [("grpc.primary_user_agent", "otelprov")]
        compression = grpc.Compression.Gzip if endpoint.gzip else grpc.Compression.NoCompression
        if endpoint.insecure or parts.scheme in ("http", "grpc"):
            self._channel = grpc.insecure_channel(parts.netloc, options=options, compression=compression)
        else:
            credentials = grpc.ssl_channel_credentials(
                _content(endpoint.certificate), _content(endpoint.client_key), _content(endpoint.client_certificate)
            )
            self._channel = grpc.secure_channel(parts.netloc, credentials, options=options, compression=compression)
        self._export = self._channel.unary_unary(
            _EXPORT, request_serializer=bytes, response_deserializer=ExportTraceServiceResponse.FromString
        )

    def send(self, request: dict[str, Any], timeout: float | None = None) -> Answer:
        """Send one request; see Sender."""
        try:
            message = request_bytes(request)
        except NOT_ENCODABLE as error:
            return Answer(Outcome.REFUSED, f"not encodable: {type(error).__name__}: {error}"[:500])
        try:
            response = self._export(
                message,
                timeout=self._endpoint.timeout if timeout is None else timeout,
                metadata=tuple(self._endpoint.headers.items()),
            )
        except grpc.RpcError as error:
            code = error.code()
            told = f"gRPC {code.name}: {error.details()}"[:500]
            return Answer(Outcome.REFUSED if code in _REFUSED else Outcome.LATER, told)
        partial = response.partial_success
        return Answer(Outcome.TAKEN, partial.error_message[:500], partial.rejected_spans)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _content(path: str) -> bytes | None:
    if not path:
        return None
    with open(path, "rb") as file:
        return file.read()
