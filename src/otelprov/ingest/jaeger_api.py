# SPDX-License-Identifier: Apache-2.0
"""Jaeger's `api_v3` over HTTP, in both of its generations: which one answers is found out by asking."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from otelprov.errors import BackendUnreachableError, UsageError
from otelprov.ingest.contract import MalformedError
from otelprov.ingest.otlp_json import trace_ids

# Largest answer that is held in memory, in bytes; a search that answers with more is split like one that was capped.
MAX_ANSWER = 256 * 2**20
_SECONDS_TO_ANSWER = 60
_EMPTY = 404


class RefusedError(BackendUnreachableError):
    """Jaeger answered, and said no."""


class TooLargeError(Exception):
    """An answer was larger than `MAX_ANSWER`."""


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of the traces that a search found, and the traces themselves where the search answers with them."""

    trace_ids: frozenset[str]
    document: bytes = b""


class JaegerApi:
    """A Jaeger's query service at `url`. Raises BackendUnreachableError whenever it does not answer as one."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"{url!r} is no address of a Jaeger: write, for example, http://localhost:16686")
        self.url = url.rstrip("/")
        self._summaries: bool | None = None

    def services(self) -> list[str]:
        """Names of all services that the Jaeger knows."""
        answer = self._ask("/api/v3/services", {})
        names = answer.document().get("services") or []
        return sorted(name for name in names if isinstance(name, str) and name)

    def search(self, service: str, start: int, end: int, depth: int) -> Found:
        """Traces with a span of the service that starts between two times (nanoseconds); `depth` of them at most.

        Raises TooLargeError.
        """
        if self._has_summaries():
            query = {
                "query.serviceName": service,
                "query.startTimeMin": _moment(start),
                "query.startTimeMax": _moment(end),
                "query.searchDepth": str(depth),
            }
            answer = self._ask("/api/v3/trace-summaries", query)
            summaries = answer.document().get("summaries") or []
            return Found(frozenset(str(found.get("traceId")).lower() for found in summaries if found.get("traceId")))
        query = {
            "query.service_name": service,
            "query.start_time_min": _moment(start),
            "query.start_time_max": _moment(end),
            "query.num_traces": str(depth),
            "query.raw_traces": "true",
        }
        answer = self._ask("/api/v3/traces", query)
        return Found(frozenset(answer.trace_ids()), answer.body)

    def trace(self, trace_id: str) -> bytes:
        """A whole trace as it was received, as OTLP/JSON; `b""` when it is there no more. Raises TooLargeError."""
        # The raw trace: without the adjustments for clock skew that are made for people's eyes.
        name = "rawTraces" if self._has_summaries() else "raw_traces"
        return self._ask(f"/api/v3/traces/{trace_id}", {name: "true"}).body

    def _has_summaries(self) -> bool:
        if self._summaries is None:
            query = {
                "query.serviceName": "otelprov",
                "query.startTimeMin": _moment(0),
                "query.startTimeMax": _moment(1),
                "query.searchDepth": "1",
            }
            # A Jaeger that has no such path answers with its web page. One that refuses the query does know the path.
            self._summaries = self._get("/api/v3/trace-summaries", query).is_json()
        return self._summaries

    def _ask(self, path: str, query: dict[str, str]) -> _Answer:
        answer = self._get(path, query)
        if answer.status == _EMPTY and answer.is_json():
            return _Answer(self.url + path, 200, b"")
        if not answer.is_json():
            raise BackendUnreachableError(
                f"Reading {answer.url} gave a web page (status {answer.status}), not Jaeger's API: "
                "give the address of Jaeger's query service, usually port 16686."
            )
        if answer.status != 200:
            raise RefusedError(
                f"Reading {answer.url} failed with status {answer.status}: {answer.error()}. "
                "Look into the log of this Jaeger."
            )
        return answer

    def _get(self, path: str, query: dict[str, str]) -> _Answer:
        url = self.url + path
        full = f"{url}?{urllib.parse.urlencode(query)}" if query else url
        # The scheme was looked at: no file of this machine can be meant.
        request = urllib.request.Request(full, headers={"Accept": "application/json"})  # noqa: S310
        try:
            try:
                answer = urllib.request.urlopen(request, timeout=_SECONDS_TO_ANSWER)  # noqa: S310
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = answer.read(MAX_ANSWER + 1)
                status = answer.status
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise BackendUnreachableError(
                f"Reading {url} failed: {reason}. Does Jaeger run, and is this its query service, usually port 16686?"
            ) from None
        if len(body) > MAX_ANSWER:
            raise TooLargeError
        return _Answer(url, status or 0, body)


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    status: int
    body: bytes

    def is_json(self) -> bool:
        # The content type says nothing: v2.13 sends its JSON as text/plain.
        return self.body.lstrip()[:1] == b"{"

    def document(self) -> dict[str, Any]:
        if not self.body:
            return {}
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise self._broken(error) from None
        return found if isinstance(found, dict) else {}

    def trace_ids(self) -> set[str]:
        if not self.body:
            return set()
        try:
            return trace_ids(self.body)
        except MalformedError as error:
            raise self._broken(error) from None

    def error(self) -> str:
        said = self.document().get("error")
        message = said.get("message") if isinstance(said, dict) else said
        return str(message or "no reason given")[:500]

    def _broken(self, error: Exception) -> BackendUnreachableError:
        return BackendUnreachableError(
            f"{self.url} answered with broken JSON ({error}). Ask again; is a proxy between?"
        )


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(max(nanoseconds, 0), 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
