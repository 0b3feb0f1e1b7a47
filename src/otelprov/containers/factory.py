# SPDX-License-Identifier: Apache-2.0
"""`track(value)`: a tracked container with the content of a plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from otelprov.containers.options import options_from

if TYPE_CHECKING:
    from otelprov.containers.dicts import TrackedDict
    from otelprov.containers.lists import TrackedList
    from otelprov.containers.sets import TrackedSet

K = TypeVar("K")
V = TypeVar("V")


@overload
def track(value: dict[K, V], name: str = "", **options: Any) -> TrackedDict[K, V]: ...
@overload
def track(value: list[V], name: str = "", **options: Any) -> TrackedList[V]: ...
@overload
def track(value: set[V], name: str = "", **options: Any) -> TrackedSet[V]: ...
def track(value: Any, name: str = "", **options: Any) -> Any:
    """A tracked dict, list or set with the content of a plain one, which it does not change.

    Options, each False unless said otherwise: `nested` (containers inside become tracked ones too), `values` (what was
    there before and after, in full), `site` (the line of each change), `stack`, `snapshot` (the content after each),
    `original` (what it held at first), and `history`, how many changes are remembered: 1000, None for all. Raises
    TypeError for other values and for options that don't exist.
    """
    chosen = options_from({"name": name, **options})
    if isinstance(value, dict):
        from otelprov.containers.dicts import TrackedDict

        return TrackedDict._made(value, chosen)
    if isinstance(value, list):
        from otelprov.containers.lists import TrackedList

        return TrackedList._made(value, chosen)
    if isinstance(value, set):
        from otelprov.containers.sets import TrackedSet

        return TrackedSet._made(value, chosen)
    raise TypeError(
        f"track() takes a dict, a list or a set, not {type(value).__name__}: for attributes of objects put @tracked on "
        "their class"
    )
