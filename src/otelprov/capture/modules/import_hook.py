# SPDX-License-Identifier: Apache-2.0
"""The one place that touches the interpreter's import machinery: says when a load begins and when it ends.

Nothing of ours stands on the stack while a module runs, so tracebacks, warnings' stack levels and the recursion limit
are what they were; loaders, specs and modules are not touched at all.
"""

from __future__ import annotations

import importlib._bootstrap
import importlib._bootstrap_external
import sys
from types import ModuleType, TracebackType
from typing import Any, Protocol

from otelprov.capture.guard import failed
from otelprov.capture.modules.import_spec import namespace_of


class Observer(Protocol):
    """Who is told; `begin` returns what `end` is given back."""

    def begin(self, name: str, spec: Any) -> Any:
        """A module is about to be found and loaded; `spec` is None where it is not yet known."""

    def end(self, opened: Any, error: BaseException | None) -> None:
        """It was loaded, or `error` was raised; no import lock is held any more."""


_bootstrap: Any = importlib._bootstrap
_bootstrap_external: Any = importlib._bootstrap_external
_observer: Observer | None = None
_LockManager: Any = getattr(_bootstrap, "_ModuleLockManager", None)
_Loader: Any = getattr(_bootstrap_external, "_LoaderBasics", None)
_plain_exec_module: Any = getattr(_Loader, "exec_module", None)
# What the interpreter's exec_module is made of, in every version that we know: else it is left alone.
_EXEC_MODULE_NAMES = {
    "get_code",
    "__name__",
    "ImportError",
    "_bootstrap",
    "_call_with_frames_removed",
    "exec",
    "__dict__",
}


def _begin(name: str, spec: Any) -> Any:
    try:
        return _observer.begin(name, spec) if _observer is not None else None
    except Exception as error:
        failed("observing imports", error)
        return None


def _end(opened: Any, error: BaseException | None) -> None:
    try:
        if _observer is not None:
            _observer.end(opened, error)
    except Exception as problem:
        failed("observing imports", problem)


if _LockManager is not None:

    class _ObservedLock(_LockManager):  # type: ignore[misc]
        """The lock that the interpreter holds around the search for a module and its loading."""

        def __enter__(self) -> None:
            self._opened: Any = None
            _LockManager.__enter__(self)
            try:
                # There already: another thread has loaded it while we waited, or it is being loaded or reloaded.
                if self._name not in sys.modules:
                    self._opened = _begin(self._name, None)
            except BaseException:
                _LockManager.__exit__(self)
                raise

        def __exit__(
            self,
            kind: type[BaseException] | None = None,
            error: BaseException | None = None,
            trace: TracebackType | None = None,
        ) -> None:
            _LockManager.__exit__(self)
            if self._opened is not None:
                _end(self._opened, error)


class _Execution:
    __slots__ = ("module", "opened")

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def __enter__(self) -> None:
        spec: Any = namespace_of(self.module).get("__spec__")
        # An import statement is told of by its lock already; this is for what executes a spec itself.
        importing = spec is None or getattr(spec, "_initializing", False)
        self.opened = None if importing else _begin(str(spec.name), spec)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.opened is not None:
            _end(self.opened, error)


def exec_module(self: Any, module: ModuleType) -> None:
    """Execute the module."""
    code = self.get_code(module.__name__)
    if code is None:
        raise ImportError(f"cannot load module {module.__name__!r} when get_code() returns None")
    with _Execution(module):
        _bootstrap._call_with_frames_removed(exec, code, module.__dict__)


def install(observer: Observer) -> bool:
    """Tell `observer` of every load from now on; False where this interpreter's machinery is not one that we know."""
    global _observer
    if _LockManager is None:
        return False
    _observer = observer
    _bootstrap._ModuleLockManager = _ObservedLock
    plain = getattr(_plain_exec_module, "__code__", None)
    if plain is not None and set(plain.co_names) - {"format"} == _EXEC_MODULE_NAMES:
        # Under the file name of what it stands for, the interpreter trims it from tracebacks and warnings skip it.
        exec_module.__code__ = exec_module.__code__.replace(
            co_filename=plain.co_filename, co_qualname=plain.co_qualname, co_firstlineno=plain.co_firstlineno
        )
        exec_module.__annotations__ = {}
        for name in ("__qualname__", "__module__"):
            setattr(exec_module, name, getattr(_plain_exec_module, name))
        _Loader.exec_module = exec_module
    return True


def remove() -> None:
    """Put the interpreter's own parts back; loads in progress end unobserved."""
    global _observer
    _observer = None
    if getattr(_bootstrap, "_ModuleLockManager", None) is not _LockManager and _LockManager is not None:
        _bootstrap._ModuleLockManager = _LockManager
    if getattr(_Loader, "exec_module", None) is exec_module:
        _Loader.exec_module = _plain_exec_module
