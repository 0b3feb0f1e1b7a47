# SPDX-License-Identifier: Apache-2.0
"""What the processor reads out of spans: plain facts that merge in any order, however often they arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

USED = "used"
GENERATED = "generated"
DELETED = "deleted"

# Life cycle of runs and processes: what a LifeRecord can tell.
RUN_STARTED = "run.started"
RUN_SPAN = "run.span"
RUN_FINISHED = "run.finished"
PROCESS_STARTED = "process.started"
PROCESS_ENDED = "process.ended"
ENVIRONMENT = "environment"
HEARTBEAT = "heartbeat"
LOSS = "loss"
EXCEPTION = "exception"


@dataclass(slots=True)
class LifeRecord:
    """One thing that a run or a process said about itself; `kind` is one of the constants above.

    `index` is the event's sequence number (below -1 its place, where it has none), -1 for the span itself; `details`
    holds scalars by attribute name.
    """

    run_id: str
    process_id: str
    kind: str
    time: int
    seq: int
    trace_id: str
    span_id: str
    index: int
    run_name: str
    details: dict[str, Any]


@dataclass(slots=True)
class StepRecord:
    """A request, a task, a stage or a function; `parent_step` is the span id of the step around it."""

    run_id: str
    process_id: str
    trace_id: str
    span_id: str
    parent_step: str
    type: str
    name: str
    start: int
    end: int
    error: str
    code_file: str
    code_line: int
    seq: int


@dataclass(slots=True)
class IoRecord:
    """One entity used, generated or deleted by one span. Keyed by span, relation and name.

    Times are nanoseconds since the epoch. `rows`, `columns` and `size` (bytes) are -1 where unknown.
    `evidence` is what the telemetry itself says (flow, statement, declared, else empty), and `source_trace` with
    `source_span` names the read that a flow goes back to. `accumulates` says that the older content stays.
    """

    run_id: str
    process_id: str
    trace_id: str
    span_id: str
    relation: str
    namespace: str
    name: str
    type: str
    version: str
    format: str
    temporary: bool
    operation: str
    accumulates: bool
    parent_id: str
    step_id: str
    start: int
    end: int
    seq: int
    code_file: str
    code_line: int
    rows: int
    columns: int
    size: int
    flow_complete: bool
    evidence: str
    source_trace: str
    source_span: str
    alias: str = ""
    column_names: str = ""
    column_edges: str = ""
    left_out: int = 0


@dataclass(slots=True)
class ColumnEdge:
    """A column that comes from another, as one span shows it.

    Both are named by their entity and their own name; as output column `` stands for an effect on all of them and `*`
    for all that no other edge names; as input column `*` for the one of that name and `` for the entity as a whole. An
    output entity without a name is the result that a statement gave back. `how` is in the words of OpenLineage.
    """

    run_id: str
    trace_id: str
    span_id: str
    output_namespace: str
    output_name: str
    output_column: str
    input_namespace: str
    input_name: str
    input_column: str
    how: str


@dataclass(slots=True)
class StatementRecord:
    """A SQL statement with what it reads and writes; `parser` says what took it apart, empty where nothing could.

    `context` is a JSON object of what gives names of tables their meaning: attached databases, the database itself,
    whether all is temporary, and the process.
    """

    run_id: str
    process_id: str
    trace_id: str
    span_id: str
    text: str
    system: str
    namespace: str
    parser: str
    start: int
    seq: int = 0
    context: str = "{}"
    facts: list[IoRecord] = field(default_factory=list)


@dataclass(slots=True)
class ModuleRecord:
    """A module, or a distribution with `count` modules, that a process loaded; `duration` is in seconds, -1 unknown."""

    run_id: str
    process_id: str
    trace_id: str
    span_id: str
    index: int
    name: str
    importer: str
    style: str
    digest: str
    file: str
    purl: str
    count: int
    duration: float
    start: int
    seq: int
    error: str


class DigestRecord(NamedTuple):
    """What was at a version of size and time (`stat:…`) has this digest."""

    namespace: str
    name: str
    stat: str
    version: str


class MutationRecord(NamedTuple):
    """One change of one tracked container, as an event tells it.

    Keyed by container, process and `seq` (of the event, 0 where it has none) with `change`, the number among the
    changes of the container (0 its making, -1 unknown). `parent_id` is the span that was current, empty where a log
    record told the change. `elements` is -1 where the operation is on one. `key`, `old_value`, `new_value` and
    `snapshot` are texts of `model.values`, empty where not told; a type is empty where nothing is or was there.
    """

    run_id: str
    process_id: str
    trace_id: str
    span_id: str
    parent_id: str
    step_id: str
    container: str
    seq: int
    change: int
    name: str
    type: str
    action: str
    old_type: str
    new_type: str
    actor: str
    thread: int
    code_file: str
    code_line: int
    code_function: str
    time: int
    elements: int
    location: str
    locations: str
    key: str
    old_digest: str
    old_value: str
    new_digest: str
    new_value: str
    cut: bool
    snapshot: str
    stack: str


@dataclass(slots=True)
class Records:
    """Everything that a number of spans say. `sequences` holds (run id, process id) -> the numbers that were seen."""

    lives: list[LifeRecord] = field(default_factory=list)
    steps: list[StepRecord] = field(default_factory=list)
    ios: list[IoRecord] = field(default_factory=list)
    statements: list[StatementRecord] = field(default_factory=list)
    modules: list[ModuleRecord] = field(default_factory=list)
    mutations: list[MutationRecord] = field(default_factory=list)
    digests: set[DigestRecord] = field(default_factory=set)
    sequences: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    ignored: int = 0

    def __len__(self) -> int:
        """How many facts there are, those of statements included."""
        lists: tuple[list[Any], ...] = (
            self.lives,
            self.steps,
            self.ios,
            self.statements,
            self.modules,
            self.mutations,
        )
        return sum(len(told) for told in lists) + sum(len(statement.facts) for statement in self.statements)
