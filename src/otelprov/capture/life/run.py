# SPDX-License-Identifier: Apache-2.0
"""The life of a run in this process: begin or join it, announce it, and say how it ended."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import context, trace

from otelprov import __version__, config
from otelprov.capture import background, coverage
from otelprov.capture.disk import digests
from otelprov.capture.guard import guarded
from otelprov.capture.held import hand_on
from otelprov.capture.inside import quietly
from otelprov.capture.life import carrier
from otelprov.capture.life.command import Command, understand
from otelprov.capture.life.environment import environment_attributes, process_attributes, started_for
from otelprov.capture.life.exits import End, before_exec, do_before_end, watch
from otelprov.capture.life.params import parameter_attributes
from otelprov.capture.life.sampling import sampled
from otelprov.capture.recorder import Recorder, Run, current, install, random_bits
from otelprov.capture.scrub import scrub_span, scrub_text
from otelprov.journal import late_end
from otelprov.journal.encode import EndedSpan
from otelprov.semconv import (
    ERROR_TYPE,
    EVENT_EXCEPTION,
    EVENT_PROVENANCE_PROCESS_ENDED,
    EVENT_PROVENANCE_PROCESS_STARTED,
    EVENT_PROVENANCE_RUN_ENVIRONMENT,
    EVENT_PROVENANCE_RUN_HEARTBEAT,
    EVENT_PROVENANCE_RUN_STARTED,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    HOST_NAME,
    PROCESS_EXIT_CODE,
    PROCESS_PID,
    PROCESS_RUNTIME_NAME,
    PROCESS_RUNTIME_VERSION,
    PROCESS_WORKING_DIRECTORY,
    PROVENANCE_KIND_RUN,
    PROVENANCE_PROCESS_PARENT_ID,
    PROVENANCE_PROCESS_RECORDS,
    PROVENANCE_RUN_COMMAND,
    PROVENANCE_RUN_NAME,
    PROVENANCE_RUN_SIGNAL,
    PROVENANCE_RUN_STATUS,
    PROVENANCE_RUN_STATUS_COMPLETED,
    PROVENANCE_RUN_STATUS_FAILED,
    PROVENANCE_RUN_STATUS_INTERRUPTED,
    SERVICE_NAME,
    TELEMETRY_DISTRO_NAME,
    TELEMETRY_DISTRO_VERSION,
    TELEMETRY_SDK_LANGUAGE,
    TELEMETRY_SDK_NAME,
)

# Of the half second that we may hold an exit up; the rest is for what we can't time, and for a busy machine.
_SECONDS_TO_END = 0.2
# Of these, for what has not been digested yet.
_SECONDS_TO_DIGEST = 0.1
_ended = False
_forks_watched = False


def enabled() -> bool:
    """Whether this process is to be observed at all."""
    return config.observing()


@guarded
def begin() -> Recorder:
    """Observe this process: join the run that the environment names, else begin one. Does nothing the second time."""
    known = current()
    if known is not None:
        return known
    with quietly():
        command = understand(sys.orig_argv)
        carried = carrier.read()
        run = _join(carried, command) if carried.run_id else _new(carried, command)
        recorder = Recorder(run, resource(run.name))
        recorder.announce = lambda: _announce(recorder, command, carried)
        install(recorder)
        _pass_on(run)
        _make_current(run)
        _watch_ends(recorder)
        if run.owner or carried.owner_pid == os.getppid():
            # Remoter ones are announced with their first record: a helper that does nothing leaves no trace.
            recorder.announce = None
            _announce(recorder, command, carried)
            if run.owner and not recorder.journal.path:
                sys.stderr.write(recorder.journal.complaint())
    return recorder


def service_name(run_name: str) -> str:
    """`service.name` of a run's telemetry: what the user set, else the name of the run without its ending."""
    chosen = os.environ.get("OTEL_SERVICE_NAME", "").strip()
    if chosen:
        return chosen
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _separator, value = pair.partition("=")
        if key.strip() == SERVICE_NAME and value.strip():
            return value.strip()
    return run_name.removesuffix(".py") or "python"


def resource(run_name: str) -> dict[str, Any]:
    """Resource attributes of what a process of a run emits."""
    return {
        SERVICE_NAME: service_name(run_name),
        TELEMETRY_DISTRO_NAME: "otelprov",
        TELEMETRY_DISTRO_VERSION: __version__,
        TELEMETRY_SDK_NAME: "opentelemetry",
        TELEMETRY_SDK_LANGUAGE: "python",
        HOST_NAME: os.uname().nodename,
        PROCESS_PID: os.getpid(),
        PROCESS_RUNTIME_NAME: sys.implementation.name,
        PROCESS_RUNTIME_VERSION: ".".join(map(str, sys.version_info[:3])),
    }


def _new(carried: carrier.Carried, command: Command) -> Run:
    name = scrub_text(config.RUN_NAME.text() or command.name)
    trace_id = carried.trace_id or random_bits(128)
    return Run(
        run_id=f"{random_bits(128):032x}",
        name=name,
        trace_id=trace_id,
        span_id=random_bits(64),
        parent_span_id=carried.span_id,
        started=time.time_ns(),
        sampled=bool(carried.flags & 1) if carried.trace_id else sampled(trace_id, f"run {name}"),
        owner=True,
    )


def _join(carried: carrier.Carried, command: Command) -> Run:
    # Its own pid as owner: this very process began the run and has exec'ed another program since.
    owner = carried.owner_pid == os.getpid()
    return Run(
        run_id=carried.run_id,
        name=carried.run_name or command.name,
        trace_id=carried.trace_id,
        span_id=carried.span_id,
        parent_span_id=carried.owner_parent if owner else 0,
        started=carried.owner_started if owner else time.time_ns(),
        sampled=bool(carried.flags & 1),
        owner=owner,
    )


def _pass_on(run: Run) -> None:
    carrier.write(
        os.environ,
        trace_id=run.trace_id,
        span_id=run.span_id,
        flags=int(run.sampled),
        run_id=run.run_id,
        run_name=run.name,
    )
    if run.owner:
        carrier.write_owner(os.environ, os.getpid(), run.started, run.parent_span_id)


def _make_current(run: Run) -> None:
    span_context = trace.SpanContext(
        run.trace_id, run.span_id, is_remote=False, trace_flags=trace.TraceFlags(int(run.sampled))
    )
    context.attach(trace.set_span_in_context(trace.NonRecordingSpan(span_context)))


def _parameters() -> dict[str, Any]:
    text = config.RUN_PARAMS.text()
    if not text:
        return {}
    import json

    try:
        given = json.loads(text)
    except ValueError:
        return {}
    return parameter_attributes(given if isinstance(given, dict) else {"value": given})


def _announce(recorder: Recorder, command: Command, carried: carrier.Carried) -> None:
    run = recorder.run
    details: dict[str, Any] = {PROVENANCE_RUN_NAME: run.name, **process_attributes(command.script)}
    details[PROVENANCE_RUN_COMMAND] = command.line
    first = run.owner and not carried.run_id
    if first:
        details |= started_for()
        details |= _parameters()
    elif recorder.parent_process_id:
        details[PROVENANCE_PROCESS_PARENT_ID] = recorder.parent_process_id
    event = EVENT_PROVENANCE_RUN_STARTED if first else EVENT_PROVENANCE_PROCESS_STARTED
    recorder.record(f"started {command.name}", event, details)
    if not recorder.parent_process_id:
        # Inherited by forked children; others look for themselves.
        folder = os.path.dirname(command.script)
        if folder in ("", os.path.join(sys.exec_prefix, "bin")):
            # A server or tool that came with the interpreter: the code that it runs is where it was started.
            folder = details.get(PROCESS_WORKING_DIRECTORY, "")
        background.once("environment", lambda: _record_environment(recorder, folder))
    background.every("heartbeat", float(max(1, config.HEARTBEAT.number())), lambda: _beat(recorder))
    background.start()


def _record_environment(recorder: Recorder, folder: str) -> None:
    recorder.record("environment", EVENT_PROVENANCE_RUN_ENVIRONMENT, environment_attributes(folder))


def _beat(recorder: Recorder) -> None:
    if recorder.announce is not None:
        # A forked child of which nothing is recorded leaves no trace.
        return
    recorder.record("heartbeat", EVENT_PROVENANCE_RUN_HEARTBEAT, {PROVENANCE_PROCESS_RECORDS: 0})


def _watch_ends(recorder: Recorder) -> None:
    global _forks_watched
    watch(finish)
    before_exec(_leave_to_exec)
    if not _forks_watched:
        _forks_watched = True
        os.register_at_fork(after_in_child=_after_fork)


def _leave_to_exec() -> None:
    """The program that takes this process over knows nothing of what was left for the end."""
    hand_on()
    digests.finish(_SECONDS_TO_DIGEST)
    _keep_lock()


def _keep_lock() -> None:
    """Let the journal stay locked under the program that takes this process over: the run has not been cut off."""
    recorder = current()
    if recorder is None or not recorder.journal.path:
        return
    journal = os.stat(recorder.journal.path)
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(int(name)), journal):
                os.set_inheritable(int(name), True)


@guarded
def _after_fork() -> None:
    global _ended
    _ended = False
    recorder = current()
    if recorder is None:
        return
    background.forget()
    recorder.after_fork_in_child()
    # Only the process that began the run ends it.
    recorder.run = recorder.run._replace(owner=False)
    command = understand(sys.orig_argv)
    recorder.announce = lambda: _announce(recorder, command, carrier.read())


@guarded
def finish(end: End) -> None:
    """Say how this process ended; the process that began the run says how the run ended. At most 0.5 s in all."""
    global _ended
    recorder = current()
    if recorder is None or _ended:
        return
    _ended = True
    deadline = time.monotonic() + _SECONDS_TO_END
    with quietly():
        hand_on()
        do_before_end()
        if recorder.announce is not None:
            # Nothing was recorded in this process.
            return
        with contextlib.suppress(Exception):
            digests.finish(_SECONDS_TO_DIGEST)
            background.finish_once(deadline)
        kind, message, stack = end.describe()
        exception = {EXCEPTION_TYPE: kind, EXCEPTION_MESSAGE: message, EXCEPTION_STACKTRACE: stack} if kind else {}
        details: dict[str, Any] = {
            PROVENANCE_PROCESS_RECORDS: 0,
            **coverage.attributes(),
            **exception,
        }
        if end.code is not None:
            details[PROCESS_EXIT_CODE] = end.code
        if kind:
            details[ERROR_TYPE] = kind
        if end.signal:
            details[PROVENANCE_RUN_SIGNAL] = end.signal
        recorder.record(f"ended {recorder.run.name}", EVENT_PROVENANCE_PROCESS_ENDED, details)
        if recorder.run.owner:
            _end_run(recorder, end, kind, exception)
        background.stop(deadline)


def _end_run(recorder: Recorder, end: End, kind: str, exception: Mapping[str, Any]) -> None:
    span = _run_span(recorder, end, kind, exception)
    if not end.untold or not _leave_both_forms(recorder, span):
        recorder.put(span)


def _leave_both_forms(recorder: Recorder, span: EndedSpan) -> bool:
    journal, span = recorder.journal, scrub_span(span)
    completed = span._replace(attributes={**span.attributes, PROCESS_EXIT_CODE: 0})
    ending = {PROVENANCE_RUN_STATUS: PROVENANCE_RUN_STATUS_FAILED, PROCESS_EXIT_CODE: late_end.PLACEHOLDER}
    failed = span._replace(attributes={**span.attributes, **ending}, status=2)
    return bool(journal.path) and late_end.leave(journal.path, journal.line(completed), journal.line(failed))


def _run_span(recorder: Recorder, end: End, kind: str, exception: Mapping[str, Any]) -> EndedSpan:
    run = recorder.run
    attributes: dict[str, Any] = {PROVENANCE_RUN_NAME: run.name, PROCESS_PID: recorder.pid}
    interrupted_by = "SIGINT" if isinstance(end.error, KeyboardInterrupt) else end.signal
    if interrupted_by:
        attributes[PROVENANCE_RUN_STATUS] = PROVENANCE_RUN_STATUS_INTERRUPTED
        attributes[PROVENANCE_RUN_SIGNAL] = interrupted_by
    elif end.error is not None or end.code:
        attributes[PROVENANCE_RUN_STATUS] = PROVENANCE_RUN_STATUS_FAILED
    else:
        attributes[PROVENANCE_RUN_STATUS] = PROVENANCE_RUN_STATUS_COMPLETED
    if end.code is not None:
        attributes[PROCESS_EXIT_CODE] = end.code
    if kind:
        attributes[ERROR_TYPE] = kind
    failed = attributes[PROVENANCE_RUN_STATUS] != PROVENANCE_RUN_STATUS_COMPLETED
    return recorder.make(
        PROVENANCE_KIND_RUN,
        f"run {run.name}",
        attributes,
        start=run.started,
        events=[(EVENT_EXCEPTION, exception)] if exception else [],
        status=2 if failed else 0,
        span_id=run.span_id,
        parent=(run.trace_id, run.parent_span_id, int(run.sampled)),
    )
