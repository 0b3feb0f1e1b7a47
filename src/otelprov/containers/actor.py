# SPDX-License-Identifier: Apache-2.0
"""Who does something, as the program says: carried in the OpenTelemetry context, so each task has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context

_KEY = "otelprov-actor"


@contextmanager
def tracking_actor(name: str) -> Iterator[None]:
    """`with tracking_actor("nightly-import"):` names who makes the changes inside; also in the tasks started there."""
    if not isinstance(name, str):
        raise TypeError(f"the name of an actor is a str, not {type(name).__name__}")
    token = context.attach(context.set_value(_KEY, name))
    try:
        yield
    finally:
        context.detach(token)


def actor_in(where: Any) -> str:
    """The actor of an OpenTelemetry context, empty where none is named."""
    found = where.get(_KEY, "") if isinstance(where, dict) else ""
    return found if type(found) is str else ""
