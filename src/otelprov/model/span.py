# SPDX-License-Identifier: Apache-2.0
"""A span as the processor reads it, whatever source it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | float | bool


@dataclass(slots=True)
class SpanEvent:
    """An event of a span; `time` is in nanoseconds since the epoch."""

    name: str
    time: int
    attributes: dict[str, Any]


@dataclass(slots=True)
class SpanLink:
    """A link to another span; ids are lower-case hex. Its attributes are not kept: backends lose them."""

    trace_id: str
    span_id: str


@dataclass(slots=True)
class Span:
    """One span.

    Ids are lower-case hex, `""` where there is none. Times are nanoseconds since the epoch. `resource` is shared
    between the spans of one resource: never change it. `status` is 0 unset, 1 ok, 2 error.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: int
    end: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str = ""
    kind: int = 0
    status: int = 0
    status_message: str = ""
    events: list[SpanEvent] = field(default_factory=list)
    links: list[SpanLink] = field(default_factory=list)
