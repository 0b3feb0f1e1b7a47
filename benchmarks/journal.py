# SPDX-License-Identifier: Apache-2.0
"""What a span costs the thread that ends it: our journal beside plain JSON, and beside the stock SDK.

Usage: python benchmarks/journal.py [SPANS]

A span of ten attributes, in turns, so that all ways see the same machine. `journal` encodes and writes, and is on disk
when it returns; `json+write` is json.dumps of the same ten attributes alone and one write; `sdk batch` starts and ends
a span for a BatchSpanProcessor with an exporter that does nothing; `sdk file` is the same with a SimpleSpanProcessor
that writes what ReadableSpan.to_json gives. Times are microseconds a span; `ratio` is the p50 of `journal` over theirs.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult

from otelprov.journal.encode import EndedSpan
from otelprov.journal.journal import Journal
from otelprov.semconv import names

ATTRIBUTES = {
    names.PROVENANCE_KIND: names.PROVENANCE_KIND_IO,
    names.PROVENANCE_RUN_ID: "4d1e9f6e0c8b4c0f9a55e1b7a2f0c3d4",
    names.PROVENANCE_PROCESS_ID: "1f0a9e5b7c3d2e4f",
    names.PROVENANCE_SEQ: 123456,
    names.PROVENANCE_OPERATION: names.PROVENANCE_OPERATION_READ,
    names.PROVENANCE_ENTITY_NAMESPACE: "file",
    names.PROVENANCE_ENTITY_NAME: "/data/features/part-00042.parquet",
    names.PROVENANCE_ENTITY_TYPE: "file",
    names.CODE_FILE_PATH: "/src/train.py",
    names.CODE_LINE_NUMBER: 42,
}
ROUND = 500


class Nothing(SpanExporter):
    """Takes spans and does nothing with them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Do nothing."""
        return SpanExportResult.SUCCESS


class ToFile(SpanExporter):
    """Writes each span as the SDK's own JSON."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write a line for each span."""
        for span in spans:
            os.write(self._fd, span.to_json(indent=None).encode() + b"\n")
        return SpanExportResult.SUCCESS


def opened(folder: str, name: str) -> int:
    """A file to append to."""
    return os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def ways(folder: str) -> dict[str, Callable[[], object]]:
    """What is measured: name and one span's worth of it."""
    resource = dict.fromkeys((names.SERVICE_NAME, names.PROVENANCE_RUN_ID), ATTRIBUTES[names.PROVENANCE_RUN_ID])
    journal = Journal(os.path.join(folder, "journal"), "1f0a9e5b7c3d2e4f", resource)
    plain = opened(folder, "plain.jsonl")
    batch, simple = TracerProvider(), TracerProvider()
    batch.add_span_processor(BatchSpanProcessor(Nothing(), max_queue_size=65_536))
    simple.add_span_processor(SimpleSpanProcessor(ToFile(opened(folder, "sdk.jsonl"))))
    batch_tracer, simple_tracer = batch.get_tracer("benchmark"), simple.get_tracer("benchmark")
    name, trace_id, span_id = "read part-00042.parquet", 0x4D1E9F6E0C8B4C0F9A55E1B7A2F0C3D4, 0x1F0A9E5B7C3D2E4F

    def ours() -> None:
        now = time.time_ns()
        journal.append(EndedSpan(name, trace_id, span_id, span_id, now, now, dict(ATTRIBUTES), "otelprov.files"))

    return {
        "journal": ours,
        "json+write": lambda: os.write(plain, json.dumps(ATTRIBUTES).encode() + b"\n"),
        "sdk batch": lambda: batch_tracer.start_span(name, attributes=ATTRIBUTES).end(),
        "sdk file": lambda: simple_tracer.start_span(name, attributes=ATTRIBUTES).end(),
    }


def main() -> None:
    """Measure and print."""
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    clock = time.perf_counter_ns
    with tempfile.TemporaryDirectory() as folder:
        measured = ways(folder)
        times: dict[str, list[int]] = {name: [] for name in measured}
        for _round in range(max(1, spans // ROUND)):
            for name, way in measured.items():
                for _span in range(ROUND):
                    begun = clock()
                    way()
                    times[name].append(clock() - begun)
    ours = sorted(times["journal"])
    print(f"{'':12}{'p50 us':>9}{'p99 us':>9}{'max us':>10}{'ratio':>8}")
    for name, found in times.items():
        found.sort()
        p50, p99 = (found[len(found) * percent // 100] / 1000 for percent in (50, 99))
        ratio = ours[len(ours) // 2] / 1000 / p50
        print(f"{name:12}{p50:9.1f}{p99:9.1f}{found[-1] / 1000:10.1f}{ratio:8.2f}")


if __name__ == "__main__":
    main()
