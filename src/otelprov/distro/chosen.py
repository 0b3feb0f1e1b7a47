# SPDX-License-Identifier: Apache-2.0
"""Whether we were chosen to set up the SDK: then the shipper is the OTLP trace exporter, else we are guests."""

from __future__ import annotations

_exporter = False


def note_configured() -> None:
    """Our configurator has set up the SDK, without an OTLP trace exporter."""
    global _exporter
    _exporter = True


def is_exporter() -> bool:
    """Whether what is recorded leaves through our shipper."""
    return _exporter
