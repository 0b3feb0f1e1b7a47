# SPDX-License-Identifier: Apache-2.0
"""The run that a launcher has begun: its first record, the environment of the command, and its last record."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from otelprov import __version__, config
from otelprov.capture.life import carrier
from otelprov.capture.life.command import understand
from otelprov.capture.life.environment import started_for
from otelprov.capture.life.params import parameter_attributes
from otelprov.capture.scrub import scrub_attributes, scrub_span, scrub_text
from otelprov.journal.encode import EndedSpan
from otelprov.journal.journal import Journal
from otelprov.semconv import (
    EVENT_PROVENANCE_RUN_STARTED,
    HOST_NAME,
    PROCESS_EXIT_CODE,
    PROCESS_PARENT_PID,
    PROCESS_PID,
    PROCESS_WORKING_DIRECTORY,
    PROVENANCE_KIND,
    PROVENANCE_KIND_RECORD,
    PROVENANCE_KIND_RUN,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_RUN_CODE_FILE,
    PROVENANCE_RUN_COMMAND,
    PROVENANCE_RUN_ID,
    PROVENANCE_RUN_NAME,
    PROVENANCE_RUN_PARENT_ID,
    PROVENANCE_RUN_SIGNAL,
    PROVENANCE_RUN_STATUS,
    PROVENANCE_RUN_STATUS_COMPLETED,
    PROVENANCE_RUN_STATUS_FAILED,
    PROVENANCE_RUN_STATUS_INTERRUPTED,
    PROVENANCE_RUN_TRIGGER,
    PROVENANCE_RUN_TRIGGER_RUN,
    PROVENANCE_SEQ,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    TELEMETRY_DISTRO_NAME,
    TELEMETRY_DISTRO_VERSION,
)


class LaunchedRun:
    """A run whose process tree this launcher starts. `params` are the user's parameters of the run."""

    def __init__(self, command: Sequence[str], name: str, params: Mapping[str, str]) -> None:
        self._command = understand(command)
        self._params = dict(params)
        self.name = scrub_text(name or config.RUN_NAME.text() or self._command.name)
        self._carried = carrier.read()
        self.run_id = os.urandom(16).hex()
        self._trace_id = self._carried.trace_id or int.from_bytes(os.urandom(16), "big") or 1
        self._span_id = int.from_bytes(os.urandom(8), "big") or 1
        self._flags = self._carried.flags if self._carried.trace_id else 1
        self._started = time.time_ns()
        self._sequence = 0
        process_id = os.urandom(8).hex()
        self._process_id = process_id
        service = os.environ.get("OTEL_SERVICE_NAME", "").strip() or self.name.removesuffix(".py")
        resource = {
            SERVICE_NAME: service,
            SERVICE_INSTANCE_ID: process_id,
            PROVENANCE_RUN_ID: self.run_id,
            PROVENANCE_PROCESS_ID: process_id,
            TELEMETRY_DISTRO_NAME: "otelprov",
            TELEMETRY_DISTRO_VERSION: __version__,
            HOST_NAME: os.uname().nodename,
            PROCESS_PID: os.getpid(),
        }
        self.journal = Journal(config.journal_folder(), process_id, scrub_attributes(resource))

    def environment(self) -> dict[str, str]:
        """The command's environment: observed by the .pth file, and part of this run."""
        environment = dict(os.environ)
        environment[config.AUTOLOAD.variable] = "1"
        carrier.write_owner(environment, os.getpid(), self._started, self._carried.span_id)
        environment.pop(config.RUN_NAME.variable, None)
        carrier.write(
            environment,
            trace_id=self._trace_id,
            span_id=self._span_id,
            flags=self._flags,
            run_id=self.run_id,
            run_name=self.name,
        )
        return environment

    def announce(self) -> bool:
        """Write the record that the run has begun; False where nothing can be written."""
        details: dict[str, Any] = {
            PROVENANCE_RUN_NAME: self.name,
            PROVENANCE_RUN_COMMAND: self._command.line,
            **started_for(),
            PROCESS_PID: os.getpid(),
            PROCESS_PARENT_PID: os.getppid(),
            HOST_NAME: os.uname().nodename,
        }
        if self._command.script:
            details[PROVENANCE_RUN_CODE_FILE] = self._command.script
        try:
            details[PROCESS_WORKING_DIRECTORY] = os.getcwd()
        except OSError:
            details[PROCESS_WORKING_DIRECTORY] = ""
        if self._carried.run_id:
            details[PROVENANCE_RUN_TRIGGER] = PROVENANCE_RUN_TRIGGER_RUN
            details[PROVENANCE_RUN_PARENT_ID] = self._carried.run_id
        details |= parameter_attributes(self._params)
        now = time.time_ns()
        span = EndedSpan(
            name=f"started {self.name}",
            trace_id=self._trace_id,
            span_id=int.from_bytes(os.urandom(8), "big") or 1,
            parent_id=self._span_id,
            start=now,
            end=now,
            attributes=self._stamp({PROVENANCE_KIND: PROVENANCE_KIND_RECORD, PROVENANCE_PROCESS_ID: self._process_id}),
            events=[(EVENT_PROVENANCE_RUN_STARTED, now, self._stamp(details))],
            flags=self._flags,
        )
        return self.journal.append(scrub_span(span))

    def end(self, status: int, signal_number: int) -> None:
        """Write the run's own span: the last record, with the exit status or the signal."""
        attributes: dict[str, Any] = {
            PROVENANCE_KIND: PROVENANCE_KIND_RUN,
            PROVENANCE_PROCESS_ID: self._process_id,
            PROVENANCE_RUN_NAME: self.name,
            PROVENANCE_RUN_STATUS: _status(status, signal_number),
            PROVENANCE_RUN_COMMAND: self._command.line,
        }
        if signal_number:
            attributes[PROVENANCE_RUN_SIGNAL] = signal.Signals(signal_number).name
        else:
            attributes[PROCESS_EXIT_CODE] = status
        span = EndedSpan(
            name=f"run {self.name}",
            trace_id=self._trace_id,
            span_id=self._span_id,
            parent_id=self._carried.span_id,
            start=self._started,
            end=time.time_ns(),
            attributes=self._stamp(attributes),
            status=2 if status else 0,
            flags=self._flags,
        )
        self.journal.append(scrub_span(span))
        self._ship()

    def summary(self, status: int, signal_number: int) -> str:
        """The one line for stderr."""
        how = f"by {signal.Signals(signal_number).name}" if signal_number else f"with exit status {status}"
        seconds = (time.time_ns() - self._started) / 1e9
        return (
            f"otelprov: run {self.run_id[:8]} ({self.name}) {_status(status, signal_number)} {how}"
            f" after {seconds:.1f} s; see: otelprov show {self.run_id[:8]}\n"
        )

    def _stamp(self, values: dict[str, Any]) -> dict[str, Any]:
        self._sequence += 1
        return {PROVENANCE_RUN_ID: self.run_id, PROVENANCE_SEQ: self._sequence, **values}

    def _ship(self) -> None:
        exporters = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
        endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        if not endpoint or not self.journal.path or "otlp" not in exporters or config.SHIP.text() == "never":
            return
        from otelprov.cli.run_shipping import ship_briefly

        ship_briefly(self.journal.path)


def _status(status: int, signal_number: int) -> str:
    if signal_number:
        return PROVENANCE_RUN_STATUS_INTERRUPTED
    return PROVENANCE_RUN_STATUS_FAILED if status else PROVENANCE_RUN_STATUS_COMPLETED
