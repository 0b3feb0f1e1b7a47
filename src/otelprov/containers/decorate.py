# SPDX-License-Identifier: Apache-2.0
"""`@tracked`: a class of the program's, with its attributes recorded and nothing else about it changed.

A subclass of the same name stands for the class. It has one slot more, for the tracker, which instances show nowhere:
not in `vars()`, not in what is copied or pickled, not in the fields of a dataclass or a model.
"""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from otelprov.containers.attributes import plan_for
from otelprov.containers.objects import (
    Slot,
    delete_plainly,
    delete_through,
    reads_plainly,
    remember_original,
    set_guarded,
    set_plainly,
    set_through,
)
from otelprov.containers.options import options_from
from otelprov.containers.trackable import check, check_super
from otelprov.containers.tracker import Options

T = TypeVar("T", bound=type)
_POINTER = struct.calcsize("P")
# Py_TPFLAGS_MANAGED_DICT: the dict of an instance lies outside of what `__basicsize__` counts.
_MANAGED_DICT = 1 << 4
# Py_TPFLAGS_HEAPTYPE: of others even a dict is part of what must be the same in classes that are bases together.
_WRITTEN_IN_PYTHON = 1 << 9

# Of a class, what its stand-in says of itself as well.
_COPIED = (
    "__module__",
    "__doc__",
    "__annotations__",
    "__type_params__",
    "__firstlineno__",
    "__static_attributes__",
)


@overload
def tracked(cls: T, /) -> T: ...
@overload
def tracked(*, name: str = ..., only: Collection[str] | None = ..., **options: Any) -> Callable[[T], T]: ...
def tracked(cls: Any = None, /, *, only: Collection[str] | None = None, **options: Any) -> Any:
    """Record every attribute that is set or deleted on instances of a class; as `@tracked` or `@tracked(values=True)`.

    `only` names the attributes to record; the other options are those of `track`. A frozen dataclass is returned as it
    is: there is nothing to record. Raises TypeError for classes that can't be tracked (enums, tuples, built-in
    containers), and for options that don't exist.
    """
    chosen = options_from(options)
    names = None if only is None else _names(only)
    if cls is not None:
        return _tracked(cls, chosen, names)
    return lambda decorated: _tracked(decorated, chosen, names)


def _names(only: Collection[str]) -> frozenset[str]:
    if isinstance(only, str) or not all(isinstance(name, str) for name in only):
        raise TypeError("the option only takes names of attributes, such as only=('x', 'y')")
    return frozenset(only)


def _tracked(cls: Any, options: Options, only: frozenset[str] | None) -> Any:
    check(cls)
    if _is_frozen(cls):
        return cls
    if hasattr(cls, "_tracking"):
        # It, or one that it inherits from, is tracked: only the options are its own.
        plan_for(cls, options, only)
        if _has_original(cls, options):
            type.__setattr__(cls, "__init__", _initialiser(cls))
        return cls
    check_super(cls)
    made = _stand_in(cls, options)
    plan_for(made, options, only)
    return made


def _is_frozen(cls: type) -> bool:
    params = cls.__dict__.get("__dataclass_params__")
    return params is not None and bool(getattr(params, "frozen", False))


def _stand_in(cls: Any, options: Options) -> Any:
    copied = [name for name in _COPIED if name in cls.__dict__ and not (name == "__annotations__" and _is_model(cls))]
    body = {"__qualname__": cls.__qualname__, **{name: cls.__dict__[name] for name in copied}}
    # Where @dataclass comes after us, it looks for them here.
    body.update((name, value) for name, value in cls.__dict__.items() if type(value) is dataclasses.Field)
    shares = _room(cls, 0) and all(base is object or base.__flags__ & _WRITTEN_IN_PYTHON for base in cls.__mro__)
    body["__slots__"] = () if shares else _slots(cls, options)
    body["__setattr__"], body["__delattr__"] = _setter(cls, plainly=shares), _deleter(cls)
    if _has_original(cls, options):
        body["__init__"] = _initialiser(cls)
    if not shares:
        body["__tracked_as__"] = _NotAgain()
    with _unannounced(cls):
        # All that share the slot can be inherited from together.
        made: Any = type(cls)(cls.__name__, (cls, Slot) if shares else (cls,), body)
    annotate = getattr(cls, "__annotate__", None)
    if annotate is not None and not _is_model(cls):
        type.__setattr__(made, "__annotate__", annotate)
    _hide_slot(made, cls, shares)
    return made


def _is_model(cls: type) -> bool:
    return any(base.__module__ == "pydantic.main" and base.__name__ == "BaseModel" for base in cls.__mro__)


def _slots(cls: type, options: Options) -> tuple[str, ...]:
    # Containers inside find the way back through a weak reference.
    return ("_tracking", "__weakref__") if options.nested and not cls.__weakrefoffset__ else ("_tracking",)


def _setter(cls: Any, *, plainly: bool) -> Callable[[Any, str, Any], None]:
    base: Callable[[Any, str, Any], object] = cls.__setattr__
    if base is object.__setattr__:
        return set_plainly if plainly and reads_plainly(cls) else set_guarded

    def __setattr__(self: Any, name: str, value: Any) -> None:
        set_through(self, name, value, base)

    return __setattr__


def _deleter(cls: Any) -> Callable[[Any, str], None]:
    base: Callable[[Any, str], object] = cls.__delattr__
    if base is object.__delattr__:
        return delete_plainly

    def __delattr__(self: Any, name: str) -> None:
        delete_through(self, name, base)

    return __delattr__


def _has_original(cls: Any, options: Options) -> bool:
    # A model is first seen when it has been made, and a class without an `__init__` is empty then.
    return options.original and cls.__init__ is not object.__init__ and not _is_model(cls)


def _initialiser(cls: Any) -> Callable[..., None]:
    base: Callable[..., None] = cls.__init__

    @functools.wraps(base)
    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        base(self, *args, **kwargs)
        remember_original(self)

    return __init__


@contextmanager
def _unannounced(cls: Any) -> Iterator[None]:
    """Keep the class and its bases from being told of a subclass: to them there is none."""
    hooks = [name for name in ("__init_subclass__", "__pydantic_init_subclass__") if hasattr(cls, name)]
    own = {name: cls.__dict__[name] for name in hooks if name in cls.__dict__}
    for name in hooks:
        type.__setattr__(cls, name, classmethod(_nothing))
    try:
        yield
    finally:
        for name in hooks:
            if name in own:
                type.__setattr__(cls, name, own[name])
            else:
                type.__delattr__(cls, name)


def _nothing(_cls: Any, /, **_options: Any) -> None:
    pass


def _hide_slot(made: Any, cls: Any, shares: bool) -> None:
    """Let `copyreg`, which copies and pickles by `__slots__`, see the slots of the class and no other."""
    own = cls.__dict__.get("__slots__")
    if own is None:
        type.__delattr__(made, "__slots__")
    else:
        type.__setattr__(made, "__slots__", own)
    # Names that are there twice make up for the size of ours, which `copyreg` compares.
    known = len(copyreg._slotnames(cls))  # type: ignore[attr-defined]
    if not shares and not own and made.__getstate__ is object.__getstate__ and _room(cls, known):
        type.__setattr__(made, "__getstate__", Slot.__getstate__)


def _room(cls: type, slots: int) -> bool:
    """Whether an instance is no larger than so many slots make it."""
    size = object.__basicsize__ + slots * _POINTER
    if cls.__dictoffset__ != 0 and not cls.__flags__ & _MANAGED_DICT:
        size += _POINTER
    if cls.__weakrefoffset__ > 0:
        size += _POINTER
    return cls.__basicsize__ <= size


class _NotAgain:
    """In the body of a class: objects when another class is made of the body."""

    def __set_name__(self, owner: type, name: str) -> None:
        slot = owner.__dict__.get("_tracking")
        if slot is not None and slot.__objclass__ is not owner:
            raise TypeError(
                f"@tracked on {owner.__qualname__}: a decorator above it makes the class anew, as "
                "@dataclass(slots=True) does; put @tracked above that one"
            )
