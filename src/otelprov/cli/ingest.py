# SPDX-License-Identifier: Apache-2.0
"""`otelprov ingest`: take in OTLP files, journals or a Jaeger."""

from __future__ import annotations

import click

from otelprov.cli.output import json_option, note, write_json, write_lines
from otelprov.cli.stored import opened_store, tell_problems
from otelprov.errors import OtelprovError, PartialError, UsageError
from otelprov.export.text import counted, printable


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--for", "how_long", metavar="TIME", help="End listening after 10s, 5m or 2h.")
@json_option
@click.pass_context
def ingest(ctx: click.Context, sources: tuple[str, ...], how_long: str | None, as_json: bool) -> None:
    """Take in OTLP files, journals or a Jaeger.

    \b
    Example:
      otelprov ingest traces.jsonl backup/*.json.gz
      otelprov ingest jaeger=http://localhost:16686
      otelprov ingest journal
      otelprov ingest listen=127.0.0.1:4318

    SOURCE is a file of OTLP (JSON lines, a JSON document or protobuf, also packed with gzip or zstd), a folder
    of such files, '-' for standard input, jaeger=URL, 'journal' for what this machine has recorded, or
    listen=HOST:PORT for what is sent there over OTLP/HTTP until Ctrl-C (a sender hears 'taken' when it is in the
    store). Taking in the same thing again changes nothing. Exit status 5 when some of it could not be taken in;
    what could be is kept.
    """
    from otelprov.cli.listening import KIND, listen, seconds_of
    from otelprov.ingest.sources import open_source
    from otelprov.lineage.intake import take_in

    listening = sum(text.startswith(KIND) for text in sources)
    if listening > 1 or (how_long is not None and not listening):
        raise UsageError(f"--for goes with one source {KIND}HOST:PORT, and there can be only one such source")
    seconds = seconds_of(how_long) if how_long is not None else None
    taken: list[dict[str, object]] = []
    failures: list[OtelprovError] = []
    partial = False
    with opened_store() as store:
        for text in sources:
            try:
                if text.startswith(KIND):
                    report = listen(store, text.removeprefix(KIND), seconds)
                else:
                    report = take_in(store, open_source(text, store.positions()))
            except OtelprovError as error:
                failures.append(error)
                note(f"error: {error}")
                taken.append({"source": text, "error": str(error)})
                continue
            tell_problems(report)
            partial = partial or bool(report.problems)
            problems = [str(problem) for problem in report.problems]
            taken.append({"source": text, "spans": report.spans, "skipped": report.skipped, "problems": problems})
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
    if not isinstance(spans, int):
        return "not taken in"
    skipped = entry["skipped"]
    return f"took in {counted(spans, 'span')}" + (f", passed over {skipped:,} without provenance" if skipped else "")
