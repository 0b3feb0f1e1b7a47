# SPDX-License-Identifier: Apache-2.0
"""Keeps the server spans of other instrumentations server spans, although a run or a step is current."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation import utils

from otelprov.capture.recorder import current, current_step

_NAME = "_start_internal_or_server_span"

Started = tuple[trace.Span, Any]


def keep_server_spans() -> None:
    """Change how instrumentations of web frameworks begin their spans; before they are imported, and once.

    They take any current span for that of a web server above them, and then make an internal span of theirs. Below a
    run they are the roots that they would have been, below a step its children, and server spans in both cases.
    """
    original = getattr(utils, _NAME, None)
    if original is not None and not hasattr(original, "__wrapped__"):
        setattr(utils, _NAME, _replacement(original))


def _replacement(original: Callable[..., Started]) -> Callable[..., Started]:
    @functools.wraps(original)
    def start(
        tracer: trace.Tracer,
        span_name: str,
        start_time: int | None,
        context_carrier: Any,
        context_getter: Any,
        attributes: Any = None,
    ) -> Started:
        recorder, above = current(), trace.get_current_span().get_span_context()
        if recorder is None or not above.is_valid:
            return original(tracer, span_name, start_time, context_carrier, context_getter, attributes)
        token = None
        if above.span_id == recorder.run.span_id:
            surroundings = propagate.extract(context_carrier, getter=context_getter)
            token = context.attach(surroundings)
        elif current_step.get() == f"{above.span_id:016x}":
            surroundings = context.get_current()
        else:
            return original(tracer, span_name, start_time, context_carrier, context_getter, attributes)
        span = tracer.start_span(
            span_name, surroundings, kind=trace.SpanKind.SERVER, start_time=start_time, attributes=attributes
        )
        return span, token

    return start
