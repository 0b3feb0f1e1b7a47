# SPDX-License-Identifier: Apache-2.0
"""`otelprov runs`: list the runs, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from otelprov.cli.output import json_option, note, status_word, table, write_json, write_lines
from otelprov.cli.stored import up_to_date_store
from otelprov.errors import UsageError
from otelprov.export.text import duration, moment
from otelprov.semconv import names

if TYPE_CHECKING:
    from otelprov.store.contract import RunSummary

_STATUSES = [
    names.PROVENANCE_RUN_STATUS_RUNNING,
    names.PROVENANCE_RUN_STATUS_COMPLETED,
    names.PROVENANCE_RUN_STATUS_FAILED,
    names.PROVENANCE_RUN_STATUS_INTERRUPTED,
    names.PROVENANCE_RUN_STATUS_LOST_CONTACT,
]


@click.command()
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs in this state.")
@click.option("--name", help="Only runs of this name; may be a pattern such as 'train*'.")
@click.option("--user", help="Only runs of this user.")
@click.option("--since", metavar="TIME", help="Only runs since 7d, 12h, 30m, 2026-11-01 or 2026-11-01T08:30 (UTC).")
@click.option("--param", "params", multiple=True, metavar="K=V", help="Only runs with this parameter; may be repeated.")
@click.option("--imported", metavar="NAME[==VERSION]", help="Only runs that loaded this module or distribution.")
@click.option("--like", metavar="RUN", help="Only runs with the same parameters as this one.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="No more than this many.")
@json_option
def runs(
    status: str | None,
    name: str | None,
    user: str | None,
    since: str | None,
    params: tuple[str, ...],
    imported: str | None,
    like: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the runs, newest first.

    \b
    Example:
      otelprov runs
      otelprov runs --status failed --since 7d
      otelprov runs --name 'train*' --param epochs=3 --json
      otelprov runs --imported pandas==3.1.1
    """
    wanted = dict(_key_value(text) for text in params)
    start = since_time(since) if since else None
    with up_to_date_store() as store:
        # One more than asked for tells whether there are more.
        found = store.runs(status, name, user, start, wanted, limit + 1, imported=imported or "", like=like or "")
    shown, more = found[:limit], len(found) > limit
    if as_json:
        write_json({"runs": [asdict(run) for run in shown], "truncated": more})
        return
    if not shown:
        note(
            "no run answers to that"
            if any((status, name, user, since, params, imported, like))
            else "no run is recorded yet"
        )
        return
    headings = ("run", "status", "started", "took", "name", "in", "out", "user")
    write_lines(table(headings, map(_row, shown), {"status": status_word}))
    write_lines(_remarks(shown))
    if more:
        note(f"there are more runs than {limit}; ask for them with --limit")


def since_time(text: str) -> int:
    """The time in nanoseconds that `7d` or `2026-11-01` stands for, as in selections; raises UsageError for others."""
    from otelprov.lineage.select import parse

    if len(text.split()) != 1:
        raise UsageError(f"'{text}' is no time; write 7d, 12h, 2026-11-01 or 2026-11-01T08:30")
    return parse(f"since:{text.strip()}").bounds.since


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"'{text}' is no parameter; write --param NAME=VALUE")
    return key, value


def _row(run: RunSummary) -> tuple[str, ...]:
    took = duration(run.ended - run.started) if run.ended > run.started > 0 else ""
    counts = (str(run.inputs), str(run.outputs))
    return (run.run_id[:8], run.status, moment(run.started), took, run.name, *counts, run.user)


def _remarks(shown: list[RunSummary]) -> Iterator[str]:
    for run in shown:
        if not run.complete:
            yield f"incomplete: {run.run_id[:8]}: {_reasons(run.missing)}"


def _reasons(missing: list[Any]) -> str:
    return "; ".join(map(str, missing)) or "not all of what it recorded has arrived"
