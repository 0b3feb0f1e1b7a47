# SPDX-License-Identifier: Apache-2.0
"""Frames and series of polars are followed from read to write, to all the reads that they come from and no others."""

import gc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from arrow_plots import is_complete, make_plots, make_tables, observe, record_plots, written  # noqa: F401
from pandas_plots import BOTH, assert_threads_keep_apart, comes_from, sources
from table_plots import flows

from otelprov.capture.flow.identity import count
from otelprov.capture.tables import columns


def test_a_pipeline_comes_from_both_inputs_and_from_nothing_else(recorded):
    noise = pl.read_csv("noise.csv")
    plots, yields = pl.read_csv("plots.csv"), pl.read_csv("yields.csv")
    noise.filter(pl.col("tons") > 1).write_csv("noise_out.csv")
    joined = plots.join(yields, on="plot").drop_nulls().with_columns(density=pl.col("tons") / pl.col("area"))
    joined.group_by("crop").agg(pl.col("density").sum()).sort("crop").write_csv("by_crop.csv")
    joined.select("plot", large=pl.col("tons") > pl.col("tons").median()).write_parquet("features.parquet")
    assert flows(recorded) == {
        ("noise.csv", "noise_out.csv"),
        *((source, out) for source in ("plots.csv", "yields.csv") for out in ("by_crop.csv", "features.parquet")),
    }
    assert all(is_complete(written(recorded, name)) for name in ("noise_out.csv", "by_crop.csv", "features.parquet"))


OPERATIONS = {
    "join": lambda a, b: a.join(b, on="plot"),
    "join keyword": lambda a, b: a.join(other=b, on="plot", how="left"),
    "join_asof": lambda a, b: a.join_asof(b, on="plot"),
    "join_where": lambda a, b: a.join_where(b, pl.col("area") < pl.col("tons")),
    "semi join": lambda a, b: a.join(b, on="plot", how="semi"),
    "concat": lambda a, b: pl.concat([a, b], how="diagonal"),
    "concat horizontal": lambda a, b: pl.concat((a, b.rename({"plot": "p"})), how="horizontal"),
    "concat generator": lambda a, b: pl.concat((frame for frame in (a, b)), how="diagonal_relaxed"),
    "concat map": lambda a, b: pl.concat(map(pl.DataFrame.rechunk, [a, b]), how="align"),
    "concat keyword": lambda a, b: pl.concat(items=iter([a, b]), how="diagonal"),
    "concat series": lambda a, b: pl.concat([a["area"], b["tons"]]),
    "align": lambda a, b: pl.align_frames(a, b, on="plot")[0],
    "arithmetic": lambda a, b: a["area"] * b["tons"],
    "reflected": lambda a, b: 1 - (a["area"] - b["tons"]),
    "comparison": lambda a, b: a["area"] < b["tons"],
    "logical": lambda a, b: (a["area"] > 1) & (b["tons"] > 1),
    "frame arithmetic": lambda a, b: a.select("plot", "area") * b,
    "filter by a series": lambda a, b: a.filter(b["tons"] > 4),
    "index by a series": lambda a, b: a[(b["tons"] > 4).arg_true()].join(b, on="plot"),
    "with a series": lambda a, b: a.with_columns(b["tons"]),
    "with a named series": lambda a, b: a.with_columns(new=b["tons"] * 2),
    "with a list": lambda a, b: a.with_columns(["area", b["tons"]]),
    "with an expression of a series": lambda a, b: a.with_columns((pl.col("area") + pl.lit(b["tons"])).alias("new")),
    "is_in": lambda a, b: a.filter(pl.col("plot").is_in(b["plot"])),
    "when": lambda a, b: a.with_columns(new=pl.when(pl.col("area") > 2).then(b["tons"]).otherwise(0)),
    "replace": lambda a, b: a["plot"].replace_strict(b["plot"], b["tons"]),
    "zip_with": lambda a, b: a["area"].zip_with(a["area"] > 2, b["tons"]),
    "hstack": lambda a, b: a.hstack([b["tons"]]),
    "insert_column": lambda a, b: a.clone().insert_column(0, b["tons"]),
    "replace_column": lambda a, b: a.clone().replace_column(0, b["tons"]),
    "vstack": lambda a, b: a.select("plot", "area").vstack(b.rename({"tons": "area"})),
    "extend": lambda a, b: a.select("plot", "area").extend(b.rename({"tons": "area"})),
    "append": lambda a, b: a["area"].clone().append(b["tons"]),
    "update": lambda a, b: a.update(b.rename({"tons": "area"}), on="plot"),
    "constructor": lambda a, b: pl.DataFrame({"area": a["area"], "tons": b["tons"]}),
    "constructor of a list": lambda a, b: pl.DataFrame([a["area"], b["tons"]]),
    "constructor of arrays": lambda a, b: pl.DataFrame({"area": a["area"].to_numpy(), "tons": b["tons"].to_numpy()}),
    "from_dict": lambda a, b: pl.from_dict({"area": a["area"], "tons": b["tons"]}),
    "array protocol": lambda a, b: pl.Series("x", np.asarray(a["area"])) + b["tons"],
    "ufunc": lambda a, b: np.maximum(a["area"], b["tons"]),
    "through pandas": lambda a, b: pl.from_pandas(a.to_pandas().merge(b.to_pandas(), on="plot")),
    "from pandas": lambda a, b: pl.DataFrame(pd.read_csv("plots.csv")).join(b, on="plot"),
    "through arrow": lambda a, b: pl.from_arrow(a.to_arrow()).join(pl.DataFrame(b.to_arrow()), on="plot"),
    "lazy": lambda a, b: a.lazy().join(b.lazy(), on="plot").collect(),
    "lazy group": lambda a, b: a.lazy().join(b.lazy(), on="plot").group_by("crop").agg(pl.all().sum()).collect(),
    "group_by": lambda a, b: a.join(b, on="plot").group_by("crop").agg(pl.col("tons").sum()),
    "group_by series": lambda a, b: a.group_by(b["tons"]).len(),
    "groups": lambda a, b: pl.concat([group for _, group in a.join(b, on="plot").group_by("crop")]),
    "partition_by": lambda a, b: a.join(b, on="plot").partition_by("crop", as_dict=True)["rye",],
    "map_groups": lambda a, b: a.join(b, on="plot").group_by("crop").map_groups(lambda group: group.head(1)),
    "group_by_dynamic": lambda a, b: (
        a.join(b, on="plot").sort("plot").group_by_dynamic("plot", every="2i").agg(pl.col("tons").sum())
    ),
    "rolling": lambda a, b: a.join(b, on="plot").sort("plot").rolling("plot", period="2i").agg(pl.col("tons").sum()),
    "pivot": lambda a, b: a.join(b, on="plot").pivot("crop", index="plot", values="tons"),
    "unpivot": lambda a, b: a.join(b, on="plot").unpivot(index="plot", on=["area", "tons"]),
    "explode": lambda a, b: a.join(b, on="plot").group_by("crop").agg("tons").explode("tons"),
    "chain": lambda a, b: (
        a.join(b, on="plot").sort("tons").unique("crop").fill_null(0).cast({"tons": pl.Float32}).head(2).transpose()
    ),
    "over": lambda a, b: a.join(b, on="plot").with_columns(pl.col("tons").mean().over("crop")),
    "describe": lambda a, b: a.join(b, on="plot").describe(),
    "value_counts": lambda a, b: (a["crop"] + b["tons"].cast(pl.String)).value_counts(),
    "namespace": lambda a, b: (a["crop"] + b["tons"].cast(pl.String)).str.to_uppercase().str.head(2),
    "list namespace": lambda a, b: a.join(b, on="plot").group_by("crop").agg("tons")["tons"].list.len(),
    "map_elements": lambda a, b: a["area"].map_elements(lambda area: area + len(b), return_dtype=pl.Float64),
    "slices": lambda a, b: pl.concat(list(a.join(b, on="plot").iter_slices(2))),
    "map_batches": lambda a, b: (
        a.lazy().map_batches(lambda frame: frame.hstack([b["tons"]]), validate_output_schema=False).collect()
    ),
    "pipe": lambda a, b: a.pipe(lambda frame: frame.join(b, on="plot")),
    "sample": lambda a, b: a.join(b, on="plot").sample(2, seed=1)[:, ["area"]][0:1],
    "deserialize": lambda a, b: a.join(b, on="plot").clone().rechunk().shrink_to_fit(),
}


@pytest.mark.filterwarnings("ignore::polars.exceptions.UnstableWarning")
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_on_known_frames_is_followed_completely(recorded, name):
    result = OPERATIONS[name](pl.read_csv("plots.csv"), pl.read_csv("yields.csv"))
    assert comes_from(result) == BOTH


INCOMPLETE = {
    "join": lambda a, u: a.join(u, on="plot"),
    "join from unknown": lambda a, u: u.join(a, on="plot"),
    "concat": lambda a, u: pl.concat([a, u], how="diagonal"),
    "concat generator": lambda a, u: pl.concat((frame for frame in (a, u)), how="diagonal"),
    "arithmetic": lambda a, u: a["area"] * u["tons"],
    "with a series": lambda a, u: a.with_columns(u["tons"]),
    "with a named series": lambda a, u: a.with_columns(tons=u["tons"]),
    "with a list": lambda a, u: a.with_columns(["area", u["tons"]]),
    "with a generator": lambda a, u: a.with_columns(series for series in [u["tons"]]),
    "with a generator of expressions": lambda a, u: a.with_columns(pl.lit(series) for series in [u["tons"]]),
    "literal": lambda a, u: a.with_columns(pl.lit(u["tons"]).alias("x")),
    "is_in": lambda a, u: a.filter(pl.col("plot").is_in(u["plot"])),
    "constructor": lambda a, u: pl.DataFrame({"a": a["area"], "x": [1, 2, 3]}),
    "array": lambda a, u: a.with_columns(pl.Series("x", np.array([1.0, 2.0, 3.0]))),
    "lazy": lambda a, u: a.lazy().join(u.lazy(), on="plot").collect(),
    "closure": lambda a, u: a["area"].map_elements(lambda area: area + len(u), return_dtype=pl.Float64),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_what_comes_from_unknown_data_as_well_is_not_complete(recorded, name):
    unknown = pl.DataFrame({"plot": [1, 2, 3], "tons": [5, 6, 7]})
    assert comes_from(INCOMPLETE[name](pl.read_csv("plots.csv"), unknown)) == (["plots.csv"], False)


def test_expressions_of_names_and_numbers_bring_nothing_with_them(recorded):
    frame = pl.read_csv("plots.csv").with_columns(pl.col(name).cast(pl.String) for name in ("plot", "area"))
    frame = frame.filter(pl.col("crop").is_in(["rye", "oats"]), pl.col("plot") != "7").with_columns(one=pl.lit(1))
    assert comes_from(frame) == (["plots.csv"], True)


def test_what_is_put_into_a_frame_is_part_of_it_from_then_on(recorded):
    a, b = pl.read_csv("plots.csv"), pl.read_csv("yields.csv")
    before = a.select("plot")
    a[0, "area"] = 9.0
    assert comes_from(a) == (["plots.csv"], True)
    a[["tons", "twice"]] = b.select("tons", twice=pl.col("tons") * 2).to_numpy()
    assert comes_from(a) == BOTH
    area = before["plot"]
    area[[0, 1]] = b["plot"][:2]
    assert comes_from(area) == BOTH
    assert comes_from(b) == (["yields.csv"], True)


def test_an_expression_is_followed_into_each_frame_that_it_is_used_in(recorded):
    doubled = pl.lit(pl.read_csv("yields.csv")["tons"]) * 2
    made = pl.read_csv("plots.csv").select(doubled.alias("x"))
    assert comes_from(made) == BOTH
    made.write_csv("out.csv")
    assert sources(written(recorded, "out.csv")) == ["plots.csv", "yields.csv"]


def test_nothing_is_kept_of_frames_that_are_gone(recorded):
    frame, lazy = pl.read_csv("plots.csv"), pl.scan_csv("plots.csv")
    gc.collect()
    before = count(), len(columns._followed)
    for _ in range(10_000):
        frame.clone()
        lazy.select("plot")
    gc.collect()
    assert (count(), len(columns._followed)) == before


def test_threads_do_not_mix_their_frames(recorded):
    def work(path):
        frame = pl.read_csv(path)
        for _ in range(20):
            frame = frame.lazy().filter(pl.col("a") > 0).collect().with_columns(c=frame["a"] + frame["b"])
        return pl.concat([frame, frame])

    assert_threads_keep_apart(work)
