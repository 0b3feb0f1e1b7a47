# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON to spans: through msgspec where it is installed, with the standard library otherwise."""

from __future__ import annotations

from otelprov.ingest import otlp_json_plain
from otelprov.ingest.sift import Sift
from otelprov.model.span import Span

try:
    from otelprov.ingest import otlp_json_fast
except ImportError:  # msgspec is optional
    _fast = None
else:
    _fast = otlp_json_fast


def decode(data: bytes, sift: Sift) -> list[Span]:
    """Spans of interest in one OTLP/JSON document (traces or logs; bare, or as Jaeger's `api_v3` wraps it).

    What can't be taken from it is counted in `sift`. Raises MalformedError when it is no OTLP/JSON at all.
    """
    return _fast.decode(data, sift) if _fast else otlp_json_plain.decode(data, sift)


def trace_ids(data: bytes) -> set[str]:
    """Ids of every trace in a document, those without any span of interest included. Raises MalformedError."""
    return _fast.trace_ids(data) if _fast else otlp_json_plain.trace_ids(data)
