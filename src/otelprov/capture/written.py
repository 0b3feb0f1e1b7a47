# SPDX-License-Identifier: Apache-2.0
"""What this process has written last to each place: its version and where it came from."""

from __future__ import annotations

import os
from typing import NamedTuple

from otelprov.capture.flow.identity import Origins
from otelprov.model.entity import Entity

_MAX_REMEMBERED = 10_000


class Written(NamedTuple):
    """The version that was written, and its sources; None where nothing is known of them."""

    version: str
    sources: Origins | None


_written: dict[tuple[str, str], Written] = {}


def note(entity: Entity, sources: Origins | None) -> None:
    """Remember a write for renames, and for reading back what was written."""
    if len(_written) >= _MAX_REMEMBERED:
        _written.clear()
    _written[entity.namespace, entity.name] = Written(entity.version, sources)


def last(entity: Entity) -> Written | None:
    """What this process has last written to a place; None where it has not."""
    return _written.get((entity.namespace, entity.name))


def below(folder: str) -> list[tuple[str, Written]]:
    """The files in a folder, and in those in it, that this process has written, by their paths."""
    start = folder + os.sep
    return [(name, known) for (space, name), known in _written.items() if space == "file" and name.startswith(start)]


# A child has a history of its own.
os.register_at_fork(after_in_child=_written.clear)
