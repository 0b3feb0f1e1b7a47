# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a folder of data, DuckDB and the libraries of frames recorded, and questions about what was recorded."""

from __future__ import annotations

import pandas as pd
import pytest
from instrumented import recording_with

from otelprov.capture.sql.sql_statements import finish_statements
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.store import open_store
from otelprov_instrumentors.duckdb import DuckdbInstrumentor
from otelprov_instrumentors.files import FilesInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.polars import PolarsInstrumentor
from otelprov_instrumentors.pyarrow import PyarrowInstrumentor


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"id": [1, 2], "x": [3, 4]}).to_parquet("a.parquet")
    pd.DataFrame({"id": [1, 2], "y": [5, 6]}).to_csv("d.csv", index=False)
    pd.DataFrame({"id": [7], "z": [8]}).to_csv("other.csv", index=False)
    (tmp_path / "parts").mkdir()
    pd.DataFrame({"id": [1], "x": [3]}).to_csv("parts/1.csv", index=False)
    pd.DataFrame({"id": [2], "x": [4]}).to_csv("parts/2.csv", index=False)
    return tmp_path


@pytest.fixture
def recorded(folder):
    kinds = (DuckdbInstrumentor, FilesInstrumentor, PandasInstrumentor, PolarsInstrumentor, PyarrowInstrumentor)
    with recording_with(folder / "home", *kinds) as found:
        yield found
        finish_statements()


@pytest.fixture
def ask(recorded, folder):
    seen = 0
    with open_store(str(folder / "store.db")) as store:

        def asked(selection, level="entity"):
            nonlocal seen
            finish_statements()
            lines = len(recorded.lines())
            if lines > seen:
                seen = lines
                store.merge(extract(recorded.spans()), derive=derive_run)
            return lineage(store, selection, level=level)

        yield asked


@pytest.fixture
def sources(ask, folder):
    """What an entity derives from, with the evidence; tables and files by their last name."""

    def of(name):
        graph = ask(f"+{name}")
        target = graph.focus[0]
        return {
            f"{graph.nodes[edge.source].name.rpartition('/')[2]}:{edge.evidence}"
            for edge in graph.edges
            if edge.relation == "derived" and edge.target == target
        }

    return of


@pytest.fixture
def columns(ask):
    """Where the columns of an entity come from: `out < in how`, without `DIRECT:`."""

    def of(name):
        graph = ask(f"+{name}", level="column")
        last = {key: node.name.rpartition("/")[2] for key, node in graph.nodes.items()}
        focus = set(graph.focus)
        return {
            f"{last[edge.target].partition('#')[2]} < {last[edge.source]} {edge.transformation.rpartition(':')[2]}"
            for edge in graph.edges
            if edge.target in focus
        }

    return of
