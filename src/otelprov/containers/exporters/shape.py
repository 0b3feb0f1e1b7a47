# SPDX-License-Identifier: Apache-2.0
"""One change as a JSON object: the shape that every exporter writes, see docs/how-to/observe-changes.md."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from otelprov.capture.scrub import CUT, scrub_text
from otelprov.containers.change import Change, CodePlace
from otelprov.containers.encode_more import is_secret, told_location
from otelprov.containers.joined import id_of
from otelprov.containers.pending import MISSING
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import Large

_LARGEST = 2**63


def change_json(change: Change, *, values: bool = False) -> dict[str, Any]:
    """A change as plain data. Every key is always there, `None` where there is nothing to say.

    With `values`, numbers, texts and booleans are told; secrets are cut from everything.
    """
    span = change.span_context
    *above, key = change.path if change.key is not MISSING else (*change.path, MISSING)
    around = [change.name, *above]
    secret = any(map(is_secret, (*around, key)))
    return {
        "container": {
            "id": id_of(change.tracker),
            "name": scrub_text(change.name),
            "type": change.tracker.kind,
        },
        "number": change.number,
        "action": change.action,
        "location": told_location(above, key, around),
        "old": _side(change.old, values, secret),
        "new": _side(change.new, values, secret),
        "elements": None if change.elements < 0 else change.elements,
        "time": _time(change.time),
        "thread": change.thread_id,
        "actor": scrub_text(change.actor) or None,
        "trace_id": f"{span.trace_id:032x}" if span.is_valid else None,
        "span_id": f"{span.span_id:016x}" if span.is_valid else None,
        "code": _code(change.code),
    }


def change_line(change: Change, *, values: bool = False) -> str:
    """The same as one line of JSON, in ASCII and without its end."""
    return json.dumps(change_json(change, values=values), separators=(",", ":"))


def _side(value: Any, values: bool, secret: bool) -> dict[str, Any] | None:
    kind = type(value)
    if value is MISSING:
        return None
    if kind is Tracker:
        return {"type": value.kind, "container": id_of(value)}
    if kind is Large:
        return {"type": value.kind.__name__, "length": value.length}
    if isinstance(value, type):
        # Of a value that is not kept there is its type.
        return {"type": value.__qualname__}
    found: dict[str, Any] = {"type": kind.__name__}
    if not values:
        return found
    if secret and value is not None:
        found["value"] = CUT
    elif kind is str:
        found["value"] = scrub_text(value)
    elif (
        kind is bool
        or value is None
        or (kind is int and -_LARGEST <= value < _LARGEST)
        or (kind is float and math.isfinite(value))
    ):
        found["value"] = value
    return found


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


def _code(place: CodePlace | None) -> dict[str, Any] | None:
    return None if place is None else {"file": place.file, "line": place.line, "function": place.function}
