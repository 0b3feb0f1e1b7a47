# SPDX-License-Identifier: Apache-2.0
"""Where the graph and its history live."""

from __future__ import annotations

from otelprov import config
from otelprov.store.contract import Store
from otelprov.store.sqlite import SqliteStore

__all__ = ["Store", "open_store"]


def open_store(path: str | None = None) -> SqliteStore:
    """Open the store at a path, or the one that the settings name; made where it does not exist.

    Raises OtelprovError where the file can't be opened or is no store.
    """
    return SqliteStore(path or config.store_path(), heartbeat_seconds=max(config.HEARTBEAT.number(), 1))
