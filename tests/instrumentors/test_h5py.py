# SPDX-License-Identifier: Apache-2.0
"""HDF5 files: what is read, what is written, and where the arrays in them come from."""

import gc
import io
import pathlib

import h5py
import numpy as np
import pandas as pd
import pytest
from model_plots import comes_from, record_models, written  # noqa: F401
from observed import Observed
from sklearn.linear_model import LogisticRegression
from table_plots import edges


def _area(name):
    return pd.read_csv(f"{name}.csv")["area"].to_numpy()


@pytest.fixture
def store(recorded):
    with h5py.File("store.h5", "w") as file:
        file["area"] = _area("plots")
        file.create_group("more").create_dataset("tons", data=_area("plots"))
        file["area"].attrs["unit"] = "acre"
    return "store.h5"


STORE = (["store.h5"], True)


def test_a_written_file_comes_from_its_arrays(recorded, store):
    assert [span.name for span in recorded.io()][-1] == "write store.h5"
    assert written(recorded) == {"store.h5": (["plots.csv"], True)}
    assert recorded.io()[-1].attributes["provenance.entity.format"] == "hdf5"
    assert recorded.io()[-1].attributes["provenance.entity.version"].startswith(("sha256:", "stat:"))


TAKEN = {
    "slice": lambda file: file["area"][:],
    "all of it": lambda file: file["area"][...],
    "rows": lambda file: file["area"][2:5],
    "nested": lambda file: file["more/tons"][:],
    "group": lambda file: file["more"]["tons"][:],
    "array": lambda file: np.asarray(file["area"]),
    "typed": lambda file: file["area"].astype("float32")[:],
    "frame": lambda file: pd.DataFrame({"area": file["area"][:]}),
    "into": lambda file: _into(file["area"]),
}


def _into(dataset):
    taken = np.empty(24)
    dataset.read_direct(taken)
    return taken


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("target", [str, pathlib.Path, str.encode], ids=["text", "path", "bytes"])
def test_what_is_taken_out_of_a_file_comes_from_it(recorded, store, name, target):
    with h5py.File(target(store)) as file:
        taken = TAKEN[name](file)
    assert len(taken) in (3, 24)
    assert comes_from(taken) == STORE
    assert [span.name for span in recorded.io()][3:] == ["read store.h5"]


def test_a_dataset_is_handed_to_a_model_as_it_is(recorded, store):
    with h5py.File(store) as file:
        model = LogisticRegression().fit(file["area"][:].reshape(-1, 1), file["more/tons"])
    assert comes_from(model) == STORE


@pytest.mark.parametrize("mode", ["r+", "a"])
def test_a_file_that_may_be_changed_is_read_when_something_is_taken_out(recorded, store, mode):
    with h5py.File(store, mode) as file:
        assert list(file) == ["area", "more"]
    assert [span.name for span in recorded.io()][3:] == []
    with h5py.File(store, mode=mode) as file:
        assert comes_from(file["area"][:]) == STORE
        assert file["area"][0] == 0.0
    assert [span.name for span in recorded.io()][3:] == ["read store.h5"]


def test_a_change_is_a_version_that_comes_from_the_one_before(recorded, store):
    with h5py.File(store, "r+") as file:
        file["area"][:] = _area("fields")
    last = recorded.io()[-1]
    assert last.name == "append store.h5"
    assert last.attributes["provenance.operation"] == "append"
    assert written(recorded)["store.h5"] == (["fields.csv"], True)


def test_a_file_made_anew_is_no_change(recorded):
    for mode in ("x", "w", "w-"):
        pathlib.Path("new.h5").unlink(missing_ok=True)
        with h5py.File("new.h5", mode) as file:
            file["area"] = _area("plots")
    assert [span.name for span in recorded.io() if span.name.startswith("write")] == ["write new.h5"] * 3
    with pytest.raises(FileExistsError):
        h5py.File("new.h5", "x")
    with pytest.raises(FileNotFoundError):
        h5py.File("missing.h5")
    assert not [span.name for span in recorded.io() if "missing" in span.name]


PUT = {
    "create": lambda file, data: file.create_dataset("a", data=data),
    "require": lambda file, data: file.require_dataset("a", (24,), "f8", data=data),
    "set": lambda file, data: file.__setitem__("a", data),
    "slice": lambda file, data: file.create_dataset("a", (24,), "f8").__setitem__(slice(None), data),
    "direct": lambda file, data: file.create_dataset("a", (24,), "f8").write_direct(data),
    "attribute": lambda file, data: file.attrs.__setitem__("a", data),
    "attribute changed": lambda file, data: file.attrs.modify("a", data),
}


@pytest.mark.parametrize("name", PUT)
def test_whatever_way_an_array_is_put_in_it_is_in(recorded, name):
    with h5py.File("new.h5", "w") as file:
        PUT[name](file, _area("plots"))
    assert written(recorded)["new.h5"][0] == ["plots.csv"]


def test_a_copy_from_file_to_file_is_followed(recorded, store):
    with h5py.File(store) as file, h5py.File("copy.h5", "w") as other, h5py.File("third.h5", "w") as third:
        file.copy("more", other)
        file.copy(file["area"], third, name="area")
    assert written(recorded)["copy.h5"] == (["store.h5"], True)
    assert written(recorded)["third.h5"] == (["store.h5"], True)


def test_what_is_unknown_is_not_hidden(recorded):
    with h5py.File("new.h5", "w") as file:
        file["area"] = _area("plots")
        file["list"] = [1, 2, 3]
    assert written(recorded)["new.h5"] == (["plots.csv"], False)


def test_what_was_just_written_comes_from_what_was_put_in(recorded):
    with h5py.File("new.h5", "w") as file:
        file["area"] = _area("plots")
        assert comes_from(file["area"][:]) == (["plots.csv"], True)
    assert [span.name for span in recorded.io()] == ["read plots.csv", "write new.h5"]


def test_buffers_and_open_files_are_seen_through(recorded):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["area"] = _area("plots")
    with h5py.File(io.BytesIO(buffer.getvalue())) as file:
        assert comes_from(file["area"][:]) == (["plots.csv"], True)
    with open("opened.h5", "w+b") as target, h5py.File(target, "w") as file:
        file["area"] = _area("fields")
    with open("opened.h5", "rb") as source, h5py.File(source) as file:
        assert comes_from(file["area"][:]) == (["opened.h5"], True)
    names = [span.name for span in recorded.io()]
    assert names == ["read plots.csv", "read fields.csv", "write opened.h5", "read opened.h5"]
    assert written(recorded)["opened.h5"] == (["fields.csv"], True)


def test_a_linked_file_is_read_when_something_is_taken_out_of_it(recorded, store):
    with h5py.File("links.h5", "w") as file:
        file["there"] = h5py.ExternalLink(store, "/area")
    with h5py.File("links.h5") as file:
        assert "read store.h5" not in [span.name for span in recorded.io()]
        assert comes_from(file["there"][:]) == STORE
    assert [span.name for span in recorded.io()][-2:] == ["read links.h5", "read store.h5"]


def test_files_that_only_memory_holds_are_none(recorded):
    with h5py.File("none.h5", "w", driver="core", backing_store=False) as file:
        file["area"] = _area("plots")
    assert not pathlib.Path("none.h5").exists()
    assert [span.name for span in recorded.io()] == ["read plots.csv"]


def test_a_file_that_is_let_go_is_written_when_it_is_next_looked_for(recorded):
    file = h5py.File("new.h5", "w")
    file["area"] = _area("plots")
    del file
    gc.collect()
    with h5py.File("new.h5") as file:
        assert comes_from(file["area"][:]) == (["new.h5"], True)
    assert edges(recorded) == {("plots.csv", "new.h5", "flow")}
    assert [span.name for span in recorded.io()] == ["read plots.csv", "write new.h5", "read new.h5"]


def test_the_object_is_the_libraries_own(recorded, store):
    with h5py.File(store) as file:
        assert type(file) is h5py.File
        assert file.mode == "r"
        assert type(file["area"]) is h5py.Dataset
        with pytest.raises(KeyError):
            file["missing"]
        assert file["area"].file == file
    assert not file
    file.close()
    with pytest.raises((KeyError, ValueError)):
        file["area"]


def test_a_file_still_open_at_the_end_of_the_program_is_on_record(tmp_path):
    program = Observed(tmp_path)
    program.write("plots.csv", "area\n1\n2\n3\n")
    program.write(
        "left.py",
        "import h5py, pandas as pd\n"
        "left = h5py.File('left.h5', 'w')\n"
        "left['area'] = pd.read_csv('plots.csv')['area'].to_numpy()\n",
    )
    program.script("left.py")
    assert program.edges("+left.h5") == [["plots.csv", "left.h5", "derived", "flow"]]
