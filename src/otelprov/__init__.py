# SPDX-License-Identifier: Apache-2.0
"""otelprov: an OpenTelemetry distro that records provenance and rebuilds it into lineage."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from otelprov.capture.declared import step
    from otelprov.capture.imports import loaded_files, loaded_modules, start, stop
    from otelprov.capture.run import begin, enabled
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
    "begin": "otelprov.capture.run",
    "enabled": "otelprov.capture.run",
    "loaded_files": "otelprov.capture.imports",
    "loaded_modules": "otelprov.capture.imports",
    "start": "otelprov.capture.imports",
    "step": "otelprov.capture.declared",
    "stop": "otelprov.capture.imports",
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
