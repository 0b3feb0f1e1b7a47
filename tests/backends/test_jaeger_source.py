# SPDX-License-Identifier: Apache-2.0
"""The real Jaeger is read without loss, far past its cap."""

from __future__ import annotations

import pytest
from backend_processes import Jaeger, post_traces, wait_until
from otlp_documents import START, document, span

from otelprov.ingest.jaeger import JaegerSource
from otelprov.semconv import names

pytestmark = pytest.mark.backends

SERVICE = {names.SERVICE_NAME: "read-back"}
COUNT = 330


def read(jaeger: Jaeger, depth: int) -> tuple[list[str], JaegerSource]:
    source = JaegerSource(jaeger.query, services=[SERVICE[names.SERVICE_NAME]], depth=depth)
    return [each.span_id for batch in source.batches() for each in batch.spans], source


def test_all_traces_come_back_through_a_small_cap(jaeger: Jaeger) -> None:
    ids = set()
    spans = []
    for number in range(1, COUNT + 1):
        # A burst: a microsecond apart, so that windows have to be halved down to it.
        start = str(START + number * 1000)
        event = {
            "name": names.EVENT_PROVENANCE_ENTITY_USED,
            "timeUnixNano": start,
            "attributes": [{"key": names.PROVENANCE_ENTITY_NAME, "value": {"stringValue": f"/data/{number}.csv"}}],
        }
        root = span(number, startTimeUnixNano=start, events=[event])
        child = span(number, spanId=f"{number + 10**6:016x}", parentSpanId=root["spanId"])
        spans += [root, child]
        ids |= {root["spanId"], child["spanId"]}
    for first in range(0, len(spans), 100):
        post_traces(jaeger.otlp_http, document(*spans[first : first + 100], resource=SERVICE))
    wait_until(lambda: set(read(jaeger, 1000)[0]) >= ids, "all spans to be searchable")

    found, source = read(jaeger, 20)
    assert set(found) == ids
    assert source.problems == []
    assert source.name == f"jaeger {jaeger.query}"


def test_what_comes_back_is_what_was_sent(jaeger: Jaeger) -> None:
    service = {names.SERVICE_NAME: "as-sent"}
    sent = {"n": 2**63 - 1, "x": 0.1, "ok": True, "text": "ä\n", names.PROVENANCE_KIND: names.PROVENANCE_KIND_IO}
    post_traces(
        jaeger.otlp_http,
        document(
            span(5000, sent, links=[{"traceId": "a" * 32, "spanId": "b" * 16}], status={"code": 2, "message": "no"}),
            span(5001, {names.PROVENANCE_DERIVED: True}),
            resource=service,
        ),
    )

    def spans() -> list:
        source = JaegerSource(jaeger.query, services=["as-sent"])
        held = [each for batch in source.batches() for each in batch.spans]
        return held if source.sift.derived else []

    [found] = wait_until(spans, "both spans to be searchable")
    assert sent.items() <= found.attributes.items()
    assert (found.start, found.end, found.status, found.status_message) == (START + 5000, START + 5010, 2, "no")
    assert (found.links[0].trace_id, found.links[0].span_id) == ("a" * 32, "b" * 16)
    assert found.scope == "otelprov.files"
    assert found.resource[names.SERVICE_NAME] == "as-sent"
