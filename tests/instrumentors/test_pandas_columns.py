# SPDX-License-Identifier: Apache-2.0
"""Which columns of a written frame come from which columns of what was read: all that is said is true."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from table_plots import record_tables  # noqa: F401

from otelprov.capture.tables import columns
from otelprov.capture.tables.columns import columns_of
from otelprov.semconv import PROVENANCE_COLUMN_EDGES, PROVENANCE_ENTITY_NAME

SAME, MADE, TOTAL = "IDENTITY", "TRANSFORMATION", "AGGREGATION"


def told(recorded, frame):
    """{output column: {(source, its column, how)}} of a frame when it is written."""
    frame.to_csv("out.csv")
    span = recorded.io()[-1]
    found = {}
    for event in span.events:
        source = event.attributes[PROVENANCE_ENTITY_NAME].rpartition("/")[2].removesuffix(".csv")
        for output, column, how in json.loads(event.attributes.get(PROVENANCE_COLUMN_EDGES, "[]")):
            found.setdefault(output, set()).add((source, column, how.removeprefix("DIRECT:")))
    return found


def same(source, *names):
    return {name: {(source, name, SAME)} for name in names}


PLOTS = same("plots", "plot", "crop", "area")

ONE = {
    "as read": (lambda f: f, PLOTS),
    "columns": (lambda f: f[["crop", "area"]], same("plots", "crop", "area")),
    "rows": (
        lambda f: f[f["area"] > 2].query("plot > 3").sort_values("area").head(7).drop_duplicates().dropna(),
        PLOTS,
    ),
    "indexers": (lambda f: f.loc[f["area"] > 1, ["plot", "area"]].iloc[1:3], same("plots", "plot", "area")),
    "drop": (lambda f: f.drop(columns="crop"), same("plots", "plot", "area")),
    "index": (lambda f: f.set_index("crop").sort_index().reset_index(), PLOTS),
    "index of its own": (lambda f: f.reset_index(), PLOTS),
    "rename": (
        lambda f: f.rename(columns={"area": "size"}),
        same("plots", "plot", "crop") | {"size": {("plots", "area", SAME)}},
    ),
    "swapped": (
        lambda f: f.rename(columns={"area": "plot", "plot": "area"}),
        same("plots", "crop") | {"plot": {("plots", "area", SAME)}, "area": {("plots", "plot", SAME)}},
    ),
    "astype": (lambda f: f[["plot"]].astype("float64"), {"plot": {("plots", "plot", MADE)}}),
    "fillna": (lambda f: f[["area"]].fillna(0), {"area": {("plots", "area", MADE)}}),
    "computed": (
        lambda f: f.assign(twice=f["area"] * 2, both=lambda g: g["area"] / g["plot"] + np.float64(1), one=1),
        PLOTS | {"twice": {("plots", "area", MADE)}, "both": {("plots", name, MADE) for name in ("area", "plot")}},
    ),
    "unknown": (lambda f: f.assign(own=[1] * 40, more=np.arange(40)), PLOTS),
    "column": (lambda f: f["area"].rename("size"), {"size": {("plots", "area", SAME)}}),
    "column as frame": (lambda f: f["area"].to_frame("size"), {"size": {("plots", "area", SAME)}}),
    "mapped": (
        lambda f: f[["plot"]].assign(code=f["crop"].map({"rye": 1}), large=f["area"].map(lambda area: area > 1)),
        same("plots", "plot") | {"code": {("plots", "crop", MADE)}, "large": {("plots", "area", MADE)}},
    ),
    "constructed": (
        lambda f: pd.DataFrame({"a": f["area"], "b": f["plot"].astype(float), "c": [1] * 40}),
        {"a": {("plots", "area", SAME)}, "b": {("plots", "plot", MADE)}},
    ),
    "grouped": (
        lambda f: f.groupby("crop")["area"].sum().reset_index(),
        same("plots", "crop") | {"area": {("plots", "area", TOTAL)}},
    ),
    "grouped frame": (
        lambda f: f.groupby("crop", as_index=False).mean(),
        same("plots", "crop") | {name: {("plots", name, TOTAL)} for name in ("plot", "area")},
    ),
    "named aggregates": (
        lambda f: f.groupby("crop").agg(total=("area", "sum"), n=("plot", "count")).reset_index(),
        same("plots", "crop") | {"total": {("plots", "area", TOTAL)}, "n": {("plots", "plot", TOTAL)}},
    ),
    "aggregates by name": (
        lambda f: f.groupby("crop").agg({"area": "max"}).reset_index(),
        same("plots", "crop") | {"area": {("plots", "area", TOTAL)}},
    ),
    "concat": (lambda f: pd.concat([f.head(3), f.tail(3)]), PLOTS),
}


@pytest.mark.parametrize("name", ONE)
def test_columns_of_one_table(recorded, name):
    work, expected = ONE[name]
    assert told(recorded, work(pd.read_csv("plots.csv"))) == expected


def _set(frame):
    frame["double"] = frame["area"] + frame["area"]
    frame["area"] = frame["plot"]
    frame.insert(0, "first", frame["crop"])
    return frame


def test_columns_that_are_set(recorded):
    assert told(recorded, _set(pd.read_csv("plots.csv"))) == {
        **same("plots", "plot", "crop"),
        "double": {("plots", "area", MADE)},
        "area": {("plots", "plot", SAME)},
        "first": {("plots", "crop", SAME)},
    }


def test_columns_of_two_tables(recorded):
    plots, yields = pd.read_csv("plots.csv"), pd.read_csv("yields.csv")
    joined = plots.merge(yields, on="plot")
    joined["density"] = joined["tons"] / joined["area"]
    assert told(recorded, joined) == {
        **same("plots", "crop", "area"),
        **same("yields", "tons"),
        "plot": {("plots", "plot", SAME), ("yields", "plot", SAME)},
        "density": {("plots", "area", MADE), ("yields", "tons", MADE)},
    }
    beside = pd.merge(plots, yields.rename(columns={"tons": "area"}), on="plot", suffixes=("", "_tons"))
    assert told(recorded, beside[["area", "area_tons"]]) == {
        **same("plots", "area"),
        "area_tons": {("yields", "tons", SAME)},
    }
    other = plots.merge(yields.rename(columns={"tons": "area"}), left_on="plot", right_on="plot")
    assert told(recorded, other[["plot", "area_x", "area_y"]]) == {
        "plot": {("plots", "plot", SAME), ("yields", "plot", SAME)},
        "area_x": {("plots", "area", SAME)},
        "area_y": {("yields", "tons", SAME)},
    }
    by_index = plots.set_index("plot").join(yields.set_index("plot"))
    assert told(recorded, by_index) == {**same("plots", "crop", "area"), **same("yields", "tons")}
    aside = pd.concat([plots[["area"]], yields[["tons"]]], axis=1)
    assert told(recorded, aside) == {**same("plots", "area"), **same("yields", "tons")}


def _relabel(frame):
    frame.columns = ["area", "plot", "crop"]


def _update(frame):
    frame.update(pd.DataFrame({"area": [1.0]}))


def _several(frame):
    frame[["plot", "area"]] = frame[["area", "plot"]].to_numpy()


def _cells(frame):
    frame.loc[frame["plot"] > 3, "area"] = frame["plot"]


@pytest.mark.parametrize("change", [_relabel, _update, _several, _cells])
def test_after_a_change_that_does_not_show_nothing_is_said(recorded, change):
    frame = pd.read_csv("plots.csv")
    change(frame)
    assert told(recorded, frame) == {}


UNSAID = {
    "transposed": lambda f: f.T,
    "pivoted": lambda f: f.pivot_table(index="crop", columns="plot", values="area"),
    "melted": lambda f: f.melt("plot"),
    "row by row": lambda f: f.apply(lambda row: row * 2, axis=1),
    "described": lambda f: f.describe(),
    "prefixed": lambda f: f.add_prefix("a_"),
    "labelled": lambda f: f.set_axis(["area", "plot", "crop"], axis=1),
    "renamed by function": lambda f: f.rename(columns=str.upper),
    "a row": lambda f: f.set_index("crop").loc["rye"].iloc[0],
    "arrays": lambda f: pd.DataFrame(f[["plot"]].to_numpy(), columns=["area"]),
    "counted": lambda f: f["crop"].value_counts().reset_index(),
}


@pytest.mark.parametrize("name", UNSAID)
def test_of_what_an_operation_does_not_show_nothing_is_said(recorded, name):
    assert told(recorded, UNSAID[name](pd.read_csv("plots.csv"))) == {}


def test_names_that_the_file_does_not_have_are_not_its_columns(recorded):
    assert told(recorded, pd.read_csv("plots.csv", names=["a", "b", "c"])) == {}
    assert told(recorded, pd.read_csv("plots.csv", header=None)) == {}


def test_chunks_sheets_and_tables(recorded):
    with pd.read_csv("plots.csv", chunksize=10) as chunks:
        assert told(recorded, pd.concat(chunk[chunk["area"] > 1] for chunk in chunks)) == PLOTS
    pd.read_csv("plots.csv").to_parquet("a.parquet")
    assert told(recorded, pd.read_parquet("a.parquet")) == {
        name: {("a.parquet", name, SAME)} for name in ("plot", "crop", "area")
    }
    with closing(sqlite3.connect("farm.db")) as db:
        pd.read_csv("plots.csv").to_sql("plots", db, index=False)
        written = recorded.io()[-1].events[-1].attributes[PROVENANCE_COLUMN_EDGES]
        assert json.loads(written)[0] == ["plot", "plot", "DIRECT:IDENTITY"]
        assert set(told(recorded, pd.read_sql("SELECT plot, area FROM plots", db))) == {"plot", "area"}


def test_it_is_forgotten_with_the_frame(recorded):
    frame = pd.read_csv("plots.csv")
    before = len(columns._followed)
    assert columns_of(frame) is not None
    del frame
    assert len(columns._followed) == before - 1
