# SPDX-License-Identifier: Apache-2.0
"""Arrays that are read and written, and followed as far as they are the same, or views of the same."""

import gzip
import io
import pathlib
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from table_plots import edges, flows, record_tables  # noqa: F401

from otelprov.capture.flow import arrays, frames
from otelprov.capture.flow.identity import count
from otelprov.semconv import PROVENANCE_COLUMNS, PROVENANCE_ENTITY_FORMAT, PROVENANCE_FLOW_COMPLETE, PROVENANCE_ROWS


@pytest.fixture
def areas(recorded):
    """A file of numbers that nobody was seen to write."""
    np.lib.format.write_array((file := io.BytesIO()), np.arange(120.0).reshape(40, 3))
    pathlib.Path("areas.npy").write_bytes(file.getvalue())
    start = len(recorded.io())
    recorded_names, recorded_io = recorded.names, recorded.io
    recorded.names = lambda: recorded_names()[start:]
    recorded.io = lambda: recorded_io()[start:]
    return recorded


WRITERS = {
    "out.npy": lambda array: np.save("out.npy", array),
    "added.npy": lambda array: np.save(file="added", arr=array),
    "path.npy": lambda array: np.save(pathlib.Path("path"), array),
    "out.npz": lambda array: np.savez("out.npz", array, also=array),
    "packed.npz": lambda array: np.savez_compressed(file="packed", array=array),
    "out.txt": lambda array: np.savetxt("out.txt", array),
    "out.txt.gz": lambda array: np.savetxt(fname="out.txt.gz", X=array),
    "out.raw": lambda array: array.tofile("out.raw"),
    "out.pkl": lambda array: array.dump("out.pkl"),
    "handle.npy": lambda array: _to_handle(array),
    "handle.gz": lambda array: _to_gzip(array),
    "buffer.npy": lambda array: _to_buffer(array),
}


def _to_handle(array):
    with open("handle.npy", "wb") as file:
        np.save(file, array)


def _to_gzip(array):
    with gzip.open("handle.gz", "wb") as file:
        np.save(file, array)


def _to_buffer(array):
    np.save(buffer := io.BytesIO(), array)
    pathlib.Path("buffer.npy").write_bytes(buffer.getvalue())


@pytest.mark.parametrize("name", WRITERS)
def test_a_written_array_comes_from_the_read_one(areas, name):
    array = np.load("areas.npy")
    WRITERS[name](array)
    assert flows(areas) == {("areas.npy", name)}
    assert areas.names() == ["read areas.npy", f"write {name}"]
    read = areas.io()[0]
    assert (read.attributes[PROVENANCE_ROWS], read.attributes[PROVENANCE_COLUMNS]) == (40, 3)
    assert read.attributes[PROVENANCE_ENTITY_FORMAT] == "npy"


def _lazily():
    with np.load("out.npz") as archive:
        return archive["also"]


READERS = {
    "out.npy": lambda: np.load("out.npy"),
    "mapped": lambda: np.load(file="out.npy", mmap_mode="r"),
    "opened": lambda: np.lib.format.open_memmap("out.npy", mode="r"),
    "handle": lambda: _from_handle("out.npy"),
    "packed": lambda: _from_gzip("handle.gz"),
    "out.npz": _lazily,
    "out.txt": lambda: np.loadtxt("out.txt"),
    "out.txt.gz": lambda: np.genfromtxt(fname="out.txt.gz"),
    "regex": lambda: np.fromregex("out.txt", r"(\S+) \S+ \S+", [("a", float)]),
    "out.raw": lambda: np.fromfile("out.raw"),
    "memmap": lambda: np.memmap("out.raw", mode="r", dtype=float),
    "copied on write": lambda: np.memmap(filename="out.raw", mode="c", dtype=float, shape=(3,)),
    "out.pkl": lambda: np.load("out.pkl", allow_pickle=True),
}


def _from_handle(name):
    with open(name, "rb") as file:
        return np.load(file)


def _from_gzip(name):
    with gzip.open(name, "rb") as file:
        return np.load(file)


@pytest.mark.parametrize("name", READERS)
def test_an_array_comes_from_where_it_was_read(recorded, name):
    array = np.arange(120.0).reshape(40, 3)
    for write in WRITERS.values():
        write(array)
    before = len(recorded.names())
    np.save("again.npy", READERS[name]())
    names = recorded.names()[before:]
    assert len(names) == 2
    assert names[1] == "write again.npy"
    source = names[0].removeprefix("read ")
    assert name not in WRITERS or source == name
    assert (source, "again.npy", "flow") in edges(recorded)


def test_views_are_followed_and_what_was_changed_in_place_is_not_complete(areas):
    array = np.load("areas.npy")
    view = array[1:].T.reshape(-1)[::2]
    np.save("view.npy", array[1:, :2])
    assert frames.known(view) is None or frames.known(view).complete
    array[3, 1] = 7
    np.save("changed.npy", array[:5])
    assert [span.attributes[PROVENANCE_FLOW_COMPLETE] for span in areas.io()[1:]] == [True, False]
    assert ("areas.npy", "changed.npy", "flow") in edges(areas)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(900_000,), (300_400, 3), (3, 300_400), (100, 100, 90)])
def test_a_change_of_one_column_of_a_large_array_is_seen(shape, order):
    array = np.zeros(shape, order=order)
    for axis in range(len(shape)):
        before = arrays._stamp(array)
        assert arrays._stamp(array) == before
        np.moveaxis(array, axis, 0)[-1] += 1
        if array.size / shape[axis] * 8 > arrays._SAMPLE / 1000:
            assert arrays._stamp(array) != before, axis


def test_arrays_of_frames_and_frames_of_arrays(recorded):
    plots = pd.read_csv("plots.csv")
    np.save("a.npy", plots["area"].to_numpy())
    np.save("b.npy", plots[["plot", "area"]].values[3:])
    pd.DataFrame({"area": np.load("a.npy")}).to_csv("c.csv")
    pd.DataFrame(np.load("b.npy"), columns=["plot", "area"]).to_csv("d.csv")
    pd.Series(np.asarray(plots["plot"])).to_csv("e.csv")
    assert flows(recorded) == {
        *(("plots.csv", name) for name in ("a.npy", "b.npy", "e.csv")),
        ("a.npy", "c.csv"),
        ("b.npy", "d.csv"),
    }


def test_a_computed_array_is_known_by_order_only(areas):
    np.save("out.npy", np.load("areas.npy") * 2)
    assert edges(areas) == {("areas.npy", "out.npy", "order")}


def test_several_arrays_of_which_one_is_unknown(areas):
    np.savez("out.npz", known=np.load("areas.npy"), unknown=np.arange(3))
    assert areas.io()[-1].attributes[PROVENANCE_FLOW_COMPLETE] is False


def test_what_is_written_through_memory_is_seen_when_the_file_is_next_read(recorded):
    mapped = np.memmap("raw", dtype=float, mode="w+", shape=(10,))
    mapped[:] = 3
    del mapped
    np.fromfile("raw")
    np.save("raw.npy", np.zeros(10))
    changed = np.load("raw.npy", mmap_mode="r+")
    changed[0] = 1
    changed.flush()
    np.load("raw.npy")
    assert recorded.names() == [
        *("write raw", "read raw", "write raw.npy", "read raw.npy"),
        *("write raw.npy", "read raw.npy"),
    ]


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_a_mapped_array_that_can_be_changed_is_not_complete(areas, mode):
    np.save("out.npy", np.load("areas.npy", mmap_mode=mode))
    written = next(span for span in areas.io() if span.name == "write out.npy")
    assert written.attributes[PROVENANCE_FLOW_COMPLETE] is False
    assert ("areas.npy", "out.npy", "flow") in edges(areas)


def test_a_mapped_file_that_is_not_changed_is_not_written(areas):
    mapped = np.load("areas.npy", mmap_mode="r+")
    assert mapped.shape == (40, 3)
    del mapped
    np.load("areas.npy")
    assert areas.names() == ["read areas.npy", "read areas.npy"]


def test_what_fails_is_the_programs_own_error_and_no_edge(areas):
    for action, error in (
        (lambda: np.load("missing.npy"), FileNotFoundError),
        (lambda: np.load(), TypeError),
        (lambda: np.load("plots.csv"), ValueError),
        (lambda: np.loadtxt("plots.csv"), ValueError),
        (lambda: np.save("no/where.npy", np.arange(3)), FileNotFoundError),
        (lambda: np.savez("x.npz", np.arange(3), arr_0=np.arange(3)), ValueError),
        (lambda: np.memmap("plots.csv", mode="nonsense"), ValueError),
    ):
        with pytest.raises(error) as caught:
            action()
        assert "otelprov" not in str(caught.value)
    assert areas.names() == []


def test_lines_and_lists_are_content_and_no_paths(areas):
    assert np.loadtxt(["1 2", "3 4"]).shape == (2, 2)
    assert np.genfromtxt(io.StringIO("1 2\n3 4")).shape == (2, 2)
    np.save(io.BytesIO(), [1, 2])
    assert areas.names() == []


def test_the_library_stays_what_it_is(areas):
    array = np.load("areas.npy")
    assert type(array) is np.ndarray
    assert type(np.load("areas.npy", mmap_mode="r")) is np.memmap
    assert isinstance(np.memmap, type)
    assert pickle.loads(pickle.dumps(np.save)) is np.save
    np.savez("out.npz", array)
    with np.load("out.npz") as archive:
        assert list(archive) == ["arr_0"]
        np.testing.assert_array_equal(archive["arr_0"], array)

    class Mine(np.ndarray):
        base = property(lambda self: 1 / 0)

    mine = array.view(Mine)
    np.save("mine.npy", mine)
    assert ("areas.npy", "mine.npy", "flow") in edges(areas)


def test_nothing_is_kept_of_arrays_that_are_gone(areas):
    array = np.load("areas.npy")
    before = count()
    for _ in range(10_000):
        frames.add(array[1:].copy(), frames.known(array))
    assert count() == before
    assert frames.known(np.arange(120.0)) is None


def test_threads_do_not_mix_their_arrays(recorded):
    for number in range(8):
        np.save(f"in{number}.npy", np.full(100, number))

    def work(number):
        for _ in range(10):
            np.save(f"out{number}.npy", np.load(f"in{number}.npy")[1:])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flows(recorded) == {(f"in{number}.npy", f"out{number}.npy") for number in range(8)}
