# SPDX-License-Identifier: Apache-2.0
"""What every command writes alike: JSON documents, tables, colour where it is wanted, notes on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import click

from otelprov.export.text import printable
from otelprov.model.graph import SCHEMA_VERSION

_ROLES: dict[str, dict[str, Any]] = {
    "name": {"bold": True},
    "faint": {"dim": True},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "note": {"fg": "yellow"},
}
_GAP = "  "
_ITEMS_AT_ONCE = 1000


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a command, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write one JSON document.")(command)


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document to stdout, with the schema version first; ASCII only, so safe on any terminal."""
    whole = {"schema_version": SCHEMA_VERSION, **document}
    click.echo(json.dumps(whole, indent=2 if sys.stdout.isatty() else None, default=str))


def stream_json(head: Mapping[str, Any], key: str, items: Iterable[Any], tail: Callable[[], Mapping[str, Any]]) -> None:
    """As `write_json`, with a list under `key` that may be too long to be held, and what is known after it."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **head})[:-1], nl=False)
    click.echo(f", {json.dumps(key)}: [", nl=False)
    written, comma = map(json.dumps, items), ""
    while some := list(islice(written, _ITEMS_AT_ONCE)):
        click.echo(comma + ", ".join(some), nl=False)
        comma = ", "
    rest = json.dumps(tail())[1:-1]
    click.echo(f"]{', ' if rest else ''}{rest}}}")


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout as they come."""
    colour = colour_wanted()
    for line in lines:
        click.echo(line, color=colour)


def note(message: str) -> None:
    """Say something on stderr, where it does not mix with data."""
    click.echo("\n".join(printable(line) for line in message.split("\n")), err=True)


def colour_wanted() -> bool:
    """Whether stdout is a terminal that wants colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, role: str) -> str:
    """The text in the look of its role, or as it is where colour is not wanted."""
    return click.style(text, **_ROLES[role]) if colour_wanted() else text


def status_word(status: str) -> str:
    """The status of a run: green when completed, red when it went wrong."""
    role = {"completed": "good", "running": "note"}.get(status, "bad")
    return styled(printable(status), role)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], looks: Mapping[str, Callable[[str], str]] | None = None
) -> Iterable[str]:
    """Rows as aligned columns without borders, under a line of headings; cells are made printable.

    `looks` may give the cells of a column, by its heading, a look that does not change their width.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max([len(heading), *(len(row[place]) for row in cells)]) for place, heading in enumerate(headings)]
    yield styled(_row([heading.upper() for heading in headings], widths), "faint")
    chosen = [(looks or {}).get(heading) for heading in headings]
    for row in cells:
        line = _row(row, widths)
        for place, look in enumerate(chosen):
            if look is not None:
                start = sum(widths[:place]) + len(_GAP) * place
                line = line[:start] + look(row[place]) + line[start + len(row[place]) :]
        yield line


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
