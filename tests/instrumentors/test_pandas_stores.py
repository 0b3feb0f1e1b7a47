# SPDX-License-Identifier: Apache-2.0
"""HDF5 stores: what goes in is written when the store is closed, what comes out is one read."""

import warnings

import pandas as pd
import pytest
from table_plots import edges, flows, record_tables  # noqa: F401

from otelprov.capture.tables.table_io import finish_open_stores
from otelprov.semconv import PROVENANCE_COLUMNS, PROVENANCE_FLOW_COMPLETE, PROVENANCE_ROWS

pytestmark = pytest.mark.filterwarnings("ignore:The default value of 'track_times'")


def test_a_store_is_written_once_and_read_once(recorded):
    with pd.HDFStore("farm.h5", "w") as store:
        store["plots"] = pd.read_csv("plots.csv")
        store.append("yields", pd.read_csv("yields.csv"), data_columns=["plot"])
        assert recorded.names() == ["read plots.csv", "read yields.csv"]
    with pd.HDFStore("farm.h5", mode="r") as store:
        store["plots"].to_csv("a.csv")
        store.get("plots")["crop"].to_csv("b.csv")
        store.select("yields", where="plot > 3").to_csv("c.csv")
        store.select_column("yields", "plot").to_csv("d.csv")
        for chunk in store.select("yields", chunksize=7):
            chunk.to_csv("e.csv", mode="a")
    reads = [name for name in recorded.names() if name in ("read farm.h5", "write farm.h5")]
    assert reads == ["write farm.h5", "read farm.h5"]
    assert flows(recorded) == {
        ("plots.csv", "farm.h5"),
        ("yields.csv", "farm.h5"),
        *(("farm.h5", f"{name}.csv") for name in "abcde"),
    }


def test_reading_and_writing_by_path(recorded):
    frame = pd.read_csv("plots.csv")
    frame.to_hdf("farm.h5", key="plots")
    frame.head(3).to_hdf("farm.h5", key="few", format="table", append=True)
    for chunk in pd.read_hdf("farm.h5", key="few", chunksize=2):
        chunk.to_csv("out.csv")
    assert recorded.names()[:4] == ["read plots.csv", "write farm.h5", "append farm.h5", "read farm.h5"]
    # What was added stands beside what was there.
    assert flows(recorded) == {("plots.csv", "farm.h5"), ("farm.h5", "out.csv")}
    written = recorded.io()[1]
    assert (written.attributes[PROVENANCE_ROWS], written.attributes[PROVENANCE_COLUMNS]) == (40, 3)


def test_a_store_that_is_only_opened_or_only_read_is_not_written(recorded):
    pd.read_csv("plots.csv").to_hdf("farm.h5", key="plots")
    with pd.HDFStore("farm.h5") as store:
        assert store.keys() == ["/plots"]
    assert recorded.names() == ["read plots.csv", "write farm.h5"]


def test_unknown_content_beside_known_is_said(recorded):
    with pd.HDFStore("farm.h5", "w") as store:
        store.put("plots", pd.read_csv("plots.csv"))
        store.put("own", pd.DataFrame({"a": [1]}))
    assert recorded.io()[-1].attributes[PROVENANCE_FLOW_COMPLETE] is False
    assert ("plots.csv", "farm.h5", "flow") in edges(recorded)


def test_categories_that_pandas_stores_beside_a_table_are_nothing_of_their_own(recorded):
    frame = pd.read_csv("plots.csv").astype({"crop": "category"})
    with pd.HDFStore("farm.h5", "w") as store:
        store.put("plots", frame, format="table")
    assert recorded.io()[-1].attributes[PROVENANCE_FLOW_COMPLETE] is True


def test_what_was_put_in_comes_out_of_an_open_store(recorded):
    with pd.HDFStore("farm.h5", "w") as store:
        store.put("plots", pd.read_csv("plots.csv"))
        store.get("plots").to_csv("out.csv")
    assert ("plots.csv", "out.csv", "flow") in edges(recorded)
    assert "read farm.h5" not in recorded.names()


def test_a_store_that_is_opened_again_or_never_closed(recorded):
    store = pd.HDFStore("farm.h5", "w")
    store.put("plots", pd.read_csv("plots.csv"))
    store.close()
    store.open("a")
    store.put("yields", pd.read_csv("yields.csv"))
    store.flush()
    assert recorded.names() == ["read plots.csv", "write farm.h5", "read yields.csv"]
    finish_open_stores()
    assert recorded.names()[3:] == ["append farm.h5"]
    assert ("yields.csv", "farm.h5", "flow") in edges(recorded)
    store.close()
    assert len(recorded.names()) == 4


def test_errors_are_those_of_the_library(recorded):
    with pytest.raises(FileNotFoundError), warnings.catch_warnings():
        pd.read_hdf("missing.h5", "a")
    pd.read_csv("plots.csv").to_hdf("farm.h5", key="plots")
    with pytest.raises(KeyError, match="No object named missing"):
        pd.read_hdf("farm.h5", key="missing")
    assert recorded.names() == ["read plots.csv", "write farm.h5"]
