# SPDX-License-Identifier: Apache-2.0
"""Where objects of data libraries come from: what is followed, what is in containers and functions, how large it is."""

from __future__ import annotations

from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from otelprov.capture.identity import Origins, origins_of, remember
from otelprov.capture.referents import referents

# What a class is to us. Unknown DATA makes what it goes into incomplete; a CARRIER (an index, a reader) does not;
# a HOLDER (a group-by) stands for the object in its `obj`.
DATA, CARRIER, HOLDER = 1, 2, 3
_MAX_KINDS = 2000
_declared: dict[tuple[str, str], int] = {("numpy", "ndarray"): DATA}
_kinds: dict[type, int] = {}
CONTAINERS = frozenset((tuple, list, dict))
_FUNCTIONS = frozenset((FunctionType, MethodType))
_NEUTRAL = (str, bytes, range, type, ModuleType, BuiltinFunctionType)


def declare(
    library: str, *, data: Iterable[str] = (), carriers: Iterable[str] = (), holders: Iterable[str] = ()
) -> None:
    """Say by name which classes of a library are followed, their subclasses included."""
    for kind, names in ((DATA, data), (CARRIER, carriers), (HOLDER, holders)):
        _declared.update({(library, name): kind for name in names})
    _kinds.clear()


def kind_of(cls: type) -> int:
    """DATA, CARRIER, HOLDER, or 0 for what is not followed."""
    kind = _kinds.get(cls)
    if kind is None:
        kind = 0
        for base in cls.__mro__:
            kind = _declared.get((str(base.__module__).partition(".")[0], base.__name__), 0)
            if kind:
                break
        if len(_kinds) >= _MAX_KINDS:
            _kinds.clear()
        _kinds[cls] = kind
    return kind


def known(obj: Any) -> Origins | None:
    """Where an object comes from; for a HOLDER, what it holds counts as well."""
    found = origins_of(obj)
    if kind_of(type(obj)) == HOLDER:
        held = origins_of(getattr(obj, "obj", None))
        if held is not None:
            return held if found is None else found | held
    return found


def add(obj: Any, found: Origins) -> None:
    """Add to where an object comes from; for a tuple, list or dict of objects, to each of them."""
    if kind_of(type(obj)):
        before = origins_of(obj)
        if before is None:
            remember(obj, found)
        elif before is not found:
            after = before | found
            if after is not before:
                remember(obj, after)
    elif type(obj) in CONTAINERS:
        for part in _parts(obj):
            if kind_of(type(part)):
                add(part, found)


def _parts(container: Any) -> Iterable[Any]:
    parts = container.values() if type(container) is dict else container
    first = next(iter(parts), None)
    # Long lists of plain values are not walked.
    return parts if first is None or kind_of(type(first)) or type(container) is dict else ()


def parameters(values: Iterable[Any]) -> tuple[Origins | None, bool]:
    """What the arguments of an operation bring with them, and whether any data among them is unknown.

    Containers are looked into one level deep, functions of the program for what they refer to.
    """
    found: Origins | None = None
    unknown = False
    for value in values:
        cls = type(value)
        kind = _kinds.get(cls, -1)
        if kind < 0:
            kind = kind_of(cls)
        more: Origins | None = None
        if kind:
            more = origins_of(value) if kind != HOLDER else known(value)
            if more is None and kind == DATA:
                unknown = True
        elif cls in CONTAINERS:
            more, less = parameters(part for part in _parts(value) if kind_of(type(part)))
            unknown = unknown or less
        elif cls in _FUNCTIONS:
            more, less = contents(referents(value))
            unknown = unknown or less
        if more is not None and more is not found:
            found = more if found is None else found | more
    return found, unknown


def contents(values: Iterable[Any], depth: int = 2) -> tuple[Origins | None, bool]:
    """As `parameters`, for values that become the content itself: a plain list or an object is unknown data, too."""
    found: Origins | None = None
    unknown = False
    for value in values:
        origins = known(value)
        if origins is not None:
            found = origins if found is None else found | origins
        elif depth and type(value) in CONTAINERS and _holds_data(value):
            more, less = contents(value.values() if type(value) is dict else value, depth - 1)
            unknown = unknown or less
            if more is not None:
                found = more if found is None else found | more
        elif not _is_neutral(value):
            unknown = True
    return found, unknown


def _holds_data(container: Any) -> bool:
    return any(kind_of(type(part)) for part in _parts(container))


def _is_neutral(value: Any) -> bool:
    kind = kind_of(type(value))
    if kind or isinstance(value, _NEUTRAL):
        return kind not in (DATA, HOLDER)
    return not any("__iter__" in vars(base) for base in type(value).__mro__)


def extent(obj: Any) -> tuple[int | None, int | None]:
    """Rows and columns of a table (a column has one column); Nones for what is none or overrides its `shape`."""
    if kind_of(type(obj)) != DATA:
        return None, None
    for base in type(obj).__mro__:
        if "shape" in vars(base):
            library = str(base.__module__).partition(".")[0]
            shape: tuple[int, ...] = obj.shape if any(library == declared for declared, _ in _declared) else ()
            if len(shape) in (1, 2):
                return int(shape[0]), int(shape[1]) if len(shape) == 2 else 1
            break
    return None, None
