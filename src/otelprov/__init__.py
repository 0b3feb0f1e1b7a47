# SPDX-License-Identifier: Apache-2.0
"""otelprov: an OpenTelemetry distro that records provenance and rebuilds it into lineage."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from otelprov.capture.declared import step
    from otelprov.capture.life.run import begin, enabled
    from otelprov.capture.modules.imports import loaded_files, loaded_modules, start, stop
    from otelprov.containers import (
        TrackedDict,
        TrackedList,
        TrackedObject,
        TrackedSet,
        track,
        tracked,
        tracking,
        tracking_actor,
    )

# Loaded when asked for: this package is imported by every observed program.
_HOMES = {
    "TrackedDict": "otelprov.containers",
    "TrackedList": "otelprov.containers",
    "TrackedObject": "otelprov.containers",
    "TrackedSet": "otelprov.containers",
    "begin": "otelprov.capture.life.run",
    "enabled": "otelprov.capture.life.run",
    "loaded_files": "otelprov.capture.modules.imports",
    "loaded_modules": "otelprov.capture.modules.imports",
    "start": "otelprov.capture.modules.imports",
    "step": "otelprov.capture.declared",
    "stop": "otelprov.capture.modules.imports",
    "track": "otelprov.containers",
    "tracked": "otelprov.containers",
    "tracking": "otelprov.containers",
    "tracking_actor": "otelprov.containers",
}

__all__ = [
    "TrackedDict",
    "TrackedList",
    "TrackedObject",
    "TrackedSet",
    "__version__",
    "begin",
    "enabled",
    "loaded_files",
    "loaded_modules",
    "start",
    "step",
    "stop",
    "track",
    "tracked",
    "tracking",
    "tracking_actor",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
