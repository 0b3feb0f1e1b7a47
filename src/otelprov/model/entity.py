# SPDX-License-Identifier: Apache-2.0
"""Anything with a name that holds data."""

from __future__ import annotations

from typing import NamedTuple


class Entity(NamedTuple):
    """An entity, named as OpenLineage names datasets, at one version.

    `type` is one of file, table, column, topic, endpoint, model, object, container, module, database.
    `version` is a digest (`sha256:…`), an etag, `stat:size-mtime`, or empty where nothing is known.
    """

    namespace: str
    name: str
    type: str = "file"
    version: str = ""
    format: str = ""
    temporary: bool = False

    def at(self, version: str) -> Entity:
        """Return the same entity at another version."""
        return self._replace(version=version)

    @property
    def short_name(self) -> str:
        """The last part of the name, for people: `features.parquet` of `/data/features.parquet`."""
        return self.name.rstrip("/").rsplit("/", 1)[-1] or self.name
