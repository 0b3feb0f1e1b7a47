# SPDX-License-Identifier: Apache-2.0
"""Where the environment says that traces go, by the OTEL_EXPORTER_OTLP_* variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from otelprov.errors import UsageError

_GRPC = "grpc"
_PROTOCOLS = ("grpc", "http/protobuf", "http/json")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OTLP endpoint for traces. `url` is whole for HTTP, `scheme://host:port` for gRPC; `timeout` is in seconds."""

    url: str
    protocol: str = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    gzip: bool = False
    insecure: bool = False
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""


def from_environment(environment: Mapping[str, str] = os.environ) -> Endpoint | None:
    """The endpoint for traces; None where none is set. Raises UsageError for one that can't be used."""

    def setting(name: str) -> str:
        specific = environment.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "").strip()
        return specific or environment.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip()

    specific = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    general = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    url = specific or general
    if not url:
        return None
    return parse(
        url,
        whole=bool(specific),
        protocol=setting("PROTOCOL"),
        headers=_headers(setting("HEADERS")),
        timeout=_seconds(setting("TIMEOUT")),
        gzip=setting("COMPRESSION").lower() == "gzip",
        insecure=setting("INSECURE").lower() == "true",
        certificate=setting("CERTIFICATE"),
        client_certificate=setting("CLIENT_CERTIFICATE"),
        client_key=setting("CLIENT_KEY"),
    )


def parse(
    url: str,
    *,
    whole: bool = False,
    protocol: str = "",
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    gzip: bool = False,
    insecure: bool = False,
    certificate: str = "",
    client_certificate: str = "",
    client_key: str = "",
) -> Endpoint:
    """Make an endpoint of a URL; `whole` says that an HTTP URL has its path already. Raises UsageError."""
    # gRPC settings may leave the scheme out.
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not parts.hostname:
        raise UsageError(f"the OTLP endpoint {url!r} is no URL: write http://HOST:PORT")
    if not protocol:
        protocol = _GRPC if port == 4317 or parts.scheme.startswith(_GRPC) else "http/protobuf"
    if protocol not in _PROTOCOLS:
        raise UsageError(f"the OTLP protocol {protocol!r} is unknown: one of {', '.join(_PROTOCOLS)} is expected")
    if protocol == _GRPC:
        target = f"{parts.scheme}://{parts.netloc}"
    else:
        target = url if whole else url.rstrip("/") + "/v1/traces"
    return Endpoint(
        target, protocol, headers or {}, timeout, gzip, insecure, certificate, client_certificate, client_key
    )


def _headers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in text.split(","):
        key, separator, value = pair.partition("=")
        if separator and key.strip():
            found[unquote(key.strip()).lower()] = unquote(value.strip())
    return found


def _seconds(text: str) -> float:
    try:
        return max(0.1, min(float(text), 300.0))
    except ValueError:
        return 10.0
