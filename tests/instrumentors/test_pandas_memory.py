# SPDX-License-Identifier: Apache-2.0
"""Frames by the thousand leave nothing behind and are never taken for each other; pickled ones go on elsewhere."""

import copy
import gc
import io
import pathlib
import pickle
import sys
import tracemalloc

import pandas as pd
from command_line import CommandLine
from launch import run
from table_plots import PLOTS, YIELDS, flows, record_tables  # noqa: F401

from otelprov.capture.flow import contents, frames
from otelprov.capture.flow.identity import count
from otelprov.capture.tables import columns


def _kept():
    return count(), len(columns._followed), len(contents._noted)


def test_ten_thousand_frames_leave_nothing_behind(recorded):
    plots = pd.read_csv("plots.csv")

    def work(times):
        for number in range(times):
            made = plots[["plot"]]
            if number % 50 == 0:
                made["area"] = number
                made["area"].to_numpy()

    work(500)
    gc.collect()
    before, blocks = _kept(), sys.getallocatedblocks()
    work(10_000)
    gc.collect()
    assert _kept() == before
    assert sys.getallocatedblocks() - blocks < 1000
    tracemalloc.start()
    try:
        work(20)
        gc.collect()
        first = _ours()
        work(200)
        gc.collect()
        grown = _ours() - first
    finally:
        tracemalloc.stop()
    # What is left are blocks of pandas' own, which it clears by and by.
    assert grown < 2_000


def _ours():
    kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/otelprov*")])
    return sum(each.size for each in kept.statistics("filename"))


def test_a_frame_in_the_place_of_another_is_not_taken_for_it(recorded):
    plots = pd.read_csv("plots.csv")
    places = set()
    reused = 0
    for _ in range(10_000):
        known = plots.copy(deep=False)
        places.add(id(known))
        del known
        # Several: which of what was freed is used again first is up to the allocator.
        several = [pd.DataFrame() for _ in range(4)]
        for unknown in several:
            reused += id(unknown) in places
            assert frames.known(unknown) is None
            assert columns.columns_of(unknown) is None
        del unknown, several
    assert reused > 100


def test_buffers_by_the_thousand_are_kept_in_mind_up_to_a_limit(recorded, monkeypatch):
    monkeypatch.setattr(contents, "_MAX_NOTED", 50)
    monkeypatch.setattr(contents, "_noted", {})
    plots = pd.read_csv("plots.csv")
    for number in range(300):
        plots.head(3 + number % 37).assign(x=number).to_csv(io.BytesIO())
    assert len(contents._noted) <= 50
    assert sum(map(len, contents._noted.values())) <= 50 * contents._MAX_OF_A_SIZE


def test_copies_and_pickles_in_one_process(recorded):
    plots = pd.read_csv("plots.csv")
    copy.deepcopy(plots).to_csv("a.csv")
    plots.to_pickle("plots.pkl")
    pd.read_pickle("plots.pkl").to_csv("b.csv")
    plots.to_pickle(buffer := io.BytesIO())
    pathlib.Path("c.pkl").write_bytes(buffer.getvalue())
    assert flows(recorded) == {
        *(("plots.csv", name) for name in ("a.csv", "plots.pkl", "c.pkl")),
        ("plots.pkl", "b.csv"),
    }


def test_frames_pickled_by_one_process_and_read_by_another(tmp_path):
    (tmp_path / "plots.csv").write_text(PLOTS)
    (tmp_path / "yields.csv").write_text(YIELDS)
    head = "import pickle\nimport pandas as pd\nother = pd.read_csv('yields.csv')\n"
    wrote = run(
        tmp_path,
        f"""{head}
plots = pd.read_csv("plots.csv")
plots.to_pickle("a.pkl")
with open("b.pkl", "wb") as file:
    pickle.dump(plots[["plot"]], file)
""",
    )
    assert (wrote.process.returncode, wrote.process.stderr) == (0, "")
    read = run(
        tmp_path,
        f"""{head}
with open("a.pkl", "rb") as file:
    one = pickle.load(file)
one.merge(pd.read_pickle("b.pkl"), on="plot").to_csv("out.csv")
""",
    )
    assert (read.process.returncode, read.process.stderr) == (0, "")
    said = CommandLine(tmp_path / "home")("lineage", "+" + str(tmp_path / "out.csv"), "--format", "json")
    assert said.status == 0, said.err
    graph = said.document
    names = {node["id"]: pathlib.PurePath(node["name"]).name for node in graph["nodes"]}
    found = {
        (names[edge["source"]], names[edge["target"]], edge["evidence"])
        for edge in graph["edges"]
        if edge["relation"] == "derived"
    }
    assert found == {
        *(("plots.csv", name, "flow") for name in ("a.pkl", "b.pkl")),
        *((name, "out.csv", "flow") for name in ("a.pkl", "b.pkl")),
    }


def test_pickling_leaves_the_frame_as_it_is(recorded):
    plots = pd.read_csv("plots.csv")
    assert pickle.dumps(plots) == pickle.dumps(pickle.loads(pickle.dumps(plots)))
