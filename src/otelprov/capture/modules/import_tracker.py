# SPDX-License-Identifier: Apache-2.0
"""Follows the loads of one process as a tree, and decides which of them are worth a span of their own."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextvars import ContextVar
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from otelprov.capture import background
from otelprov.capture.disk.fingerprint import digest_version
from otelprov.capture.modules.distributions import Distribution, distribution_of, is_namespace
from otelprov.capture.modules.import_record import LoadedModule, emit_span
from otelprov.capture.modules.import_spec import failed_spec, found_spec, is_lazy, loaded_spec, origin_of
from otelprov.capture.modules.importer import Importer, find_importer
from otelprov.capture.modules.source_root import Kind, SourceRoot
from otelprov.capture.recorder import current, random_bits

OWN = ("otelprov", "otelprov_instrumentors")
_PYTHON = Distribution("python")
# A distribution has so many spans in one process; what is loaded of it by later imports is counted, and told at exit.
_MAX_SPANS = 8


class Load:
    """A module that is being loaded.

    `anchor` is the nearest load, itself included, that has a span; `rollup` the one of a distribution, whose span
    stands for this module too.
    """

    # What most loads never set stands in the class: a program loads thousands of modules that have no span.
    resolved = ended = False
    anchor: Load | None = None
    rollup: Load | None = None
    distribution: Distribution | None = None
    file = digest = ""
    # What the names of all other modules of the distribution begin with; empty for a namespace shared with others.
    prefix = ""
    modules = 1
    trace_id = parent = span_id = flags = 0

    def __init__(self, owner: Tracker, name: str, spec: Any, above: Load | None) -> None:
        self.owner = owner
        self.name = name
        self.spec = spec
        self.above = above
        self.start = time.time_ns()


class Counted(NamedTuple):
    """A module that is being loaded and will be counted in the span of another; what it loads hangs under that, too."""

    rollup: Load


_open: ContextVar[Load | None] = ContextVar("otelprov_import", default=None)


class Scripts(Protocol):
    """Who looks for files that no import statement loads: the main script, and what others execute."""

    def importing(self, importer: Importer) -> None:
        """Code of this file has imported something worth a span."""

    def imported(self) -> None:
        """An outermost import is done."""


class Tracker:
    """Told by the import hook, from any thread. No lock of ours: all that is shared is changed in single operations."""

    def __init__(self, root: SourceRoot, scripts: Scripts, *, with_python: bool) -> None:
        self.root = root
        self._scripts = scripts
        self.loaded: list[LoadedModule] = []
        self._with_python = with_python
        # By file and digest, with the load that is telling of it.
        self._versions: dict[tuple[str, str], Load | None] = {}
        self._files: set[str] = set()
        self._spans: dict[Distribution, int] = {}
        self._uncounted: list[Distribution] = []

    def begin(self, name: str, spec: Any) -> Load | Counted | None:
        """A load begins in this thread."""
        if background.is_here():
            # What shipping needs is no import of the program's, and the program's last record may be written already.
            return None
        above = _open.get()
        while above is not None and (above.ended or above.owner is not self):
            # A context that was copied while a module was being loaded, and is used after that.
            above = above.above
        if above is not None and above.resolved:
            rollup = above.rollup
            if rollup is not None and rollup.prefix and name.startswith(rollup.prefix):
                # By far the most: another module of a distribution that has its span.
                return Counted(rollup)
        load = Load(self, name, spec, above)
        _open.set(load)
        return load

    def end(self, opened: Load | Counted, error: BaseException | None) -> None:
        """A load has ended: where it is worth a span, that is on disk when this returns."""
        if isinstance(opened, Counted):
            if error is None:
                opened.rollup.modules += 1
            return
        end = time.time_ns()
        opened.ended = True
        _open.set(opened.above)
        if error is not None and opened.spec is None:
            opened.spec = failed_spec(opened.name, error.__traceback__)
        elif error is None and opened.spec is None and type(sys.modules.get(opened.name)) is not ModuleType:
            opened.spec = loaded_spec(opened.name) or found_spec(opened.name)
        self._resolve_all(opened)
        if opened.anchor is opened:
            self._finish(opened, end, error)
        elif error is None and opened.distribution is not None:
            if opened.rollup is not None:
                opened.rollup.modules += 1
            else:
                self._uncounted.append(opened.distribution)
        opened.spec = None
        if opened.above is None:
            self._scripts.imported()

    def note(self, modules: list[LoadedModule]) -> list[LoadedModule]:
        """Take modules whose loading was not seen; return those that are news."""
        news = []
        for module in modules:
            if module.file:
                if module.file in self._files:
                    continue
                self._files.add(module.file)
                self._versions[module.file, module.digest] = None
            else:
                self._spans.setdefault(Distribution(module.name, module.version, module.purl), 1)
            news.append(module)
        self.loaded.extend(news)
        return news

    def knows(self, file: str) -> bool:
        """Whether a source file, by its real path, is known to be loaded."""
        return file in self._files

    def take_uncounted(self) -> dict[Distribution, int]:
        """Modules of distributions that no span stands for, by distribution; none of them is given twice."""
        waiting, self._uncounted = self._uncounted, []
        return dict(Counter(waiting))

    def after_fork_in_child(self) -> None:
        """Become another process: what it loads itself is told anew, under span ids of its own."""
        self._spans.clear()
        self._uncounted.clear()
        load = _open.get()
        while load is not None:
            if load.span_id:
                load.span_id = random_bits(64)
            load = load.above

    def _resolve_all(self, load: Load) -> None:
        chain = []
        walked: Load | None = load
        while walked is not None and not walked.resolved:
            chain.append(walked)
            walked = walked.above
        for found in reversed(chain):
            self._resolve(found)

    def _resolve(self, load: Load) -> None:
        if load.above is not None:
            load.anchor = load.above.anchor
            rollup = load.rollup = load.above.rollup
            if rollup is not None and rollup.prefix and load.name.startswith(rollup.prefix):
                load.resolved = True
                load.distribution = rollup.distribution
                return
        if load.spec is None:
            load.spec = loaded_spec(load.name)
            if load.spec is None:
                # Not found yet: its package comes first, and this is called from within that package's loading.
                return
        load.resolved = True
        if load.name.partition(".")[0] in OWN or is_lazy(sys.modules.get(load.name)):
            return
        origin = origin_of(load.spec)
        kind = self.root.kind_of(origin) if origin else Kind.PYTHON
        if kind is Kind.PROJECT:
            self._resolve_project(load, origin)
        elif kind is Kind.PACKAGE:
            self._resolve_package(load, distribution_of(load.name, origin))
        elif self._with_python and getattr(load.spec, "origin", None) is not None:
            self._resolve_package(load, _PYTHON)

    def _resolve_project(self, load: Load, origin: str) -> None:
        # What the project imports from packages is the project's doing, even while another package is being loaded.
        load.rollup = None
        load.file = os.path.realpath(origin)
        load.digest = digest_version(load.file)[0]
        if self._versions.setdefault((load.file, load.digest), load) is load:
            self._files.add(load.file)
            self._anchor(load)

    def _resolve_package(self, load: Load, distribution: Distribution) -> None:
        load.distribution = distribution
        spans = self._spans.get(distribution, 0)
        if spans and (load.rollup is not None or spans >= _MAX_SPANS):
            return
        self._spans[distribution] = spans + 1
        self._anchor(load)
        load.rollup = load
        top = load.name.partition(".")[0]
        load.prefix = "" if is_namespace(top) else f"{top}."

    def _anchor(self, load: Load) -> None:
        above, load.anchor = load.anchor, load
        load.span_id = random_bits(64)
        recorder = current()
        if above is not None:
            load.trace_id, load.parent, load.flags = above.trace_id, above.span_id, above.flags
        elif recorder is not None:
            load.trace_id, load.parent, load.flags = recorder.parent_context()

    def _finish(self, load: Load, end: int, error: BaseException | None) -> None:
        importer = find_importer(1)
        distribution = load.distribution or Distribution("")
        module = LoadedModule(
            name=load.name,
            file=load.file,
            importer=importer.module,
            style=importer.style,
            duration=max(end - load.start, 0) / 1e9,
            digest=load.digest,
            purl=distribution.purl,
            version=distribution.version,
            modules=load.modules,
        )
        if error is None:
            self.loaded.append(module)
            if load.file:
                self._versions[load.file, load.digest] = None
        elif load.distribution is not None:
            self._spans[load.distribution] = max(self._spans.get(load.distribution, 1) - 1, 0)
        else:
            self._versions.pop((load.file, load.digest), None)
            self._files.discard(load.file)
        emit_span(
            module,
            root=self.root.path,
            start=load.start,
            end=end,
            span_id=load.span_id,
            parent=(load.trace_id, load.parent, load.flags) if load.trace_id else None,
            error=error,
        )
        self._scripts.importing(importer)
