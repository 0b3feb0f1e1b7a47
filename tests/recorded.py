# SPDX-License-Identifier: Apache-2.0
"""Runs as programs would have recorded them, written through the real journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from otelprov.journal.encode import EndedSpan
from otelprov.journal.journal import Journal
from otelprov.semconv import names

SECOND = 10**9
# 2026-11-20 13:58:00 UTC
T0 = 1_795_183_080 * SECOND


class Program:
    """A run of one process; what it does gets later and later, a second at a time. Close it to let its journal go."""

    def __init__(self, folder: Path, number: int, name: str, start: int = T0, **params: str) -> None:
        self.run_id = f"{number:04x}{'0' * 28}"
        self.trace_id = int(self.run_id, 16)
        self.process_id = f"{number:016x}"
        self.name, self.start, self.now = name, start, start
        self._spans = number << 20
        self._seq = 0
        self._root = self._next_span()
        resource = {
            names.SERVICE_NAME: name,
            names.SERVICE_INSTANCE_ID: self.process_id,
            names.PROVENANCE_RUN_ID: self.run_id,
            names.PROVENANCE_PROCESS_ID: self.process_id,
        }
        self.journal = Journal(str(folder / "journal"), self.process_id, resource)
        about = {
            names.PROVENANCE_RUN_NAME: name,
            names.PROVENANCE_RUN_COMMAND: f"python {name}",
            names.PROVENANCE_RUN_CODE_FILE: f"/src/{name}",
            names.PROVENANCE_RUN_PARAMS: json.dumps(params),
            names.USER_NAME: "ana",
            names.HOST_NAME: "box",
            names.PROCESS_PID: 1234,
        }
        self.event(names.EVENT_PROVENANCE_RUN_STARTED, about)
        self.event(names.EVENT_PROVENANCE_PROCESS_STARTED, about)

    def environment(self, revision: str, *, dirty: bool = False, packages: Iterable[str] = ()) -> None:
        """Tell the state of the code and the installed packages."""
        listed = list(packages)
        values = {
            names.VCS_REF_HEAD_REVISION: revision,
            names.PROVENANCE_VCS_DIRTY: dirty,
            names.PROVENANCE_PACKAGES_LIST: "\n".join(listed),
            names.PROVENANCE_PACKAGES_COUNT: len(listed),
        }
        self.event(names.EVENT_PROVENANCE_RUN_ENVIRONMENT, values)

    def read(self, path: str, version: str = "") -> tuple[int, int]:
        """Read a file; what it returns can be the source of a write."""
        return self._io(names.PROVENANCE_OPERATION_READ, names.EVENT_PROVENANCE_ENTITY_USED, path, version, ())

    def write(self, path: str, version: str = "", sources: Iterable[tuple[str, str, tuple[int, int]]] = ()) -> None:
        """Write a file; with sources (path, version, read), those are all that it was made of."""
        self._io(names.PROVENANCE_OPERATION_WRITE, names.EVENT_PROVENANCE_ENTITY_GENERATED, path, version, sources)

    def imported(self, name: str, importer: str, file: str = "", seconds: float = 0.1, **more: Any) -> None:
        """Load a module."""
        values = {
            names.PROVENANCE_MODULE_NAME: name,
            names.PROVENANCE_MODULE_STYLE: more.pop("style", names.PROVENANCE_MODULE_STYLE_TOP_LEVEL),
            names.PROVENANCE_MODULE_IMPORTER: importer,
            **({names.CODE_FILE_PATH: file} if file else {}),
            **more,
        }
        self.span(f"import {name}", names.PROVENANCE_KIND_IMPORT, values, round(seconds * SECOND))

    def end(self, status: str = names.PROVENANCE_RUN_STATUS_COMPLETED, **values: Any) -> Program:
        """End the run, well or not, and close its journal."""
        numbers = {names.PROVENANCE_PROCESS_RECORDS: self._seq + 3}
        self.event(names.EVENT_PROVENANCE_PROCESS_ENDED, numbers | {names.PROCESS_EXIT_CODE: 0})
        about = {names.PROVENANCE_RUN_NAME: self.name, names.PROVENANCE_RUN_STATUS: status, **numbers, **values}
        self.span(f"run {self.name}", names.PROVENANCE_KIND_RUN, about, self.now - self.start, self._root, self.start)
        self.journal.close()
        return self

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """Record an event on a carrier of its own."""
        stamp = self._stamp()
        events = [(name, self.now, {**self._stamp(), **values})]
        self._append(f"{name.rpartition('.')[2]} {self.name}", names.PROVENANCE_KIND_RECORD, stamp, {}, 0, events)

    def span(
        self, name: str, kind: str, values: Mapping[str, Any], took: int = 0, span_id: int = 0, start: int = 0
    ) -> int:
        """Record a span; its id."""
        return self._append(name, kind, self._stamp(), values, took, [], span_id, start)

    def _io(
        self, operation: str, event: str, path: str, version: str, sources: Iterable[tuple[str, str, tuple[int, int]]]
    ) -> tuple[int, int]:
        entity = {
            names.PROVENANCE_ENTITY_NAMESPACE: "file",
            names.PROVENANCE_ENTITY_NAME: path,
            names.PROVENANCE_ENTITY_TYPE: "file",
            **({names.PROVENANCE_ENTITY_VERSION: version} if version else {}),
        }
        stamp = self._stamp()
        events = [(event, self.now, {**self._stamp(), **entity})]
        values = {names.PROVENANCE_OPERATION: operation, names.CODE_FILE_PATH: "/src/x.py", names.CODE_LINE_NUMBER: 7}
        for source, source_version, (trace, span) in sources:
            values[names.PROVENANCE_FLOW_COMPLETE] = True
            flow = {
                **self._stamp(),
                names.PROVENANCE_ENTITY_NAMESPACE: "file",
                names.PROVENANCE_ENTITY_NAME: source,
                names.PROVENANCE_ENTITY_TYPE: "file",
                names.PROVENANCE_ENTITY_VERSION: source_version,
                names.PROVENANCE_EVIDENCE: names.PROVENANCE_EVIDENCE_FLOW,
                names.PROVENANCE_SOURCE_SPAN_ID: f"{span:016x}",
                names.PROVENANCE_SOURCE_TRACE_ID: f"{trace:032x}",
            }
            events.append((names.EVENT_PROVENANCE_ENTITY_USED, self.now, flow))
        short = path.rpartition("/")[2]
        kind = names.PROVENANCE_KIND_IO
        span_id = self._append(f"{operation} {short}", kind, stamp, {**values, **entity}, SECOND // 10, events)
        return self.trace_id, span_id

    def _append(
        self,
        name: str,
        kind: str,
        stamp: Mapping[str, Any],
        values: Mapping[str, Any],
        took: int,
        events: list[tuple[str, int, Mapping[str, Any]]],
        span_id: int = 0,
        start: int = 0,
    ) -> int:
        begun = start or self.now
        span = EndedSpan(
            name=name,
            trace_id=self.trace_id,
            span_id=span_id or self._next_span(),
            parent_id=0 if span_id else self._root,
            start=begun,
            end=begun + took,
            attributes={names.PROVENANCE_KIND: kind, **stamp, names.PROVENANCE_PROCESS_ID: self.process_id, **values},
            events=events,
        )
        assert self.journal.append(span), self.journal.lost
        self.now = max(self.now, begun + took) + SECOND
        return span.span_id

    def _stamp(self) -> dict[str, Any]:
        self._seq += 1
        return {names.PROVENANCE_RUN_ID: self.run_id, names.PROVENANCE_SEQ: self._seq}

    def _next_span(self) -> int:
        self._spans += 1
        return self._spans


def training(home: Path) -> None:
    """featurize: raw.csv to features.parquet; train: features.parquet and params.yaml to model.pkl."""
    featurize = Program(home, 0x7C1D, "featurize.py")
    raw = "sha256:" + "1" * 64
    source = featurize.read("/data/raw.csv", raw)
    featurize.write("/data/features.parquet", "sha256:41aa" + "2" * 60, [("/data/raw.csv", raw, source)])
    featurize.end()
    train = Program(home, 0x7C1E, "train.py", T0 + 180 * SECOND, epochs="3")
    train.environment("a1b2c3d4e5f6", dirty=True, packages=["numpy==2.4.6", "scikit-learn==1.8.0"])
    train.imported("sales.features", "__main__", "/src/sales/features.py", 0.5)
    purl = {names.ARTIFACT_PURL: "pkg:pypi/pandas@3.0.1", names.PROVENANCE_MODULE_COUNT: 555}
    train.imported("pandas", "sales.features", seconds=0.4, **purl)
    train.read("/data/features.parquet", "sha256:41aa" + "2" * 60)
    train.read("/data/params.yaml", "sha256:02be" + "3" * 60)
    train.write("/data/model.pkl", "sha256:9f2c" + "4" * 60)
    train.end()
