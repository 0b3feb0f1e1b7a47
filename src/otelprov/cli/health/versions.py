# SPDX-License-Identifier: Apache-2.0
"""Whether the installed packages of OpenTelemetry are one consistent set."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement

from otelprov.cli.health.finding import BAD, OK, Finding

_CORE = "opentelemetry-api"
_BETA = "opentelemetry-instrumentation"


def check() -> Iterator[Finding]:
    """Yield the versions, and every requirement among them that is not met."""
    found = _installed()
    facts = {"python": platform.python_version(), "packages": {name: dist.version for name, dist in found.items()}}
    conflicts = [text for dist in found.values() for text in _conflicts(dist, found)]
    names = [name for name in ("otelprov", _CORE, _BETA) if name in found]
    said = ", ".join(f"{name} {found[name].version}" for name in names) + f", Python {facts['python']}"
    if conflicts:
        advice = "install them as one set: pip install --upgrade otelprov 'opentelemetry-sdk>=1.45.1,<1.46'"
        yield Finding("versions", BAD, f"{said}; not one set: {'; '.join(conflicts)}", advice, facts)
    else:
        yield Finding("versions", OK, f"{said}; {len(found)} packages, one consistent set", "", facts)


def _installed() -> dict[str, importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    for dist in importlib.metadata.distributions():
        name = str(dist.metadata["Name"] or "").lower().replace("_", "-")
        # The first on the path is the one that is imported.
        if name == "otelprov" or name.startswith("opentelemetry-"):
            found.setdefault(name, dist)
    return dict(sorted(found.items()))


def _conflicts(
    dist: importlib.metadata.Distribution, found: dict[str, importlib.metadata.Distribution]
) -> Iterator[str]:
    for line in dist.requires or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if not wanted.name.startswith("opentelemetry-") or (
            wanted.marker and not wanted.marker.evaluate({"extra": ""})
        ):
            continue
        other = found.get(wanted.name)
        have = other.version if other is not None else "nothing"
        if other is None or not wanted.specifier.contains(have, prereleases=True):
            yield f"{dist.name} {dist.version} needs {wanted.name} {wanted.specifier}, installed is {have}"
