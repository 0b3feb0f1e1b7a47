# SPDX-License-Identifier: Apache-2.0
"""Adds up what the processes of a run said of their coverage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from otelprov.model.records import PROCESS_ENDED, LifeRecord
from otelprov.semconv import (
    PROVENANCE_COVERAGE_DIGESTS,
    PROVENANCE_COVERAGE_EDGES,
    PROVENANCE_COVERAGE_IGNORED,
    PROVENANCE_COVERAGE_LIBRARIES,
    PROVENANCE_COVERAGE_OPENS,
    PROVENANCE_COVERAGE_RECORDED,
    PROVENANCE_COVERAGE_UNDIGESTED,
)
from otelprov.store.contract import LibraryCoverage
from otelprov.store.judging import Evidence

_NUMBERS = (
    PROVENANCE_COVERAGE_OPENS,
    PROVENANCE_COVERAGE_RECORDED,
    PROVENANCE_COVERAGE_IGNORED,
    PROVENANCE_COVERAGE_EDGES,
    PROVENANCE_COVERAGE_DIGESTS,
)


def numbers(evidence: Evidence) -> dict[str, int]:
    """Opens, edges and digests, by attribute name."""
    total: dict[str, int] = {}
    for life in evidence.of(PROCESS_ENDED):
        for key in _NUMBERS:
            value = life.details.get(key)
            if isinstance(value, int):
                total[key] = total.get(key, 0) + value
    return total


def undigested(evidence: Evidence) -> dict[str, int]:
    """How many versions of larger files have no digest, by reason."""
    total: dict[str, int] = {}
    for reason, number in _objects(evidence, PROVENANCE_COVERAGE_UNDIGESTED):
        if isinstance(number, int):
            total[reason] = total.get(reason, 0) + number
    return dict(sorted(total.items()))


def libraries(evidence: Evidence) -> list[LibraryCoverage]:
    """The libraries that read or write data and were loaded, by name."""
    found: dict[str, LibraryCoverage] = {}
    for name, said in _objects(evidence, PROVENANCE_COVERAGE_LIBRARIES):
        if isinstance(said, dict):
            version, edges, why = said.get("version"), said.get("edges"), said.get("why")
            known = found.setdefault(name, LibraryCoverage(name))
            known.version = version if isinstance(version, str) else known.version
            known.edges += edges if isinstance(edges, int) else 0
            known.why = why if isinstance(why, str) else known.why
    return [found[name] for name in sorted(found)]


def _objects(evidence: Evidence, key: str) -> Iterator[tuple[str, Any]]:
    for life in evidence.of(PROCESS_ENDED):
        yield from _object(life, key).items()


def _object(life: LifeRecord, key: str) -> dict[str, Any]:
    try:
        value = json.loads(str(life.details.get(key, "{}")))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
