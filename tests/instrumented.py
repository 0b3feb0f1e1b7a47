# SPDX-License-Identifier: Apache-2.0
"""Instrumentors switched on while something is recorded, and off again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from otelprov.instrumentation import Instrumentor
from otelprov.testing import Recorded, recording


@contextmanager
def instrumented(*kinds: type[Instrumentor]) -> Iterator[None]:
    """With these instrumentors on."""
    with ExitStack() as stack:
        for instrumentor in [kind() for kind in kinds]:
            instrumentor.instrument()
            stack.callback(instrumentor.uninstrument)
        yield


@contextmanager
def recording_with(home: Path, *kinds: type[Instrumentor]) -> Iterator[Recorded]:
    """What is recorded into a home with these instrumentors on."""
    with instrumented(*kinds), recording(home) as found:
        yield found
