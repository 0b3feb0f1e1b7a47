# SPDX-License-Identifier: Apache-2.0
"""Which distro and which configurator OpenTelemetry would choose here, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import EntryPoint

from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.util._importlib_metadata import entry_points

from otelprov import config
from otelprov.cli.health.finding import BAD, NOTE, OK, Finding

OURS = "otelprov"
_DISTRO = ("distro", "opentelemetry_distro", "OTEL_PYTHON_DISTRO")
_CONFIGURATOR = ("configurator", "opentelemetry_configurator", "OTEL_PYTHON_CONFIGURATOR")
_BOTH = f"set {_DISTRO[2]}={OURS} and {_CONFIGURATOR[2]}={OURS}"


def check() -> Iterator[Finding]:
    """Yield the chosen distro, the chosen configurator, and what that makes of us."""
    distro, found = _choice(*_DISTRO)
    yield found
    configurator, found = _choice(*_CONFIGURATOR)
    yield found
    yield _mode(distro, configurator)
    if not config.ENABLED.flag():
        text = f"{config.ENABLED.variable} is off: nothing is recorded"
        yield Finding("recording", NOTE, text, f"unset {config.ENABLED.variable} to record")


def _choice(area: str, group: str, variable: str) -> tuple[str, Finding]:
    """The entry point that OpenTelemetry would use: the first whose name the variable allows, in listing order."""
    wanted = os.environ.get(variable)
    points = list(entry_points(group=group))
    facts = {"installed": [_named(point) for point in points], "variable": variable, "set_to": wanted}
    for point in points:
        if wanted is not None and point.name != wanted:
            continue
        problem = _problem(area, point)
        if problem == "skipped":
            continue
        if problem:
            advice = f"repair or uninstall it, or {_BOTH}"
            return "", Finding(area, BAD, f"{_named(point)} would be used but fails: {problem}", advice, facts)
        # Two packages may use one name, as opentelemetry-distro and others do with "distro".
        why = f"{variable}={wanted}" if wanted is not None else _first_of(points)
        facts |= {"chosen": point.name, "why": why}
        return point.value.partition(":")[0].partition(".")[0], Finding(area, OK, f"{_named(point)} ({why})", "", facts)
    if wanted is not None:
        known = ", ".join(point.name for point in points) or "none"
        text = f"{variable}={wanted} is none of those installed ({known}), so none is used"
        return "", Finding(area, BAD, text, f"unset {variable} or {_BOTH}", facts)
    return "", Finding(
        area, BAD, "none is installed", "install otelprov again: pip install --force-reinstall otelprov", facts
    )


def _first_of(points: list[EntryPoint]) -> str:
    return "the only one installed" if len(points) == 1 else f"first of {len(points)} found, no variable set"


def _problem(area: str, point: EntryPoint) -> str:
    try:
        loaded = point.load()
    except Exception as error:  # other people's code: OpenTelemetry would meet the same error
        return f"{type(error).__name__}: {error}"
    if area == "distro" and not (isinstance(loaded, type) and issubclass(loaded, BaseDistro)):
        return "skipped"
    return ""


def _named(point: EntryPoint) -> str:
    dist = getattr(point, "dist", None)
    return f"{point.name} of {dist.name} {dist.version}" if dist is not None else point.name


def _mode(distro: str, configurator: str) -> Finding:
    facts = {"mode": "distro" if distro == configurator == OURS else "guest"}
    if distro == configurator == OURS:
        return Finding("mode", OK, "otelprov is the distro: it sets up the SDK and ships what it records", "", facts)
    if OURS in (distro, configurator):
        text = "otelprov is only half chosen (distro and configurator are chosen apart), so it works as a guest"
        return Finding("mode", NOTE, text, _BOTH, facts)
    if not distro or not configurator:
        text = "no working distro: otelprov works as a guest, and nothing else sets up the SDK"
        return Finding("mode", NOTE, text, _BOTH, facts)
    return Finding("mode", OK, f"otelprov is a guest of {distro}: it records beside it", "", facts)
