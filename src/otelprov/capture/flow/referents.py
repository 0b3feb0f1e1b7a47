# SPDX-License-Identifier: Apache-2.0
"""What a function of the program refers to, found without running it: data may come in through a closure."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType, MethodType
from typing import Any

from otelprov.capture.callsite import is_library_file

_DEPTH = 3


@lru_cache(maxsize=512)
def _global_names(code: CodeType) -> tuple[str, ...]:
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(_global_names(constant))
    return tuple(sorted(names))


def referents(function: Any, depth: int = _DEPTH) -> Iterator[Any]:
    """What a function's closure, defaults and globals refer to, and the same of functions that it calls.

    Functions of libraries are taken to bring no data with them.
    """
    if isinstance(function, MethodType):
        yield function.__self__
        function = function.__func__
    if not isinstance(function, FunctionType) or is_library_file(function.__code__.co_filename):
        return
    held: list[Any] = list(function.__defaults__ or ())
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            # Not assigned yet.
            continue
    names = _global_names(function.__code__)
    held += [function.__globals__[name] for name in names if name in function.__globals__]
    for value in held:
        if isinstance(value, FunctionType):
            if depth and value is not function:
                yield from referents(value, depth - 1)
        else:
            yield value
