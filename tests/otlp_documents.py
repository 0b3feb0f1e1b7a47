# SPDX-License-Identifier: Apache-2.0
"""Small OTLP/JSON documents for tests of ingest."""

from __future__ import annotations

import json
from typing import Any

from otelprov.semconv import names

START = 1_790_000_000_000_000_000


def value(held: Any) -> dict[str, Any]:
    """An AnyValue object of a Python value."""
    if isinstance(held, bool):
        return {"boolValue": held}
    if isinstance(held, int):
        return {"intValue": str(held)}
    if isinstance(held, float):
        return {"doubleValue": held}
    if isinstance(held, list):
        return {"arrayValue": {"values": [value(item) for item in held]}}
    if isinstance(held, dict):
        return {"kvlistValue": {"values": pairs(held)}}
    return {"stringValue": held}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(held)} for key, held in attributes.items()]


def span(number: int = 1, attributes: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A span object; `number` makes its ids."""
    given = {names.PROVENANCE_KIND: names.PROVENANCE_KIND_IO} if attributes is None else attributes
    made = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": f"read {number}",
        "kind": 1,
        "startTimeUnixNano": str(START + number),
        "endTimeUnixNano": str(START + number + 10),
        "attributes": pairs(given),
    }
    return made | fields


def document(*spans: Any, scope: str = "otelprov.files", resource: dict[str, Any] | None = None) -> dict[str, Any]:
    held = {names.SERVICE_NAME: "shop"} if resource is None else resource
    group = {"resource": {"attributes": pairs(held)}, "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}
    return {"resourceSpans": [group]}


def line(*spans: Any, **how: Any) -> bytes:
    return json.dumps(document(*spans, **how)).encode() + b"\n"
