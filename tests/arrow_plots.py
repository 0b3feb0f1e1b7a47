# SPDX-License-Identifier: Apache-2.0
"""A folder with three small tables, in four formats, with polars, pyarrow and pandas observed in it."""

import contextlib
import pathlib
import shutil

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from instrumented import instrumented

from otelprov.semconv import PROVENANCE_FLOW_COMPLETE
from otelprov.testing import recording
from otelprov_instrumentors.files import FilesInstrumentor
from otelprov_instrumentors.numpy import NumpyInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.polars import PolarsInstrumentor, follow, lazy
from otelprov_instrumentors.pyarrow import PyarrowInstrumentor
from otelprov_instrumentors.sqlite3 import Sqlite3Instrumentor

INSTRUMENTORS = (
    *(FilesInstrumentor, Sqlite3Instrumentor, NumpyInstrumentor),
    *(PandasInstrumentor, PolarsInstrumentor, PyarrowInstrumentor),
)
TABLES = {
    "plots": {"plot": [1, 2, 3], "crop": ["rye", "oats", "rye"], "area": [2.5, 4.0, 1.5]},
    "yields": {"plot": [1, 2, 3], "tons": [7.0, 9.0, 4.0]},
    "noise": {"plot": [9, 8], "tons": [1.0, 2.0]},
}


@pytest.fixture(name="tables", scope="session")
def make_tables(tmp_path_factory):
    """The folder, made once."""
    work = tmp_path_factory.mktemp("tables")
    with contextlib.chdir(work):
        _write_tables()
    return work


def _write_tables():
    for name, columns in TABLES.items():
        pl.DataFrame(columns).write_csv(f"{name}.csv")
        pl.DataFrame(columns).write_ndjson(f"{name}.ndjson")
        pl.DataFrame(columns).write_ipc(f"{name}.arrow")
        pq.write_table(pa.table(columns), f"{name}.parquet")
    for year in (2023, 2024, 2025):
        folder = pathlib.Path("years", f"year={year}")
        folder.mkdir(parents=True)
        pl.DataFrame({"plot": [year], "tons": [1.5]}).write_parquet(folder / f"{year}.parquet")


@pytest.fixture(name="plots")
def make_plots(tmp_path, tables, monkeypatch):
    """A copy of it alone."""
    shutil.copytree(tables, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture(name="observed", scope="module")
def observe():
    """Everything is observed, for all tests of a module."""
    with instrumented(*INSTRUMENTORS):
        yield


@pytest.fixture(name="recorded")
def record_plots(plots, observed, monkeypatch):
    """The folder, everything recorded that happens in it, as in a new process."""
    monkeypatch.setattr(lazy, "_calls_back", False)
    monkeypatch.setattr(follow, "_holding", False)
    with recording(plots / "home") as found:
        yield found


def short(names):
    """Names of spans without what they do: of reads, or of writes."""
    return [name.partition(" ")[2] for name in names]


def read_names(recorded):
    """Short names of what was read, in order."""
    return short(name for name in recorded.names() if name.startswith("read "))


def written(recorded, name):
    """The one span that says that a file was written."""
    (span,) = [span for span in recorded.io() if span.name == f"write {name}"]
    return span


def is_complete(span):
    """Whether a write says that its sources are all there are."""
    return span.attributes.get(PROVENANCE_FLOW_COMPLETE) is True
