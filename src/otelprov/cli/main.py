# SPDX-License-Identifier: Apache-2.0
"""The group of commands: finds them without importing them, and turns every error into a sentence and a status."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from otelprov import __version__, config
from otelprov.errors import OtelprovError
from otelprov.export.text import printable

INTERNAL_ERROR = 1

# Name: module, attribute, help. The help stands here too, so that `otelprov --help` imports no command.
COMMANDS = {
    "run": ("otelprov.cli.run_command", "run", "Run a command observed."),
    "runs": ("otelprov.cli.runs", "runs", "List the runs, newest first."),
    "show": ("otelprov.cli.show", "show", "Show one run: code, packages, inputs, outputs."),
    "lineage": ("otelprov.cli.lineage", "lineage", "Show where something comes from and what came from it."),
    "imports": ("otelprov.cli.imports", "imports", "Show what a run imported, or which files no run loaded."),
    "containers": ("otelprov.cli.containers", "containers", "Show who changed which tracked container, when."),
    "ingest": ("otelprov.cli.ingest", "ingest", "Take in OTLP files, journals or a Jaeger."),
    "ship": ("otelprov.cli.ship", "ship", "Send journals on to the OTLP endpoint."),
    "publish": ("otelprov.cli.publish", "publish", "Draw the lineage into a Jaeger as traces."),
    "doctor": ("otelprov.cli.doctor", "doctor", "Check the set-up and say what is wrong."),
}


class Failure(click.ClickException):
    """An error of ours as click wants it: a message for stderr and an exit status."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: Any = None) -> None:
        """Write the message to stderr, lower-case and without colour."""
        click.echo(f"error: {self.format_message()}", file=file, err=file is None)


class LazyGroup(click.Group):
    """A group that imports the module of a command only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None where there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was asked for; for one that there is not, name those that are spelled alike."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            alike = difflib.get_close_matches(args[0], COMMANDS, 2)
            hint = f"; did you mean {' or '.join(alike)}?" if alike else ""
            ctx.fail(f"there is no command '{printable(args[0])}'{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run the command line: as click does, but a reader that went away is no error."""
        _make_streams_safe()
        extra.setdefault("prog_name", "otelprov")
        try:
            return super().main(args, **extra)
        except BrokenPipeError:
            _leave_quietly()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error leaves as one sentence on stderr with its exit status, never as a traceback."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except OtelprovError as error:
            raise Failure(_safe_lines(str(error)), error.exit_status) from error
        except BrokenPipeError:
            _leave_quietly()
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            if config.TESTING.flag():
                raise
            words = f"{ctx.invoked_subcommand}: something in otelprov itself failed ({type(error).__name__}: {error})"
            hint = f"to see where, run it again with {config.TESTING.variable}=true; please report what you see"
            raise Failure(f"{_safe_lines(words)}\n  {hint}", INTERNAL_ERROR) from error
        return result


def _safe_lines(message: str) -> str:
    return "\n".join(printable(line) for line in message.split("\n"))


def _make_streams_safe() -> None:
    """A name that the terminal's encoding lacks is escaped instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_quietly() -> NoReturn:
    """End the process as the reader wanted: the rest of the output has nowhere to go."""
    with contextlib.suppress(OSError, ValueError):
        # What is still buffered would be flushed at exit and fail again, loudly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Data goes to stdout, everything else to stderr. Exit status: 0 fine, 1 checked and different or failed, "
    "2 wrong usage, 3 not found, 4 backend unreachable, 5 partial.",
)
@click.version_option(__version__, prog_name="otelprov", message="%(prog)s %(version)s")
def cli() -> None:
    """Provenance of programs and data, from OpenTelemetry.

    \b
    Example:
      otelprov run -- python train.py
      otelprov lineage +model.pkl
    """
