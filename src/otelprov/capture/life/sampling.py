# SPDX-License-Identifier: Apache-2.0
"""Whether a new trace is sampled, as the application's own sampler says; what we record is complete either way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import context, trace

from otelprov.capture.guard import failed


def sampled(
    trace_id: int,
    name: str,
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    attributes: Mapping[str, Any] | None = None,
) -> bool:
    """Ask the application's sampler about a root span; True where the application has none."""
    sampler = getattr(trace.get_tracer_provider(), "sampler", None)
    if sampler is None:
        return True
    try:
        decision = sampler.should_sample(context.Context(), trace_id, name, kind, attributes or {}, ())
        return bool(decision.decision.is_sampled())
    except Exception as error:
        failed("asking the application's sampler", error)
        return True
