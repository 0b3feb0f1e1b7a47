# SPDX-License-Identifier: Apache-2.0
"""Which classes can be decorated with `@tracked`, and why others can't."""

from __future__ import annotations

import dis
import enum
import itertools
import types
from collections.abc import Iterator
from typing import Any


def check(cls: Any) -> None:
    """Raise TypeError where the attributes of a class can't be recorded, and say why."""
    if not isinstance(cls, type):
        raise TypeError(
            f"@tracked is for classes, not {type(cls).__name__}: for a dict, list or set there is otelprov.track"
        )
    if issubclass(cls, enum.Enum):
        raise TypeError(
            f"@tracked on {cls.__qualname__}: the members of an Enum are constants, there is nothing to record"
        )
    if issubclass(cls, (dict, list, set)):
        raise TypeError(
            f"@tracked on {cls.__qualname__}: a {_builtin(cls)} is more than its attributes, "
            f"inherit from otelprov.Tracked{_builtin(cls).capitalize()} instead"
        )
    on_class: Any = type(cls).__setattr__
    if on_class is not type.__setattr__ and not isinstance(on_class, types.FunctionType):
        raise TypeError(f"@tracked on {cls.__qualname__}: its metaclass {type(cls).__name__} is written in C")
    if cls.__itemsize__:
        raise TypeError(f"@tracked on {cls.__qualname__}: its instances have no room for a slot")


def check_super(cls: Any) -> None:
    """Raise TypeError where a class would not find its bases any more once another one stands for it."""
    for function in _functions(cls):
        if _calls_super_by_name(function.__code__, cls.__name__):
            raise TypeError(
                f"@tracked on {cls.__qualname__}: {function.__qualname__} calls super({cls.__name__}, ...), which "
                "would find itself again, because another class stands for the decorated one: write super()"
            )


def _builtin(cls: type) -> str:
    return next(kind.__name__ for kind in (dict, list, set) if issubclass(cls, kind))


def _functions(cls: type) -> Iterator[types.FunctionType]:
    for value in list(cls.__dict__.values()):
        for found in (
            value,
            getattr(value, "__func__", None),
            getattr(value, "fget", None),
            getattr(value, "fset", None),
        ):
            if type(found) is types.FunctionType:
                yield found


def _calls_super_by_name(code: types.CodeType, name: str) -> bool:
    if "super" not in code.co_names or name not in (*code.co_names, *code.co_freevars):
        return False
    loaded = [found.argval for found in dis.get_instructions(code) if found.opname.startswith("LOAD_")]
    return any(first == "super" and second == name for first, second in itertools.pairwise(loaded))
