# SPDX-License-Identifier: Apache-2.0
"""Every instrumentor of ours by its entry point, and one ordinary use of each library: what the contract tests try."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contract_stores import STORES

from otelprov.instrumentation import Instrumentor

GROUP = "opentelemetry_instrumentor"
ENTRY_POINTS = {
    point.name: point for point in importlib.metadata.entry_points(group=GROUP) if point.name[:5] == "prov-"
}
# Gigabytes: `make test-heavy` has them in an environment of their own, and tries them out there.
HEAVY = {"prov-torch": "torch"}
_LEFT_OUT = {name for name, library in HEAVY.items() if importlib.util.find_spec(library) is None}
# Built on the import system, not on a table of patches.
WITH_TABLE = sorted(set(ENTRY_POINTS) - {"prov-imports"} - _LEFT_OUT)


def load(name: str) -> Instrumentor:
    """The instrumentor of an entry point."""
    return ENTRY_POINTS[name].load()()


def modules(instrumentor: Instrumentor) -> list[Any]:
    """The modules that it patches, imported; without those of other libraries that are not installed."""
    names = dict.fromkeys(patch.module for patch in instrumentor.patches)
    library = instrumentor.library.partition(".")[0]
    return [importlib.import_module(name) for name in names if name.startswith(library) or _is_there(name)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture
def off() -> Iterator[None]:
    """Nothing is instrumented, before and after."""
    yield
    for point in ENTRY_POINTS.values():
        instrumentor = point.load()()
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


def _use_files(folder: Path) -> Any:
    (folder / "a.txt").write_text("hello")
    with open(folder / "a.txt", "a") as file:
        file.write(" world")
    os.replace(folder / "a.txt", folder / "b.txt")
    text = (folder / "b.txt").read_text()
    os.remove(folder / "b.txt")
    return text


def _use_sqlite3(folder: Path) -> Any:
    import sqlite3

    connection = sqlite3.connect(folder / "a.db")
    connection.execute("create table if not exists t(a)")
    connection.execute("delete from t")
    connection.executemany("insert into t values (?)", [(1,), (2,)])
    found = connection.execute("select sum(a) from t").fetchall()
    connection.close()
    return found


def _use_duckdb(folder: Path) -> Any:
    import duckdb

    connection = duckdb.connect(str(folder / "a.duckdb"))
    connection.execute("create or replace table t as select 1 as a union all select 2")
    connection.sql(f"copy t to '{folder / 'a.csv'}'")
    found = connection.sql(f"select sum(a) from '{folder / 'a.csv'}'").fetchall()
    connection.close()
    return found


def _use_pandas(folder: Path) -> Any:
    import pandas

    frame = pandas.DataFrame({"a": [1, 2], "b": [3, 4]})
    frame.to_csv(folder / "a.csv", index=False)
    return pandas.read_csv(folder / "a.csv").merge(frame, on="a").to_dict()


def _use_numpy(folder: Path) -> Any:
    import numpy

    numpy.save(folder / "a.npy", numpy.arange(3))
    numpy.savez(folder / "b.npz", a=numpy.load(folder / "a.npy"))
    return numpy.load(folder / "b.npz")["a"].tolist()


def _use_polars(folder: Path) -> Any:
    import polars

    frame = polars.DataFrame({"a": [1, 2], "b": [3, 4]})
    frame.write_csv(folder / "a.csv")
    lazy = polars.scan_csv(folder / "a.csv").with_columns(c=polars.col("a") * 2)
    return polars.read_csv(folder / "a.csv").join(lazy.collect(), on="a").to_dict(as_series=False)


def _use_pyarrow(folder: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"a": [1, 2], "b": [3, 4]})
    pyarrow.parquet.write_table(table, folder / "a.parquet")
    return pyarrow.concat_tables([table, pyarrow.parquet.read_table(folder / "a.parquet")]).to_pydict()


def _use_starlette(folder: Path) -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def answer(request: Any) -> Any:
        return PlainTextResponse("hello")

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/hello",
        "raw_path": b"/hello",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    asyncio.run(Starlette(routes=[Route("/hello", answer)])(scope, receive, send))
    return [message.get("body") for message in sent]


def _use_flask(folder: Path) -> Any:
    import flask

    app = flask.Flask("contract")
    app.add_url_rule("/hello", view_func=lambda: "hello")
    return app.test_client().get("/hello").text


def _use_sklearn(folder: Path) -> Any:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.datasets import dump_svmlight_file, load_svmlight_file
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import train_test_split

    class Twice(TransformerMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, table: Any, target: Any = None) -> Any:
            return self

        def transform(self, table: Any) -> Any:
            return [[2 * value for value in row] for row in table]

    table, target = Twice().fit_transform([[1.0], [2.0], [3.0], [4.0]]), [2.0, 4.0, 6.0, 8.0]
    train, test, train_target, _ = train_test_split(table, target, random_state=0)
    dump_svmlight_file(train, train_target, str(folder / "train.svm"))
    train, train_target = load_svmlight_file(str(folder / "train.svm"))
    return [round(value, 6) for value in LinearRegression().fit(train, train_target).predict(test).tolist()]


def _use_joblib(folder: Path) -> Any:
    import joblib

    joblib.dump({"a": [1, 2]}, folder / "a.joblib")
    return joblib.load(folder / "a.joblib")


def _use_torch(folder: Path) -> Any:
    import torch

    torch.save({"a": torch.ones(2)}, folder / "a.pt")
    return torch.load(folder / "a.pt")["a"].tolist()


def _use_safetensors(folder: Path) -> Any:
    import numpy
    from safetensors.numpy import load_file, save_file

    save_file({"a": numpy.ones(2)}, folder / "a.safetensors")
    return load_file(folder / "a.safetensors")["a"].tolist()


def _use_h5py(folder: Path) -> Any:
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file["a"] = [1, 2]
    with h5py.File(folder / "a.h5") as file:
        return file["a"][:].tolist()


def _use_openpyxl(folder: Path) -> Any:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append([1, 2])
    book.save(folder / "a.xlsx")
    return list(openpyxl.load_workbook(folder / "a.xlsx").active.values)


# One ordinary use of each library, through patched functions.
USES = {
    "prov-files": _use_files,
    "prov-sqlite3": _use_sqlite3,
    "prov-duckdb": _use_duckdb,
    "prov-pandas": _use_pandas,
    "prov-numpy": _use_numpy,
    "prov-polars": _use_polars,
    "prov-pyarrow": _use_pyarrow,
    "prov-sklearn": _use_sklearn,
    "prov-joblib": _use_joblib,
    "prov-torch": _use_torch,
    "prov-safetensors": _use_safetensors,
    "prov-h5py": _use_h5py,
    "prov-openpyxl": _use_openpyxl,
    **STORES,
    "prov-starlette": _use_starlette,
    "prov-flask": _use_flask,
}
USES = {name: use for name, use in USES.items() if name not in _LEFT_OUT}
