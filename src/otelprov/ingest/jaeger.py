# SPDX-License-Identifier: Apache-2.0
"""A Jaeger as a source: its windows are halved until none of them is capped, so that no trace is left out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from otelprov.ingest.contract import Batch, MalformedError, Problems
from otelprov.ingest.jaeger_api import MAX_ANSWER, Found, JaegerApi, RefusedError, TooLargeError
from otelprov.ingest.jsonl import BATCH_SPANS
from otelprov.ingest.otlp_json import decode
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span

# Jaeger has no paging: this many traces are asked for at once, and the time between them is halved when as many come.
SEARCH_DEPTH = 100
# A storage of microseconds finds the same in every part of one: there, a search goes deeper instead.
_RESOLUTION = 1000
_DEEPEST = 10_000
# Clocks differ: a span may have started a little after our "now".
_AHEAD = 3600 * 10**9


class JaegerSource:
    """Every trace with a span that started between `since_ns` and `until_ns` (default: ever, now), whole and raw.

    Read from `url` service by service, all of them unless `services` names some. Reading raises
    BackendUnreachableError when Jaeger does not answer.
    """

    def __init__(
        self,
        url: str,
        since_ns: int | None = None,
        until_ns: int | None = None,
        services: Sequence[str] | None = None,
        depth: int = SEARCH_DEPTH,
    ) -> None:
        self._api = JaegerApi(url)
        self.name = f"jaeger {self._api.url}"
        self.problems = Problems()
        self.sift = Sift()
        self._since = since_ns or 0
        self._until = until_ns
        self._services = services
        self._depth = depth
        self._deepest = max(depth, _DEEPEST)
        self._accepted = 0
        self._seen: set[str] = set()

    def batches(self) -> Iterator[Batch]:
        """Read it; every trace comes once, however many services and windows show it."""
        self._seen.clear()
        until = time.time_ns() + _AHEAD if self._until is None else self._until
        for service in self._services if self._services is not None else self._api.services():
            held: list[Span] = []
            for spans in self._service(service, until):
                held += spans
                if len(held) >= BATCH_SPANS:
                    yield Batch(held, self._api.url)
                    held = []
            if held:
                yield Batch(held, self._api.url)

    def _service(self, service: str, until: int) -> Iterator[list[Span]]:
        windows = [(self._since, until, self._depth)]
        while windows:
            start, end, depth = windows.pop()
            if end < start:
                continue
            try:
                depth, found = self._search(service, start, end, depth)
            except TooLargeError:
                reason = f"an answer of over {MAX_ANSWER} bytes"
                self._deepest = min(self._deepest, depth - 1)
            else:
                # The traces of a capped search are whole as well: what is new in them need not be asked for again.
                yield from self._take(found)
                if len(found.trace_ids) < depth:
                    continue
                reason = f"{depth} or more traces"
            deeper = min(depth * 8, self._deepest)
            if end - start < _RESOLUTION and deeper > depth:
                windows.append((start, end, deeper))
            elif start == end:
                self.problems.note(
                    self.name,
                    f"not complete: service {service!r} has {reason} within a nanosecond"
                    f" of microsecond {start // 1000} since 1970",
                )
            else:
                middle = (start + end) // 2
                windows += [(middle + 1, end, self._depth), (start, middle, self._depth)]

    def _search(self, service: str, start: int, end: int, depth: int) -> tuple[int, Found]:
        """What was found, and how deep the search could be: a storage may be made for less than is asked for."""
        while True:
            try:
                # A nanosecond more on each side, because not every storage counts both ends in.
                found = self._api.search(service, start - 1, end + 1, depth)
            except RefusedError:
                if depth == 1:
                    raise
                self._deepest = depth - 1
                depth = max(1, (self._accepted + depth) // 2)
                self._depth = min(self._depth, self._deepest)
            else:
                self._accepted = max(self._accepted, depth)
                return depth, found

    def _take(self, found: Found) -> Iterator[list[Span]]:
        new = found.trace_ids - self._seen
        if not new:
            return
        self._seen |= new
        if found.document:
            yield self._decoded(found.document, "search", new)
            return
        for trace_id in sorted(new):
            try:
                document = self._api.trace(trace_id)
            except TooLargeError:
                self.problems.note(f"{self.name}, trace {trace_id}", f"left out: it has over {MAX_ANSWER} bytes")
                continue
            if document:
                yield self._decoded(document, f"trace {trace_id}", new)
            else:
                self.problems.note(f"{self.name}, trace {trace_id}", "was found, but is there no more")

    def _decoded(self, document: bytes, what: str, new: frozenset[str]) -> list[Span]:
        where = f"{self.name}, {what}"
        try:
            spans = decode(document, self.sift)
        except MalformedError as error:
            self.problems.note(where, str(error))
            return []
        self.problems.take(where, self.sift)
        fresh = [span for span in spans if span.trace_id in new]
        self.sift.kept -= len(spans) - len(fresh)
        return fresh
