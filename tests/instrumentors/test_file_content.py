# SPDX-License-Identifier: Apache-2.0
"""Where the content of a file comes from: copies, renames, archives, temporary files, descriptors."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import pickle
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from file_plots import digest, make, recorded, sources  # noqa: F401

from otelprov.capture.disk.handles import handle_origins, remember_written
from otelprov.capture.flow.identity import Origins, Read, origins_of, remember
from otelprov.model.entity import Entity
from otelprov.semconv import names


def test_pathlib_is_one_edge_each(recorded):
    path = Path("a")
    path.write_text("x")
    path.read_bytes()
    path.rename("b")
    Path("b").unlink()
    assert recorded.names() == ["write a", "read a", "read a", "write b", "delete a", "delete b"]


@pytest.mark.parametrize("module", [gzip, bz2, lzma])
def test_of_a_compressed_file_the_compressed_file_is_the_entity(recorded, module):
    with module.open("a.z", "wt") as file:
        file.write("content")
    with module.open("a.z", "rt") as file:
        assert file.read() == "content"
        origins = handle_origins(file)
    write, read = recorded.io()
    assert (write.name, read.name) == ("write a.z", "read a.z")
    assert write.attributes[names.PROVENANCE_ENTITY_VERSION] == read.attributes[names.PROVENANCE_ENTITY_VERSION]
    assert [f"{read.span_id:016x}" for read in origins.reads] == [read.span_id]


def test_archives_are_the_entity(recorded):
    make("a")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("a")
    with zipfile.ZipFile("a.zip") as archive, archive.open("a") as member:
        member.read()
    with tarfile.open("a.tar", "w") as archive:
        archive.add("a")
    with tarfile.open("a.tar") as archive:
        archive.extractfile("a").read()
    found = recorded.names()
    assert [name for name in found if name != "read a"] == ["write a.zip", "read a.zip", "write a.tar", "read a.tar"]


def test_csv_json_and_pickle_need_nothing_of_their_own(recorded):
    with open("a.csv", "w", newline="") as file:
        csv.writer(file).writerow([1, 2])
    with open("a.json", "w") as file:
        json.dump({}, file)
    with open("a.pickle", "wb") as file:
        pickle.dump({}, file)
    with open("a.pickle", "rb") as file:
        pickle.load(file)
    assert recorded.names() == ["write a.csv", "write a.json", "write a.pickle", "read a.pickle"]


@pytest.mark.parametrize("function", [shutil.copyfile, shutil.copy, shutil.copy2])
def test_a_copy_is_one_read_and_one_write_from_nothing_else(recorded, function):
    make("a")
    getattr(shutil, function.__name__)("a", "b")
    read, write = recorded.io()
    assert (read.name, write.name) == ("read a", "write b")
    assert sources(write) == ["a"]
    assert write.attributes[names.PROVENANCE_FLOW_COMPLETE] is True
    assert write.events[1].attributes[names.PROVENANCE_SOURCE_SPAN_ID] == read.span_id


def test_trees_and_moves(recorded):
    os.mkdir("d")
    make("d/a")
    shutil.copytree("d", "e")
    assert recorded.names() == ["read a", "write a"]
    shutil.move("e/a", "b")
    assert recorded.names()[2:] == ["read a", "write b", "delete a"]
    shutil.rmtree("d")
    assert recorded.names()[5:] == ["delete d"]
    assert not os.path.exists("d")


def test_copyfileobj_makes_the_written_file_come_from_the_read_one(recorded):
    make("a")
    make("other")
    with open("other"):
        pass
    with open("a", "rb") as source, gzip.open("b.gz", "wb") as target:
        shutil.copyfileobj(source, target)
    assert recorded.names() == ["read other", "read a", "write b.gz"]
    assert sources(recorded.io()[-1]) == ["a"]


def test_a_rename_carries_the_content_over(recorded):
    make("a", "x")
    make("existing", "y")
    os.replace("a", "existing")
    read, write, delete = recorded.io()
    assert (read.name, write.name, delete.name) == ("read a", "write existing", "delete a")
    assert sources(write) == ["a"]
    assert write.attributes[names.PROVENANCE_ENTITY_VERSION] == digest("existing")
    with pytest.raises(FileNotFoundError):
        os.rename("missing", "b")
    with pytest.raises(FileNotFoundError):
        os.remove("missing")
    assert len(recorded.io()) == 3


def test_an_atomic_write_keeps_the_sources_of_the_writer(recorded):
    source = Read(Entity("file", "/data/in.csv"), 7, 9)
    with open("out.csv.tmp", "w") as file:
        file.write("x")
        remember(file, Origins(frozenset({source})))
    os.replace("out.csv.tmp", "out.csv")
    tmp, out, delete = recorded.io()
    assert (tmp.name, out.name, delete.name) == ("write out.csv.tmp", "write out.csv", "delete out.csv.tmp")
    assert sources(tmp) == sources(out) == ["in.csv"]


def test_an_atomic_write_with_tempfile(recorded):
    fd, name = tempfile.mkstemp(dir=".")
    with os.fdopen(fd, "w") as file:
        file.write("x")
    os.replace(name, "out.csv")
    tmp, out = recorded.io()
    assert tmp.attributes[names.PROVENANCE_ENTITY_TEMPORARY] is True
    assert out.name == "write out.csv"
    assert names.PROVENANCE_ENTITY_TEMPORARY not in out.attributes


def test_a_file_that_is_renamed_while_open_is_recorded_under_its_new_name(recorded):
    with open("a", "w") as file:
        os.rename("a", "b")
        file.write("x")
    assert recorded.names() == ["write b"]


def test_a_file_that_is_removed_while_open_leaves_no_write(recorded):
    with open("a", "w"):
        os.remove("a")
    assert recorded.names() == ["delete a"]


def test_named_temporary_files_are_temporary(recorded):
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("x")
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "a"), "w") as file:
        file.write("x")
    assert [span.attributes.get(names.PROVENANCE_ENTITY_TEMPORARY) for span in recorded.io()] == [True, True]


def test_descriptors(recorded):
    fd = os.open("a", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x")
    assert recorded.names() == []
    os.close(fd)
    fd = os.open("a", os.O_RDONLY)
    with os.fdopen(fd) as file:
        assert origins_of(file) is not None
    fd = os.open("a", os.O_WRONLY | os.O_APPEND)
    with open(fd, "w") as file:
        file.write("y")
    assert recorded.names() == ["write a", "read a", "append a"]
    assert recorded.io()[-1].attributes[names.PROVENANCE_ENTITY_VERSION] == digest("a")
    read_end, write_end = os.pipe()
    os.close(write_end)
    with os.fdopen(read_end) as file:
        assert file.read() == ""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(read_end)


def test_a_handle_knows_its_read_and_a_write_its_sources(recorded):
    make("in.csv")
    with open("in.csv") as file:
        origins = origins_of(file)
        assert handle_origins(file.buffer) == origins
    with open("out.csv", "w") as file:
        remember_written(file, origins)
    with open("plain.csv", "w"):
        pass
    _, out, plain = recorded.io()
    assert sources(out) == ["in.csv"]
    assert out.attributes[names.PROVENANCE_FLOW_COMPLETE] is True
    assert names.PROVENANCE_FLOW_COMPLETE not in plain.attributes
    # What a handle was read from is no word on what is written to it.
    with open("in.csv", "r+") as file:
        file.write("9")
    assert names.PROVENANCE_FLOW_COMPLETE not in recorded.io()[-1].attributes


def test_looking_for_a_folder_for_temporary_files_is_no_write(recorded):
    tempfile._get_default_tempdir()
    assert recorded.names() == []
