# SPDX-License-Identifier: Apache-2.0

"""What the standard library's readers and writers hand on between files, bytes and objects, and what they can't."""

from __future__ import annotations

import configparser
import csv
import io
import json
import mmap
import os
import pickle
import shutil
import tempfile
import tomllib
from pathlib import Path

import pandas
import pytest
import yaml
from file_plots import digest, make, recorded, sources  # noqa: F401
from instrumented import instrumented

from otelprov.capture.flow.identity import origins_of
from otelprov.semconv import names
from otelprov_instrumentors.pandas import PandasInstrumentor

ROWS = "day,amount\n" + "".join(f"{day},{day * 3}\n" for day in range(40))


@pytest.fixture(autouse=True)
def observed(recorded):
    """pandas is observed, too."""
    with instrumented(PandasInstrumentor):
        yield


@pytest.fixture
def frame(recorded):
    """A frame that was read from in.csv."""
    make("in.csv", ROWS)
    return pandas.read_csv("in.csv")


def edges(recorded):
    return [(span.name, sources(span)) for span in recorded.io() if span.name.startswith(("write", "append"))]


def last(recorded):
    return edges(recorded)[-1]


def complete(span):
    return span.attributes.get(names.PROVENANCE_FLOW_COMPLETE)


def test_a_frame_is_followed_through_a_pickle(recorded, frame):
    with open("frame.pickle", "wb") as file:
        pickle.dump(frame, file)
    with open("frame.pickle", "rb") as file:
        again = pickle.load(file)
    assert again.equals(frame)
    again.to_csv("out.csv")
    assert edges(recorded) == [("write frame.pickle", ["in.csv"]), ("write out.csv", ["frame.pickle"])]
    assert [complete(span) for span in recorded.io() if span.name.startswith("write")] == [True, True]


def test_frames_in_a_container_are_followed_and_the_rest_is_not_known(recorded, frame):
    with open("many.pickle", "wb") as file:
        pickle.dump({"frame": frame, "limits": [1, 2]}, file=file)
    assert (last(recorded), complete(recorded.io()[-1])) == (("write many.pickle", ["in.csv"]), False)
    with open("many.pickle", "rb") as file:
        many = pickle.load(file)
    many["frame"].to_csv("out.csv")
    assert last(recorded) == ("write out.csv", ["many.pickle"])


def test_a_pickle_in_bytes_and_in_a_buffer(recorded, frame):
    Path("bytes.pickle").write_bytes(pickle.dumps(frame))
    pickle.loads(Path("bytes.pickle").read_bytes()).to_csv("one.csv")
    buffer = io.BytesIO()
    pickle.dump(frame.head(3), buffer)
    Path("buffer.pickle").write_bytes(buffer.getvalue())
    buffer.seek(0)
    pickle.load(buffer).to_csv("two.csv")
    assert edges(recorded) == [
        ("write bytes.pickle", ["in.csv"]),
        ("write one.csv", ["bytes.pickle"]),
        ("write buffer.pickle", ["in.csv"]),
        ("write two.csv", ["in.csv"]),
    ]


def test_plain_objects_are_not_followed_and_nothing_is_claimed_of_them(recorded):
    make("in.json", json.dumps({"a": list(range(40))}))
    make("in.yaml", "a: [1, 2]\n" * 1)
    make("in.toml", "a = 1\n")
    make("in.ini", "[a]\nb = 1\n")
    make("in.csv", ROWS)
    with open("in.json") as file:
        found = json.load(file)
    with open("in.yaml") as file:
        found |= yaml.safe_load(file)
    with open("in.toml", "rb") as file:
        found |= tomllib.load(file)
    with open("in.ini") as file:
        configparser.ConfigParser().read_file(file)
    with open("in.csv", newline="") as file:
        found["rows"] = list(csv.DictReader(file))
    with open("out.json", "w") as file:
        json.dump(found, file)
    with open("out.pickle", "wb") as file:
        pickle.dump(found, file)
    assert [name for name, _ in edges(recorded)] == ["write out.json", "write out.pickle"]
    assert [complete(span) for span in recorded.io()[-2:]] == [None, None]


def test_the_same_content_written_by_hand_comes_from_where_it_was_read(recorded):
    make("in.txt", ROWS)
    make("other.txt", ROWS + "x")
    make("short.txt", "ok\n")
    Path("other.txt").read_text()
    Path("copy.txt").write_text(Path("in.txt").read_text())
    Path("done.txt").write_text(Path("short.txt").read_text())
    with open("in.txt", "rb") as source, open("lines.txt", "wb") as target:
        for line in source:
            target.write(line)
    fd = os.open("descriptor.txt", os.O_WRONLY | os.O_CREAT)
    os.write(fd, Path("other.txt").read_bytes())
    os.close(fd)
    with open("in.txt", "rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        Path("mapped.txt").write_bytes(mapped[:])
    # Three letters are equal by chance.
    assert edges(recorded) == [
        ("write copy.txt", ["in.txt"]),
        ("write done.txt", []),
        ("write lines.txt", ["in.txt"]),
        ("write descriptor.txt", ["other.txt"]),
        ("write mapped.txt", ["in.txt"]),
    ]


def test_what_the_kernel_copies(recorded):
    make("a", ROWS)
    make("b", ROWS + "b")
    with open("a", "rb") as one, open("b", "rb") as other, open("both", "wb") as target:
        os.sendfile(target.fileno(), one.fileno(), 0, 1000)
        os.sendfile(target.fileno(), other.fileno(), 0, 1000)
    assert edges(recorded) == [("write both", ["a", "b"])]
    source, target = os.open("a", os.O_RDONLY), os.open("part", os.O_WRONLY | os.O_CREAT)
    os.copy_file_range(source, target, 100)
    os.close(source)
    os.close(target)
    assert last(recorded) == ("write part", ["a"])
    os.link("a", "linked")
    assert last(recorded) == ("write linked", ["a"])
    os.symlink("a", "named")
    assert last(recorded) == ("write linked", ["a"])


def test_a_frame_written_under_a_passing_name_is_under_its_own_in_the_end(recorded, frame):
    frame.to_csv("out.csv.tmp")
    os.replace("out.csv.tmp", "out.csv")
    assert last(recorded) == ("write out.csv", ["in.csv"])
    with tempfile.NamedTemporaryFile("w", dir=".", suffix=".csv", delete=False) as file:
        frame.to_csv(file)
    shutil.move(file.name, "moved.csv")
    assert last(recorded) == ("write moved.csv", ["in.csv"])
    frame.to_csv("kept.csv")
    os.rename("kept.csv", "renamed.csv")
    assert last(recorded) == ("write renamed.csv", ["kept.csv"])


def test_a_folder_written_under_a_passing_name_is_under_its_own_in_the_end(recorded, frame):
    os.makedirs("out.tmp/deep")
    frame.to_csv("out.tmp/a.csv")
    with open("out.tmp/deep/b.csv", "w") as file:
        frame.to_csv(file)
    make("out.tmp/old.csv", ROWS)
    os.rename("out.tmp", "out")
    found = {span.attributes[names.PROVENANCE_ENTITY_NAME]: sources(span) for span in recorded.io()[-2:]}
    assert found == {os.path.realpath(f"out/{name}"): ["in.csv"] for name in ("a.csv", "deep/b.csv")}
    written = next(
        span for span in recorded.io() if span.attributes[names.PROVENANCE_ENTITY_NAME].endswith("out/a.csv")
    )
    assert written.attributes[names.PROVENANCE_ENTITY_VERSION] == digest("out/a.csv")
    os.rename("out", "archive")
    found = {span.name: sources(span) for span in recorded.io()[-4:]}
    assert found == {"read a.csv": [], "write a.csv": ["a.csv"], "read b.csv": [], "write b.csv": ["b.csv"]}


def test_spooled_files_know_what_they_hold(recorded, frame):
    with tempfile.SpooledTemporaryFile(mode="w+b") as spooled:
        pickle.dump(frame, spooled)
        spooled.seek(0)
        pickle.load(spooled).to_csv("out.csv")
    assert last(recorded) == ("write out.csv", ["in.csv"])


def test_pickling_is_what_it_was(recorded):
    class Refuses:
        def __reduce__(self):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pickle.dumps(Refuses())
    with open("a.pickle", "wb") as file, pytest.raises(KeyError, match="mine"):
        pickle.dump(Refuses(), file)
    with pytest.raises(TypeError):
        pickle.dump()
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(b"nonsense" * 20)
    with pytest.raises(EOFError):
        pickle.load(io.BytesIO())
    assert pickle.loads(pickle.dumps(pickle.dumps)) is pickle.dumps
    value = {"a": [1, (2, "x")]}
    assert pickle.loads(pickle.dumps(value, protocol=2)) == value
    assert origins_of(value) is None
