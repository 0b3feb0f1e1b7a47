# SPDX-License-Identifier: Apache-2.0
"""Whether an OTLP endpoint is set, and whether it answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from otelprov.cli.health.finding import BAD, OK, UNREACHABLE, Finding
from otelprov.errors import UsageError
from otelprov.journal.endpoint import from_environment
from otelprov.journal.senders import Outcome, sender_for

TIMEOUT = 2.0
_PORTS = {"https": 443, "http": 80, "grpc": 4317, "grpcs": 4317}
_SET = "set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"


def check() -> Iterator[Finding]:
    """Yield whether an endpoint is set; where it is, connect to it and send an empty request."""
    try:
        endpoint = from_environment()
    except UsageError as error:
        yield Finding("endpoint", BAD, str(error), _SET, {"set": True})
        return
    if endpoint is None:
        text = "no OTLP endpoint is set: what is recorded stays in the journal on this machine"
        yield Finding("endpoint", OK, text, "", {"set": False})
        return
    parts = urlsplit(endpoint.url)
    # Credentials in the address are nobody's business.
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} ({endpoint.protocol})"
    facts = {"set": True, "address": shown.partition(" ")[0], "protocol": endpoint.protocol, "reachable": False}
    port = parts.port or _PORTS.get(parts.scheme, 80)
    try:
        socket.create_connection((parts.hostname or "", port), TIMEOUT).close()
    except (OSError, UnicodeError) as error:
        text = f"{shown} can't be reached: {getattr(error, 'strerror', None) or error}"
        yield Finding("endpoint", UNREACHABLE, text, "start the Collector or Jaeger there, or unset it", facts)
        return
    sender = sender_for(endpoint)
    try:
        answer = sender.send({"resourceSpans": []}, TIMEOUT)
    finally:
        sender.close()
    if answer.outcome is Outcome.TAKEN:
        facts["reachable"] = True
        yield Finding("endpoint", OK, f"{shown} took an empty request", "", facts)
        return
    advice = "check port and OTEL_EXPORTER_OTLP_PROTOCOL (mostly 4318 for HTTP, 4317 for gRPC) and the headers"
    yield Finding("endpoint", UNREACHABLE, f"{shown} does not take requests: {answer.message}", advice, facts)
