# SPDX-License-Identifier: Apache-2.0
"""URLs that captured calls are working on: threads of a library below them know nothing of the call."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any

from otelprov.capture.guard import guard
from otelprov.capture.inside import is_held_elsewhere
from otelprov.capture.naming import location_entity
from otelprov.model.entity import Entity

_MAX_PLACES = 100

# What a call works on, and what `quietly` gave for the time it does.
Place = tuple[Entity, object]
_places: list[Place] = []


def entities(arguments: Iterable[Any]) -> list[Entity]:
    """The URLs among the arguments of a call."""
    found: list[Entity] = []
    for argument in arguments:
        for each in argument[:_MAX_PLACES] if type(argument) in (list, tuple) else (argument,):
            if type(each) is str and "://" in each:
                with guard("noting what a call is about"):
                    entity = location_entity(each)
                    if entity is not None:
                        found.append(entity)
    return found


def enter(found: list[Entity], held: object) -> list[Place]:
    """Note what a call that is captured as a whole is about; to be given to `leave`."""
    places = [(entity, held) for entity in found]
    _places.extend(places)
    return places


def leave(places: list[Place]) -> None:
    """The call has ended."""
    for place in places:
        # Not there after a fork inside the call.
        with contextlib.suppress(ValueError):
            _places.remove(place)


def is_underway(entity: Entity) -> bool:
    """Whether some captured call is about an entity, or about the folder that it lies in."""
    return any(
        place.namespace == entity.namespace
        and (entity.name + "/").startswith(place.name.rstrip("/") + "/")
        # A call that was interrupted in the wrong moment has not left.
        and is_held_elsewhere(held)
        for place, held in list(_places)
    )


# The threads that a parent has at work are not there in its child.
os.register_at_fork(after_in_child=_places.clear)
