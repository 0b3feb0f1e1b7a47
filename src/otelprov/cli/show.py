# SPDX-License-Identifier: Apache-2.0
"""`otelprov show`: one run with its code, packages, inputs and outputs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from otelprov.cli.output import json_option, status_word, styled, write_json, write_lines
from otelprov.cli.stored import up_to_date_store
from otelprov.export.text import counted, duration, moment, printable, short_version, size
from otelprov.semconv import names

if TYPE_CHECKING:
    from otelprov.store.contract import EntityUse, ProcessSummary, RunDetail, RunSummary

_LABEL = 12
# So many names of columns stand behind an entity.
_COLUMNS = 6


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--packages", is_flag=True, help="List the installed packages too.")
@json_option
def show(run_id: str, packages: bool, as_json: bool) -> None:
    """Show one run: code, packages, inputs, outputs.

    \b
    Example:
      otelprov show last
      otelprov show 7c1e --packages

    RUN is the beginning of a run's id, a name (its newest run; the suffix or the end may be left out), or
    'last'.
    """
    with up_to_date_store() as store:
        detail = store.run(run_id)
    if as_json:
        shape = asdict(detail)
        # The summary's fields stand at the top, as in `otelprov runs --json`.
        write_json({"run": {**shape.pop("summary"), **shape}})
    else:
        write_lines(_lines(detail, packages))


def _lines(detail: RunDetail, packages: bool) -> Iterator[str]:
    run = detail.summary
    took = f"  {duration(run.ended - run.started)}" if run.ended > run.started > 0 else ""
    yield f"{styled(printable(run.name), 'name')}  run {run.run_id}"
    yield _field("status", f"{status_word(run.status)}{_how_it_ended(detail)}")
    yield _field("started", f"{moment(run.started, seconds=True)}{took}")
    yield from _fields(
        ("command", run.command),
        ("directory", run.working_directory),
        ("by", " on ".join(word for word in (run.user, run.host) if word)),
        ("for", detail.actor),
        ("trigger", detail.trigger),
        ("parameters", "  ".join(f"{key}={value}" for key, value in run.params.items())),
        ("code", _code(detail)),
        ("environment", _environment(detail)),
        ("packages", counted(len(detail.packages), "package") if detail.packages else ""),
        ("parent run", detail.parent_run_id),
        ("trace", run.trace_id),
    )
    yield from _entities("inputs", detail.inputs, run)
    yield from _entities("outputs", detail.outputs, run)
    if packages and detail.packages:
        yield "installed packages"
        yield from (f"  {printable(package)}" for package in detail.packages)
    if detail.steps:
        yield _field("steps", counted(len(detail.steps), "step"))
    if detail.statements:
        unread = f", {detail.unparsed_statements:,} not understood" if detail.unparsed_statements else ""
        yield _field("SQL", counted(detail.statements, "statement") + unread)
    yield from _fields(("coverage", _coverage(detail)), ("digests", _digests(detail)))
    yield from _libraries(detail)
    yield from _processes(detail.processes)
    yield from _error(detail)
    for reason, count in detail.losses.items():
        yield styled(f"lost: {count:,} ({printable(reason)})", "bad")
    if not run.complete:
        for missing in run.missing or ["not all of what it recorded has arrived"]:
            yield styled(f"incomplete: {printable(missing)}", "bad")


def _field(label: str, value: str) -> str:
    return f"{label:{_LABEL}}{value}"


def _fields(*fields: tuple[str, str]) -> Iterator[str]:
    yield from (_field(label, printable(value)) for label, value in fields if value)


def _how_it_ended(detail: RunDetail) -> str:
    run = detail.summary
    if run.signal:
        return f"  by {printable(run.signal)}"
    return f"  exit status {run.exit_code}" if run.exit_code else ""


def _code(detail: RunDetail) -> str:
    revision = str(detail.vcs.get(names.VCS_REF_HEAD_REVISION, ""))
    dirty = "+dirty" if detail.vcs.get(names.PROVENANCE_VCS_DIRTY) else ""
    commit = revision[:12] + dirty if revision else ""
    words = (detail.summary.code_file, short_version(detail.code_digest), commit)
    return "  ".join(word for word in words if word)


def _environment(detail: RunDetail) -> str:
    said = detail.environment
    name = str(said.get(names.PROCESS_RUNTIME_NAME, ""))
    words = (
        f"{name} {said.get(names.PROCESS_RUNTIME_VERSION, '')}".strip(),
        str(said.get(names.OS_TYPE, "")),
        str(said.get(names.PROVENANCE_ENVIRONMENT_MANAGER, "")),
        str(said.get(names.PROCESS_EXECUTABLE_PATH, "")),
    )
    return "  ".join(word for word in words if word)


def _coverage(detail: RunDetail) -> str:
    opens = detail.coverage.get(names.PROVENANCE_COVERAGE_OPENS)
    if opens is None:
        return ""
    recorded = detail.coverage.get(names.PROVENANCE_COVERAGE_RECORDED, 0)
    ignored = detail.coverage.get(names.PROVENANCE_COVERAGE_IGNORED, 0)
    edges = detail.coverage.get(names.PROVENANCE_COVERAGE_EDGES)
    seen = f"{counted(opens, 'open')} seen, {recorded:,} recorded, {ignored:,} left out as noise"
    return seen if edges is None else f"{counted(edges, 'edge')}; of Python's own opens: {seen}"


def _digests(detail: RunDetail) -> str:
    """Of larger files: those of small ones are always taken."""
    told = detail.coverage.get(names.PROVENANCE_COVERAGE_DIGESTS, 0)
    if not told and not detail.undigested:
        return ""
    reasons = "".join(f"; {number:,} not taken: {reason}" for reason, number in detail.undigested.items())
    return f"{told:,} of larger files taken{reasons}"


def _libraries(detail: RunDetail) -> Iterator[str]:
    shown = [library for library in detail.libraries if library.edges or library.why]
    if shown:
        yield f"libraries ({len(shown):,})"
    for library in shown:
        name = printable(" ".join(word for word in (library.name, library.version) if word))
        if library.why:
            yield "  " + styled(f"{name}  left alone: {printable(library.why)}", "note")
        else:
            yield f"  {name}  {counted(library.edges, 'edge')}"


def _entities(label: str, uses: list[EntityUse], run: RunSummary) -> Iterator[str]:
    if not uses:
        return
    yield f"{label} ({len(uses):,})"
    for use in uses:
        where = use.name if use.namespace == "file" else f"{use.namespace} {use.name}"
        words = [printable(where), short_version(use.version), use.operation]
        words.append(counted(use.rows, "row") if use.rows >= 0 else size(use.size) if use.size >= 0 else "")
        words.append(_columns(use))
        words.append(f"({', '.join(use.evidence)})" if use.evidence else "")
        words.append(styled(printable(_below(use.code, run)), "faint"))
        yield "  " + "  ".join(word for word in words if word)


def _columns(use: EntityUse) -> str:
    """The first few names of columns, and how many there are besides."""
    first = use.column_names[:_COLUMNS]
    if not first:
        return counted(use.columns, "column") if use.columns >= 0 else ""
    rest = max(use.columns, len(use.column_names)) - len(first)
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"[{', '.join(printable(name[:40]) for name in first)}{more}]"


def _below(code: str, run: RunSummary) -> str:
    """A position in the code as the path below the run's folder, in full where it lies elsewhere."""
    folder = (run.working_directory or os.path.dirname(run.code_file)).rstrip("/")
    return code.removeprefix(f"{folder}/") if folder else code


def _processes(processes: list[ProcessSummary]) -> Iterator[str]:
    if len(processes) < 2:
        return
    yield f"processes ({len(processes):,})"
    for process in processes:
        exit_code = process.exit_code
        words = [
            f"pid {process.pid}" if process.pid else f"process {process.process_id[:8]}",
            duration(process.ended - process.started) if process.ended > process.started > 0 else "",
            f"exit status {exit_code}" if exit_code is not None else "",
            counted(process.seen, "record"),
            f"{process.records - process.seen:,} not arrived" if process.records > process.seen else "",
        ]
        yield "  " + "  ".join(word for word in words if word)


def _error(detail: RunDetail) -> Iterator[str]:
    error = ": ".join(word for word in (detail.summary.error_type, detail.error_message) if word)
    if error:
        yield _field("error", styled(printable(error), "bad"))
    for line in detail.stacktrace.rstrip().splitlines():
        yield f"  {printable(line)}".rstrip()
