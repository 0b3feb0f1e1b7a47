# SPDX-License-Identifier: Apache-2.0
"""Builds spans as our telemetry has them, with fixed ids and a clock that only goes on when told: for any test."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from otelprov import semconv as names
from otelprov.model.span import Span, SpanEvent

# Nanoseconds of a time in these tests are BASE + n seconds.
BASE = 1_780_000_000_000_000_000
SECOND = 1_000_000_000


def at(seconds: float) -> int:
    """Nanoseconds of a number of seconds after the beginning of the test's time."""
    return BASE + int(seconds * SECOND)


def hex_of(text: str, digits: int) -> str:
    """An id that depends on the text alone."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


class RunSpans:
    """The spans of one run of one process. Every method returns the span that it adds to `spans`."""

    def __init__(self, name: str = "train.py", *, run: str = "", process: str = "main", start: float = 0) -> None:
        self.name = name
        key = run or name
        self.run_id = hex_of(f"run {key}", 32)
        self.trace_id = hex_of(f"trace {key}", 32)
        self.root_id = hex_of(f"root {key}", 16)
        self.process = process
        self.process_id = hex_of(f"process {key} {process}", 16)
        self.start = start
        self.spans: list[Span] = []
        self.sequence = itertools.count(1)
        self.given = 0
        self.key = key
        self.resource = {names.SERVICE_NAME: name, names.PROVENANCE_RUN_ID: self.run_id}

    def number(self) -> int:
        self.given = next(self.sequence)
        return self.given

    def add(
        self,
        kind: str,
        name: str,
        attributes: dict[str, Any],
        *,
        start: float,
        end: float | None = None,
        events: list[tuple[str, dict[str, Any]]] | None = None,
        trace: str = "",
        parent: str = "",
        span_id: str = "",
        step: str = "",
    ) -> Span:
        values = {
            names.PROVENANCE_KIND: kind,
            names.PROVENANCE_RUN_ID: self.run_id,
            names.PROVENANCE_PROCESS_ID: self.process_id,
            names.PROVENANCE_SEQ: self.number(),
            **attributes,
        }
        if step:
            values[names.PROVENANCE_STEP_ID] = step
        finish = at(start if end is None else end)
        made = [
            SpanEvent(
                event, finish, {names.PROVENANCE_RUN_ID: self.run_id, names.PROVENANCE_SEQ: self.number(), **said}
            )
            for event, said in events or []
        ]
        span = Span(
            trace_id=trace or self.trace_id,
            span_id=span_id or hex_of(f"span {self.key} {self.process} {self.given} {name}", 16),
            parent_id=parent or self.root_id,
            name=name,
            start=at(start),
            end=finish,
            attributes=values,
            resource=self.resource,
            scope="otelprov",
            events=made,
        )
        self.spans.append(span)
        return span

    def record(self, event: str, said: dict[str, Any], time: float) -> Span:
        carrier = {names.PROVENANCE_RUN_NAME: self.name}
        return self.add(names.PROVENANCE_KIND_RECORD, event, carrier, start=time, events=[(event, said)])

    def started(self, time: float | None = None, **said: Any) -> Span:
        details = {
            names.PROVENANCE_RUN_NAME: self.name,
            names.PROVENANCE_RUN_COMMAND: f"python {self.name}",
            names.PROVENANCE_RUN_CODE_FILE: f"/home/ana/{self.name}",
            names.PROCESS_WORKING_DIRECTORY: "/home/ana",
            names.USER_NAME: "ana",
            names.PROCESS_PID: 100,
            **said,
        }
        return self.record(names.EVENT_PROVENANCE_RUN_STARTED, details, self.start if time is None else time)

    def process_started(self, time: float, *, parent: str = "") -> Span:
        said = {names.PROCESS_PID: 101, names.PROVENANCE_PROCESS_PARENT_ID: parent}
        return self.record(names.EVENT_PROVENANCE_PROCESS_STARTED, said, time)

    def heartbeat(self, time: float) -> Span:
        said = {names.PROVENANCE_PROCESS_RECORDS: self.given + 2}
        return self.record(names.EVENT_PROVENANCE_RUN_HEARTBEAT, said, time)

    def process_ended(self, time: float, **said: Any) -> Span:
        details = {names.PROVENANCE_PROCESS_RECORDS: self.given + 2, **said}
        return self.record(names.EVENT_PROVENANCE_PROCESS_ENDED, details, time)

    def ended(self, time: float, status: str = "completed", **said: Any) -> Span:
        """The run span."""
        values = {
            names.PROVENANCE_RUN_NAME: self.name,
            names.PROVENANCE_RUN_STATUS: status,
            names.PROVENANCE_PROCESS_RECORDS: self.given + 1,
            **said,
        }
        return self.add(
            names.PROVENANCE_KIND_RUN, f"run {self.name}", values, start=self.start, end=time, span_id=self.root_id
        )

    def step(self, kind: str, start: float, end: float, *, inside: str = "", name: str = "POST /predict") -> Span:
        request = kind == names.PROVENANCE_STEP_TYPE_REQUEST
        trace = hex_of(f"request {self.key} {self.given}", 32) if request else ""
        values = {names.PROVENANCE_STEP_TYPE: kind}
        return self.add(names.PROVENANCE_KIND_STEP, name, values, start=start, end=end, trace=trace, step=inside)

    def io(
        self,
        operation: str,
        name: str,
        start: float,
        end: float | None = None,
        *,
        version: str = "",
        step: Span | None = None,
        sources: list[Span] | None = None,
        complete: bool | None = None,
        temporary: bool = False,
        line: int = 41,
        rows: int | None = None,
        namespace: str = "file",
        kind: str = "file",
        uses: list[tuple[str, str, str]] | None = None,
        **more: Any,
    ) -> Span:
        """A read, write, append, delete or list. `sources` are the reads that the written object was followed from.

        `uses` adds (name, version, evidence) as events of the same span.
        """
        entity = {
            names.PROVENANCE_ENTITY_NAMESPACE: namespace,
            names.PROVENANCE_ENTITY_NAME: name,
            names.PROVENANCE_ENTITY_TYPE: kind,
        }
        if version:
            entity[names.PROVENANCE_ENTITY_VERSION] = version
        if temporary:
            entity[names.PROVENANCE_ENTITY_TEMPORARY] = True
        if rows is not None:
            entity[names.PROVENANCE_ROWS] = rows
        values = {names.PROVENANCE_OPERATION: operation, **entity, **more}
        values |= {names.CODE_FILE_PATH: f"/home/ana/{self.name}", names.CODE_LINE_NUMBER: line}
        if complete is not None:
            values[names.PROVENANCE_FLOW_COMPLETE] = complete
        events: list[tuple[str, dict[str, Any]]] = []
        if operation == "read":
            events.append((names.EVENT_PROVENANCE_ENTITY_USED, entity))
        elif operation in ("write", "append"):
            events.append((names.EVENT_PROVENANCE_ENTITY_GENERATED, entity))
        for source in sources or []:
            said = {key: value for key, value in source.attributes.items() if key.startswith("provenance.entity.")}
            said[names.PROVENANCE_EVIDENCE] = names.PROVENANCE_EVIDENCE_FLOW
            said[names.PROVENANCE_SOURCE_TRACE_ID] = source.trace_id
            said[names.PROVENANCE_SOURCE_SPAN_ID] = source.span_id
            events.append((names.EVENT_PROVENANCE_ENTITY_USED, said))
        for used, used_version, evidence in uses or []:
            said = {**entity, names.PROVENANCE_ENTITY_NAME: used, names.PROVENANCE_EVIDENCE: evidence}
            said[names.PROVENANCE_ENTITY_VERSION] = used_version
            events.append((names.EVENT_PROVENANCE_ENTITY_USED, said))
        short = name.rsplit("/", 1)[-1]
        return self.add(
            names.PROVENANCE_KIND_IO,
            f"{operation} {short}",
            values,
            start=start,
            end=end,
            events=events,
            trace=step.trace_id if step is not None else "",
            step=step.span_id if step is not None else "",
        )

    def read(self, name: str, start: float, end: float | None = None, **more: Any) -> Span:
        return self.io("read", name, start, end, **more)

    def write(self, name: str, start: float, end: float | None = None, **more: Any) -> Span:
        return self.io("write", name, start, end, **more)

    def sql(self, text: str, start: float, *, database: str = "/data/app.db", step: Span | None = None) -> Span:
        values = {
            names.PROVENANCE_OPERATION: names.PROVENANCE_OPERATION_EXECUTE,
            names.PROVENANCE_ENTITY_NAMESPACE: f"sqlite:{database}",
            names.PROVENANCE_ENTITY_NAME: "",
            names.PROVENANCE_ENTITY_TYPE: "database",
            names.DB_SYSTEM_NAME: "sqlite",
            names.DB_NAMESPACE: database,
            names.DB_QUERY_TEXT: text,
        }
        return self.add(
            names.PROVENANCE_KIND_IO,
            text.split()[0],
            values,
            start=start,
            trace=step.trace_id if step is not None else "",
            step=step.span_id if step is not None else "",
        )


def make_run(name: str, reads: list[str], writes: list[str], *, start: float = 0, run: str = "") -> RunSpans:
    """A whole run that starts, reads, writes and ends well. A name may be `path@version`."""
    made = RunSpans(name, run=run, start=start)
    made.started()
    clock = itertools.count(1)
    for what, call in ((reads, made.read), (writes, made.write)):
        for entity in what:
            path, _, version = entity.partition("@")
            call(path, start + next(clock), version=f"sha256:{version}" if version else "")
    end = start + next(clock)
    made.process_ended(end)
    made.ended(end)
    return made


def make_io(operation: str, name: str, start: float = 1, **more: Any) -> Span:
    """One read or write of a run of its own."""
    return RunSpans().io(operation, name, start, **more)
