# SPDX-License-Identifier: Apache-2.0
"""Functions that are given many tables in any kind of iterable, iterators among them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.flow.frames import CONTAINERS, add, parameters
from otelprov.capture.flow.identity import Origins


def seen_in(call: Call, name: str) -> list[Any]:
    """What the first argument of a call gives, any kind of iterable; of an iterator it is known after the call."""
    items = call.argument(name, 0)
    if type(items) in CONTAINERS:
        return list(items)
    seen: list[Any] = []
    if hasattr(type(items), "__next__"):
        # The function uses it up, and nobody else ever gets it.
        through = _watched(items, seen)
        if name in call.kwargs:
            call.kwargs = {**call.kwargs, name: through}
        else:
            call.args = (through, *call.args[1:])
    return seen


def _watched(items: Iterable[Any], seen: list[Any]) -> Iterator[Any]:
    for item in items:
        seen.append(item)
        yield item


def concatenates(name: str) -> Capture:
    """Capture of a function that makes one table of many, given as its first argument."""

    def capture(call: Call) -> Generator[None, Any, None]:
        seen = seen_in(call, name)
        result = yield
        # Of one table the result may be that table.
        if not any(result is table for table in seen):
            found, unknown = parameters(seen)
            if found is not None:
                add(result, Origins(found.reads, complete=False) if unknown else found)

    return capture
