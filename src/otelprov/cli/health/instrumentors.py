# SPDX-License-Identifier: Apache-2.0
"""Which instrumentors would be on, which off, and why."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint

from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts
from opentelemetry.util._importlib_metadata import entry_points
from packaging.specifiers import SpecifierSet

from otelprov.cli.health.finding import BAD, NOTE, OK, Finding
from otelprov.instrumentation import installed_version

DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_OURS = "otelprov_instrumentors."


@dataclass(frozen=True, slots=True)
class State:
    """Whether an instrumentor would be on, and why it would not; `broken` where it should be on and cannot."""

    name: str
    on: bool
    why: str
    ours: bool
    broken: bool = False


def states() -> Iterator[State]:
    """Yield the state of every installed instrumentor, ours first."""
    disabled = {name.strip() for name in os.environ.get(DISABLED, "").split(",") if name.strip()}
    points = entry_points(group="opentelemetry_instrumentor")
    for point in sorted(points, key=lambda point: (not point.value.startswith(_OURS), point.name)):
        yield _state(point, disabled)


def check() -> Iterator[Finding]:
    """Yield one finding per instrumentor of ours, and one for all the others together."""
    others = []
    for state in states():
        if not state.ours:
            others.append(state)
            continue
        level = BAD if state.broken else OK if state.on else NOTE
        word = "on" if state.on else "off"
        yield Finding("instrumentor", level, f"{state.name} {word}: {state.why}", "", asdict(state))
    if others:
        on = sum(state.on for state in others)
        facts = {"others": [asdict(state) for state in others]}
        off = "; ".join(f"{state.name} off: {state.why}" for state in others if not state.on)
        text = f"{on} of {len(others)} instrumentors of others on" + (f" ({off})" if off else "")
        yield Finding("instrumentor", OK, text, "", facts)


def _state(point: EntryPoint, disabled: set[str]) -> State:
    ours = point.value.startswith(_OURS)
    if "*" in disabled:
        return State(point.name, False, f"{DISABLED}=* switches all off", ours)
    if point.name in disabled:
        return State(point.name, False, f"named in {DISABLED}", ours)
    dist = getattr(point, "dist", None)
    conflict = get_dist_dependency_conflicts(dist) if dist is not None else None
    if conflict is not None:
        return State(point.name, False, str(conflict), ours)
    try:
        loaded = point.load()
    except ModuleNotFoundError as error:
        return State(point.name, False, f"not installed: {error.name}", ours, broken=ours)
    except Exception as error:  # other people's code: OpenTelemetry would meet the same error
        return State(point.name, False, f"{type(error).__name__}: {error}", ours, broken=True)
    return _by_library(point.name, loaded) if ours else State(point.name, True, "will instrument", ours)


def _by_library(name: str, instrumentor: object) -> State:
    """What an instrumentor of ours will find; the version is checked where the library is installed."""
    distribution = str(getattr(instrumentor, "distribution", ""))
    versions = str(getattr(instrumentor, "versions", ""))
    if not distribution:
        return State(name, True, "standard library", True)
    try:
        installed = installed_version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return State(name, False, f"{distribution} is not installed", True)
    if not SpecifierSet(versions).contains(installed, prereleases=True):
        return State(name, False, f"{distribution} {installed} is installed, {versions} is supported", True)
    return State(name, True, f"{distribution} {installed}", True)
