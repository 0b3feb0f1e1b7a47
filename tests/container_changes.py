# SPDX-License-Identifier: Apache-2.0
"""Changes put into the queue as a tracked container would, and what the journal then says of them."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from otelprov.containers import pending
from otelprov.containers.pending import MISSING, Extra
from otelprov.containers.tracker import Options, Tracker
from otelprov.model.span import Span, SpanEvent
from otelprov.semconv import names
from otelprov.testing import Recorded

MUTATIONS = names.PROVENANCE_KIND_MUTATIONS


def made(name: str = "orders", kind: str = "dict", **options: Any) -> Tracker:
    """What a tracked container has besides its content."""
    return Tracker(kind, Options(name=name, **options))


def change(
    tracker: Tracker, key: Any, new: Any = MISSING, old: Any = MISSING, action: str = "set", extra: Extra | None = None
) -> None:
    """One change, here and now."""
    entry = (tracker, action, time.time_ns(), key, old, new, pending.here())
    pending.note(entry if extra is None else (*entry, extra))


def events(recorded: Recorded) -> list[SpanEvent]:
    """The changes in the journal, in its order."""
    return [event for span in recorded.spans(MUTATIONS) for event in span.events]


def told(recorded: Recorded, *wanted: str) -> list[tuple[Any, ...]]:
    """Some attributes of each change; names are those behind `provenance.container.`."""
    found = [event.attributes for event in events(recorded)]
    return [tuple(about.get(f"provenance.container.{name}") for name in wanted) for about in found]


def process_of(recorded: Recorded) -> str:
    """Id of the process that recorded the changes."""
    return str(recorded.spans(MUTATIONS)[0].attributes[names.PROVENANCE_PROCESS_ID])


def sequence(spans: list[Span]) -> list[int]:
    """The sequence numbers of everything of ours, sorted."""
    of_events = [event.attributes[names.PROVENANCE_SEQ] for span in spans for event in span.events]
    return sorted([span.attributes[names.PROVENANCE_SEQ] for span in spans] + of_events)


def losses(recorded: Recorded) -> Counter[str]:
    """How many records are said to be lost, by reason."""
    found: Counter[str] = Counter()
    for span in recorded.spans():
        for event in span.events:
            if event.name == names.EVENT_PROVENANCE_LOSS:
                found[event.attributes[names.PROVENANCE_LOSS_REASON]] += event.attributes[names.PROVENANCE_LOSS_COUNT]
    return found
