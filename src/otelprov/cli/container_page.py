# SPDX-License-Identifier: Apache-2.0
"""The part of a history that is shown, as tables that are written while it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from otelprov.cli.container_text import HEADINGS, Steps, row
from otelprov.cli.output import note, table
from otelprov.export.text import counted
from otelprov.model.records import MutationRecord

_ROWS_A_TABLE = 1000


class Page:
    """The last `limit` of some changes, all of them where it is 0; `counts` is right when they have been given."""

    def __init__(self, changes: Iterable[MutationRecord], limit: int, total: int) -> None:
        self._changes = changes
        self._limit = limit
        self._total = total
        self._shown = 0
        self._seen = 0

    def __iter__(self) -> Iterator[MutationRecord]:
        for change in deque(self._counted(), self._limit) if self._limit else self._counted():
            self._shown += 1
            yield change

    def _counted(self) -> Iterator[MutationRecord]:
        for change in self._changes:
            self._seen += 1
            yield change

    def counts(self) -> dict[str, int]:
        """How many were given, and how many more there are before them."""
        return {"shown": self._shown, "hidden": max(self._total, self._seen) - self._shown}

    def tell_hidden(self) -> None:
        """Say on stderr what is not shown."""
        hidden = self.counts()["hidden"]
        if hidden:
            note(
                f"{counted(hidden, 'earlier change')} not shown: --limit 0 shows all, and --from, --to, --since, "
                "--actor, --action and --location choose"
            )
        elif not self._shown:
            note("no change answers to that")


def tables(page: Page, steps: Steps, name: str, *, several: bool) -> Iterator[str]:
    """Tables of a thousand rows, so that a history of any length is written while it is read."""
    changes = iter(page)
    headings = (*HEADINGS, "container") if several else HEADINGS
    while some := list(islice(changes, _ROWS_A_TABLE)):
        rows = [(*row(one, steps, name), one.container) if several else row(one, steps, name) for one in some]
        yield from table(headings, rows)
