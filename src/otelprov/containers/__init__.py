# SPDX-License-Identifier: Apache-2.0
"""Tracked containers: dict, list, set and objects that record every change, in the request that made it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from otelprov import config as _config
from otelprov.containers.joined import install as _install

if TYPE_CHECKING:
    from otelprov.containers.actor import tracking_actor
    from otelprov.containers.change import Attribute, Change, CodePlace, Element, Slice
    from otelprov.containers.configured import configure
    from otelprov.containers.decorate import tracked
    from otelprov.containers.dicts import TrackedDict
    from otelprov.containers.exporters import HttpExporter, JsonLinesExporter, KafkaExporter, S3Exporter
    from otelprov.containers.factory import track
    from otelprov.containers.history import ForgottenError, Tracking, tracking
    from otelprov.containers.lists import TrackedList
    from otelprov.containers.locks import LockedError, locking
    from otelprov.containers.objects import TrackedObject
    from otelprov.containers.observers import (
        AsyncQueue,
        Collector,
        LogObserver,
        MetricsCounter,
        Observer,
        Subscription,
        observe,
    )
    from otelprov.containers.pending import MISSING
    from otelprov.containers.sets import TrackedSet

_install()

# Loaded when asked for: a program that tracks a dict needs none of the rest.
_HOMES = {
    "AsyncQueue": "observers",
    "Attribute": "change",
    "Change": "change",
    "CodePlace": "change",
    "Collector": "observers",
    "Element": "change",
    "ForgottenError": "history",
    "HttpExporter": "exporters",
    "JsonLinesExporter": "exporters",
    "KafkaExporter": "exporters",
    "LockedError": "locks",
    "LogObserver": "observers",
    "MISSING": "pending",
    "MetricsCounter": "observers",
    "Observer": "observers",
    "S3Exporter": "exporters",
    "Slice": "change",
    "Subscription": "observers",
    "TrackedDict": "dicts",
    "TrackedList": "lists",
    "TrackedObject": "objects",
    "TrackedSet": "sets",
    "Tracking": "history",
    "configure": "configured",
    "locking": "locks",
    "observe": "observers",
    "track": "factory",
    "tracked": "decorate",
    "tracking": "history",
    "tracking_actor": "actor",
}

__all__ = [
    "MISSING",
    "AsyncQueue",
    "Attribute",
    "Change",
    "CodePlace",
    "Collector",
    "Element",
    "ForgottenError",
    "HttpExporter",
    "JsonLinesExporter",
    "KafkaExporter",
    "LockedError",
    "LogObserver",
    "MetricsCounter",
    "Observer",
    "S3Exporter",
    "Slice",
    "Subscription",
    "TrackedDict",
    "TrackedList",
    "TrackedObject",
    "TrackedSet",
    "Tracking",
    "configure",
    "locking",
    "observe",
    "track",
    "tracked",
    "tracking",
    "tracking_actor",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if _config.CONTAINERS_CONFIG.text():
    from otelprov.containers.configured import from_environment as _from_environment

    _from_environment()
