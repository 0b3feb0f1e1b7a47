# SPDX-License-Identifier: Apache-2.0
"""The page about JSON shows the shape that the code writes, and explains each key of it."""

import json
import re
from pathlib import Path
from typing import Any

from otelprov.model.graph import EVIDENCE_ORDER, SCHEMA_VERSION, Edge, Graph, Node

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "json.md").read_text(encoding="utf-8")


def shape() -> dict[str, Any]:
    """A graph in which every key that there can be is there."""
    node = Node("1", "entity", "file", "file", "/a", status="completed", time=1, details={"size": 1})
    edge = Edge("1", "2", "derived", "flow", "r", "t", "s", "a.py:1")
    return Graph({"1": node}, [edge], complete=False, missing=["a gap"]).as_json()


def test_the_example_is_a_graph_of_this_version():
    example = json.loads(re.search(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1])
    written = shape()
    assert example["schema_version"] == SCHEMA_VERSION
    assert set(example) == set(written) - {"missing"}
    for kind in ("nodes", "edges"):
        for found in example[kind]:
            assert set(found) <= set(written[kind][0])
    assert {key for node in example["nodes"] for key in node} == set(written["nodes"][0])
    assert set(example["edges"][0]) == set(written["edges"][0])


def test_every_key_and_every_evidence_is_explained():
    written = shape()
    explained = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(written) | set(written["nodes"][0]) | set(written["edges"][0]) <= explained
    assert set(EVIDENCE_ORDER) <= explained
