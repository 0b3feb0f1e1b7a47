# SPDX-License-Identifier: Apache-2.0
"""`otelprov ship`: send journals on to the OTLP endpoint."""

from __future__ import annotations

from dataclasses import asdict

import click

from otelprov.cli.output import json_option, note, write_json, write_lines
from otelprov.errors import BackendUnreachableError, PartialError
from otelprov.export.text import counted


@click.command()
@click.option("--to", "endpoint", metavar="URL", help="OTLP endpoint. Default: the one that the environment sets.")
@json_option
@click.pass_context
def ship(ctx: click.Context, endpoint: str | None, as_json: bool) -> None:
    """Send journals on to the OTLP endpoint.

    \b
    Example:
      otelprov ship
      otelprov ship --to http://localhost:4318

    Sends what programs recorded and could not send themselves, and remembers what has arrived. Exit status 5
    when some of it could not be sent, 4 when nobody answers.
    """
    from otelprov.journal.ship import ship_all

    report = ship_all(endpoint=endpoint)
    if report.failed and not report.spans:
        raise BackendUnreachableError(
            f"shipping journals: {report.message}; nothing is lost, 'otelprov ship' goes on where it stopped"
        )
    if as_json:
        write_json(asdict(report))
    else:
        write_lines([f"sent {counted(report.spans, 'span')} of {counted(report.files, 'journal file')}"])
    if report.refused:
        note(f"refused by the endpoint: {counted(report.refused, 'span')}: {report.message}")
    if report.failed:
        note(f"stopped before the end: {report.message}; 'otelprov ship' goes on from here")
    if report.refused or report.failed:
        ctx.exit(PartialError.exit_status)
