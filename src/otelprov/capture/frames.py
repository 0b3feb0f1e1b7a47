# SPDX-License-Identifier: Apache-2.0
"""Follows data in memory from object to object, for instrumentors of libraries of data frames and arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from otelprov.capture.identity import Origins, origins_of, remember
from otelprov.capture.referents import referents

Follow = Callable[[tuple[Any, ...], dict[str, Any], Any], None]

# What a class is to us. Unknown DATA makes what it goes into incomplete; a CARRIER (an index, a reader) does not;
# a HOLDER (a group-by) stands for the object in its `obj`.
DATA, CARRIER, HOLDER = 1, 2, 3
_MAX_KINDS = 2000
_declared: dict[tuple[str, str], int] = {("numpy", "ndarray"): DATA}
_kinds: dict[type, int] = {}
_CONTAINERS = frozenset((tuple, list, dict))
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
    elif type(obj) in _CONTAINERS:
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
        elif cls in _CONTAINERS:
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
        elif depth and type(value) in _CONTAINERS and _holds_data(value):
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


def entry(folder: str) -> str:
    """Name of the library function that the program called and that led here; empty where it called the hook itself."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    # The wrapper of the hook.
    frame = frame and frame.f_back
    name = ""
    while frame is not None and frame.f_code.co_filename.startswith(folder):
        name = frame.f_code.co_name
        frame = frame.f_back
    return name


def both(*follows: Follow) -> Follow:
    """Several follow functions in one."""

    def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        for each in follows:
            each(args, kwargs, result)

    return follow


class Following:
    """The follow functions of one library: what the rows of its instrumentor's table name."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._found = ""

    @property
    def folder(self) -> str:
        """The library's own folder: a caller outside it is the program (or another library)."""
        if not self._found:
            self._found = os.path.join(os.path.dirname(str(sys.modules[self._library].__file__)), "")
        return self._found

    def converted(self) -> Follow:
        """As `results`, for conversions that the library itself makes all the time: only those that the program asks for."""
        follow = self.results()

        def follow_outside(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if not self._is_caller(sys._getframe(2)):
                follow(args, kwargs, result)

        return follow_outside

    def _is_caller(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(self._found or self.folder)

    def results(self, *via: str, selecting: bool = False) -> Follow:
        """The result comes from all arguments.

        Unknown data among them counts only where the program itself is the caller, directly or through the public
        functions `via`: inside the library, much is in flight that nobody has followed. It never counts for what is
        `selecting` by keys or positions: nothing of them gets into the result.
        """

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if not kind_of(type(result)) and type(result) not in _CONTAINERS:
                return
            found, unknown = parameters((*args, *kwargs.values()) if kwargs else args)
            if found is not None:
                if unknown and not selecting and entry(self.folder) in ("", *via):
                    found = Origins(found.reads, complete=False)
                add(result, found)

        return follow

    def finalized(self, *made_of: str, via: tuple[str, ...]) -> Follow:
        """For a hook `result.hook(other)`: the result comes from `other`, or from the objects in its attributes.

        Unknown data among the latter counts where the program called one of `via`.
        """

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            other = args[1] if len(args) > 1 else kwargs.get("other")
            kind = kind_of(type(other))
            if kind:
                found = origins_of(other) if kind != HOLDER else known(other)
            elif type(other).__module__.startswith(("types", self._library)):
                found = self._parts_of(other, made_of, via)
            else:
                return
            if found is not None:
                add(args[0], found)

        return follow

    def _parts_of(self, other: Any, made_of: Iterable[str], via: tuple[str, ...]) -> Origins | None:
        parts: list[Any] = []
        for name in made_of:
            value = getattr(other, name, ())
            parts += value if isinstance(value, (list, tuple)) else [value]
        found, unknown = parameters(parts)
        if found is not None and unknown and entry(self.folder) in via:
            return Origins(found.reads, complete=False)
        return found

    def into_self(self, name: str, position: int, *via: str, whole: bool = False) -> Follow:
        """The content given as one argument goes into `self`, or into what `self` holds, where the program did it.

        `whole` says that it becomes all there is in `self`: for `__init__`.
        """

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if not via and self._is_caller(sys._getframe(2)):
                return
            value = kwargs[name] if name in kwargs else args[position] if position < len(args) else None
            found, unknown = contents((value,))
            if (found is None and not unknown) or not ("*" in via or entry(self.folder) in ("", *via)):
                return
            target = args[0]
            while kind_of(type(target)) == HOLDER:
                target = target.obj
            before = origins_of(target)
            if found is None:
                if before is not None and before.complete:
                    remember(target, Origins(before.reads, complete=False))
            elif before is None:
                only = not unknown and (whole or _is_only_content(target))
                remember(target, found if only else Origins(found.reads, complete=False))
            else:
                after = before | found
                remember(target, Origins(after.reads, complete=False) if unknown else after)

        return follow


def _is_only_content(target: Any) -> bool:
    # `frame = DataFrame(); frame["a"] = …`: there was nothing before.
    return extent(target)[1] == 1


def extent(obj: Any) -> tuple[int | None, int | None]:
    """Rows and columns of a table (a column has one column); Nones for what is none or overrides its `shape`."""
    if kind_of(type(obj)) != DATA:
        return None, None
    for base in type(obj).__mro__:
        if "shape" in vars(base):
            library = str(base.__module__).partition(".")[0]
            shape = obj.shape if any(library == declared for declared, _ in _declared) else ()
            if len(shape) in (1, 2):
                return int(shape[0]), int(shape[1]) if len(shape) == 2 else 1
            break
    return None, None
