# SPDX-License-Identifier: Apache-2.0
"""Where a module comes from, found out without running any code of the program."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType, TracebackType
from typing import Any

_MAX_FRAMES = 200


def namespace_of(module: object) -> dict[str, Any]:
    """The namespace of what stands in `sys.modules`, without running code of the program such as `__getattr__`."""
    if type(module) is ModuleType:
        return module.__dict__
    try:
        namespace = object.__getattribute__(module, "__dict__")
    except AttributeError:
        return {}
    return namespace if isinstance(namespace, dict) else {}


def origin_of(spec: Any) -> str:
    """Absolute path of a module's file by its spec; empty where it has none."""
    origin = getattr(spec, "origin", None)
    if not isinstance(origin, str):
        return ""
    if origin.startswith(os.sep):
        return origin
    return os.path.abspath(origin) if getattr(spec, "has_location", False) else ""


def loaded_spec(name: str) -> Any:
    """The spec of a module that is in `sys.modules`, be it loaded or still being loaded; None where it has none."""
    module = sys.modules.get(name)
    return None if module is None else namespace_of(module).get("__spec__")


def is_lazy(module: object) -> bool:
    """Whether a module is a stand-in of `importlib.util.LazyLoader`, whose code runs when it is first used."""
    return type(module).__name__ == "_LazyModule" and type(module).__module__ == "importlib.util"


def found_spec(name: str) -> Any:
    """The spec of a loaded module by looking for its file again; None where there is none on its package's path."""
    # The module has put something else in its place, which says nothing of where it came from.
    package = name.rpartition(".")[0]
    path = namespace_of(sys.modules.get(package)).get("__path__") if package else None
    return PathFinder.find_spec(name, path) if path is not None or not package else None


def failed_spec(name: str, trace: TracebackType | None) -> Any:
    """The spec of a module whose own code raised; None where none of it ran."""
    # The module is gone from sys.modules, but its frame, if it had one, is in the traceback.
    for _ in range(_MAX_FRAMES):
        if trace is None:
            break
        if trace.tb_frame.f_globals.get("__name__") == name:
            return trace.tb_frame.f_globals.get("__spec__")
        trace = trace.tb_next
    return None
