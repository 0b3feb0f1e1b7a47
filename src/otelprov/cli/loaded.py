# SPDX-License-Identifier: Apache-2.0
"""The modules of a run as a tree of who imported whom, and summed up by distribution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

from otelprov.model.records import ModuleRecord

OWN_CODE = "(own code)"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module, or a library with `count` modules; `seconds` include what it imported, -1 where unknown."""

    name: str
    importer: str
    style: str
    file: str
    purl: str
    count: int
    seconds: float
    start: int
    error: str = ""

    @property
    def version(self) -> str:
        """Version of the distribution, from its purl."""
        return unquote(self.purl.partition("@")[2].partition("?")[0])

    @property
    def distribution(self) -> str:
        """Name of the distribution, from its purl; empty for code of the project's own."""
        return unquote(self.purl.partition("@")[0].rpartition("/")[2])

    def as_json(self) -> dict[str, Any]:
        """The module in JSON."""
        return asdict(self)


@dataclass(slots=True)
class Distribution:
    """All modules of one distribution; `seconds` is the time of its modules that others imported."""

    name: str
    version: str
    modules: int = 0
    seconds: float = 0.0
    importers: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The distribution in JSON."""
        return asdict(self)


def loaded_modules(records: Iterable[ModuleRecord]) -> list[Loaded]:
    """One entry per module name, in the order of loading: that of the process which loaded it first."""
    first: dict[tuple[str, str], Loaded] = {}
    for record in sorted(records, key=lambda record: (record.start, record.seq)):
        loaded = Loaded(
            record.name,
            record.importer,
            record.style,
            record.file,
            record.purl,
            max(record.count, 1),
            record.duration,
            record.start,
            record.error,
        )
        known = first.get((record.name, record.purl))
        # A module that failed and was then loaded is loaded; a library that grew shows what it grew to.
        if known is None or (known.error and not loaded.error) or loaded.count > known.count:
            first[record.name, record.purl] = loaded
    return list(first.values())


def import_tree(modules: Iterable[Loaded]) -> dict[str, list[Loaded]]:
    """Modules by the name of their importer; under the empty name those that no listed module imported.

    Every module has exactly one place: importers that go round in a circle are cut at the first loaded.
    """
    listed = list(modules)
    names = {module.name for module in listed}
    children: dict[str, list[Loaded]] = {}
    for module in listed:
        importer = module.importer if module.importer in names and module.importer != module.name else ""
        children.setdefault(importer, []).append(module)
    reached = _reached(children, [""])
    for module in listed:
        if module.name not in reached:
            children[module.importer].remove(module)
            children.setdefault("", []).append(module)
            reached |= _reached(children, [module.name])
    return children


def _reached(children: dict[str, list[Loaded]], start: list[str]) -> set[str]:
    reached = set(start)
    stack = list(start)
    while stack:
        for module in children.get(stack.pop(), ()):
            if module.name not in reached:
                reached.add(module.name)
                stack.append(module.name)
    return reached


def summary(modules: Iterable[Loaded]) -> list[Distribution]:
    """Modules summed up by distribution, the costliest first; a module inside its own distribution costs once."""
    listed = list(modules)
    home = {module.name: module.distribution for module in listed}
    found: dict[tuple[str, str], Distribution] = {}
    for module in listed:
        name, version = (module.distribution, module.version) if module.purl else (OWN_CODE, "")
        entry = found.setdefault((name, version), Distribution(name, version))
        entry.modules += module.count
        if module.importer not in home or home[module.importer] != module.distribution:
            entry.seconds += max(module.seconds, 0.0)
        if module.importer and module.importer not in entry.importers:
            entry.importers.append(module.importer)
    return sorted(found.values(), key=lambda entry: (-entry.seconds, entry.name))
