# SPDX-License-Identifier: Apache-2.0
"""`otelprov run` as the group of commands sees it; the launcher itself needs no click and is in otelprov.cli.run."""

from __future__ import annotations

import click


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run(words: tuple[str, ...]) -> None:
    """Run a command observed."""
    from otelprov.cli.run import run as launch

    raise SystemExit(launch(words))
