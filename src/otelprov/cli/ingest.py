# SPDX-License-Identifier: Apache-2.0
"""`otelprov ingest`: take in OTLP files, journals or a Jaeger."""

from __future__ import annotations

import click

from otelprov.cli.output import json_option, note, write_json, write_lines
from otelprov.cli.stored import opened_store, tell_problems
from otelprov.errors import OtelprovError, PartialError
from otelprov.export.text import counted, printable


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@json_option
@click.pass_context
def ingest(ctx: click.Context, sources: tuple[str, ...], as_json: bool) -> None:
    """Take in OTLP files, journals or a Jaeger.

    \b
    Example:
      otelprov ingest traces.jsonl backup/*.json.gz
      otelprov ingest jaeger=http://localhost:16686
      otelprov ingest journal

    SOURCE is a file of OTLP (JSON lines, a JSON document or protobuf, also packed with gzip or zstd), a folder
    of such files, '-' for standard input, jaeger=URL, or 'journal' for what this machine has recorded. Taking
    in the same thing again changes nothing. Exit status 5 when some of it could not be taken in; what could
    be is kept.
    """
    from otelprov.ingest.sources import open_source
    from otelprov.lineage.intake import take_in

    taken: list[dict[str, object]] = []
    failures: list[OtelprovError] = []
    partial = False
    with opened_store() as store:
        for text in sources:
            try:
                report = take_in(store, open_source(text, store.positions()))
            except OtelprovError as error:
                failures.append(error)
                note(f"error: {error}")
                taken.append({"source": text, "error": str(error)})
                continue
            tell_problems(report)
            partial = partial or bool(report.problems)
            problems = [str(problem) for problem in report.problems]
            taken.append({"source": text, "spans": report.spans, "problems": problems})
    if as_json:
        write_json({"sources": taken})
    else:
        write_lines(f"{printable(text)}: {_said(entry)}" for text, entry in zip(sources, taken, strict=True))
    if failures and len(failures) == len(sources):
        ctx.exit(failures[0].exit_status)
    if failures or partial:
        ctx.exit(PartialError.exit_status)


def _said(entry: dict[str, object]) -> str:
    spans = entry.get("spans")
    return f"took in {counted(spans, 'span')}" if isinstance(spans, int) else "not taken in"
