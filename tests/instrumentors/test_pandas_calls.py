# SPDX-License-Identifier: Apache-2.0
"""Calls as nobody expects them: the program gets the same result, or the same exception, and true edges."""

import io
import os
import pathlib
import sqlite3
import threading
import warnings
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from table_plots import INSTRUMENTORS, PLOTS, YIELDS, edges, flows, record_tables  # noqa: F401

from otelprov.testing import recording


class Own(Exception):
    """Raised by an object of the program."""


class Failing(io.RawIOBase):
    error = Own("disk on fire")

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        raise self.error

    def write(self, content):
        raise self.error


class Where(os.PathLike):
    def __fspath__(self):
        return "plots.csv"


class Source:
    """Has just what pandas asks a file for."""

    def __init__(self, text):
        self._lines = iter(text.splitlines(keepends=True))
        self.closed_by = None

    def read(self, size=-1):
        return next(self._lines, "")

    def __iter__(self):
        return self._lines


CALLS = {
    "nothing": lambda: pd.read_csv(),
    "too much": lambda: pd.read_parquet("a", "auto", None, None, None, None, None, None, None, None),
    "twice": lambda: pd.read_csv("plots.csv", filepath_or_buffer="plots.csv"),
    "unknown word": lambda: pd.read_csv("plots.csv", no_such_word=1),
    "none": lambda: pd.read_csv(None),
    "a number": lambda: pd.read_json(7),
    "a list": lambda: pd.read_csv(["plots.csv"]),
    "a folder": lambda: pd.read_csv("."),
    "missing": lambda: pd.read_excel("missing.xlsx"),
    "wrong format": lambda: pd.read_parquet("plots.csv"),
    "failing file": lambda: pd.read_csv(io.TextIOWrapper(io.BufferedReader(Failing()))),
    "writing nowhere": lambda: _frame().to_parquet("no/where.parquet"),
    "writing to a failing file": lambda: _frame().to_csv(Failing(), mode="wb"),
    "closed buffer": lambda: _frame().to_csv(_closed(io.StringIO())),
    "closed file": lambda: pd.read_csv(_closed(open("plots.csv"))),  # noqa: SIM115
    "table that is not there": lambda: _query("SELECT * FROM missing"),
    "no statement": lambda: _query(None),
    "bad name": lambda: _to_sql(3),
    "sheet that is not there": lambda: _sheet(),
    "store that is closed": lambda: _store(),
    "no connection": lambda: pd.read_sql("SELECT 1", object()),
    "path-like": lambda: pd.read_csv(Where()).shape,
    "bytes path": lambda: pd.read_csv(b"plots.csv"),
    "own file": lambda: pd.read_csv(Source(PLOTS)).shape,
    "text back": lambda: _frame().to_csv(None, index=False),
    "bytes back": lambda: type(_frame().to_parquet()),
    "lines": lambda: np.loadtxt(line for line in ["1 2", "3 4"]).tolist(),
    "no array": lambda: np.save("x.npy"),
    "array of objects": lambda: np.save("x.npy", np.array([{}], dtype=object), allow_pickle=False),
    "descriptor": lambda: _descriptor(),
}


def _frame():
    return pd.DataFrame({"a": range(40), "b": "x"})


def _closed(file):
    file.close()
    return file


def _query(text):
    with closing(sqlite3.connect("farm.db")) as db:
        return pd.read_sql(text, db)


def _to_sql(name):
    with closing(sqlite3.connect("farm.db")) as db:
        return _frame().to_sql(name, db)


def _sheet():
    _frame().to_excel("a.xlsx")
    return pd.read_excel("a.xlsx", sheet_name="missing")


def _store():
    with pd.HDFStore("a.h5", "w") as store:
        store.put("a", _frame(), track_times=False)
    return store.get("a")


def _descriptor():
    fd = os.open("plots.csv", os.O_RDONLY)
    with os.fdopen(fd) as file:
        return pd.read_csv(file).shape


def outcome(action):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = action()
        except Exception as error:
            result = type(error), str(error), error if isinstance(error, Own) else None
    return repr(result), [(type(one.message), str(one.message), one.lineno) for one in told]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_ends_as_it_does_without_us(tmp_path, monkeypatch, name):
    results = []
    for observed in (False, True):
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        for left in folder.iterdir():
            left.unlink()
        monkeypatch.chdir(folder)
        pathlib.Path("plots.csv").write_text(PLOTS)
        if not observed:
            results.append(outcome(CALLS[name]))
            continue
        instrumentors = [each() for each in INSTRUMENTORS]
        for instrumentor in instrumentors:
            instrumentor.instrument()
        try:
            with recording(tmp_path / "home"):
                results.append(outcome(CALLS[name]))
        finally:
            for instrumentor in instrumentors:
                instrumentor.uninstrument()
    assert results[0] == results[1]


def test_arguments_by_position_and_by_keyword(recorded):
    frame = pd.read_csv("plots.csv", sep=",")
    pd.DataFrame.to_csv(frame, "a.csv")
    pd.DataFrame.to_csv(self=frame, path_or_buf="b.csv")
    with pd.ExcelWriter("c.xlsx", "openpyxl", None, None, "w") as writer:
        frame.to_excel(writer)
    with pd.ExcelWriter(path="c.xlsx", engine="openpyxl", mode="a") as writer:
        frame.to_excel(excel_writer=writer, sheet_name="more")
    pd.read_csv("b.csv").to_csv("b.csv", mode="a", header=False)
    assert recorded.names() == [
        *("read plots.csv", "write a.csv", "write b.csv", "write c.xlsx", "append c.xlsx"),
        *("read b.csv", "append b.csv"),
    ]
    assert {("plots.csv", name) for name in ("a.csv", "b.csv", "c.xlsx")} <= flows(recorded)


def test_subclasses_of_frames(recorded):
    class Mine(pd.DataFrame):
        _metadata = ("note",)

        @property
        def _constructor(self):
            return Mine

    frame = Mine(pd.read_csv("plots.csv"))
    frame.note = "kept"
    taken = frame[frame["area"] > 1].assign(more=1)
    assert (type(taken), taken.note) == (Mine, "kept")
    taken.to_csv("a.csv")
    taken.to_parquet("b.parquet")
    with closing(sqlite3.connect("farm.db")) as db:
        taken.to_sql("mine", db)
    assert flows(recorded) == {("plots.csv", name) for name in ("a.csv", "b.parquet", "mine")}


def test_a_change_of_a_copy_is_none_of_the_original(recorded):
    plots = pd.read_csv("plots.csv")
    view = plots[["plot", "area"]]
    view["tons"] = pd.read_csv("yields.csv")["tons"]
    shallow = plots.copy(deep=False)
    shallow["tons"] = view["tons"]
    plots.to_csv("a.csv")
    view.to_csv("b.csv")
    shallow.to_csv("c.csv")
    assert flows(recorded) == {
        ("plots.csv", "a.csv"),
        *((source, target) for source in ("plots.csv", "yields.csv") for target in ("b.csv", "c.csv")),
    }


def test_threads_with_buffers_statements_and_stores(recorded):
    for number in range(6):
        pathlib.Path(f"in{number}.csv").write_text(PLOTS.replace("rye", f"rye{number}"))

    def work(number):
        frame = pd.read_csv(f"in{number}.csv")
        for _ in range(3):
            frame.to_parquet(buffer := io.BytesIO())
            with open(f"out{number}.parquet", "wb") as file:
                file.write(buffer.getvalue())
            with closing(sqlite3.connect(f"{number}.db")) as db:
                frame.to_sql(f"t{number}", db, if_exists="replace", index=False)
                pd.read_sql(f"SELECT * FROM t{number}", db).to_csv(f"out{number}.csv")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {edge[:2] for edge in edges(recorded) if edge[2] == "flow"}
    assert found == {
        edge
        for number in range(6)
        for edge in (
            (f"in{number}.csv", f"out{number}.parquet"),
            (f"in{number}.csv", f"t{number}"),
            (f"t{number}", f"out{number}.csv"),
        )
    }


def test_a_frame_of_two_origins_in_a_generator_that_is_pulled_once(recorded):
    pulled = []

    def parts():
        for name in ("plots.csv", "yields.csv"):
            pulled.append(name)
            yield pd.read_csv(name)

    pd.concat(parts()).to_csv("out.csv")
    assert pulled == ["plots.csv", "yields.csv"]
    assert flows(recorded) == {("plots.csv", "out.csv"), ("yields.csv", "out.csv")}
    assert len(YIELDS) > 64
