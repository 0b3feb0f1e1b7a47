# SPDX-License-Identifier: Apache-2.0
"""Sending derived traces to a backend, as OTLP/JSON over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from otelprov.errors import BackendUnreachableError, UsageError
from otelprov.export.jaeger import DerivedTrace
from otelprov.journal.endpoint import Endpoint, from_environment, parse
from otelprov.journal.senders import Outcome, sender_for

_REQUEST_SPANS = 2000
_ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?", re.ASCII)


def endpoint_at(url: str) -> Endpoint:
    """The OTLP/HTTP endpoint with this base URL; raises UsageError when it is none.

    Headers and certificates of the environment are used only for the host that they were set for.
    """
    if not _ADDRESS.fullmatch(url):
        raise UsageError(f"'{url}' is not the address of an OTLP/HTTP endpoint; write http://localhost:4318")
    base = url.rstrip("/").removesuffix("/v1/traces")
    configured = from_environment()
    if configured is None or urlsplit(configured.url).netloc != urlsplit(base).netloc:
        return parse(base, protocol="http/json")
    return parse(
        base,
        protocol="http/json",
        headers=configured.headers,
        timeout=configured.timeout,
        certificate=configured.certificate,
        client_certificate=configured.client_certificate,
        client_key=configured.client_key,
    )


def deliver(traces: Iterable[DerivedTrace], endpoint: Endpoint) -> None:
    """Send traces, a few thousand spans at a time; raises BackendUnreachableError when any are not taken."""
    sender = sender_for(endpoint)
    try:
        for request in _requests(traces):
            answer = sender.send(request)
            if answer.outcome is not Outcome.TAKEN:
                raise BackendUnreachableError(
                    f"publishing to {endpoint.url}: {answer.message}; is the OTLP/HTTP port of a Collector or a Jaeger "
                    "there? What was sent before is kept and publishing again completes it"
                )
            if answer.rejected:
                raise BackendUnreachableError(
                    f"publishing to {endpoint.url}: it rejected {answer.rejected} spans: {answer.message}"
                )
    finally:
        sender.close()


def _requests(traces: Iterable[DerivedTrace]) -> Iterator[dict[str, Any]]:
    waiting: list[dict[str, Any]] = []
    count = 0
    for trace in traces:
        waiting += trace.resource_spans()
        count += trace.count()
        if count >= _REQUEST_SPANS:
            yield {"resourceSpans": waiting}
            waiting, count = [], 0
    if waiting:
        yield {"resourceSpans": waiting}
