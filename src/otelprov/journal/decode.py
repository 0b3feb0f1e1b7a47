# SPDX-License-Identifier: Apache-2.0
"""Events that were encoded where they were made, as events again: for whoever wants more than to write them down."""

from __future__ import annotations

from typing import Any

from otelprov.journal.encode import EndedSpan, Event


def with_events(span: EndedSpan) -> EndedSpan:
    """The span with `events` in the place of `encoded_events`; their values are scalars."""
    if not span.encoded_events:
        return span
    import json

    found: list[Event] = []
    for event in json.loads(f"[{span.encoded_events}]"):
        values = {pair["key"]: _value(pair["value"]) for pair in event["attributes"]}
        found.append((event["name"], int(event["timeUnixNano"]), values))
    return span._replace(events=found, encoded_events="")


def _value(value: dict[str, Any]) -> Any:
    (kind, held), *_none = value.items()
    return int(held) if kind == "intValue" else held
