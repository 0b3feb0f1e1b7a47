# SPDX-License-Identifier: Apache-2.0
"""`otelprov containers`: which tracked containers a run changed, who changed them, and what they held at any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from otelprov.cli.container_choice import Histories, Wanted, chosen, moment_of
from otelprov.cli.container_content import differ, show
from otelprov.cli.container_page import Page, tables
from otelprov.cli.container_text import as_json_object
from otelprov.cli.output import json_option, note, stream_json, table, write_json, write_lines
from otelprov.cli.stored import up_to_date_store
from otelprov.errors import UsageError
from otelprov.export.text import moment, printable
from otelprov.model.containers import ContainerSummary
from otelprov.store.contract import END_OF_TIME, Bounds, RunDetail

_PAGE = 50
_MOST_LISTED = 3
_ANY_NUMBER = (-1, END_OF_TIME)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("name", required=False, default="")
@click.option("--limit", type=click.IntRange(min=0), default=_PAGE, show_default=True, help="The last so many; 0: all.")
@click.option("--actor", default="", metavar="GLOB", help="Only changes by this actor.")
@click.option("--action", default="", metavar="GLOB", help="Only changes of this kind: set, append, 'pop*'.")
@click.option("--location", default="", metavar="GLOB", help="Only changes there: \"['items']*\".")
@click.option("--since", metavar="TIME", help="Only changes since 7d, 12h, 2026-11-01T08:30:00 (UTC).")
@click.option("--until", metavar="TIME", help="Only changes until then.")
@click.option("--from", "first", type=click.IntRange(min=0), metavar="N", help="Only changes from this number on.")
@click.option("--to", "last", type=click.IntRange(min=0), metavar="N", help="Only changes up to this number.")
@click.option("--at", metavar="N", help="What it held after change N, or after M:N, change N of container M inside.")
@click.option("--at-time", metavar="TIME", help="What it held at a time.")
@click.option("--diff", nargs=2, metavar="A B", help="What differs between two points: N, M:N or times.")
@click.option("--process", default="", metavar="ID", help="Of a container that went on in several processes, this one.")
@json_option
@click.pass_context
def containers(
    ctx: click.Context,
    run_id: str,
    name: str,
    limit: int,
    actor: str,
    action: str,
    location: str,
    since: str | None,
    until: str | None,
    first: int | None,
    last: int | None,
    at: str | None,
    at_time: str | None,
    diff: tuple[str, str] | None,
    process: str,
    as_json: bool,
) -> None:
    """Show who changed which tracked container, when.

    \b
    Example:
      otelprov containers last
      otelprov containers last cart --actor 'nightly*'
      otelprov containers last cart --location "['items']*" --limit 0
      otelprov containers last cart --at 12
      otelprov containers last cart --diff 12 20

    RUN is the beginning of a run's id; 'last' is the newest run. Without NAME there is a line for each container
    that the run changed, with it one for each change. NAME is a name, a pattern such as 'cart*', or
    the beginning of a container's id; containers inside it are shown with it. Exit status 1 where --diff finds
    a difference, 5 where --at or --diff can't tell the content exactly.
    """
    replays = [one for one in (at, at_time, diff) if one is not None]
    if len(replays) > 1:
        raise UsageError("give one of --at, --at-time and --diff")
    if replays and not name:
        raise UsageError("--at, --at-time and --diff want the NAME of a container: see otelprov containers RUN")
    bounds = Bounds(moment_of(since) if since else 0, moment_of(until) if until else END_OF_TIME)
    numbers = (first if first is not None else _ANY_NUMBER[0], last if last is not None else _ANY_NUMBER[1])
    with up_to_date_store() as store:
        run = store.run(run_id)
        known = store.containers(run.summary.run_id)
        if not name:
            _list(run, known, as_json=as_json)
            return
        found = chosen(known, name, run.summary.run_id[:8])
        histories = Histories(store, run, known)
        if replays:
            of = histories.outermost(found, name)
            points = [histories.point(of, text, process) for text in (diff or (at or at_time or "",))]
            restored = [histories.restored(of, point) for point in points]
            document = _about(run) | {"name": name, "container": of.container, "type": of.types[0]}
            if diff:
                ctx.exit(differ(document, restored[0], restored[1], as_json=as_json))
            ctx.exit(show(document, of, restored[0], as_json=as_json))
        wanted = Wanted(actor, action, location)
        everything = not wanted and not process and bounds == Bounds() and numbers == _ANY_NUMBER
        ids = [one.container for one in found]
        # Of a long history, the store need not give more than is shown.
        newest = limit if limit and everything else None
        changes = wanted.of(
            change
            for change in store.mutations(run.summary.run_id, ids, bounds=bounds, changes=numbers, newest=newest)
            if change.process_id.startswith(process)
        )
        page = Page(changes, limit, sum(map(_told, found)) if newest else 0)
        steps = {(step.trace_id, step.span_id): step.name for step in run.steps}
        if as_json:
            head = _about(run) | {"name": name, "containers": [asdict(one) for one in found]}
            items = (as_json_object(change, steps) for change in page)
            stream_json(head, "changes", items, lambda: page.counts() | _completeness(run, histories.holes(found)))
            return
        write_lines(tables(page, steps, name, several=len(found) > 1))
        page.tell_hidden()
        write_lines(_incomplete([*run.summary.missing, *histories.holes(found)]))


def _about(run: RunDetail) -> dict[str, Any]:
    return {"run_id": run.summary.run_id, "run_name": run.summary.name}


def _list(run: RunDetail, known: Sequence[ContainerSummary], *, as_json: bool) -> None:
    if as_json:
        write_json(_about(run) | {"containers": [asdict(one) for one in known], **_completeness(run, ())})
        return
    if not known:
        note("the run changed no tracked container; make some with otelprov.track")
        return
    headings = ("container", "id", "type", "changes", "first", "last", "actors", "steps")
    write_lines(table(headings, map(_listed, known)))
    write_lines(_incomplete(run.summary.missing))


def _listed(one: ContainerSummary) -> tuple[str, ...]:
    steps = [f"{name} x{count}" if count > 1 else name for name, count in one.steps.items()]
    changes = f"{one.changes:,}" + (f" ({one.missing:,} missing)" if one.missing else "")
    times = moment(one.first, seconds=True), moment(one.last, seconds=True)
    return (_some(one.names), one.container, one.types[0], changes, *times, _some(one.actors), _some(steps))


def _told(one: ContainerSummary) -> int:
    """How many changes there are, the making included."""
    return one.changes + any(first == 0 for first, _ in one.processes.values())


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - _MOST_LISTED} more" if len(words) > _MOST_LISTED else ""
    return ", ".join(words[:_MOST_LISTED]) + more


def _completeness(run: RunDetail, holes: Iterable[str]) -> dict[str, Any]:
    missing = [*run.summary.missing, *holes]
    return {"complete": not missing, "missing": missing}


def _incomplete(missing: Iterable[str]) -> Iterator[str]:
    for reason in missing:
        yield f"incomplete: {printable(reason)}"
