# SPDX-License-Identifier: Apache-2.0
"""Merges facts into the tables so that neither order nor repetition of arrival makes a difference."""

from __future__ import annotations

import gc
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from typing import Any

from otelprov.model.records import (
    HEARTBEAT,
    ColumnEdge,
    DigestRecord,
    IoRecord,
    LifeRecord,
    Records,
    StatementRecord,
    StepRecord,
)
from otelprov.semconv import PROVENANCE_PROCESS_RECORDS
from otelprov.store import ranges, rows
from otelprov.store.contract import Derivation, Derive, Derived, Fact, MergeReport
from otelprov.store.judging import judge_run
from otelprov.store.mutations import merge_mutations

# What a table keeps: the columns, and which of them are the key.
_IO_KEY = '"span_id" = ?4 AND "trace_id" = ?3 AND "relation" = ?5 AND "name" = ?7 AND "namespace" = ?6'
_PLACE_KEY = '"trace_id" = ? AND "span_id" = ? AND "place" = ?'
_SPAN_KEY = '"trace_id" = ? AND "span_id" = ?'


def merge_records(connection: sqlite3.Connection, records: Records) -> MergeReport:
    """Put records into the tables, inside a transaction of the caller's; runs whose edges may change are left stale."""
    report = MergeReport(facts=len(records))
    runs: set[str] = set()
    lives = [life for life in records.lives if life.kind != HEARTBEAT]
    _take(connection, report, runs, "life", rows.LIFE_COLUMNS, _PLACE_KEY, map(rows.life_row, lives), _life_key)
    _take(connection, report, runs, "step", rows.STEP_COLUMNS, _SPAN_KEY, map(rows.step_row, records.steps), _span_key)
    modules = map(rows.module_row, records.modules)
    _take(connection, report, runs, "module", rows.MODULE_COLUMNS, _PLACE_KEY, modules, _place_key)
    facts = list(records.ios)
    for statement in records.statements:
        if _take_statement(connection, report, runs, statement):
            facts += statement.facts
        else:
            # Taken apart once is enough: another parser today would add tables that the first one did not see.
            report.known += len(statement.facts)
    told = map(rows.io_row, facts)
    _take(connection, report, runs, "fact", rows.IO_COLUMNS, _IO_KEY, told, tuple, rows.is_of_a_span)
    _take_digests(connection, runs, records.digests)
    connection.executemany(
        "INSERT INTO entity VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET type = min(type, excluded.type) "
        "WHERE excluded.type < type",
        {(fact.namespace, fact.name, _short(fact.name), fact.type) for fact in facts if not _stands_for_others(fact)},
    )
    heartbeats = [life for life in records.lives if life.kind == HEARTBEAT]
    report.known += len(heartbeats)
    # No edge hangs on these: a run with many of them is judged anew, but not derived anew.
    touched = merge_mutations(connection, report, records.mutations) | _merge_processes(connection, records)
    runs.discard("")
    _leave_stale(connection, runs)
    touched -= {*runs, ""}
    only_touched = [(run_id,) for run_id in sorted(touched)]
    connection.executemany("INSERT INTO run (run_id, stale) VALUES (?, 0) ON CONFLICT DO NOTHING", only_touched)
    report.runs = sorted(runs | touched)
    return report


def refresh_runs(connection: sqlite3.Connection, runs: Iterable[str], derive: Derive | None) -> None:
    """Judge runs anew and, with `derive`, make stale edges anew, inside a transaction of the caller's."""
    with _uncollected():
        stale = set(stale_runs(connection)) if derive is not None else set()
        for run_id in runs:
            if derive is not None and run_id in stale:
                _derive_run(connection, run_id, derive)
            judge_run(connection, run_id)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles, which would go through all facts again and again and find none."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def stale_runs(connection: sqlite3.Connection) -> list[str]:
    """Runs whose edges are older than their facts."""
    return [row[0] for row in connection.execute("SELECT run_id FROM run WHERE stale = 1 ORDER BY run_id")]


def _take(
    connection: sqlite3.Connection,
    report: MergeReport,
    runs: set[str],
    table: str,
    columns: str,
    key: str,
    values: Iterable[rows.Row],
    key_of: Callable[[rows.Row], Any],
    is_better: Callable[[rows.Row], bool] | None = None,
) -> None:
    statement = rows.insert(table, columns)
    # All names are constants of this module.
    look_up = f"SELECT {columns} FROM {table} WHERE {key}"  # noqa: S608
    run_at = columns.replace('"', "").split(", ").index("run_id")
    for row in values:
        if connection.execute(statement, row).rowcount == 1:
            report.new += 1
            runs.add(row[run_at])
            continue
        report.known += 1
        known = connection.execute(look_up, key_of(row)[: _parameters(key)]).fetchone()
        if known is None or tuple(known) == row:
            continue
        if is_better is None or is_better(row) == is_better(known):
            _note_conflict(connection, report, table, columns, row)
        elif is_better(row):
            connection.execute(rows.replace(table, columns), row)
            runs.add(row[run_at])


def _take_digests(connection: sqlite3.Connection, runs: set[str], digests: Iterable[DigestRecord]) -> None:
    """Digests, and the runs whose facts are of a version that one of them is about."""
    for told in sorted(digests):
        if connection.execute("INSERT INTO digest VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", told).rowcount == 1:
            found = connection.execute(
                "SELECT DISTINCT run_id FROM fact WHERE name = ? AND namespace = ? AND version = ? "
                "AND substr(version, 1, 5) = 'stat:'",
                (told.name, told.namespace, told.stat),
            )
            runs.update(run_id for (run_id,) in found)


def _parameters(key: str) -> int:
    # Numbered parameters want every value up to the highest number.
    return 7 if "?7" in key else key.count("?")


def _note_conflict(
    connection: sqlite3.Connection, report: MergeReport, table: str, columns: str, row: rows.Row
) -> None:
    said = dict(zip(columns.replace('"', "").split(", "), row, strict=True))
    content = json.dumps(said, sort_keys=True)
    report.conflicts += 1
    connection.execute(
        "INSERT INTO conflict VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (table, said["trace_id"], said["span_id"], content),
    )


def _life_key(row: rows.Row) -> tuple[Any, ...]:
    return row[5], row[6], row[7]


def _place_key(row: rows.Row) -> tuple[Any, ...]:
    return row[2], row[3], row[4]


def _span_key(row: rows.Row) -> tuple[Any, ...]:
    return row[2], row[3]


def _take_statement(
    connection: sqlite3.Connection, report: MergeReport, runs: set[str], statement: StatementRecord
) -> bool:
    row = rows.statement_row(statement)
    if connection.execute(rows.insert("statement", rows.STATEMENT_COLUMNS), row).rowcount == 1:
        report.new += 1
        runs.add(statement.run_id)
        return True
    report.known += 1
    known = connection.execute(
        "SELECT text, system, namespace FROM statement WHERE trace_id = ? AND span_id = ?",
        (statement.trace_id, statement.span_id),
    ).fetchone()
    if tuple(known) != (statement.text, statement.system, statement.namespace):
        _note_conflict(connection, report, "statement", rows.STATEMENT_COLUMNS, row)
    return False


def _merge_processes(connection: sqlite3.Connection, records: Records) -> set[str]:
    signs: dict[tuple[str, str], tuple[int, int]] = {}

    def sign(run_id: str, process_id: str, time: int, given: int = 0) -> None:
        old_time, old_given = signs.get((run_id, process_id), (0, 0))
        signs[run_id, process_id] = (max(time, old_time), max(given, old_given))

    for life in records.lives:
        sign(life.run_id, life.process_id, life.time, _records_of(life))
    for step in records.steps:
        sign(step.run_id, step.process_id, step.end)
    for io in records.ios:
        sign(io.run_id, io.process_id, io.end)
    for module in records.modules:
        sign(module.run_id, module.process_id, module.start)
    latest: dict[tuple[str, str], int] = {}
    for change in records.mutations:
        of = change.run_id, change.process_id
        latest[of] = max(latest.get(of, 0), change.time)
    for of, time in latest.items():
        sign(*of, time)
    changed: set[str] = set()
    for key in sorted(signs.keys() | records.sequences.keys()):
        if not all(key):
            continue
        time, given = signs.get(key, (0, 0))
        row = connection.execute(
            "SELECT seen, records, last_sign FROM process WHERE run_id = ? AND process_id = ?", key
        ).fetchone()
        before = tuple(row) if row else ("", 0, 0)
        seen = ranges.show(ranges.add(ranges.parse(before[0]), records.sequences.get(key, ())))
        after = (seen, max(given, before[1]), max(time, before[2]))
        if after != before or row is None:
            connection.execute("INSERT OR REPLACE INTO process VALUES (?, ?, ?, ?, ?)", (*key, *after))
            changed.add(key[0])
    return changed


def _records_of(life: LifeRecord) -> int:
    given = life.details.get(PROVENANCE_PROCESS_RECORDS, 0)
    return given if isinstance(given, int) else 0


def _leave_stale(connection: sqlite3.Connection, runs: set[str]) -> None:
    connection.executemany(
        "INSERT INTO run (run_id) VALUES (?) ON CONFLICT DO UPDATE SET stale = 1",
        [(run_id,) for run_id in sorted(runs)],
    )


def _derive_run(connection: sqlite3.Connection, run_id: str, derive: Derive) -> None:
    # Names of columns are constants of this package.
    query = f"SELECT {rows.FACT_COLUMNS_ANEW}, content FROM fact WHERE run_id = ?"  # noqa: S608
    facts: list[Fact] = []
    before: dict[int, tuple[Any, ...]] = {}
    for *row, content in connection.execute(query, (run_id,)):
        fact = rows.fact_of(row)
        facts.append(fact)
        before[fact.id] = (fact.head, fact.node, fact.hidden, fact.scope, fact.via_run, content)
    steps = [
        StepRecord(*row)
        for row in connection.execute(f"SELECT {rows.STEP_COLUMNS} FROM step WHERE run_id = ?", (run_id,))  # noqa: S608
    ]
    statements = [
        StatementRecord(*row)
        for row in connection.execute(
            f"SELECT {rows.STATEMENT_COLUMNS} FROM statement WHERE run_id = ?",  # noqa: S608
            (run_id,),
        )
    ]
    found = derive(facts, steps, statements)
    _replace_following(connection, before.keys(), found)
    changed = []
    for fact in found.facts:
        after = (fact.head, fact.node, fact.hidden, fact.scope, fact.via_run, fact.io.version)
        if before.get(fact.id) != after:
            changed.append((*after, fact.id))
    connection.executemany(
        "UPDATE fact SET head = ?, node = ?, hidden = ?, scope = ?, via_run = ?, content = ? WHERE id = ?", changed
    )
    _replace_edges(connection, run_id, found.edges)
    _replace_column_edges(connection, run_id, found.columns)
    connection.execute("UPDATE run SET stale = 0, left_out = ? WHERE run_id = ?", (json.dumps(found.missing), run_id))


def _replace_following(connection: sqlite3.Connection, known: Set[int], found: Derivation) -> None:
    """Leave the run with just those facts that follow from others which derivation gives; new ones get their ids."""
    given = {fact.id for fact in found.facts}
    connection.executemany("DELETE FROM fact WHERE id = ?", [(id_,) for id_ in sorted(known - given)])
    ids: dict[int, int] = {}
    for fact in found.facts:
        if fact.id < 0:
            made = connection.execute(rows.replace("fact", rows.IO_COLUMNS), rows.io_row(fact.io)).lastrowid or 0
            ids[fact.id] = fact.id = made
            entity = (fact.io.namespace, fact.io.name, _short(fact.io.name), fact.io.type)
            connection.execute("INSERT INTO entity VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", entity)
    for edge in found.edges:
        edge.input = ids.get(edge.input, edge.input)


def _replace_edges(connection: sqlite3.Connection, run_id: str, edges: Iterable[Derived]) -> None:
    """Leave the run with just these edges; of a server that goes on, nearly all of them are there already."""
    query = "SELECT output, input, evidence, shown_by FROM derived WHERE run_id = ?"
    known = set(connection.execute(query, (run_id,)))
    wanted = {(edge.output, edge.input, edge.evidence, edge.shown_by) for edge in edges}
    gone = [edge[:2] for edge in known - wanted]
    connection.executemany("DELETE FROM derived WHERE output = ? AND input = ?", gone)
    new = [(*edge, run_id) for edge in sorted(wanted - known)]
    connection.executemany("INSERT INTO derived VALUES (?, ?, ?, ?, ?)", new)


def _replace_column_edges(connection: sqlite3.Connection, run_id: str, edges: Iterable[ColumnEdge]) -> None:
    query = f"SELECT {rows.COLUMN_EDGE_COLUMNS} FROM column_edge WHERE run_id = ?"  # noqa: S608
    known = set(connection.execute(query, (run_id,)))
    wanted = {rows.column_edge_row(edge) for edge in edges}
    if known - wanted:
        connection.execute("DELETE FROM column_edge WHERE run_id = ?", (run_id,))
        known = set()
    connection.executemany(rows.insert("column_edge", rows.COLUMN_EDGE_COLUMNS), sorted(wanted - known))


def _stands_for_others(fact: IoRecord) -> bool:
    """Whether a fact only says that something comes from all that one statement has read."""
    return fact.type == "database" and bool(fact.source_span)


def _short(name: str) -> str:
    """The last part of a path, or of a qualified table's name."""
    return name.rstrip("/").rsplit("/", 1)[-1] or name
