# SPDX-License-Identifier: Apache-2.0
"""What is known of a loaded module, and how it is told: as a span of its own, or many of them as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from otelprov.capture.recorder import current
from otelprov.semconv import (
    ARTIFACT_PURL,
    CODE_FILE_PATH,
    ERROR_TYPE,
    EVENT_PROVENANCE_MODULE_LOADED,
    PROVENANCE_IMPORT_ROOT,
    PROVENANCE_KIND_IMPORT,
    PROVENANCE_MODULE_COUNT,
    PROVENANCE_MODULE_DIGEST,
    PROVENANCE_MODULE_IMPORTER,
    PROVENANCE_MODULE_NAME,
    PROVENANCE_MODULE_STYLE,
)

SCOPE = "otelprov.imports"
_STATUS_ERROR = 2
# One module is in the span itself, the others are its events.
_MAX_LISTED = 100


class LoadedModule(NamedTuple):
    """A module of the project, or a distribution of which `modules` modules were loaded by one import.

    `file` is the real path and `digest` that of its content; both are empty for a distribution, which has a `purl`
    and a `version` instead. `importer` is the dotted name of the importing module, `style` one of the values of
    `provenance.module.style`, `duration` in seconds with all that it imported, -1 where it is not known.
    """

    name: str
    file: str = ""
    importer: str = ""
    style: str = ""
    duration: float = -1.0
    digest: str = ""
    purl: str = ""
    version: str = ""
    modules: int = 1

    def attributes(self, root: str) -> dict[str, Any]:
        """The module in the words of the registry; what is empty is left out."""
        values: dict[str, Any] = {PROVENANCE_MODULE_NAME: self.name, PROVENANCE_MODULE_STYLE: self.style}
        if self.importer:
            values[PROVENANCE_MODULE_IMPORTER] = self.importer
        if self.file:
            values[CODE_FILE_PATH] = self.file
        else:
            values[PROVENANCE_MODULE_COUNT] = self.modules
        if self.digest:
            values[PROVENANCE_MODULE_DIGEST] = self.digest
        if self.purl:
            values[ARTIFACT_PURL] = self.purl
        if root:
            values[PROVENANCE_IMPORT_ROOT] = root
        return values


def emit_span(
    module: LoadedModule,
    *,
    root: str,
    start: int,
    end: int,
    span_id: int,
    parent: tuple[int, int, int] | None,
    error: BaseException | None,
) -> None:
    """Tell of one load that has come to its end; `start` and `end` are nanoseconds since the epoch.

    With an `error` the span says that the module was not loaded.
    """
    recorder = current()
    if recorder is None:
        return
    values = module.attributes(root)
    if error is not None:
        module_name, name = type(error).__module__, type(error).__qualname__
        values[ERROR_TYPE] = name if module_name == "builtins" else f"{module_name}.{name}"
    recorder.emit(
        PROVENANCE_KIND_IMPORT,
        f"import {module.name}",
        values,
        scope=SCOPE,
        start=start,
        end=end,
        span_id=span_id,
        parent=parent,
        status=_STATUS_ERROR if error is not None else 0,
    )


def emit_listed(modules: Sequence[LoadedModule], title: str, *, root: str) -> None:
    """Tell of modules whose loading was not seen: the first as a zero-length span, the others as its events."""
    recorder = current()
    if recorder is None:
        return
    run = recorder.run
    for at in range(0, len(modules), _MAX_LISTED):
        first, *others = modules[at : at + _MAX_LISTED]
        recorder.emit(
            PROVENANCE_KIND_IMPORT,
            f"import {title if others else first.name}",
            first.attributes(root),
            scope=SCOPE,
            events=[(EVENT_PROVENANCE_MODULE_LOADED, module.attributes("")) for module in others],
            parent=(run.trace_id, run.span_id, int(run.sampled)),
        )
