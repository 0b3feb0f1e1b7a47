# SPDX-License-Identifier: Apache-2.0
"""Where objects of data libraries come from: what is followed, what is in containers and functions, how large it is."""

from __future__ import annotations

from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from otelprov.capture.flow.arrays import origins_of_array, remember_array
from otelprov.capture.flow.identity import Origins, merged_origins, origins_of, remember
from otelprov.capture.flow.referents import referents

# What a class is to us. Unknown DATA makes what it goes into incomplete; a CARRIER (an index, a reader) does not;
# a HOLDER (a group-by) stands for the object in its `obj`, a MODEL for itself and the models in its attributes.
# An ARRAY is DATA that may share its content with others.
DATA, CARRIER, HOLDER, MODEL, ARRAY = 1, 2, 3, 4, 5
_MAX_KINDS = 2000
_MAX_PARTS = 1000
_MAX_MIXED = 50
_MAX_NAMES = 200
_declared: dict[tuple[str, str], int] = {("numpy", "ndarray"): ARRAY}
_kinds: dict[type, int] = {}
_own: dict[tuple[type, str], bool | None] = {}
_names: dict[int, tuple[Any, list[Any]]] = {}
_CONTENT = frozenset((DATA, ARRAY))
CONTAINERS = frozenset((tuple, list, dict))
_FUNCTIONS = frozenset((FunctionType, MethodType))
_NEUTRAL = (str, bytes, range, type, ModuleType, BuiltinFunctionType)


def declare(
    library: str,
    *,
    data: Iterable[str] = (),
    carriers: Iterable[str] = (),
    holders: Iterable[str] = (),
    models: Iterable[str] = (),
) -> None:
    """Say by name which classes of a library are followed, their subclasses included."""
    for kind, names in ((DATA, data), (CARRIER, carriers), (HOLDER, holders), (MODEL, models)):
        _declared.update({(library, name): kind for name in names})
    _kinds.clear()
    _own.clear()


def kind_of(cls: type) -> int:
    """DATA, CARRIER, HOLDER, MODEL, ARRAY, or 0 for what is not followed."""
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
    kind = kind_of(type(obj))
    if kind == ARRAY:
        return origins_of_array(obj)
    found = origins_of(obj)
    if kind == HOLDER:
        held = origins_of(getattr(obj, "obj", None))
        if held is not None:
            return held if found is None else found | held
    elif kind == MODEL and found is None:
        # Put together from models that were fitted one by one, of which some may be unknown.
        held = merged_origins(models_in(obj))
        return None if held is None else Origins(held.reads, complete=False)
    return found


def models_in(model: Any) -> list[Any]:
    """The models in a model's attributes, in lists, tuples and dicts there, and in their attributes in turn."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    left = list(getattr(model, "__dict__", {}).values())
    while left and len(found) < _MAX_PARTS:
        value = left.pop()
        if type(value) in CONTAINERS:
            if len(value) <= _MAX_PARTS and id(value) not in seen:
                seen.add(id(value))
                left += value.values() if type(value) is dict else value
        elif kind_of(type(value)) == MODEL and value is not model and id(value) not in found:
            found[id(value)] = value
            left += getattr(value, "__dict__", {}).values()
    return list(found.values())


def add(obj: Any, found: Origins) -> None:
    """Add to where an object comes from; for a tuple, list or dict of objects, to each of them."""
    kind = kind_of(type(obj))
    if kind:
        before = origins_of_array(obj) if kind == ARRAY else origins_of(obj)
        if before is None:
            put(obj, found)
        elif before is not found:
            after = before | found
            if after is not before:
                put(obj, after)
    elif type(obj) in CONTAINERS:
        for part in _parts(obj):
            if kind_of(type(part)):
                add(part, found)


def put(obj: Any, found: Origins) -> None:
    """Say where an object comes from now, whatever was known before; for a tuple, list or dict, each in it."""
    kind = kind_of(type(obj))
    if kind == ARRAY:
        remember_array(obj, found)
    elif kind:
        remember(obj, found)
        if kind == MODEL:
            for part in models_in(obj):
                if origins_of(part) is None:
                    remember(part, found)
                put_state(vars(part).values(), found)
            put_state(vars(obj).values(), found)
    elif type(obj) in CONTAINERS:
        for part in _parts(obj):
            if kind_of(type(part)):
                put(part, found)


def put_state(values: Iterable[Any], found: Origins) -> None:
    """Say where the tables and arrays in a model's attributes come from, as far as that is not known."""
    for value in values:
        kind = kind_of(type(value))
        if kind in _CONTENT and known(value) is None:
            put(value, found)
        elif type(value) is dict and _holds_data(value):
            put_state((part for part in value.values() if type(part) is not dict), found)


def _parts(container: Any) -> Iterable[Any]:
    parts = container.values() if type(container) is dict else container
    first = next(iter(parts), None)
    # Long lists of plain values are not walked.
    short = len(container) <= _MAX_MIXED
    return parts if short or kind_of(type(first)) or type(container) is dict else ()


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
            more = origins_of(value) if kind < HOLDER else known(value)
            if more is None and kind in _CONTENT:
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


def content_origins(values: Iterable[Any]) -> Origins | None:
    """Where something comes from that these values become the content of; None where nothing is known of any."""
    found, unknown = contents(values)
    return Origins(found.reads, complete=False) if found is not None and unknown else found


def _holds_data(container: Any) -> bool:
    return any(kind_of(type(part)) for part in _parts(container))


def _is_neutral(value: Any) -> bool:
    kind = kind_of(type(value))
    if kind or isinstance(value, _NEUTRAL):
        return kind not in (DATA, HOLDER, ARRAY)
    return not any("__iter__" in vars(base) for base in type(value).__mro__)


def extent(obj: Any) -> tuple[int | None, int | None]:
    """Rows and columns of a table (a column has one column); Nones for what is none or overrides its `shape`."""
    cls = type(obj)
    if kind_of(cls) not in _CONTENT or not _is_own(cls, "shape"):
        return None, None
    shape: tuple[int, ...] = obj.shape
    if len(shape) not in (1, 2):
        return None, None
    return int(shape[0]), int(shape[1]) if len(shape) == 2 else 1


def names_of(obj: Any) -> list[Any] | int | None:
    """Names of a table's columns in order, their number where they have no names; None for what is no table."""
    count = extent(obj)[1]
    if count is None:
        return None
    # The `columns` of a pyarrow table are its content.
    for name in ("column_names", "columns", "name"):
        own = _is_own(type(obj), name)
        if own is not None:
            found: Any = getattr(obj, name) if own else []
            listed = found if type(found) is list else [found] if name == "name" else _listed(found)
            return listed if len(listed) == count else count
    return count


def _listed(index: Any) -> list[Any]:
    """The names in an index. Those that Arrow holds take their time, can't change, and are told by their token."""
    token = getattr(index, "_id", None)
    if token is None or type(index._values).__name__ != "ArrowStringArray":
        listed: list[Any] = index.tolist()
        return listed
    known = _names.get(id(token))
    if known is None or known[0] is not token:
        if len(_names) >= _MAX_NAMES:
            _names.clear()
        # The token is held, so that no other gets its address.
        known = _names[id(token)] = (token, index.tolist())
    return list(known[1])


def _is_own(cls: type, name: str) -> bool | None:
    """Whether an attribute is the library's own; False where the program overrides it, None where there is none."""
    if (cls, name) in _own:
        return _own[cls, name]
    found = None
    for base in cls.__mro__:
        if name in vars(base):
            library = str(base.__module__).partition(".")[0]
            found = any(library == declared for declared, _ in _declared)
            break
    if len(_own) >= _MAX_KINDS:
        _own.clear()
    _own[cls, name] = found
    return found
