# SPDX-License-Identifier: Apache-2.0
"""The base class of instrumentors: an instrumentor is a class with a table of patches, and nothing else.

The base class owns the waiting for the library, the version check, wrapping and exact unwrapping, the guard that keeps
our errors away from the program, and the rule that one user action is one edge.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import get_ident
from types import BuiltinFunctionType, FunctionType
from typing import Any, ClassVar, NamedTuple

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from otelprov.capture import coverage, inside
from otelprov.capture.calls import Call, Capture, Observed, asynchronous, begin
from otelprov.capture.guard import failed, guard
from otelprov.capture.recorder import current

__all__ = ["Call", "Capture", "Follow", "Instrumentor", "Patch", "is_loaded"]

logger = logging.getLogger("otelprov")

# A follow function runs after a call, with its arguments and its result. It only looks at objects: no input or output.
Follow = Callable[[tuple[Any, ...], dict[str, Any], Any], None]

_MISSING = object()


class _Following:
    """The thread in which a follow function runs, 0 for none, so that what it asks of the library is not followed.

    Where two threads do, one may be forgotten: something is followed once more then, which changes nothing.
    """

    thread = 0


_following = _Following()


class Patch(NamedTuple):
    """One row of an instrumentor's table.

    `module` is the module after whose import the patch is made, `target` the name in it (`read_csv`,
    `DataFrame.to_csv`; `DataFrame.*` for all public methods that the class itself defines and no earlier row patches).
    With `nested` the capture also runs inside other captured calls: for following objects.
    With `transparent` what the call does inside is still captured: for callers of user code.
    A row with `follow` in place of `capture` is both, and costs a tenth: for what is called in tight loops.
    With `closed` a row with `follow` says all about its result, and where that function, given the arguments, says so,
    nothing of the program runs inside: what the library does there is not followed, which would cost more than the
    operation itself.
    `leave` says which methods must not be wrapped. `noise` says of the positional arguments of a call that nothing is
    to be recorded, before anything is prepared: for what is called a thousand times for each call of interest.
    A target that the installed version does not have is left out.
    """

    module: str
    target: str
    capture: Capture | None = None
    nested: bool = False
    transparent: bool = False
    follow: Follow | None = None
    leave: Callable[[Callable[..., Any]], bool] | None = None
    closed: Callable[[tuple[Any, ...]], bool] | None = None
    noise: Callable[[tuple[Any, ...]], bool] | None = None


@dataclass(slots=True)
class _Applied:
    owner: Any
    name: str
    original: Any
    wrapper: Any
    inherited: bool
    patch: Patch | None = None


class _Builtin(functools.partial[Any]):
    """Stands in for a builtin function, which unlike a Python function is no method of the class that holds it."""

    __name__: str

    def __new__(cls, original: Callable[..., Any], wrapper: Callable[..., Any]) -> _Builtin:
        made = super().__new__(cls, wrapper)
        functools.update_wrapper(made, original)
        return made

    def __get__(self, instance: Any, owner: Any = None) -> _Builtin:
        return self

    def __reduce__(self) -> str:
        # Pickled by name, as the original is.
        return self.__name__


class Instrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Base of all instrumentors of ours.

    `library` is the import name, `distribution` the installed name whose version is checked against `versions`
    (a version specifier; both empty for the standard library).
    """

    library: ClassVar[str] = ""
    distribution: ClassVar[str] = ""
    versions: ClassVar[str] = ""
    # For a library that reads its caller's variables: the module of its own whose frames it passes over to find them.
    frames: ClassVar[str] = ""
    patches: ClassVar[tuple[Patch, ...]] = ()

    # Why the instrumentor does nothing, by library; read by coverage and doctor.
    left_alone: ClassVar[dict[str, str]] = {}

    def instrumentation_dependencies(self) -> Collection[str]:
        """Nothing: the version is checked when the library is imported, so that it is never imported by us."""
        return ()

    def scope(self) -> str:
        """Name of the instrumentation scope of what this instrumentor records."""
        return f"otelprov.{self.library}"

    def _instrument(self, **kwargs: Any) -> None:
        self._active = True
        self._is_supported: bool | None = None
        self._applied: list[_Applied] = getattr(self, "_applied", [])
        self._places = {(id(applied.owner), applied.name) for applied in self._applied}
        self.start()
        for module in dict.fromkeys(patch.module for patch in self.patches):
            wrapt.register_post_import_hook(self._imported, module)

    def _uninstrument(self, **kwargs: Any) -> None:
        self._active = False
        coverage.left_alone(self.library, "switched off by the program")
        for applied in reversed(self._applied):
            _restore(applied)
        self._applied.clear()
        self.stop()

    def start(self) -> None:
        """For what is no patch, such as hooks of the interpreter; called when instrumented."""

    def stop(self) -> None:
        """Undo `start`."""

    def _imported(self, module: Any) -> None:
        with guard(f"instrumenting {module.__name__}"):
            if self._active and self._supported():
                for patch in self.patches:
                    if patch.module == module.__name__:
                        self._apply(module, patch)

    def _supported(self) -> bool:
        # Asked for each module that has patches.
        if self._is_supported is None:
            self._is_supported = self._has_known_version()
        return self._is_supported

    def _has_known_version(self) -> bool:
        try:
            installed = installed_version(self.distribution) if self.distribution else ""
        except importlib.metadata.PackageNotFoundError:
            # Vendored or put on the path by hand: nothing says that it is another library.
            installed = ""
        if not installed:
            coverage.instrumented(self.library, "")
            return True
        from packaging.specifiers import SpecifierSet

        if SpecifierSet(self.versions).contains(installed, prereleases=True):
            coverage.instrumented(self.library, installed)
            return True
        coverage.left_alone(self.library, f"its version is not {self.versions}", installed)
        if self.library not in self.left_alone:
            self.left_alone[self.library] = f"{self.distribution} {installed} is not {self.versions}"
            logger.warning(
                "otelprov leaves %s alone: version %s is installed, %s is supported",
                self.distribution,
                installed,
                self.versions,
            )
        return False

    def replace(self, owner: Any, name: str, made: Any) -> None:
        """Put something else into the place of an attribute, until uninstrumented: for what can't be wrapped."""
        place = (id(owner), name)
        if self._active and place not in self._places and vars(owner).get(name, made) is not made:
            self._places.add(place)
            self._applied.append(_Applied(owner, name, vars(owner)[name], made, inherited=False))
            setattr(owner, name, made)

    def _apply(self, module: Any, patch: Patch) -> None:
        owner: Any = module
        *path, name = patch.target.split(".")
        for part in path:
            owner = getattr(owner, part, None)
            if owner is None:
                return
        if name != "*":
            function = _function(getattr(owner, name, None)) if patch.leave else None
            if not (patch.leave and inspect.isfunction(function) and patch.leave(function)):
                self._wrap(owner, name, patch)
            return
        for public in [key for key in vars(owner) if key[0] != "_"]:
            raw = vars(owner)[public]
            function = None if isinstance(raw, property) else _function(raw)
            # What a generator yields is not there yet, and it would be none any more.
            if not inspect.isfunction(function) or inspect.isgeneratorfunction(function):
                continue
            if not (patch.leave and patch.leave(function)):
                self._wrap(owner, public, patch)

    def _wrap(self, owner: Any, name: str, patch: Patch) -> None:
        place = (id(owner), name)
        if place in self._places:
            return
        raw = vars(owner).get(name, _MISSING)
        inherited = raw is _MISSING
        if inherited:
            raw = getattr(owner, name, None)
            if raw is None:
                return
        # Follow functions of classes are many, and none of them has two names.
        same = self._applied if patch.capture is not None or inspect.ismodule(owner) else []
        known = next((made for made in same if raw is made.original or raw is made.wrapper), None)
        if known is not None and known.patch is not None and _same_functions(known.patch, patch):
            # One function under several names stays one, as `io.open is open`.
            self._places.add(place)
            setattr(owner, name, known.wrapper)
            self._applied.append(_Applied(owner, name, known.original, known.wrapper, inherited, patch))
            return
        self._places.add(place)
        function = _function(raw)
        make = self._wrapper if patch.follow is None else self._follower
        wrapper: Any = _hidden(make(function, patch), function, self.frames)
        if isinstance(raw, (classmethod, staticmethod)):
            wrapper = type(raw)(wrapper)
        elif isinstance(raw, property):
            wrapper = property(wrapper, raw.fset, raw.fdel, raw.__doc__)
        elif isinstance(raw, BuiltinFunctionType):
            wrapper = _Builtin(raw, wrapper)
        setattr(owner, name, wrapper)
        self._applied.append(_Applied(owner, name, raw, wrapper, inherited, patch))
        self._wrap_definition(owner, raw, wrapper)

    def _wrap_definition(self, owner: Any, raw: Any, wrapper: Any) -> None:
        # A function is pickled by the name of the module that defines it, so it must be the same there.
        if not inspect.ismodule(owner) or not inspect.isfunction(raw):
            return
        name = raw.__name__
        for module in {raw.__module__, raw.__globals__["__name__"]}:
            home = sys.modules.get(module)
            if home is not None and home is not owner and vars(home).get(name) is raw:
                setattr(home, name, wrapper)
                self._applied.append(_Applied(home, name, raw, wrapper, inherited=False))

    def _follower(self, function: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
        where = f"{patch.module}.{patch.target}"
        assert patch.follow is not None
        follow = patch.follow

        is_closed, following = patch.closed, _following

        # All in one function, because follow functions look for its caller.
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            me = get_ident()
            if is_closed is None or following.thread == me or not self._active or not is_closed(args):
                result = function(*args, **kwargs)
            else:
                following.thread = me
                try:
                    result = function(*args, **kwargs)
                finally:
                    following.thread = 0
            if self._active and following.thread != me and current() is not None:
                following.thread = me
                try:
                    follow(args, kwargs, result)
                except Exception as error:
                    failed(where, error)
                finally:
                    following.thread = 0
            return result

        return wrapper

    def _wrapper(self, function: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
        nested, transparent, scope = patch.nested, patch.transparent, self.scope()
        where = f"{patch.module}.{patch.target}"
        assert patch.capture is not None
        capture, is_noise = patch.capture, patch.noise

        def observe(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observed | None:
            if not self._active or (inside.is_inside() and not nested) or current() is None:
                return None
            if is_noise is not None and is_noise(args):
                return None
            call = Call(function, args, kwargs, scope)
            observer = begin(where, capture, call)
            if observer is None:
                return None
            return Observed(where, call, observer, quiet=not (transparent or inside.is_inside()))

        # Plain functions, no proxy objects: they pickle by name and are what type checks expect.
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            observed = observe(args, kwargs)
            if observed is None:
                return function(*args, **kwargs)
            with observed as call, observed.inside():
                call.result = function(*call.args, **call.kwargs)
            return call.result

        return asynchronous(function, observe) if inspect.iscoroutinefunction(function) else wrapper


def _same_functions(one: Patch, other: Patch) -> bool:
    return one.capture is other.capture and one.follow is other.follow


def installed_version(distribution: str) -> str:
    """The version of an installed distribution; raises PackageNotFoundError."""
    found = importlib.metadata.distribution(distribution)
    # Its own way is to parse all of the metadata, the description included: milliseconds.
    for line in (found.read_text("METADATA") or "").splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            break
        if key.lower() == "version":
            return value.strip()
    return found.version


def _function(raw: Any) -> Any:
    if isinstance(raw, (classmethod, staticmethod)):
        return raw.__func__
    return raw.fget if isinstance(raw, property) else raw


def _hidden(wrapper: Any, function: Any, module: str = "") -> Any:
    # Libraries that look for the caller's line, to warn there, skip frames of their own files: ours must count as such.
    # A traceback shows it as a second frame of the function, in the lines of its signature.
    code = getattr(function, "__code__", None)
    if module and type(wrapper) is FunctionType:
        named = {**wrapper.__globals__, "__name__": module}
        moved = FunctionType(wrapper.__code__, named, wrapper.__name__, wrapper.__defaults__, wrapper.__closure__)
        wrapper = functools.update_wrapper(moved, function)
    if code is not None and type(wrapper) is FunctionType:
        wrapper.__code__ = wrapper.__code__.replace(
            co_filename=code.co_filename,
            co_firstlineno=code.co_firstlineno,
            co_name=code.co_name,
            co_qualname=code.co_qualname,
        )
    return wrapper


def _restore(applied: _Applied) -> None:
    current_value = vars(applied.owner).get(applied.name)
    if current_value is not applied.wrapper:
        # Somebody wrapped it again after us; ours stays below theirs and does nothing.
        return
    if applied.inherited:
        delattr(applied.owner, applied.name)
    else:
        setattr(applied.owner, applied.name, applied.original)


def is_loaded(library: str) -> bool:
    """Whether a library has been imported by the program."""
    return library in sys.modules
