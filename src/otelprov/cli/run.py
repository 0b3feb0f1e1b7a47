# SPDX-License-Identifier: Apache-2.0
"""`otelprov run`: start a command observed, wait for it, and say in the journal how it ended."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from otelprov import __version__, config
from otelprov.capture import carrier
from otelprov.capture.command import understand
from otelprov.capture.fingerprint import digest_bytes
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
    PROVENANCE_RUN_CONFIG_DIGEST,
    PROVENANCE_RUN_ID,
    PROVENANCE_RUN_NAME,
    PROVENANCE_RUN_PARAMS,
    PROVENANCE_RUN_PARENT_ID,
    PROVENANCE_RUN_SIGNAL,
    PROVENANCE_RUN_STATUS,
    PROVENANCE_RUN_STATUS_COMPLETED,
    PROVENANCE_RUN_STATUS_FAILED,
    PROVENANCE_RUN_STATUS_INTERRUPTED,
    PROVENANCE_RUN_TRIGGER,
    PROVENANCE_RUN_TRIGGER_CLI,
    PROVENANCE_RUN_TRIGGER_RUN,
    PROVENANCE_SEQ,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    TELEMETRY_DISTRO_NAME,
    TELEMETRY_DISTRO_VERSION,
)

USAGE = """Usage: otelprov run [--name NAME] [--param KEY=VALUE]... -- COMMAND [ARGUMENT]...

  Run a command observed; its exit status is kept.

  Example: otelprov run --param epochs=3 -- python train.py

Options:
  --name NAME        Name of the run. Default: the script or command.
  --param KEY=VALUE  A parameter of the run; may be given often.
  --help             Show this message and exit.
"""
_NOT_FOUND, _NOT_EXECUTABLE, _USAGE = 127, 126, 2
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# Python ignores these in itself; a command must find them as a shell would leave them.
_TO_DEFAULT = [signal.SIGPIPE, signal.SIGXFSZ]


class _Stop(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Asked:
    name: str = ""
    params: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)


def run(arguments: Sequence[str]) -> int:
    """Run `otelprov run` with these arguments; returns the command's exit status, 128 + n for signal n."""
    try:
        asked = _parse(arguments)
        if not asked.command:
            sys.stdout.write(USAGE)
            return 0
        path = _find(asked.command[0])
    except _Stop as stop:
        sys.stderr.write(f"otelprov: {stop}\n")
        return stop.status
    if not config.ENABLED.flag():
        return _wait(_start(path, asked.command, os.environ))[0]
    launched = _Launched(asked)
    environment = launched.environment()
    started = launched.announce()
    if not started:
        _complain(launched.journal)
    try:
        pid = _start(path, asked.command, environment)
    except OSError as error:
        sys.stderr.write(f"otelprov: {asked.command[0]}: {error.strerror}\n")
        status = _NOT_FOUND if error.errno == errno.ENOENT else _NOT_EXECUTABLE
        launched.end(status, 0)
        return status
    status, signal_number = _wait(pid)
    launched.end(status, signal_number)
    if started:
        sys.stderr.write(launched.summary(status, signal_number))
    return status


def _parse(arguments: Sequence[str]) -> _Asked:
    asked = _Asked()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            asked.command = rest
            break
        if argument in ("--help", "-h"):
            return _Asked()
        option, separator, value = argument.partition("=")
        if option in ("--name", "--param"):
            if not separator:
                if not rest:
                    raise _Stop(_USAGE, f"run: {option} needs a value")
                value = rest.pop(0)
            if option == "--name":
                asked.name = value
            else:
                key, equals, held = value.partition("=")
                if not equals or not key:
                    raise _Stop(_USAGE, f"run: --param {value!r} is not KEY=VALUE")
                asked.params[key] = held
        elif argument.startswith("-"):
            raise _Stop(
                _USAGE, f"run: no such option: {argument}. Write -- before the command; see otelprov run --help"
            )
        else:
            asked.command = [argument, *rest]
            break
    if not asked.command:
        raise _Stop(_USAGE, "run: no command given. Write: otelprov run -- python train.py")
    return asked


def _find(program: str) -> str:
    """Where a program is, as a shell looks for it; says what a shell says where it is not."""
    if os.sep not in program:
        found = shutil.which(program)
        if found is None:
            raise _Stop(_NOT_FOUND, f"{program}: command not found")
        return found
    if not os.path.exists(program):
        raise _Stop(_NOT_FOUND, f"{program}: No such file or directory")
    if os.path.isdir(program):
        raise _Stop(_NOT_EXECUTABLE, f"{program}: Is a directory")
    if not os.access(program, os.X_OK):
        raise _Stop(_NOT_EXECUTABLE, f"{program}: Permission denied")
    return program


def _start(path: str, command: Sequence[str], environment: MutableMapping[str, str]) -> int:
    return os.posix_spawn(path, list(command), environment, setsigdef=_TO_DEFAULT)


def _wait(pid: int) -> tuple[int, int]:
    """Exit status as a shell gives it, and the signal that ended the command (0: none)."""

    def forward(number: int, _frame: object) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return

    for number in _FORWARDED:
        signal.signal(number, forward)
    # The terminal sends these to the command too; we outlive it to say how it ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    _pid, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        killed_by = os.WTERMSIG(status)
        return 128 + killed_by, killed_by
    return os.WEXITSTATUS(status), 0


def _complain(journal: Journal) -> None:
    reasons = ", ".join(
        os.strerror(int(reason.removeprefix("os_error_"))) if reason[-1:].isdigit() else reason
        for reason in journal.lost
    )
    sys.stderr.write(f"otelprov: nothing is recorded, {journal.folder} can't be written: {reasons}\n")


class _Launched:
    """The run that this launcher has begun: it writes the first record and the last."""

    def __init__(self, asked: _Asked) -> None:
        self._command = understand(asked.command)
        self._asked = asked
        self.name = asked.name or config.RUN_NAME.text() or self._command.name
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
        self.journal = Journal(config.journal_folder(), process_id, resource)

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
            PROVENANCE_RUN_TRIGGER: PROVENANCE_RUN_TRIGGER_CLI,
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
        if self._asked.params:
            canonical = json.dumps(self._asked.params, sort_keys=True, separators=(",", ":"))
            details[PROVENANCE_RUN_PARAMS] = canonical
            details[PROVENANCE_RUN_CONFIG_DIGEST] = digest_bytes(canonical.encode())
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
        return self.journal.append(span)

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
        self.journal.append(span)
        self._ship()

    def summary(self, status: int, signal_number: int) -> str:
        """The one line for stderr."""
        how = f"by {signal.Signals(signal_number).name}" if signal_number else f"with exit status {status}"
        seconds = (time.time_ns() - self._started) / 1e9
        return (
            f"otelprov: run {self.run_id[:8]} ({self.name}) {_status(status, signal_number)} {how} after {seconds:.1f} s;"
            f" see: otelprov show {self.run_id[:8]}\n"
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


def main() -> NoReturn:
    """For `python -m otelprov.cli.run`."""
    raise SystemExit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
