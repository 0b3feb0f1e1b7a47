# SPDX-License-Identifier: Apache-2.0
"""How fast OTLP/JSON becomes spans, and spans become records, beside a plain `json.loads` of the same lines.

Usage: python benchmarks/decode_extract.py [SPANS] [--plain]

512 spans a line, five attributes each; a quarter are reads and writes of ours, the rest are internal spans of others.
`--plain` decodes with the standard library even where msgspec is installed.
"""

from __future__ import annotations

import itertools
import json
import sys
import time

from otelprov.ingest import otlp_json, otlp_json_plain
from otelprov.ingest.sift import Sift
from otelprov.semconv import names

PER_LINE = 512
START = 1_790_000_000_000_000_000


def text(key: str, value: str) -> dict:
    return {"key": key, "value": {"stringValue": value}}


def whole(key: str, value: int) -> dict:
    return {"key": key, "value": {"intValue": str(value)}}


def ours(number: int) -> dict:
    """One read or write of a file: five attributes and one event, as capture records it."""
    reads = number % 8 == 0
    operation = names.PROVENANCE_OPERATION_READ if reads else names.PROVENANCE_OPERATION_WRITE
    event = names.EVENT_PROVENANCE_ENTITY_USED if reads else names.EVENT_PROVENANCE_ENTITY_GENERATED
    moment = START + number * 1000
    return {
        "traceId": f"{number // 1000 + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "parentSpanId": f"{number // 1000 + 7:016x}",
        "name": f"{operation} part-{number}.parquet",
        "kind": 1,
        "startTimeUnixNano": str(moment),
        "endTimeUnixNano": str(moment + 900),
        "attributes": [
            text(names.PROVENANCE_KIND, names.PROVENANCE_KIND_IO),
            text(names.PROVENANCE_RUN_ID, f"{number // 1000 + 1:032x}"),
            text(names.PROVENANCE_PROCESS_ID, f"{number // 1000 + 1:016x}"),
            whole(names.PROVENANCE_SEQ, number),
            text(names.PROVENANCE_OPERATION, operation),
        ],
        "events": [
            {
                "name": event,
                "timeUnixNano": str(moment + 500),
                "attributes": [
                    text(names.PROVENANCE_ENTITY_NAMESPACE, "file"),
                    text(names.PROVENANCE_ENTITY_NAME, f"/data/part-{number // 8}.parquet"),
                    text(names.PROVENANCE_ENTITY_TYPE, "file"),
                ],
            }
        ],
        "status": {},
    }


def foreign(number: int) -> dict:
    """One internal span of another instrumentation."""
    moment = START + number * 1000
    return {
        "traceId": f"{number // 1000 + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "parentSpanId": f"{number // 1000 + 7:016x}",
        "name": "compute",
        "kind": 1,
        "startTimeUnixNano": str(moment),
        "endTimeUnixNano": str(moment + 900),
        "attributes": [
            whole("thread.id", 140_000 + number % 8),
            text("thread.name", "MainThread"),
            text(names.CODE_FUNCTION_NAME, "shop.basket.total"),
            text("shop.customer.tier", "gold"),
            {"key": "shop.basket.value", "value": {"doubleValue": 12.5}},
        ],
        "status": {},
    }


def line(first: int) -> bytes:
    numbers = range(first, first + PER_LINE)
    scopes = [
        {"scope": {"name": "otelprov.files"}, "spans": [ours(number) for number in numbers if number % 4 == 0]},
        {"scope": {"name": "shop"}, "spans": [foreign(number) for number in numbers if number % 4]},
    ]
    resource = {"attributes": [text(names.SERVICE_NAME, "shop")]}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}
    return json.dumps(document, separators=(",", ":")).encode()


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--plain"]
    wanted = int(arguments[0]) if arguments else 1_000_000
    decode = otlp_json_plain.decode if "--plain" in sys.argv else otlp_json.decode
    spent = dict.fromkeys(("json.loads", "decode", "decode+extract"), 0.0)
    extract = None
    try:
        from otelprov.lineage.extract import extract
    except ImportError:
        print("otelprov.lineage.extract is not there: decode alone is measured")
    done, sift = 0, Sift()
    for first in itertools.count(0, PER_LINE):
        if done >= wanted:
            break
        data = line(first)
        began = time.process_time()
        json.loads(data)
        parsed = time.process_time()
        spans = decode(data, sift)
        decoded = time.process_time()
        if extract is not None:
            extract(spans)
        extracted = time.process_time()
        spent["json.loads"] += parsed - began
        spent["decode"] += decoded - parsed
        spent["decode+extract"] += extracted - parsed
        done += PER_LINE
    if extract is None:
        del spent["decode+extract"]
    plain = spent["json.loads"]
    for what, seconds in spent.items():
        print(f"{what:15} {done / seconds:>12,.0f} spans/s  {plain / seconds:6.2f} x json.loads")
    print(f"{done:,} spans, {sift.kept:,} kept, {sift.foreign:,} foreign")


if __name__ == "__main__":
    main()
