# SPDX-License-Identifier: Apache-2.0
"""What tests of observers and exporters share: nobody stays subscribed, and what was exported is read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otelprov.containers import pending
from otelprov.containers.observers import watching


@pytest.fixture(autouse=True)
def nobody_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors of ours are raised; after the test nothing is observed any more."""
    monkeypatch.setenv("OTELPROV_TESTING", "1")
    yield
    for subscription in list(watching._live):
        subscription.close()
    assert not pending.sinks.eager
    assert not watching._wide


def shown(changes: Iterable[Any]) -> list[str]:
    """What was done where, of changes."""
    return [f"{change.action} {change.name}{change.location}" for change in changes]


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The changes in a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbers(changes: Iterable[dict[str, Any]]) -> list[int]:
    """The numbers of exported changes."""
    return [change["number"] for change in changes]
