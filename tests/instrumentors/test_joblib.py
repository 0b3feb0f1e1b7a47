# SPDX-License-Identifier: Apache-2.0
"""joblib's dumps and loads, by path and through open files, and its caches of results."""

import io
import pathlib

import joblib
import numpy as np
import pandas as pd
import pytest
from model_plots import comes_from, record_models, written  # noqa: F401
from observed import Observed
from table_plots import edges

TARGETS = {
    "text": lambda name: name,
    "path": lambda name: pathlib.Path(name),
    "keyword": lambda name: name,
}
PLOTS = (["plots.csv"], True)


@pytest.mark.parametrize("kind", TARGETS)
def test_an_object_is_followed_through_a_file(recorded, kind):
    target = TARGETS[kind]("table.joblib")
    table = pd.read_csv("plots.csv")
    dumped = joblib.dump(value=table, filename=target) if kind == "keyword" else joblib.dump(table, target)
    assert dumped == ["table.joblib"]
    loaded = joblib.load(filename=target) if kind == "keyword" else joblib.load(target)
    assert loaded.equals(table)
    assert comes_from(loaded) == (["table.joblib"], True)
    assert [span.name for span in recorded.io()] == ["read plots.csv", "write table.joblib", "read table.joblib"]
    assert written(recorded) == {"table.joblib": PLOTS}
    assert {span.attributes.get("provenance.entity.format") for span in recorded.io()} == {"csv", "joblib"}


@pytest.mark.parametrize("compress", [3, ("bz2", 3), "xz"])
def test_compression_changes_nothing(recorded, compress):
    joblib.dump(pd.read_csv("plots.csv"), "table.joblib", compress=compress)
    joblib.load("table.joblib").to_csv("out.csv")
    assert edges(recorded) == {("plots.csv", "table.joblib", "flow"), ("table.joblib", "out.csv", "flow")}


def test_an_open_file_is_one_edge(recorded):
    with open("table.joblib", "wb") as file:
        joblib.dump(pd.read_csv("plots.csv"), file)
    with open("table.joblib", "rb") as file:
        assert comes_from(joblib.load(file)) == (["table.joblib"], True)
    assert [span.name for span in recorded.io()] == ["read plots.csv", "write table.joblib", "read table.joblib"]
    assert written(recorded) == {"table.joblib": PLOTS}


def test_a_buffer_is_seen_through(recorded):
    buffer = io.BytesIO()
    joblib.dump(pd.read_csv("plots.csv")["area"].to_numpy(), buffer)
    buffer.seek(0)
    assert comes_from(joblib.load(buffer)) == PLOTS


def test_all_that_is_in_an_object_goes_in_and_comes_out(recorded):
    plots, fields = pd.read_csv("plots.csv"), pd.read_csv("fields.csv")
    joblib.dump({"plots": plots, "fields": fields["tons"].to_numpy()}, "both.joblib")
    joblib.dump({"plots": plots, "names": ["a", "b"]}, "partly.joblib")
    assert written(recorded) == {
        "both.joblib": (["fields.csv", "plots.csv"], True),
        "partly.joblib": (["plots.csv"], False),
    }
    assert comes_from(joblib.load("both.joblib")["fields"]) == (["both.joblib"], True)


def test_a_mapped_array_is_the_file(recorded):
    joblib.dump(pd.read_csv("plots.csv")["area"].to_numpy(), "area.joblib")
    mapped = joblib.load("area.joblib", mmap_mode="r")
    assert type(mapped) is np.memmap
    assert comes_from(mapped)[0] == ["area.joblib"]
    assert [span.name for span in recorded.io()][1:] == ["write area.joblib", "read area.joblib"]


def test_a_failed_load_is_no_read(recorded):
    with pytest.raises(FileNotFoundError):
        joblib.load("missing.joblib")
    assert recorded.io() == []


CACHING = """
import joblib
import pandas as pd

def slow(name):
    return pd.read_csv(name)

memory = joblib.Memory("cache", verbose=0)
for output in ("first.csv", "second.csv"):
    memory.cache(slow)("plots.csv").to_csv(output)
"""


def test_results_in_a_cache_are_data_and_its_notes_are_not(tmp_path):
    program = Observed(tmp_path)
    program.write("plots.csv", "area\n1\n2\n")
    program.write("caching.py", CACHING)
    program.script("caching.py")
    cached = next((program.folder / "cache").rglob("output.pkl")).relative_to(program.folder)
    assert program.edges("plots.csv+") == [
        [str(cached), "second.csv", "derived", "flow"],
        ["plots.csv", str(cached), "derived", "flow"],
        ["plots.csv", "first.csv", "derived", "flow"],
    ]
    names = {span.attributes["provenance.entity.name"].rpartition("/")[2] for span in program.recorded.io()}
    assert names == {"plots.csv", "first.csv", "second.csv", "output.pkl"}


def test_what_goes_to_workers_through_mapped_files_is_no_data(recorded, tmp_path):
    large = np.zeros(200_000)
    folder = tmp_path / "work" / "temporary"
    folder.mkdir()
    with joblib.Parallel(n_jobs=2, backend="threading", temp_folder=str(folder), max_nbytes=1000) as parallel:
        assert parallel(joblib.delayed(np.sum)(large) for _ in range(2)) == [0.0, 0.0]
    path = folder / "joblib_memmapping_folder_1" / "large.pkl"
    path.parent.mkdir()
    joblib.dump(large, path)
    assert recorded.io() == []
