# SPDX-License-Identifier: Apache-2.0
"""The store as commands use it: opened, up to date with the journals, and closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from otelprov.cli.output import note

if TYPE_CHECKING:
    from otelprov.lineage.intake import IntakeReport
    from otelprov.store import Store


@contextmanager
def up_to_date_store() -> Iterator[Store]:
    """Open the store, take in what the journals have that is new, and give the store to the command."""
    from otelprov.lineage.intake import take_in_journals

    with opened_store() as store:
        tell_problems(take_in_journals(store))
        yield store


@contextmanager
def opened_store() -> Iterator[Store]:
    """Open the store and close it in the end."""
    from otelprov.store import open_store

    store = open_store()
    try:
        yield store
    finally:
        store.close()


def tell_problems(report: IntakeReport) -> None:
    """Say on stderr what could not be taken in."""
    for problem in report.problems:
        note(f"not taken in: {problem}")
