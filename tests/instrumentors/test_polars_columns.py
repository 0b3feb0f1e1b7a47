# SPDX-License-Identifier: Apache-2.0
"""Columns of frames of polars: which column of a read each one comes from, as far as an operation shows it."""

import json

import polars as pl
import pyarrow.parquet as pq
import pytest
from arrow_plots import make_plots, make_tables, observe, record_plots, written  # noqa: F401

from otelprov.semconv import PROVENANCE_COLUMN_EDGES, PROVENANCE_ENTITY_NAME, PROVENANCE_EVIDENCE

KEPT, CHANGED, SUMMED = "DIRECT:IDENTITY", "DIRECT:TRANSFORMATION", "DIRECT:AGGREGATION"


def column_edges(recorded, name="out.csv"):
    """(output column, file, input column, transformation) of what a write says."""
    return {
        (output, event.attributes[PROVENANCE_ENTITY_NAME].rpartition("/")[2].partition(".")[0], column, how)
        for event in written(recorded, name).events
        if PROVENANCE_EVIDENCE in event.attributes
        for output, column, how in json.loads(event.attributes.get(PROVENANCE_COLUMN_EDGES, "[]"))
    }


OF_ONE = {
    "as read": (lambda a: a, {("plot", "plot", KEPT), ("crop", "crop", KEPT), ("area", "area", KEPT)}),
    "filter": (lambda a: a.filter(pl.col("area") > 2).select("crop"), {("crop", "crop", KEPT)}),
    "chain": (lambda a: a.sort("area").head(2).unique("crop").drop("plot", "crop"), {("area", "area", KEPT)}),
    "select": (
        lambda a: a.select(pl.col("plot"), "crop", twice=pl.col("area") * 2, one=1 + pl.lit(1)),
        {("plot", "plot", KEPT), ("crop", "crop", KEPT), ("twice", "area", CHANGED)},
    ),
    "select list": (
        lambda a: a.select(["plot", pl.col("area").alias("size")]),
        {("plot", "plot", KEPT), ("size", "area", KEPT)},
    ),
    "with_columns": (
        lambda a: a.with_columns(area=pl.col("area") + pl.col("plot"), copy="crop").drop("crop"),
        {("plot", "plot", KEPT), ("area", "area", CHANGED), ("area", "plot", CHANGED), ("copy", "crop", KEPT)},
    ),
    "when": (
        lambda a: a.select(large=pl.when(pl.col("area") > 2).then(pl.col("plot")).otherwise(0)),
        {("large", "area", CHANGED), ("large", "plot", CHANGED)},
    ),
    "rename": (
        lambda a: a.rename({"plot": "crop", "crop": "plot"}).select("plot", "crop"),
        {("plot", "crop", KEPT), ("crop", "plot", KEPT)},
    ),
    "group_by": (
        lambda a: a.group_by("crop", half=pl.col("plot") // 2).agg(pl.col("area").sum(), n=pl.len()),
        {("crop", "crop", KEPT), ("half", "plot", CHANGED), ("area", "area", SUMMED)},
    ),
}


@pytest.mark.parametrize("name", OF_ONE)
def test_columns_of_one_table(recorded, name):
    operation, expected = OF_ONE[name]
    operation(pl.read_csv("plots.csv")).write_csv("out.csv")
    assert column_edges(recorded) == {(output, "plots", column, how) for output, column, how in expected}


@pytest.mark.parametrize("name", OF_ONE)
def test_columns_of_a_lazy_frame(recorded, name):
    operation, expected = OF_ONE[name]
    operation(pl.scan_csv("plots.csv")).collect().write_csv("out.csv")
    assert column_edges(recorded) == {(output, "plots", column, how) for output, column, how in expected}


def test_columns_that_are_sunk(recorded):
    lazy = pl.scan_parquet("[ny]*.parquet").with_columns(twice=pl.col("tons") * 2)
    lazy.sink_csv("out.csv")
    assert column_edges(recorded) == {
        edge for file in ("noise", "yields") for edge in (("*", file, "*", KEPT), ("twice", file, "tons", CHANGED))
    }


def test_columns_of_two_tables(recorded):
    plots, yields = pl.read_csv("plots.csv"), pl.read_csv("yields.csv")
    joined = plots.join(yields.with_columns(area=pl.col("tons")), on="plot", suffix="_of_yields")
    joined.drop("crop").write_csv("out.csv")
    assert column_edges(recorded) == {
        ("plot", "plots", "plot", KEPT),
        ("area", "plots", "area", KEPT),
        ("tons", "yields", "tons", KEPT),
        ("area_of_yields", "yields", "tons", KEPT),
    }


def _set_names(frame):
    frame.columns = ["crop", "plot", "area"]
    return frame


def _set_item(frame):
    frame[0, "area"] = 7.0
    return frame


UNSHOWN = {
    "all": lambda a: a.select(pl.all().cast(pl.String)),
    "pattern": lambda a: a.with_columns(pl.col("^a.*$") * 2),
    "series": lambda a: a.with_columns(a["area"].rename("plot")),
    "generator": lambda a: a.with_columns(pl.col(name) * 2 for name in ("plot", "area")),
    "set names": _set_names,
    "set names and filter": lambda a: _set_names(a).filter(pl.col("area") > 0),
    "set item": _set_item,
    "insert": lambda a: a.insert_column(0, pl.Series("new", [1, 2, 3])),
    "extend": lambda a: a.extend(a.clone()),
    "pivot": lambda a: a.pivot("crop", index="plot", values="area"),
    "unpivot": lambda a: a.unpivot(index="plot", on=["area"]),
    "map": lambda a: a.lazy().map_batches(lambda frame: frame).collect(),
    "row index": lambda a: pl.read_csv("plots.csv", row_index_name="plot2"),
    "new names": lambda a: pl.read_csv("plots.csv", new_columns=["crop", "plot", "area"]),
    "no header": lambda a: pl.read_csv("plots.csv", has_header=False),
    "folder names": lambda a: pl.read_parquet("years"),
}


@pytest.mark.parametrize("name", UNSHOWN)
def test_of_what_an_operation_does_not_show_nothing_is_said(recorded, name):
    UNSHOWN[name](pl.read_csv("plots.csv")).write_csv("out.csv")
    assert column_edges(recorded) == set()


def test_columns_of_a_table_of_pyarrow(recorded):
    table = pq.read_table("plots.parquet", columns=["plot", "area"])
    pq.write_table(table, "out.csv")
    expected = {("plot", "plots", "plot", KEPT), ("area", "plots", "area", KEPT)}
    assert column_edges(recorded) == expected
    table.to_pandas().to_csv("pandas.csv", index=False)
    assert column_edges(recorded, "pandas.csv") == expected
    pq.write_table(table.join(pq.read_table("yields.parquet"), "plot"), "joined.parquet")
    assert column_edges(recorded, "joined.parquet") == set()
    pq.write_table(pq.read_table("years"), "years.parquet")
    assert column_edges(recorded, "years.parquet") == set()
