# SPDX-License-Identifier: Apache-2.0
"""The store as commands use it: opened, up to date with the journals, and closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from otelprov.cli.output import note
from otelprov.semconv import names

if TYPE_CHECKING:
    from otelprov.lineage.intake import IntakeReport
    from otelprov.model.graph import Graph
    from otelprov.store.contract import Store

# Each takes a look at all that its run has said about itself.
_MOST_DESCRIBED = 200


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


def describe_runs(store: Store, graph: Graph) -> None:
    """Add to the runs of a graph when they ended and, where they are not too many, what code they ran."""
    ids = [node.id for node in graph.nodes.values() if node.kind == "run"]
    for run_id, summary in store.summaries(ids).items():
        if summary.ended:
            graph.nodes[run_id].details["ended"] = summary.ended
    for run_id in ids if len(ids) <= _MOST_DESCRIBED else ():
        detail = store.run(run_id)
        vcs = detail.vcs
        revision = vcs.get(names.VCS_REF_HEAD_REVISION)
        if detail.code_digest:
            graph.nodes[run_id].details["code_digest"] = detail.code_digest
        if revision:
            graph.nodes[run_id].details |= {"revision": revision, "dirty": bool(vcs.get(names.PROVENANCE_VCS_DIRTY))}
