# SPDX-License-Identifier: Apache-2.0
"""What every store promises, and the plain data in which it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from otelprov.model.containers import ContainerSummary
from otelprov.model.records import (
    ColumnEdge,
    IoRecord,
    ModuleRecord,
    MutationRecord,
    Records,
    StatementRecord,
    StepRecord,
)

# What `Fact.hidden` can be: shown; a temporary entity, seen through; told better by another fact.
SHOWN, TEMPORARY, SUPERSEDED = 0, 1, 2
# `Bounds.until` without a bound: the end of the times that a store can hold.
END_OF_TIME = (1 << 63) - 1


@dataclass(slots=True)
class Fact:
    """A stored fact with what derivation found out about it.

    `head` is the id of the fact that stands for the version that this one generated (its own id for most), and
    `node` the id of that version in graphs; for a used fact `node` is what its own version says, before it is joined
    to a producer. `scope` is the request or task around it; `via_run` says that too many inputs were read in order
    before it, so that they are linked to it through the run alone.
    """

    id: int
    io: IoRecord
    head: int = 0
    node: str = ""
    hidden: int = SHOWN
    scope: str = ""
    via_run: bool = False


@dataclass(slots=True)
class Derived:
    """Version `output` (id of its head fact) derives from used fact `input`; generating fact `shown_by` shows it."""

    output: int
    input: int
    evidence: str
    shown_by: int


@dataclass(slots=True)
class Derivation:
    """What follows from the facts of one run: facts with `head` to `via_run` filled, edges, and what is left out.

    A fact with an id below 0 is new and follows from others; one that was given and is missing follows no longer.
    `columns` are the edges between columns.
    """

    facts: list[Fact] = field(default_factory=list)
    edges: list[Derived] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    columns: list[ColumnEdge] = field(default_factory=list)


Derive = Callable[[Sequence[Fact], Sequence[StepRecord], Sequence[StatementRecord]], Derivation]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times in nanoseconds; facts outside are not seen."""

    since: int = 0
    until: int = END_OF_TIME


@dataclass(slots=True)
class MergeReport:
    """What a merge did: facts given, new, known, and in conflict with a known one (the first is kept)."""

    facts: int = 0
    new: int = 0
    known: int = 0
    conflicts: int = 0
    runs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RunSummary:
    """A run in a list. Times are nanoseconds since the epoch, 0 unknown; `exit_code` is None where unknown."""

    run_id: str
    name: str
    status: str
    started: int
    ended: int
    exit_code: int | None
    signal: str
    error_type: str
    user: str
    host: str
    command: str
    params: dict[str, Any]
    code_file: str
    working_directory: str
    inputs: int
    outputs: int
    complete: bool
    missing: list[str]
    trace_id: str


@dataclass(slots=True)
class EntityUse:
    """An entity as a run used or generated it; counts are -1 and texts empty where unknown.

    `evidence` says how well it is known what came of it (used) or what it came from (generated), the strongest first;
    `column_names` are fewer than `columns` where they were too many to tell.
    """

    namespace: str
    name: str
    type: str
    version: str
    format: str
    operation: str
    rows: int
    columns: int
    size: int
    time: int
    trace_id: str
    span_id: str
    code: str
    evidence: list[str] = field(default_factory=list)
    column_names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ProcessSummary:
    """A process of a run; `records` is how many sequence numbers it gave out, `seen` how many of them arrived."""

    process_id: str
    parent_id: str
    pid: int
    root: bool
    started: int
    ended: int
    last_sign: int
    exit_code: int | None
    records: int
    seen: int


@dataclass(slots=True)
class LibraryCoverage:
    """A library that a run loaded; `edges` of it were recorded, unless `why` says why it was left alone."""

    name: str
    version: str = ""
    edges: int = 0
    why: str = ""


@dataclass(slots=True)
class RunDetail:
    """Everything about one run; `environment`, `vcs` and `coverage` map attribute names to values.

    `undigested` counts versions of larger files without a digest, by reason.
    """

    summary: RunSummary
    trigger: str
    actor: str
    config_digest: str
    code_digest: str
    parent_run_id: str
    error_message: str
    stacktrace: str
    environment: dict[str, Any]
    packages: list[str]
    vcs: dict[str, Any]
    coverage: dict[str, int]
    undigested: dict[str, int]
    libraries: list[LibraryCoverage]
    inputs: list[EntityUse]
    outputs: list[EntityUse]
    steps: list[StepRecord]
    processes: list[ProcessSummary]
    losses: dict[str, int]
    statements: int
    unparsed_statements: int


@dataclass(slots=True)
class EntitySummary:
    """An entity over all its versions; times in nanoseconds, 0 for never."""

    namespace: str
    name: str
    type: str
    generated: int
    used: int
    last_generated: int
    last_used: int


class Store(Protocol):
    """A store of facts. Every method raises OtelprovError with what to do next where the store can't answer."""

    path: str

    def close(self) -> None:
        """Give back what the store holds open."""
        ...

    def merge(
        self, records: Records, *, positions: Mapping[str, int] | None = None, derive: Derive | None = None
    ) -> MergeReport:
        """Take facts in, all or none of them, with the positions of their sources, in one transaction.

        Without `derive` the runs that were touched are left for `refresh`.
        """
        ...

    def refresh(self, derive: Derive) -> int:
        """Derive again for the runs that a merge left; the number of them."""
        ...

    def positions(self) -> dict[str, int]:
        """How far each source has been read."""
        ...

    def close_dead_runs(self, dead_process_ids: set[str], now: int) -> list[str]:
        """Tell which processes are dead and what time it is; ids of the runs whose status that changed."""
        ...

    def runs(
        self,
        status: str | None = None,
        name: str | None = None,
        user: str | None = None,
        since: int | None = None,
        params: Mapping[str, str] | None = None,
        limit: int | None = 100,
        *,
        imported: str = "",
        like: str = "",
    ) -> list[RunSummary]:
        """Runs, newest first; `name` may be a glob, `since` is in nanoseconds, `params` must all be equal.

        `imported` is a module, a distribution, or `distribution==version`; `like` is a run with the same parameters.
        """
        ...

    def run(self, id_prefix: str) -> RunDetail:
        """One run by id, a prefix of it (4 digits or more), `last`, or a name (its newest run).

        A name may be without its suffix, or the beginning of one name alone. Raises NotFoundError, and UsageError
        where a prefix fits more than one.
        """
        ...

    def summaries(self, run_ids: Iterable[str]) -> dict[str, RunSummary]:
        """Summaries by run id; unknown ids are left out."""
        ...

    def modules(self, run_id: str) -> list[ModuleRecord]:
        """What a run loaded, in order of time."""
        ...

    def modules_of(self, run_ids: Iterable[str]) -> list[ModuleRecord]:
        """What several runs loaded."""
        ...

    def entities(self, pattern: str = "*", limit: int | None = 1000) -> list[EntitySummary]:
        """Entities whose name, last part of the name, or namespace with name fits a glob or is equal."""
        ...

    def facts(self, ids: Iterable[int]) -> list[Fact]:
        """Facts by id."""
        ...

    def facts_of_run(self, run_id: str, relation: str, bounds: Bounds) -> list[Fact]:
        """The shown facts of a run with a relation, in order of time."""
        ...

    def made_through_run(self, run_id: str, bounds: Bounds) -> list[Fact]:
        """What a run generated from more reads than are drawn one by one."""
        ...

    def facts_of_node(self, prefix: str) -> list[Fact]:
        """Facts whose node id begins with a prefix."""
        ...

    def producer(self, namespace: str, name: str, version: str, until: int) -> Fact | None:
        """The last head fact that generated this version (any version where empty) and ended by a time."""
        ...

    def next_producer(self, namespace: str, name: str, after: int, until: int) -> Fact | None:
        """The first head fact that generated the name after a time."""
        ...

    def members(self, head: int) -> list[Fact]:
        """Every generating fact that a head stands for, itself first."""
        ...

    def uses(self, namespace: str, name: str, start: int, end: int) -> list[Fact]:
        """Used facts of a name that started in [start, end)."""
        ...

    def newest(self, namespace: str, name: str, relation: str, bounds: Bounds) -> Fact | None:
        """The last fact of a name with a relation; of generating ones, the last head."""
        ...

    def entity_names(self, pattern: str) -> list[tuple[str, str, str]]:
        """(namespace, name, type) of the entities that a name or a glob fits."""
        ...

    def runs_of_prefix(self, prefix: str) -> list[str]:
        """Ids of runs that begin with a prefix of 4 hex digits or more; none for any other text."""
        ...

    def same_content(self, namespace: str, name: str, version: str, limit: int) -> list[tuple[str, str]]:
        """Namespaces and names of other entities that have had a version with the same digest."""
        ...

    def deleted_between(self, namespace: str, name: str, start: int, end: int) -> bool:
        """Whether the entity was removed in a time."""
        ...

    def derived_from(self, output: int) -> list[Derived]:
        """Edges into a version, by its head."""
        ...

    def derived_by(self, used: int) -> list[Derived]:
        """Edges out of a used fact."""
        ...

    def column_edges(self, trace_id: str, span_id: str) -> list[ColumnEdge]:
        """The edges between columns that a span shows."""
        ...

    def facts_of_span(self, trace_id: str, span_id: str) -> list[Fact]:
        """All facts that a span shows."""
        ...

    def flows_from(self, trace_id: str, span_id: str) -> list[Fact]:
        """Used facts of writes and statements that go back to the reads of a span."""
        ...

    def containers(self, run_id: str) -> list[ContainerSummary]:
        """The tracked containers that a run changed, in order of their first change."""
        ...

    def mutations(
        self,
        run_id: str,
        containers: Iterable[str] | None = None,
        *,
        process_id: str = "",
        bounds: Bounds | None = None,
        changes: tuple[int, int] | None = None,
        newest: int | None = None,
    ) -> Iterator[MutationRecord]:
        """The changes of containers (of all where None): of a process in order of number, over processes of time.

        They come one by one, as they are asked for. `changes` bounds their numbers, both ends included. With `newest`
        at least the last so many of each container and process come, and older ones may not.
        """
        ...
