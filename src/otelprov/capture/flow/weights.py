# SPDX-License-Identifier: Apache-2.0
"""Tensors in nested dictionaries, as checkpoints hold them: which reads they come from.

Training changes tensors in place, in native code that nobody is told of. So no tensor is ever known to come from its
reads alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.flow.contents import span_of
from otelprov.capture.flow.frames import kind_of, known
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.tables.sources import expanded, given, record_reads
from otelprov.capture.tables.table_io import record_write

_MOST = 100_000
_NESTED = frozenset((dict, list, tuple, OrderedDict))


def held(obj: Any) -> Iterator[Any]:
    """An object, if it is followed, and those in it, if it is a dictionary, list or tuple, at any depth."""
    left = [obj]
    for _ in range(_MOST):
        if not left:
            return
        part = left.pop()
        kind = type(part)
        if kind in _NESTED:
            left += part.values() if isinstance(part, dict) else part
        if kind is OrderedDict or kind_of(kind):
            yield part


def weights_from(obj: Any) -> Origins | None:
    """Where an object and all in it come from; None where nothing is known of any."""
    found = [origins for part in held(obj) if (origins := origins_of(part) or known(part)) is not None]
    return Origins(frozenset().union(*(origins.reads for origins in found)), complete=False) if found else None


def note_weights(obj: Any, origins: Origins) -> None:
    """Note that an object and all in it come from somewhere, too."""
    for part in held(obj):
        before = origins_of(part)
        remember(part, Origins(origins.reads if before is None else origins.reads | before.reads, complete=False))


def reads_weights(name: str, format_: str) -> Capture:
    """Capture of a function that reads a checkpoint from the location or the open file given as its first argument."""

    def capture(call: Call) -> Generator[None, Any, None]:
        source = given(call.argument(name, 0))
        entities = expanded(source.locations, patterns=False)
        result = yield
        found = record_reads(entities, call, format_, more=source)
        if found.reads:
            note_weights(result, found)

    return capture


def writes_weights(written: str, name: str, format_: str) -> Capture:
    """Capture of a function that writes its first argument to the location or the open file that is its second."""

    def capture(call: Call) -> Generator[None, Any, None]:
        target = call.argument(name, 1)
        sources = weights_from(call.argument(written, 0))
        before = span_of(target)
        yield
        record_write(target, call, format_, sources, before=before)

    return capture
