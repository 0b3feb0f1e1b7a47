# SPDX-License-Identifier: Apache-2.0
"""The loader of instrumentors gets our requirements without our metadata being read for each of them."""

from __future__ import annotations

import importlib.metadata

import pytest
from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts
from opentelemetry.util import _importlib_metadata as upstream

from otelprov.distro import hooks


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    return [found for found in upstream.entry_points(group="opentelemetry_instrumentor") if "prov-" in found.name]


@pytest.fixture
def fresh() -> object:
    upstream._original_entry_points_cached.cache_clear()
    yield
    upstream._original_entry_points_cached.cache_clear()


def test_metadata_is_read_once_for_all_of_ours(fresh, monkeypatch) -> None:
    read = []
    original = importlib.metadata.PathDistribution.read_text

    def read_text(self, name):
        read.append(name)
        return original(self, name)

    found = _entry_points()
    assert len(found) > 15
    before = {entry.name: (entry.dist.name, entry.dist.version, entry.dist.requires) for entry in found}
    monkeypatch.setattr(importlib.metadata.PathDistribution, "read_text", read_text)
    hooks._read_requirements_once()
    assert [get_dist_dependency_conflicts(entry.dist) for entry in _entry_points()] == [None] * len(found)
    assert read.count("METADATA") == 1
    monkeypatch.undo()
    after = {entry.name: (entry.dist.name, entry.dist.version, entry.dist.requires) for entry in _entry_points()}
    assert after == before
    others = [entry for entry in upstream.entry_points(group="opentelemetry_instrumentor") if entry not in found]
    assert all(type(entry.dist) is not type(_entry_points()[0].dist) for entry in others)


def test_where_it_fails_the_run_begins_all_the_same(monkeypatch) -> None:
    begun = []

    def fails() -> None:
        raise OSError("unreadable")

    monkeypatch.delenv("OTELPROV_TESTING", raising=False)
    monkeypatch.setattr(hooks, "_read_requirements_once", fails)
    monkeypatch.setattr(hooks.run, "enabled", lambda: True)
    monkeypatch.setattr(hooks.run, "begin", lambda: begun.append(True))
    monkeypatch.setattr(hooks, "keep_server_spans", lambda: None)
    hooks.pre_instrument()
    assert begun == [True]
