# SPDX-License-Identifier: Apache-2.0
"""Follow functions: what the rows of an instrumentor's table name to follow data from object to object."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from otelprov.capture.flow.frames import (
    CONTAINERS,
    HOLDER,
    add,
    contents,
    extent,
    kind_of,
    known,
    parameters,
)
from otelprov.capture.flow.identity import Origins, origins_of, remember

Follow = Callable[[tuple[Any, ...], dict[str, Any], Any], None]
# Whether to look at all, given the arguments and the result.
When = Callable[[tuple[Any, ...], Any], bool]


def _callers(folder: str) -> list[FrameType]:
    """Frames of the library that led to a hook, the innermost first; empty where the program called it itself."""
    frame = _hook_caller()
    found: list[FrameType] = []
    while frame is not None and frame.f_code.co_filename.startswith(folder):
        found.append(frame)
        frame = frame.f_back
    return found


def _hook_caller() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    # This one is the wrapper of the hook.
    return frame and frame.f_back


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

    def converted(self, when: When | None = None) -> Follow:
        """As `results`, for what the library itself does all the time on the way: only the program's calls count."""
        return self.outside(self.results(when=when))

    def outside(self, follow: Follow) -> Follow:
        """A follow function for calls from outside the library only."""

        def follow_outside(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if not self._is_caller(_hook_caller()):
                follow(args, kwargs, result)

        return follow_outside

    def _is_caller(self, frame: FrameType | None) -> bool:
        return frame is not None and frame.f_code.co_filename.startswith(self._found or self.folder)

    def _is_led_by(self, via: tuple[str, ...]) -> bool:
        return all(frame.f_code.co_name in via for frame in _callers(self.folder))

    def results(self, *via: str, selecting: bool = False, when: When | None = None) -> Follow:
        """The result comes from all arguments; with `when`, only if that says so of arguments and result.

        Unknown data among them counts only where the program itself is the caller, directly or through the public
        functions `via`: inside the library, much is in flight that nobody has followed. It never counts for what is
        `selecting` by keys or positions: nothing of them gets into the result.
        """

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if not kind_of(type(result)) and type(result) not in CONTAINERS:
                return
            if when is not None and not when(args, result):
                return
            found, unknown = parameters((*args, *kwargs.values()) if kwargs else args)
            if found is not None:
                if unknown and not selecting and self._is_led_by(via):
                    found = Origins(found.reads, complete=False)
                add(result, found)

        return follow

    def finalized(self, *made_of: str, via: tuple[str, ...], **arguments: str) -> Follow:
        """For a hook `result.hook(other)`: the result comes from `other`, or from the objects in its attributes.

        Unknown data among the latter counts where the program called one of `via`. For the methods named in
        `arguments` it also comes from the argument given there; see `argument_of`.
        """
        left = {method: self.argument_of(method, name) for method, name in arguments.items()}

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            other = args[1] if len(args) > 1 else kwargs.get("other")
            kind = kind_of(type(other))
            if kind:
                found = origins_of(other) if kind < HOLDER else known(other)
            elif type(other).__module__.startswith(("types", self._library)):
                found = self._parts_of(other, made_of, via)
            else:
                return
            if found is not None:
                add(args[0], found)
            if kwargs and kwargs.get("method") in left:
                left[kwargs["method"]](args, kwargs, result)

        return follow

    def _parts_of(self, other: Any, made_of: Iterable[str], via: tuple[str, ...]) -> Origins | None:
        parts: list[Any] = []
        for name in made_of:
            value = getattr(other, name, ())
            parts += value if isinstance(value, (list, tuple)) else [value]
        found, unknown = parameters(parts)
        if found is not None and unknown:
            callers = _callers(self.folder)
            if callers and callers[-1].f_code.co_name in via:
                return Origins(found.reads, complete=False)
        return found

    def argument_of(self, function: str, name: str) -> Follow:
        """`self` also comes from a local variable of the library's function, two frames up at most.

        For functions that can't be wrapped themselves and leave no other trace of that argument.
        """

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if kwargs and kwargs.get("method") != function:
                return
            frame = _hook_caller()
            for _ in range(2):
                if frame is not None and frame.f_code.co_name == function and self._is_caller(frame):
                    found, unknown = parameters((frame.f_locals.get(name),))
                    if found is not None or unknown:
                        _add_content(args[0], found, unknown)
                    return
                frame = frame and frame.f_back

        return follow

    def into_self(self, name: str, position: int, *via: str, whole: bool = False, internal: bool = False) -> Follow:
        """The content given as one argument goes into `self`, or into what `self` holds.

        Only where the program did it, directly or through nothing but `via`; or, with `internal`, always, and unknown
        content does not count. `whole` says that it becomes all there is in `self`: for `__init__`.
        """

        def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if not via and not internal and self._is_caller(_hook_caller()):
                return
            value = kwargs[name] if name in kwargs else args[position] if position < len(args) else None
            found, unknown = contents((value,))
            unknown = unknown and not internal
            if (found is None and not unknown) or not (internal or self._is_led_by(via)):
                return
            _add_content(args[0], found, unknown, whole=whole)

        return follow


def _add_content(target: Any, found: Origins | None, unknown: bool, *, whole: bool = False) -> None:
    while kind_of(type(target)) == HOLDER:
        target = target.obj
    before = origins_of(target)
    if before is None:
        if found is not None:
            only = not unknown and (whole or _is_only_content(target))
            remember(target, found if only else Origins(found.reads, complete=False))
        return
    after = before if found is None else before | found
    if unknown and after.complete:
        after = Origins(after.reads, complete=False)
    if after is not before:
        remember(target, after)


def _is_only_content(target: Any) -> bool:
    # `frame = DataFrame(); frame["a"] = …`: there was nothing before.
    return extent(target)[1] == 1
