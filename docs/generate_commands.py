# SPDX-License-Identifier: Apache-2.0
"""Write docs/reference/commands.md from the help of the commands; with --check, only say whether it is up to date."""

from __future__ import annotations

from pathlib import Path

import click
from pages import write_or_check

from otelprov.cli.main import COMMANDS, cli
from otelprov.cli.run import USAGE

PAGE = Path(__file__).resolve().parent / "reference" / "commands.md"
WIDTH = 100
HEAD = """# Commands

What `otelprov COMMAND --help` says. Made by `docs/generate_commands.py`: change the command, not this page.

Data goes to stdout, everything else to stderr. `--json` gives one JSON document with `schema_version`. Colour is used
on a terminal only, and not with `NO_COLOR`.

| exit status | means |
|---|---|
| 0 | fine |
| 1 | checked, and something is different or failed |
| 2 | wrong usage |
| 3 | not found |
| 4 | backend unreachable |
| 5 | partial: some was taken, some could not be |

`otelprov run` ends with the exit status of the command that it ran.
"""


def main() -> int:
    """Write the page, or with --check return 1 when it is not what would be written."""
    return write_or_check(PAGE, page())


def page() -> str:
    """The whole page."""
    return HEAD + "".join(section for name in COMMANDS for section in sections(name))


def sections(name: str) -> list[str]:
    """A section for a command, and one for each command below it."""
    if name == "run":
        return [_section("otelprov run", USAGE)]
    root = click.Context(cli, info_name="otelprov")
    command = cli.get_command(root, name)
    assert command is not None
    found = [_section(f"otelprov {name}", _help(command, root, name))]
    if isinstance(command, click.Group):
        context = click.Context(command, parent=root, info_name=name)
        for below, subcommand in command.commands.items():
            if not subcommand.hidden:
                found.append(_section(f"otelprov {name} {below}", _help(subcommand, context, below)))
    return found


def _help(command: click.Command, parent: click.Context, name: str) -> str:
    context = click.Context(
        command,
        parent=parent,
        info_name=name,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return command.get_help(context)


def _section(title: str, text: str) -> str:
    return f"\n## {title}\n\n```text\n{text.strip()}\n```\n"


if __name__ == "__main__":
    raise SystemExit(main())
