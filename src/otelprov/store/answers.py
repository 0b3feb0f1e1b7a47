# SPDX-License-Identifier: Apache-2.0
"""Answers questions about runs, modules and entities as lists of plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from otelprov.errors import NotFoundError, UsageError
from otelprov.model.graph import EVIDENCE_ORDER
from otelprov.model.records import (
    ENVIRONMENT,
    GENERATED,
    PROCESS_ENDED,
    PROCESS_STARTED,
    RUN_STARTED,
    USED,
    ModuleRecord,
    StepRecord,
)
from otelprov.semconv import (
    ERROR_TYPE,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    PROCESS_EXIT_CODE,
    PROCESS_PID,
    PROVENANCE_PACKAGES_LIST,
    PROVENANCE_PROCESS_PARENT_ID,
    PROVENANCE_RUN_ACTOR,
    PROVENANCE_RUN_CODE_DIGEST,
    PROVENANCE_RUN_CONFIG_DIGEST,
    PROVENANCE_RUN_PARENT_ID,
    PROVENANCE_RUN_TRIGGER,
)
from otelprov.store import covering, rows
from otelprov.store.contract import (
    Bounds,
    EntitySummary,
    EntityUse,
    Fact,
    ProcessSummary,
    RunDetail,
    RunSummary,
)
from otelprov.store.judging import Evidence, errors, gather, losses
from otelprov.store.lookups import Lookups

_VCS = ("vcs.", "provenance.vcs.")
_OF_THE_MACHINE = ("process.runtime.", "process.executable.", "os.", "host.")
_SUMMARY = (
    'SELECT run_id, name, status, started, ended, exit_code, signal, error_type, "user", host, command, params, '
    "code_file, working_directory, "
    "(SELECT count(DISTINCT namespace || char(0) || name) FROM fact f WHERE f.run_id = run.run_id "
    "AND relation = 'used' AND hidden = 0), "
    "(SELECT count(DISTINCT namespace || char(0) || name) FROM fact f WHERE f.run_id = run.run_id "
    "AND relation = 'generated' AND hidden = 0), missing, left_out, trace_id FROM run"
)
MIN_PREFIX = 4


def _loaded(imported: str) -> list[tuple[str, Any]]:
    """The condition that a run has loaded a module or a distribution, and did not fail to."""
    name, equals, version = imported.strip().partition("==")
    package = f"pkg:pypi/{name.strip().lower().replace('_', '-')}@"
    loaded = "EXISTS (SELECT 1 FROM module m WHERE m.run_id = run.run_id AND m.error = '' AND "
    if equals:
        return [(loaded + "m.purl = ?)", package + version.strip())]
    return [(loaded + "(m.name = ? OR substr(m.purl, 1, ?) = ?))", (name, len(package), package))]


class Answers(Lookups):
    """The part of the store that lists and describes."""

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
        wanted: list[tuple[str, Any]] = []
        if status:
            wanted.append(("status = ?", status))
        if name:
            wanted.append(("name GLOB ?", name))
        if user:
            wanted.append(('"user" = ?', user))
        if since is not None:
            wanted.append(("started >= ?", since))
        if imported:
            wanted += _loaded(imported)
        if like:
            wanted.append(("params = (SELECT params FROM run WHERE run_id = ?)", self._run_id(like)))
        where = " AND ".join(condition for condition, _ in wanted) or "1"
        query = f"{_SUMMARY} WHERE {where} ORDER BY started DESC, run_id"
        found: list[RunSummary] = []
        values = [value for _, given in wanted for value in (given if isinstance(given, tuple) else (given,))]
        for row in self._connection.execute(query, values):
            if limit is not None and len(found) >= limit:
                break
            summary = _summary(row)
            if all(str(summary.params.get(key)) == value for key, value in (params or {}).items()):
                found.append(summary)
        return found

    def summaries(self, run_ids: Iterable[str]) -> dict[str, RunSummary]:
        """Summaries by run id; unknown ids are left out."""
        found = self._in_chunks(f"{_SUMMARY} WHERE run_id IN", dict.fromkeys(run_ids))
        return {row[0]: _summary(row) for row in found}

    def run(self, id_prefix: str) -> RunDetail:
        """One run by id, a prefix of it (4 digits or more), `last`, or a name (its newest run)."""
        return self._detail(self._run_id(id_prefix))

    def _run_id(self, wanted: str) -> str:
        if wanted == "last":
            found = self._rows("SELECT run_id FROM run ORDER BY started DESC, run_id LIMIT 1")
        else:
            found = self._run_ids_of_prefix(wanted)
            if len(found) > 1 and found[0][0] != wanted:
                raise UsageError(
                    f"Looking for run {wanted!r}: {len(found)} runs have ids that begin so "
                    f"({', '.join(row[0][:12] for row in found[:5])}). Give more digits."
                )
            if not found:
                found = self._newest_of_name(wanted)
        if not found:
            raise NotFoundError(f"Looking for run {wanted!r}: the store {self.path} has none. See `otelprov runs`.")
        return str(found[0][0])

    def _newest_of_name(self, wanted: str) -> list[tuple[Any, ...]]:
        """The newest run of a name: as it stands, without its suffix, or by a beginning that no other name has."""
        newest = "SELECT run_id FROM run WHERE name = ? ORDER BY started DESC, run_id LIMIT 1"
        found = self._rows(newest, (wanted,))
        if found or not wanted:
            return found
        named = [
            row[0]
            for row in self._rows("SELECT DISTINCT name FROM run WHERE substr(name, 1, ?) = ?", (len(wanted), wanted))
        ]
        plain = [name for name in named if name.rpartition(".")[0] == wanted]
        fitting = sorted(plain or named)
        if len(fitting) > 1:
            raise UsageError(
                f"Looking for run {wanted!r}: {len(fitting)} names begin so ({', '.join(fitting[:5])}). Write more."
            )
        return self._rows(newest, fitting) if fitting else []

    def _run_ids_of_prefix(self, prefix: str) -> list[tuple[Any, ...]]:
        prefix = prefix.lower()
        if len(prefix) < MIN_PREFIX or not set(prefix) <= set("0123456789abcdef"):
            return []
        return self._rows(
            "SELECT run_id FROM run WHERE run_id >= ? AND run_id < ? ORDER BY run_id", (prefix, prefix + "g")
        )

    def runs_of_prefix(self, prefix: str) -> list[str]:
        """Ids of runs that begin with a prefix of 4 hex digits or more; none for any other text."""
        return [row[0] for row in self._run_ids_of_prefix(prefix)]

    def _detail(self, run_id: str) -> RunDetail:
        summary = self.summaries([run_id])[run_id]
        evidence = gather(self._connection, run_id)
        environment: dict[str, Any] = {}
        for life in evidence.of(ENVIRONMENT):
            environment = {**life.details, **environment}
        processes = evidence.of(PROCESS_STARTED)
        for life in evidence.of(RUN_STARTED) or processes[:1]:
            environment = {**life.details, **environment}
        # A launcher that only starts the run does not know what runs it.
        for life in processes:
            runtime = {key: value for key, value in life.details.items() if key.startswith(_OF_THE_MACHINE)}
            environment = {**runtime, **environment}
        packages = str(environment.pop(PROVENANCE_PACKAGES_LIST, "")).split()
        vcs = {key: environment.pop(key) for key in list(environment) if key.startswith(_VCS)}
        error = _first_error(evidence)
        statements = self._rows("SELECT count(*), sum(parser = '') FROM statement WHERE run_id = ?", (run_id,))[0]
        return RunDetail(
            summary=summary,
            trigger=evidence.said(PROVENANCE_RUN_TRIGGER),
            actor=evidence.said(PROVENANCE_RUN_ACTOR),
            config_digest=evidence.said(PROVENANCE_RUN_CONFIG_DIGEST),
            code_digest=evidence.said(PROVENANCE_RUN_CODE_DIGEST),
            parent_run_id=evidence.said(PROVENANCE_RUN_PARENT_ID),
            error_message=error.get(EXCEPTION_MESSAGE, ""),
            stacktrace=error.get(EXCEPTION_STACKTRACE, ""),
            environment=environment,
            packages=packages,
            vcs=vcs,
            coverage=covering.numbers(evidence),
            undigested=covering.undigested(evidence),
            libraries=covering.libraries(evidence),
            inputs=self._uses_of(run_id, USED),
            outputs=self._uses_of(run_id, GENERATED),
            steps=self._steps(run_id),
            processes=_processes(evidence),
            losses=losses(evidence),
            statements=statements[0],
            unparsed_statements=statements[1] or 0,
        )

    def _uses_of(self, run_id: str, relation: str) -> list[EntityUse]:
        last: dict[tuple[str, str, str], EntityUse] = {}
        known = self._evidence_of(run_id, relation)
        for fact in self.facts_of_run(run_id, relation, Bounds()):
            use = _use(fact)
            key = use.namespace, use.name, use.version
            before = last[key].evidence if key in last else ()
            found = {*before, *known.get(fact.head if relation == GENERATED else fact.id, ())}
            use.evidence = [evidence for evidence in EVIDENCE_ORDER if evidence in found]
            last[key] = use
        return list(last.values())

    def _evidence_of(self, run_id: str, relation: str) -> dict[int, set[str]]:
        """Kinds of evidence in the edges of a run, by the fact at their end or at their beginning."""
        end = "output" if relation == GENERATED else "input"
        found: dict[int, set[str]] = {}
        query = f"SELECT DISTINCT {end}, evidence FROM derived WHERE run_id = ?"  # noqa: S608
        for fact_id, evidence in self._rows(query, (run_id,)):
            found.setdefault(fact_id, set()).add(evidence)
        return found

    def _steps(self, run_id: str) -> list[StepRecord]:
        query = f'SELECT {rows.STEP_COLUMNS} FROM step WHERE run_id = ? ORDER BY "start", seq'  # noqa: S608
        return [StepRecord(*row) for row in self._rows(query, (run_id,))]

    def modules(self, run_id: str) -> list[ModuleRecord]:
        """What a run loaded, in order of time."""
        return self.modules_of([run_id])

    def modules_of(self, run_ids: Iterable[str]) -> list[ModuleRecord]:
        """What several runs loaded, in order of time within each."""
        query = f'SELECT {rows.MODULE_COLUMNS} FROM module WHERE run_id = ? ORDER BY "start", seq, place'  # noqa: S608
        return [ModuleRecord(*row) for run_id in run_ids for row in self._rows(query, (run_id,))]

    def entities(self, pattern: str = "*", limit: int | None = 1000) -> list[EntitySummary]:
        """Entities whose name, last part of the name, or namespace with name fits a glob or is equal."""
        names = self.entity_names(pattern)
        return [self._entity(*found) for found in (names if limit is None else names[:limit])]

    def entity_names(self, pattern: str) -> list[tuple[str, str, str]]:
        """(namespace, name, type) of the entities that a glob fits; equal names are found by an index."""
        exact = self._rows(
            "SELECT namespace, name, type FROM entity WHERE name = ?1 UNION SELECT namespace, name, type FROM entity "
            "WHERE short = ?1 ORDER BY 1, 2",
            (pattern,),
        )
        if exact or not pattern:
            return [(row[0], row[1], row[2]) for row in exact]
        found = []
        for namespace, name, short, kind in self._rows(
            "SELECT namespace, name, short, type FROM entity ORDER BY namespace, name"
        ):
            full = _full_name(namespace, name)
            if pattern == full or any(fnmatchcase(text, pattern) for text in (name, short, full)):
                found.append((namespace, name, kind))
        return found

    def _entity(self, namespace: str, name: str, kind: str) -> EntitySummary:
        counts = {
            row[0]: row[1:]
            for row in self._rows(
                'SELECT relation, count(*), max("end") FROM fact WHERE name = ? AND namespace = ? AND hidden < 2 '
                "GROUP BY relation",
                (name, namespace),
            )
        }
        generated, used = counts.get(GENERATED, (0, 0)), counts.get(USED, (0, 0))
        return EntitySummary(namespace, name, kind, generated[0], used[0], generated[1], used[1])


def _full_name(namespace: str, name: str) -> str:
    return name if namespace == "file" else f"{namespace}/{name}"


def _summary(row: tuple[Any, ...]) -> RunSummary:
    missing = [*json.loads(row[16]), *json.loads(row[17])]
    return RunSummary(
        run_id=row[0],
        name=row[1],
        status=row[2],
        started=row[3],
        ended=row[4],
        exit_code=row[5],
        signal=row[6],
        error_type=row[7],
        user=row[8],
        host=row[9],
        command=row[10],
        params=json.loads(row[11]),
        code_file=row[12],
        working_directory=row[13],
        inputs=row[14],
        outputs=row[15],
        complete=not missing,
        missing=missing,
        trace_id=row[18],
    )


def _use(fact: Fact) -> EntityUse:
    io = fact.io
    code = f"{io.code_file}:{io.code_line}" if io.code_file else ""
    return EntityUse(
        namespace=io.namespace,
        name=io.name,
        type=io.type,
        version=io.version,
        format=io.format,
        operation=io.operation,
        rows=io.rows,
        columns=io.columns,
        size=io.size,
        time=io.end,
        trace_id=io.trace_id,
        span_id=io.span_id,
        code=code,
        column_names=rows.column_names(io.column_names),
    )


def _first_error(evidence: Evidence) -> dict[str, str]:
    for life in errors(evidence):
        if life.details.get(EXCEPTION_TYPE) or life.details.get(EXCEPTION_STACKTRACE) or life.details.get(ERROR_TYPE):
            return {key: str(value) for key, value in life.details.items()}
    return {}


def _processes(evidence: Evidence) -> list[ProcessSummary]:
    root = evidence.root()
    found = []
    for state in evidence.processes.values():
        own = [life for life in evidence.lives if life.process_id == state.process_id]
        begun = [life for life in own if life.kind in (PROCESS_STARTED, RUN_STARTED)]
        ended = [life for life in own if life.kind == PROCESS_ENDED]
        said = {key: value for life in reversed(begun) for key, value in life.details.items()}
        exit_code = ended[-1].details.get(PROCESS_EXIT_CODE) if ended else None
        found.append(
            ProcessSummary(
                process_id=state.process_id,
                parent_id=str(said.get(PROVENANCE_PROCESS_PARENT_ID, "")),
                pid=said[PROCESS_PID] if isinstance(said.get(PROCESS_PID), int) else 0,
                root=state.process_id == root,
                started=begun[0].time if begun else 0,
                ended=ended[-1].time if ended else 0,
                last_sign=state.last_sign,
                exit_code=exit_code if isinstance(exit_code, int) else None,
                records=state.records,
                seen=state.seen,
            )
        )
    return sorted(found, key=lambda process: (not process.root, process.started, process.process_id))
