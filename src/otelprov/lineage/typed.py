# SPDX-License-Identifier: Apache-2.0
"""Contents of containers as JSON that tells types apart, without a bound, and what stands for a value not told."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from otelprov.model.thawed import Child, Cut, Opaque


class Untold(NamedTuple):
    """Stands for a value that was not captured: its type, empty where that is not known either, and its digest."""

    type: str = ""
    digest: str = ""


class Step(NamedTuple):
    """Stands for a key that was not captured: the last step of a location, as Python writes it."""

    text: str


class Attributes(dict[str, Any]):
    """The attributes of an object."""


def tree(value: Any, child: Callable[[Child], Any] | None = None) -> Any:
    """A value as the JSON of `model.values`; `{"n":TYPE}` (and `digest`) for one not captured, `{"k":STEP}` for a key.

    Attributes are `{"a":[[name,value],...]}`. What `child` gives for a tracked container inside is put there as it is.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is int:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"f": _digits(value)}
    if kind is list:
        return [tree(item, child) for item in value]
    if kind is dict:
        return {"d": [[tree(key, child), tree(item, child)] for key, item in value.items()]}
    if kind is Attributes:
        return {"a": [[key, tree(item, child)] for key, item in value.items()]}
    mark = _GATHERED.get(kind)
    if mark is not None:
        items = [tree(item, child) for item in value]
        # A set has no order: the same set is the same text.
        return {mark: items if kind is tuple else sorted(items, key=text_of_tree)}
    if kind is Child:
        return {"id": value.id, "of": value.of} if child is None else child(value)
    return _rare(value, child)


_GATHERED: dict[type, str] = {tuple: "t", set: "s", frozenset: "z"}


def _rare(value: Any, child: Callable[[Child], Any] | None) -> Any:
    match value:
        case bytes():
            return {"b": base64.b64encode(value).decode()}
        case bytearray():
            return {"y": base64.b64encode(value).decode()}
        case complex():
            return {"c": [_digits(value.real), _digits(value.imag)]}
        case Opaque():
            return {"o": value.type}
        case Cut():
            return {"x": value.length, "h": tree(value.head, child)}
        case Untold():
            return {"n": value.type, "digest": value.digest} if value.digest else {"n": value.type}
        case Step():
            return {"k": value.text}
    raise TypeError(f"no value of a container: {type(value).__name__}")


def text_of_tree(found: Any) -> str:
    """The JSON of a tree on one line: equal for equal values of equal types, and for nothing else."""
    return json.dumps(found, separators=(",", ":"))


def _digits(value: float) -> str:
    if value != value and math.copysign(1.0, value) < 0:
        return "-nan"
    return float.__repr__(value)
