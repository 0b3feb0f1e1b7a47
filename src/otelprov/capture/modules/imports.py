# SPDX-License-Identifier: Apache-2.0
"""Observes which modules this process loads, from `start()` to `stop()`."""

from __future__ import annotations

import atexit
import os
import sys
from collections import Counter
from collections.abc import Mapping
from types import ModuleType

from otelprov import config
from otelprov.capture.disk.fingerprint import digest_version
from otelprov.capture.guard import guard, guarded
from otelprov.capture.inside import quietly
from otelprov.capture.modules import import_hook
from otelprov.capture.modules.distributions import Distribution, distribution_of
from otelprov.capture.modules.import_record import LoadedModule, emit_listed
from otelprov.capture.modules.import_spec import is_lazy, namespace_of, origin_of
from otelprov.capture.modules.import_summary import log_summary
from otelprov.capture.modules.import_tracker import OWN, Tracker
from otelprov.capture.modules.importer import Importer
from otelprov.capture.modules.source_root import Kind, SourceRoot, find_root, main_file
from otelprov.semconv import (
    PROVENANCE_MODULE_STYLE_DYNAMIC,
    PROVENANCE_MODULE_STYLE_PRELOADED,
    PROVENANCE_MODULE_STYLE_TOP_LEVEL,
)

_MAX_WITHOUT_ORIGIN = 10_000


class _Observation:
    """From one `start` to its `stop`."""

    def __init__(self) -> None:
        self.root = SourceRoot(find_root())
        self.tracker = Tracker(self.root, self, with_python=config.IMPORTS_STDLIB.flag())
        # Source files, as the interpreter spells them, that were looked at already.
        self._importers: set[str] = set()
        self._main_known = False
        self._preloaded: Counter[Distribution] = Counter()

    def list_preloaded(self) -> None:
        """Tell of what was loaded before us, and of the script that is about to run."""
        path = main_file()
        if path:
            running = namespace_of(sys.modules.get("__main__")).get("__file__") is not None
            style = PROVENANCE_MODULE_STYLE_PRELOADED if running else PROVENANCE_MODULE_STYLE_TOP_LEVEL
            self._list_file("__main__", path, style)
        files = self._sweep(PROVENANCE_MODULE_STYLE_PRELOADED, self._preloaded)
        if self._tell(files, "preloaded"):
            self._tell_preloaded()

    def _tell_preloaded(self) -> None:
        # Not before the process has done something of the program's: a helper that does nothing leaves no trace.
        packages, self._preloaded = self._preloaded, Counter()
        self._tell(_listed(packages, PROVENANCE_MODULE_STYLE_PRELOADED), "preloaded")

    def list_rest(self) -> None:
        """Tell of what no load was seen of, and of modules of distributions that no span stands for."""
        self.imported()
        files = self._sweep(PROVENANCE_MODULE_STYLE_DYNAMIC, Counter())
        self._tell([*files, *_listed(self.tracker.take_uncounted(), PROVENANCE_MODULE_STYLE_DYNAMIC)], "others")

    def _tell(self, modules: list[LoadedModule], title: str) -> bool:
        news = self.tracker.note(modules)
        emit_listed(news, title, root=self.root.path)
        return bool(self.tracker.loaded)

    def imported(self) -> None:
        """Look for the main script, whose name may have been unknown when the observation began."""
        if not self._main_known:
            file = namespace_of(sys.modules.get("__main__")).get("__file__")
            if isinstance(file, str):
                self._main_known = True
                self._list_file("__main__", os.path.realpath(file), PROVENANCE_MODULE_STYLE_TOP_LEVEL)

    def importing(self, importer: Importer) -> None:
        """Look at the file of code that imports, which may be one that no import statement has loaded."""
        if self._preloaded:
            self._tell_preloaded()
        file = importer.file
        if file in self._importers or file.startswith("<") or len(self._importers) >= _MAX_WITHOUT_ORIGIN:
            return
        self._importers.add(file)
        style = PROVENANCE_MODULE_STYLE_TOP_LEVEL if importer.module == "__main__" else PROVENANCE_MODULE_STYLE_DYNAMIC
        self._list_file(importer.module, os.path.realpath(file), style)

    def _list_file(self, name: str, path: str, style: str) -> None:
        if self.tracker.knows(path) or self.root.kind_of(path) is not Kind.PROJECT:
            return
        digest, size = digest_version(path)
        if size >= 0:
            self._tell([LoadedModule(name, path, style=style, digest=digest)], name)

    def _sweep(self, style: str, packages: Counter[Distribution]) -> list[LoadedModule]:
        """Project modules that were loaded unseen; modules of other packages are added to `packages`."""
        files: dict[str, LoadedModule] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in OWN or not issubclass(type(module), ModuleType) or is_lazy(module):
                continue
            namespace = namespace_of(module)
            spec = namespace.get("__spec__")
            if getattr(spec, "_initializing", False):
                # Its end is still to be seen.
                continue
            origin = origin_of(spec) or namespace.get("__file__")
            if not isinstance(origin, str) or not origin:
                continue
            kind = self.root.kind_of(origin)
            if kind is Kind.PACKAGE:
                packages[distribution_of(name, origin)] += 1
            elif kind is Kind.PROJECT:
                path = os.path.realpath(origin)
                if path not in files and not self.tracker.knows(path):
                    files[path] = LoadedModule(name, path, style=style, digest=digest_version(path)[0])
        return list(files.values())


def _listed(packages: Mapping[Distribution, int], style: str) -> list[LoadedModule]:
    return [
        LoadedModule(found.name, style=style, purl=found.purl, version=found.version, modules=count)
        for found, count in packages.items()
    ]


_observation: _Observation | None = None
_stopped: _Observation | None = None


def start() -> bool:
    """Observe imports from now on; return whether they are: not with OTELPROV_IMPORTS=false. Harmless if repeated."""
    global _observation
    if _observation is not None:
        return True
    if not config.IMPORTS.flag():
        return False
    with guard("starting to observe imports"):
        observation = _Observation()
        if not import_hook.install(observation.tracker):
            return False
        _observation = observation
        atexit.register(_at_exit)
        observation.list_preloaded()
    return _observation is not None


def stop() -> None:
    """Observe imports no longer. What was loaded stays readable until the next `start()`."""
    global _observation, _stopped
    observation, _observation = _observation, None
    if observation is None:
        return
    import_hook.remove()
    atexit.unregister(_at_exit)
    _stopped = observation
    with guard("ending to observe imports"):
        _end(observation)


def loaded_files() -> list[str]:
    """Real paths of the project's files that this process has loaded, in order of completion; a copy, thread-safe."""
    return list(dict.fromkeys(module.file for module in loaded_modules() if module.file))


def loaded_modules() -> list[LoadedModule]:
    """The project's modules, and other packages by distribution, in order of completion; a copy, thread-safe."""
    observation = _observation or _stopped
    return list(observation.tracker.loaded) if observation is not None else []


def _end(observation: _Observation) -> None:
    observation.list_rest()
    if config.IMPORTS_SUMMARY.flag():
        log_summary(list(observation.tracker.loaded), observation.root.path)


@guarded
def _at_exit() -> None:
    if _observation is not None:
        # It reads what the distributions say of themselves, which is no data of the program's.
        with quietly():
            _end(_observation)


@guarded
def _after_fork_in_child() -> None:
    if _observation is not None:
        _observation.tracker.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
