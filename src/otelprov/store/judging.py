# SPDX-License-Identifier: Apache-2.0
"""Computes the state of a run from all the evidence there is about it, never from the order in which it came."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from otelprov.model.records import (
    EXCEPTION,
    LOSS,
    PROCESS_ENDED,
    PROCESS_STARTED,
    RUN_FINISHED,
    RUN_SPAN,
    RUN_STARTED,
    LifeRecord,
)
from otelprov.semconv import (
    ERROR_TYPE,
    EXCEPTION_TYPE,
    HOST_NAME,
    PROCESS_EXIT_CODE,
    PROCESS_WORKING_DIRECTORY,
    PROVENANCE_LOSS_COUNT,
    PROVENANCE_LOSS_REASON,
    PROVENANCE_PROCESS_PARENT_ID,
    PROVENANCE_RUN_CODE_FILE,
    PROVENANCE_RUN_COMMAND,
    PROVENANCE_RUN_PARAMS,
    PROVENANCE_RUN_SIGNAL,
    PROVENANCE_RUN_STATUS,
    PROVENANCE_RUN_STATUS_COMPLETED,
    PROVENANCE_RUN_STATUS_FAILED,
    PROVENANCE_RUN_STATUS_INTERRUPTED,
    PROVENANCE_RUN_STATUS_LOST_CONTACT,
    PROVENANCE_RUN_STATUS_RUNNING,
    USER_NAME,
)
from otelprov.store import ranges, rows

_ENDED = (PROVENANCE_RUN_STATUS_COMPLETED, PROVENANCE_RUN_STATUS_FAILED, PROVENANCE_RUN_STATUS_INTERRUPTED)


@dataclass(slots=True)
class ProcessState:
    """How much of a process arrived; `records` is how many sequence numbers it is known to have given out."""

    process_id: str
    seen: int
    records: int
    last_sign: int
    dead: bool


@dataclass(slots=True)
class Evidence:
    """All that is known about the life of a run; `lives` are in order of time. `silent_since` is 0 for no verdict."""

    run_id: str
    lives: list[LifeRecord] = field(default_factory=list)
    processes: dict[str, ProcessState] = field(default_factory=dict)
    silent_since: int = 0

    def of(self, kind: str) -> list[LifeRecord]:
        """What was said of one kind."""
        return [life for life in self.lives if life.kind == kind]

    def said(self, key: str) -> str:
        """The first value of a detail, in the words of the run itself before those of its processes."""
        for kind in (RUN_STARTED, RUN_SPAN, PROCESS_STARTED, RUN_FINISHED):
            for life in self.of(kind):
                if life.details.get(key) not in (None, ""):
                    return str(life.details[key])
        return ""

    def root(self) -> str:
        """Id of the process that the run began with, empty where nothing tells."""
        for kind in (RUN_STARTED, RUN_SPAN):
            for life in self.of(kind):
                return life.process_id
        first = [life for life in self.of(PROCESS_STARTED) if not life.details.get(PROVENANCE_PROCESS_PARENT_ID)]
        return first[0].process_id if first else ""

    def last_sign(self) -> int:
        """When the run was last heard of."""
        return max((state.last_sign for state in self.processes.values()), default=0)


@dataclass(slots=True)
class Verdict:
    """The state of a run; `ended` is 0 while it runs."""

    status: str
    ended: int = 0
    exit_code: int | None = None
    signal: str = ""
    error_type: str = ""


def gather(connection: sqlite3.Connection, run_id: str) -> Evidence:
    """Read the evidence about a run."""
    evidence = Evidence(run_id)
    evidence.lives = sorted(
        (
            rows.life_of(row)
            for row in connection.execute(f"SELECT {rows.LIFE_COLUMNS} FROM life WHERE run_id = ?", (run_id,))  # noqa: S608
        ),
        key=lambda life: (life.time, life.seq, life.trace_id, life.span_id, life.index),
    )
    for process_id, seen, records, last_sign, dead in connection.execute(
        # A process that was heard of after it was found dead was not dead.
        "SELECT p.process_id, seen, records, last_sign, coalesce(d.noticed, 0) > last_sign FROM process p "
        "LEFT JOIN dead_process d ON d.process_id = p.process_id WHERE run_id = ? ORDER BY p.process_id",
        (run_id,),
    ):
        numbers = ranges.parse(seen)
        given = max(records, ranges.highest(numbers))
        evidence.processes[process_id] = ProcessState(process_id, ranges.count(numbers), given, last_sign, bool(dead))
    row = connection.execute("SELECT noticed FROM silence WHERE run_id = ?", (run_id,)).fetchone()
    evidence.silent_since = row[0] if row else 0
    return evidence


def judge(evidence: Evidence) -> Verdict:
    """The state of a run: its end as told, else as its root process told it, else whether it can still be alive."""
    root = evidence.root()
    own_end = [life for life in evidence.of(PROCESS_ENDED) if life.process_id == root]
    # The launcher saw the exit status itself; the run span only what the program was about to do.
    for told in (evidence.of(RUN_FINISHED), evidence.of(RUN_SPAN), own_end):
        if told:
            return _ending(told[-1], own_end)
    last_sign = evidence.last_sign()
    state = evidence.processes.get(root)
    ended = {life.process_id for life in evidence.of(PROCESS_ENDED)}
    others = [other for other in evidence.processes.values() if other.process_id != root]
    # A launcher that was killed leaves its command at work.
    at_work = any(not other.dead and other.process_id not in ended for other in others)
    if state is not None and state.dead and not at_work:
        return Verdict(PROVENANCE_RUN_STATUS_INTERRUPTED, last_sign)
    if evidence.silent_since > last_sign:
        return Verdict(PROVENANCE_RUN_STATUS_LOST_CONTACT)
    return Verdict(PROVENANCE_RUN_STATUS_RUNNING)


def _ending(life: LifeRecord, own_end: list[LifeRecord]) -> Verdict:
    details = life.details
    exit_code = details.get(PROCESS_EXIT_CODE)
    exit_code = exit_code if isinstance(exit_code, int) else None
    signal = str(details.get(PROVENANCE_RUN_SIGNAL, ""))
    error_type = str(details.get(ERROR_TYPE, ""))
    status = details.get(PROVENANCE_RUN_STATUS)
    if status not in _ENDED:
        if signal:
            status = PROVENANCE_RUN_STATUS_INTERRUPTED
        else:
            status = PROVENANCE_RUN_STATUS_FAILED if exit_code or error_type else PROVENANCE_RUN_STATUS_COMPLETED
    for other in own_end:
        error_type = error_type or str(other.details.get(ERROR_TYPE, ""))
    return Verdict(str(status), life.time, exit_code, signal, error_type)


def gaps(evidence: Evidence, verdict: Verdict) -> list[str]:
    """Sentences about what is missing of a run, empty where it is complete."""
    name = run_name(evidence) or "without a name"
    label = f"run {name} ({evidence.run_id[:8]})"
    sentences = []
    ended = {life.process_id for life in evidence.of(PROCESS_ENDED)}
    for state in evidence.processes.values():
        if state.records > state.seen:
            sentences.append(
                f"{label}: {state.records - state.seen} of {state.records} records of process "
                f"{state.process_id[:8]} have not arrived"
            )
        if state.dead and state.process_id not in ended and state.process_id != evidence.root():
            sentences.append(f"{label}: process {state.process_id[:8]} ended without a word")
    for reason, number in losses(evidence).items():
        sentences.append(f"{label}: {number} records could not be kept ({reason})")
    if verdict.status == PROVENANCE_RUN_STATUS_INTERRUPTED:
        sentences.append(f"{label} was interrupted: what it did last may be missing")
    if verdict.status == PROVENANCE_RUN_STATUS_LOST_CONTACT:
        sentences.append(f"{label} has given no sign of life: what it did last may be missing")
    return sentences


def losses(evidence: Evidence) -> dict[str, int]:
    """How many records could not be kept, by reason."""
    counted: Counter[str] = Counter()
    for life in evidence.of(LOSS):
        number = life.details.get(PROVENANCE_LOSS_COUNT, 1)
        counted[str(life.details.get(PROVENANCE_LOSS_REASON, "unknown"))] += number if isinstance(number, int) else 1
    return dict(sorted(counted.items()))


def run_name(evidence: Evidence) -> str:
    """The name of the run, in the words of the run itself before those of its processes."""
    for kind in (RUN_STARTED, RUN_SPAN, PROCESS_STARTED):
        for life in evidence.of(kind):
            if life.run_name:
                return life.run_name
    return next((life.run_name for life in evidence.lives if life.run_name), "")


def started(evidence: Evidence) -> int:
    """When the run began; 0 where nothing tells."""
    times = [life.time for life in evidence.lives if life.kind in (RUN_STARTED, PROCESS_STARTED)]
    times += [life.details["start"] for life in evidence.of(RUN_SPAN) if isinstance(life.details.get("start"), int)]
    return min(times or [life.time for life in evidence.lives], default=0)


def errors(evidence: Evidence) -> list[LifeRecord]:
    """What is known of exceptions that ended the run or its processes: the root's first."""
    root = evidence.root()
    found = [life for life in evidence.lives if life.kind in (EXCEPTION, PROCESS_ENDED)]
    return sorted(found, key=lambda life: (life.process_id != root, life.kind != EXCEPTION))


def _exception_type(life: LifeRecord) -> str:
    return str(life.details.get(EXCEPTION_TYPE) or life.details.get(ERROR_TYPE) or "")


def judge_run(connection: sqlite3.Connection, run_id: str) -> None:
    """Write the row of a run anew."""
    evidence = gather(connection, run_id)
    verdict = judge(evidence)
    if verdict.status == PROVENANCE_RUN_STATUS_FAILED and not verdict.error_type:
        # A launcher sees an exit status; the program itself told what it died of.
        verdict.error_type = next((said for life in errors(evidence) if (said := _exception_type(life))), "")
    begun = started(evidence)
    if not begun:
        row = connection.execute('SELECT min("start") FROM fact WHERE run_id = ?', (run_id,)).fetchone()
        begun = row[0] or 0
    trace_id = next((life.trace_id for kind in (RUN_SPAN, RUN_STARTED) for life in evidence.of(kind)), "")
    connection.execute(
        "UPDATE run SET name = ?, status = ?, started = ?, ended = ?, exit_code = ?, signal = ?, error_type = ?, "
        '"user" = ?, host = ?, command = ?, params = ?, code_file = ?, working_directory = ?, trace_id = ?, '
        "last_sign = ?, missing = ? WHERE run_id = ?",
        (
            run_name(evidence),
            verdict.status,
            begun,
            verdict.ended,
            verdict.exit_code,
            verdict.signal,
            verdict.error_type,
            evidence.said(USER_NAME),
            evidence.said(HOST_NAME),
            evidence.said(PROVENANCE_RUN_COMMAND),
            _object(evidence.said(PROVENANCE_RUN_PARAMS)),
            evidence.said(PROVENANCE_RUN_CODE_FILE),
            evidence.said(PROCESS_WORKING_DIRECTORY),
            trace_id,
            evidence.last_sign(),
            json.dumps(gaps(evidence, verdict)),
            run_id,
        ),
    )


def _object(text: str) -> str:
    """Parameters as the JSON object that they are, an empty one where they are anything else."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return "{}"
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else "{}"
