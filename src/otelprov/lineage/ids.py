# SPDX-License-Identifier: Apache-2.0
"""Ids of nodes: the same from every source, because they are made of what the telemetry itself says."""

from __future__ import annotations

import hashlib


def entity_node(namespace: str, name: str, version: str) -> str:
    """The id of one version of an entity, 16 hex digits; `version` may be `span:…` or empty."""
    text = "\0".join(("entity", namespace, name, version))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def span_version(trace_id: str, span_id: str) -> str:
    """The version of an entity of which only the generating span is known."""
    return f"span:{trace_id}-{span_id}"


def column_node(entity: str, column: str) -> str:
    """The id of a column of one version of an entity; upper and lower case make no difference to databases."""
    text = "\0".join(("column", entity, column.lower()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
