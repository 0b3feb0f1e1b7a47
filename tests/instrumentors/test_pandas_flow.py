# SPDX-License-Identifier: Apache-2.0
"""Written frames are joined to all the reads that they come from, and to nothing else."""

import numpy as np
import pandas as pd
import pytest
from pandas_plots import BOTH, assert_threads_keep_apart, comes_from, record_pandas, sources  # noqa: F401

from otelprov.semconv import (
    PROVENANCE_FLOW_COMPLETE,
)


def test_a_pipeline_comes_from_both_inputs_and_from_nothing_else(recorded):
    noise = pd.read_csv("noise.csv")
    plots = pd.read_csv("plots.csv")
    yields = pd.read_csv("yields.csv")
    noise[noise["tons"] > 1].to_csv("noise_out.csv")
    joined = plots.merge(yields, on="plot").dropna()
    joined["density"] = joined["tons"] / joined["area"]
    joined.groupby("crop")["density"].sum().reset_index().to_csv("by_crop.csv", index=False)
    grouped = joined.groupby("plot").agg(total=("tons", "sum"), area=("area", "first")).reset_index()
    grouped["large"] = (grouped["total"] > grouped["total"].median()).astype(int)
    grouped.to_parquet("features.parquet")
    written = {span.name: span for span in recorded.io() if span.name.startswith("write")}
    assert sources(written["write noise_out.csv"]) == ["noise.csv"]
    assert sources(written["write by_crop.csv"]) == ["plots.csv", "yields.csv"]
    assert sources(written["write features.parquet"]) == ["plots.csv", "yields.csv"]
    assert all(span.attributes[PROVENANCE_FLOW_COMPLETE] is True for span in written.values())


def test_an_operation_that_fails_leaves_the_next_ones_followed(recorded):
    plots, yields = pd.read_csv("plots.csv"), pd.read_csv("yields.csv")
    with pytest.raises(KeyError):
        plots.merge(yields, on="nothing")
    with pytest.raises(TypeError):
        plots["crop"] - 1
    plots.merge(yields, on="plot").to_csv("out.csv")
    assert sources(recorded.io()[-1]) == ["plots.csv", "yields.csv"]


def test_what_the_program_does_within_an_operation_is_followed(recorded):
    plots, yields = pd.read_csv("plots.csv"), pd.read_csv("yields.csv")
    plots.pipe(lambda frame: frame.merge(yields, on="plot")).to_csv("piped.csv")
    assert sources(recorded.io()[-1]) == ["plots.csv", "yields.csv"]
    plots[lambda frame: frame["plot"].isin(yields["plot"])].to_csv("chosen.csv")
    assert sources(recorded.io()[-1]) == ["plots.csv", "yields.csv"]


OPERATIONS = {
    "merge": lambda a, b: pd.merge(a, b, on="plot"),
    "method merge": lambda a, b: a.merge(right=b, on="plot"),
    "join": lambda a, b: a.join(b.set_index("plot"), on="plot"),
    "merge_asof": lambda a, b: pd.merge_asof(a, b, on="plot"),
    "concat": lambda a, b: pd.concat([a, b]),
    "concat columns": lambda a, b: pd.concat({"a": a, "b": b}, axis=1),
    "concat generator": lambda a, b: pd.concat(frame for frame in (a, b)),
    "arithmetic": lambda a, b: a["area"] * b["tons"],
    "reflected": lambda a, b: 1 - (a["area"] - b["tons"]),
    "flexible": lambda a, b: a[["area"]].add(b["tons"], axis=0),
    "comparison": lambda a, b: a["area"] < b["tons"],
    "logical": lambda a, b: (a["area"] > 1) & (b["tons"] > 1),
    "mask": lambda a, b: a[b["tons"] > 4],
    "loc mask": lambda a, b: a.loc[b["tons"] > 4, "crop"],
    "isin": lambda a, b: a["plot"].isin(b["plot"]),
    "where": lambda a, b: a["area"].where(a["area"] > 2, b["tons"]),
    "combine_first": lambda a, b: a.combine_first(b),
    "map": lambda a, b: a["plot"].map(b.set_index("plot")["tons"]),
    "constructor": lambda a, b: pd.DataFrame({"area": a["area"], "tons": b["tons"]}),
    "constructor of arrays": lambda a, b: pd.DataFrame({"area": a["area"].to_numpy(), "tons": b["tons"].values}),
    "array protocol": lambda a, b: pd.DataFrame({"area": np.asarray(a["area"]), "tons": b["tons"]}),
    "ufunc": lambda a, b: np.maximum(a["area"], b["tons"]),
    "assign": lambda a, b: a.assign(tons=b["tons"], twice=lambda frame: frame["area"] * 2),
    "groupby key": lambda a, b: a.groupby(b["tons"])["area"].mean(),
    "closure": lambda a, b: a["area"].apply(lambda area: area + len(b)),
    "apply": lambda a, b: a.merge(b, on="plot").apply(lambda row: row["area"] + row["tons"], axis=1),
    "pivot_table": lambda a, b: a.merge(b, on="plot").pivot_table(index="crop", values="tons", aggfunc="sum"),
    "crosstab": lambda a, b: pd.crosstab(a["crop"], b["tons"]),
    "melt": lambda a, b: pd.melt(a.merge(b, on="plot"), id_vars="plot"),
    "stack": lambda a, b: a.merge(b, on="plot").set_index("plot").stack(),
    "explode": lambda a, b: a.merge(b, on="plot").groupby("crop")["tons"].agg(list).explode(),
    "chain": lambda a, b: (
        a.merge(b, on="plot").sort_values("tons").drop_duplicates("crop").fillna(0).astype({"tons": "float64"}).copy().T
    ),
    "transform": lambda a, b: a.merge(b, on="plot").groupby("crop")["tons"].transform("mean"),
    "group apply": lambda a, b: a.merge(b, on="plot").groupby("crop")[["tons"]].apply(lambda group: group.head(1)),
    "groups": lambda a, b: pd.concat([group for _, group in a.merge(b, on="plot").groupby("crop")]),
    "rolling": lambda a, b: a.merge(b, on="plot")["tons"].rolling(2).sum(),
    "get_dummies": lambda a, b: pd.get_dummies(a.merge(b, on="plot"), columns=["crop"]),
    "cut": lambda a, b: pd.cut(a["area"] + b["tons"], 2),
    "fillna": lambda a, b: a.fillna(b.rename(columns={"tons": "area"}).median()),
    "to_numeric": lambda a, b: pd.to_numeric((a["area"] + b["tons"]).astype(str)),
    "accessor": lambda a, b: (a["crop"] + b["tons"].astype(str)).str.upper(),
    "positions": lambda a, b: a.merge(b, on="plot").iloc[np.array([0, 1])].take([0]),
    "reset_index": lambda a, b: a.merge(b, on="plot").set_index("plot").reset_index(),
    "describe": lambda a, b: a.merge(b, on="plot").describe(),
    "value_counts": lambda a, b: a.merge(b, on="plot")[["crop", "tons"]].value_counts().reset_index(),
    "query": lambda a, b: a.merge(b, on="plot").query("tons > 4").eval("x = tons + 1"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_on_known_frames_is_followed_completely(recorded, name):
    result = OPERATIONS[name](pd.read_csv("plots.csv"), pd.read_csv("yields.csv"))
    assert comes_from(result) == BOTH


def _setitem(a, b):
    a["tons"] = b["tons"]


def _attribute(a, b):
    a.area = b["tons"]


def _several(a, b):
    a[["x", "y"]] = b[["plot", "tons"]]


def _loc(a, b):
    a.loc[:, "area"] = b["tons"].astype("float64")


def _loc_new(a, b):
    a.loc[a["area"] > 2, "new"] = b["tons"]


def _insert(a, b):
    a.insert(0, "tons", b["tons"])


def _update(a, b):
    a.update(b.rename(columns={"tons": "area"}).astype("float64"))


@pytest.mark.parametrize("change", [_setitem, _attribute, _several, _loc, _loc_new, _insert, _update])
def test_what_is_put_into_a_frame_is_part_of_it_from_then_on(recorded, change):
    a, b = pd.read_csv("plots.csv"), pd.read_csv("yields.csv")
    a["constant"] = 1
    before = a[["plot"]]
    change(a, b)
    assert comes_from(a) == BOTH
    assert comes_from(before) == (["plots.csv"], True)
    assert comes_from(b) == (["yields.csv"], True)


def test_an_empty_frame_that_is_filled_comes_from_what_it_was_filled_with(recorded):
    out = pd.DataFrame()
    out["area"] = pd.read_csv("plots.csv")["area"]
    out["tons"] = pd.read_csv("yields.csv")["tons"]
    assert comes_from(out) == BOTH


def test_changes_in_place_are_followed(recorded):
    frame = pd.read_csv("plots.csv")
    frame.fillna(0, inplace=True)
    frame.loc[0, "area"] = 9.0
    frame.at[1, "area"] = 8.0
    assert comes_from(frame) == (["plots.csv"], True)


def test_a_series_takes_what_is_set_into_it(recorded):
    area = pd.read_csv("plots.csv")["area"].copy()
    area[area > 2] = pd.read_csv("yields.csv")["tons"].astype("float64")
    assert comes_from(area) == BOTH


INCOMPLETE = {
    "merge": lambda a, u: a.merge(u, on="plot"),
    "merge from unknown": lambda a, u: u.merge(a, on="plot"),
    "concat": lambda a, u: pd.concat([a, u]),
    "arithmetic": lambda a, u: a["area"] * u["tons"],
    "array arithmetic": lambda a, u: a["area"] * np.array([1.0, 2.0, 3.0]),
    "where": lambda a, u: a["area"].where(a["area"] > 2, u["tons"]),
    "assign": lambda a, u: a.assign(x=u["tons"]),
    "assign a list": lambda a, u: a.assign(x=[1, 2, 3]),
    "assign an array": lambda a, u: a.assign(x=np.arange(3)),
    "constructor": lambda a, u: pd.DataFrame({"a": a["area"], "x": [1, 2, 3]}),
    "look-up": lambda a, u: a["plot"].apply(lambda plot: u["tons"][plot - 1]),
    "combine_first": lambda a, u: a.combine_first(u),
    "fillna": lambda a, u: a["area"].fillna(u["tons"]),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_what_comes_from_unknown_data_as_well_is_not_complete(recorded, name):
    unknown = pd.DataFrame({"plot": [1, 2, 3], "tons": [5, 6, 7]})
    assert comes_from(INCOMPLETE[name](pd.read_csv("plots.csv"), unknown)) == (["plots.csv"], False)


def test_threads_do_not_mix_their_frames(recorded):
    def work(path):
        frame = pd.read_csv(path)
        for _ in range(50):
            frame = frame[frame["a"] > 0].assign(c=frame["a"] + frame["b"])
        return frame

    assert_threads_keep_apart(work)
