# SPDX-License-Identifier: Apache-2.0
"""Changes of containers as their events tell them, made by hand: for the store, replays and commands."""

from __future__ import annotations

from typing import Any

from spans import RunSpans, at

from otelprov import semconv as names
from otelprov.model.span import Span, SpanEvent
from otelprov.model.thawed import Child
from otelprov.model.values import freeze, type_name

NOTHING = object()


def frozen(value: Any) -> str:
    return freeze(value, lambda one: tuple(one) if type(one) is Child else None)[0]


class History:
    """One container; every method gives the attributes of the event of its next change."""

    def __init__(
        self, container: str, name: str = "cart", kind: str = "dict", *, values: bool = True, above: str = ""
    ) -> None:
        self.container, self.name, self.kind = container, name, kind
        self.values, self.above = values, above
        # The making is 0.
        self.number = -1

    def create(self, content: Any, **more: Any) -> dict[str, Any]:
        return self("create", new=content if self.values else NOTHING, elements=len(content), **more)

    def __call__(
        self,
        action: str,
        location: str = "",
        key: Any = NOTHING,
        old: Any = NOTHING,
        new: Any = NOTHING,
        elements: int = -1,
        **more: Any,
    ) -> dict[str, Any]:
        self.number += 1
        said: dict[str, Any] = {
            names.PROVENANCE_CONTAINER_ID: self.container,
            names.PROVENANCE_CONTAINER_NAME: self.name,
            names.PROVENANCE_CONTAINER_TYPE: self.kind,
            names.PROVENANCE_CONTAINER_ACTION: action,
            names.PROVENANCE_CONTAINER_CHANGE: self.number,
            names.THREAD_ID: 7,
        }
        if self.above or location:
            said[names.PROVENANCE_CONTAINER_LOCATION] = self.above + location
        if elements >= 0:
            said[names.PROVENANCE_CONTAINER_COUNT] = elements
        if key is not NOTHING and self.values:
            said[names.PROVENANCE_CONTAINER_KEY] = frozen(key)
        sides = (
            (old, names.PROVENANCE_CONTAINER_OLD_TYPE, names.PROVENANCE_CONTAINER_OLD_DIGEST, "OLD"),
            (new, names.PROVENANCE_CONTAINER_NEW_TYPE, names.PROVENANCE_CONTAINER_NEW_DIGEST, "NEW"),
        )
        for value, kind, digest, side in sides:
            if value is NOTHING:
                continue
            said[kind] = type_name(type(value))
            said[digest] = f"k:{abs(hash(str(value))):016x}"
            if self.values:
                said[getattr(names, f"PROVENANCE_CONTAINER_{side}_VALUE")] = frozen(value)
        return said | more

    def set(self, key: Any, new: Any, old: Any = NOTHING, **more: Any) -> dict[str, Any]:
        return self("set", f"[{key!r}]", key, old, new, **more)


def block(run: RunSpans, events: list[dict[str, Any]], start: float = 1, **more: Any) -> Span:
    """A span of changes; each event a millionth of a second after the one before."""
    told = [(names.EVENT_PROVENANCE_CONTAINER_MUTATION, event) for event in events]
    about = {names.PROVENANCE_CONTAINER_COUNT: len(events)}
    span = run.add(names.PROVENANCE_KIND_MUTATIONS, "change cart", about, start=start, events=told, **more)
    for place, event in enumerate(span.events):
        event.time = at(start) + place * 1000
    return span


def as_text(span: Span) -> Span:
    """The span as a backend gives it back that keeps every attribute as text."""

    def told(attributes: dict[str, Any]) -> dict[str, Any]:
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in attributes.items()}

    events = [SpanEvent(event.name, event.time, told(event.attributes)) for event in span.events]
    return Span(
        span.trace_id, span.span_id, span.parent_id, span.name, span.start, span.end, told(span.attributes),
        span.resource, span.scope, events=events,
    )  # fmt: skip
