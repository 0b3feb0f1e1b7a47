# SPDX-License-Identifier: Apache-2.0
"""Journal lines put together into export requests: the full resource again, many spans in one."""

from __future__ import annotations

import json
import time
from typing import Any

# What encoding a line raises that is JSON but not as we write it.
NOT_ENCODABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)


# Whether this process is an observed program, not a tool of ours.
_is_shared = False
_SPANS_A_TURN = 3


def share_process() -> None:
    """From now on let the program's threads go on every few spans."""
    global _is_shared
    _is_shared = True


def yield_to_program(done: int) -> None:
    """Give the interpreter up after every few spans: the program does at every write(2), and would wait 5 ms for it.

    The sleep lasts longer than it says, and the program has that time: shipping never takes all of it.
    """
    if _is_shared and not done % _SPANS_A_TURN:
        time.sleep(0)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The resource group of one journal line; None for a line that is torn or none of ours."""
    try:
        document = json.loads(line)
        group: dict[str, Any] = document["resourceSpans"][0]
        group["scopeSpans"][0]["spans"][0]["spanId"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return group


def combine(groups: list[dict[str, Any]], resource: dict[str, Any] | None) -> dict[str, Any]:
    """One request of many lines of one process: under its full resource, by scope."""
    scopes: dict[str, dict[str, Any]] = {}
    for group in groups:
        for scope_spans in group["scopeSpans"]:
            described = repr((scope_spans.get("scope"), scope_spans.get("schemaUrl")))
            known = scopes.get(described)
            if known is None:
                scopes[described] = {**scope_spans, "spans": list(scope_spans["spans"])}
            else:
                known["spans"] += scope_spans["spans"]
    return {
        "resourceSpans": [{"resource": resource or groups[0].get("resource", {}), "scopeSpans": list(scopes.values())}]
    }


def to_json(request: dict[str, Any]) -> bytes:
    """The request as an OTLP/JSON body."""
    return json.dumps(request, separators=(",", ":")).encode()
