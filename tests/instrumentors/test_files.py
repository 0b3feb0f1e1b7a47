# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM115, UP015 - plain opens are what is tested here
"""Reads and writes of files by plain Python, with nothing changed for the program."""

from __future__ import annotations

import bz2
import csv
import gc
import gzip
import hashlib
import inspect
import io
import json
import logging
import lzma
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import warnings
import weakref
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from otelprov.capture import coverage, file_writes, files
from otelprov.capture.handles import handle_origins, raw_file, remember_written
from otelprov.capture.identity import Origins, Read, origins_of, remember
from otelprov.capture.inside import quietly
from otelprov.model.entity import Entity
from otelprov.semconv import names
from otelprov.testing import recording
from otelprov_instrumentors.files import FilesInstrumentor


@pytest.fixture
def recorded(tmp_path):
    """Recorded spans of files in `tmp_path / "data"`, the working folder."""
    data = tmp_path / "data"
    data.mkdir()
    before = Path.cwd()
    os.chdir(data)
    instrumentor = FilesInstrumentor()
    try:
        with recording(tmp_path / "home") as found:
            instrumentor.instrument()
            coverage.reset()
            yield found
            instrumentor.uninstrument()
            files.finish_open_files()
    finally:
        os.chdir(before)
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


def make(name, content="1,2\n"):
    """A file that was there before."""
    with quietly():
        Path(name).write_text(content)


def digest(name):
    with quietly():
        return "sha256:" + hashlib.sha256(Path(name).read_bytes()).hexdigest()


def sources(span):
    return sorted(
        event.attributes[names.PROVENANCE_ENTITY_NAME].rsplit("/", 1)[-1]
        for event in span.events
        if names.PROVENANCE_SOURCE_SPAN_ID in event.attributes
    )


def versions(recorded):
    return [(span.name, span.attributes.get(names.PROVENANCE_ENTITY_VERSION)) for span in recorded.io()]


def test_a_read_and_a_write_with_digest_size_and_line(recorded):
    make("in.csv", "1,2\n")
    with open("in.csv") as file, open("out.csv", "w") as other:
        line = inspect.currentframe().f_lineno - 1
        other.write(file.read())
        assert recorded.names() == ["read in.csv"]
    read, write = recorded.io()
    assert write.name == "write out.csv"
    expected = "sha256:" + hashlib.sha256(b"1,2\n").hexdigest()
    for span, name in ((read, "in.csv"), (write, "out.csv")):
        attributes = span.attributes
        assert attributes[names.PROVENANCE_ENTITY_NAME] == os.path.realpath(name)
        assert attributes[names.PROVENANCE_ENTITY_NAMESPACE] == "file"
        assert attributes[names.PROVENANCE_ENTITY_VERSION] == expected
        assert attributes[names.FILE_SIZE] == 4
        assert attributes[names.CODE_LINE_NUMBER] == line
        assert attributes[names.CODE_FILE_PATH] == __file__
    assert read.start < write.start < write.end


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("r", ["read a"]),
        ("w", ["write a"]),
        ("a", ["append a"]),
        ("r+", ["read a", "write a"]),
        ("w+", ["write a"]),
        ("a+", ["append a"]),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_modes(recorded, mode, expected, binary):
    make("a", "old")
    with open("a", mode + "b" * binary) as file:
        if mode != "r":
            file.write(b"fresh content" if binary else "fresh content")
    assert recorded.names() == expected


def test_exclusive_creation(recorded):
    with open("a", "x"):
        pass
    with pytest.raises(FileExistsError):
        open("a", "x")
    assert recorded.names() == ["write a"]


def test_opening_for_writing_without_writing(recorded):
    make("a", "old")
    with open("a", "r+"):
        pass
    with open("a", "a"):
        pass
    assert recorded.names() == ["read a"]
    with open("a", "w"):
        pass
    assert recorded.names() == ["read a", "write a"]
    assert os.path.getsize("a") == 0


@pytest.mark.parametrize(
    ("mode", "buffering", "kind"),
    [("w", -1, io.TextIOWrapper), ("wb", -1, io.BufferedWriter), ("w+b", -1, io.BufferedRandom), ("wb", 0, io.FileIO)],
)
def test_handles_are_the_real_ones_and_close_as_always(recorded, mode, buffering, kind):
    file = open("a", mode, buffering)
    assert type(file) is kind
    assert "close" not in vars(file)
    with pytest.raises(TypeError, match=rf"cannot pickle '(_io\.)?{kind.__name__}'"):
        pickle.dumps(file)
    assert sys.getrefcount(file) == 2
    raw = weakref.ref(raw_file(file))
    file.write("x" if mode == "w" else b"x")
    file.close()
    file.close()
    assert file.closed
    gc.disable()
    try:
        del file
        # No cycle is left behind.
        assert raw() is None
    finally:
        gc.enable()
    # Where nobody tells us of the end, the next open does.
    make("b")
    open("b").close()
    assert recorded.names() == ["write a", "read b"]


@pytest.mark.parametrize(("mode", "buffering"), [("w", -1), ("wb", -1), ("wb", 0)])
def test_a_file_that_is_dropped_is_closed_at_once_with_the_usual_warning(recorded, mode, buffering):
    content = "x" if mode == "w" else b"x"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.disable()
        try:
            open("a", mode, buffering).write(content)
            file_writes.sweep()
            assert recorded.names() == ["write a"]
        finally:
            gc.enable()
    assert [type(warning.message) for warning in caught] == [ResourceWarning]
    assert str(caught[0].message).startswith("unclosed file <_io.")


def test_a_file_in_a_cycle_ends_as_it_would_without_us(recorded):
    class Owner:
        pass

    contents = []
    for function, name in ((inspect.unwrap(open), "plain"), (open, "observed")):
        owner = Owner()
        owner.me = owner
        owner.file = function(name, "w")
        owner.file.write("content")
        alive = weakref.ref(owner)
        del owner
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
        assert alive() is None
        contents.append(Path(name).stat().st_size)
    assert contents[0] == contents[1]
    assert "write observed" in recorded.names()


def test_an_error_on_closing_is_the_programs_own(recorded):
    file = open("a", "w")
    file.write("x")
    os.close(file.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.close()
    assert file.closed


def test_what_fails_to_open_leaves_no_record_and_raises_the_same(recorded):
    class Hostile:
        def __fspath__(self):
            raise KeyError("mine")

    make("a")
    attempts = [
        (("missing",), {}),
        ((".",), {}),
        (("a", "q"), {}),
        (("a", "r", 0), {}),
        (("a",), {"encoding": "no-such-encoding"}),
        ((Hostile(),), {}),
        ((object(),), {}),
        ((-1,), {}),
        (("a\0b",), {}),
        ((), {}),
        (("a",), {"nonsense": 1}),
        (("a",), {"opener": lambda path, flags: -1}),
    ]
    original = inspect.unwrap(open)
    assert original is not open
    for args, kwargs in attempts:
        found = []
        for function in (original, open):
            # The hook would see what goes to the original.
            with pytest.raises(BaseException) as caught, quietly() if function is original else nullcontext():
                function(*args, **kwargs)
            found.append((caught.type, str(caught.value)))
        assert found[0] == found[1]
    assert recorded.names() == []


def test_odd_ways_to_name_a_file(recorded):
    make("a", "x")
    folder = os.open(".", os.O_RDONLY)
    try:
        with open(b"a") as file:
            assert file.read() == "x"
        with open(Path("a")) as file:
            assert file.read() == "x"
        with open(mode="r", file="a") as file:
            assert file.read() == "x"
        with open("a", opener=lambda path, flags: os.open(path, flags, dir_fd=folder)) as file:
            assert file.read() == "x"
    finally:
        os.close(folder)
    assert recorded.names() == ["read a"] * 4


def test_open_stays_a_function_that_no_class_binds(recorded):
    class Reader:
        opener = open

    make("a", "x")
    with Reader().opener("a") as file:
        assert file.read() == "x"
    assert open is io.open
    assert pickle.loads(pickle.dumps(open)) is open


def test_ten_thousand_reads_of_one_version_by_one_line_are_one_span(recorded):
    make("config.json", "{}")
    for _ in range(10_000):
        with open("config.json") as file:
            file.read(1)
    assert recorded.names() == ["read config.json"]
    assert coverage.snapshot()[:2] == (10_000, 10_000)
    make("config.json", "{ }")
    with open("config.json"):
        pass
    assert len(recorded.names()) == 2


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


def test_files_still_open_at_the_end_are_recorded_as_they_will_be(recorded):
    file = open("a", "w")
    file.write("buffered")
    unbuffered = open("b", "wb", buffering=0)
    unbuffered.write(b"x")
    fd = os.open("c", os.O_WRONLY | os.O_CREAT)
    files.finish_open_files()
    assert sorted(recorded.names()) == ["write a", "write b", "write c"]
    assert (names.FILE_SIZE, 8) in recorded.io()[0].attributes.items()
    file.close()
    unbuffered.close()
    os.close(fd)
    files.finish_open_files()
    assert len(recorded.names()) == 3
    assert dict(versions(recorded))["write a"] == digest("a")


def test_opens_that_go_past_us_are_seen_by_the_audit_hook(recorded):
    make("a")
    with io.FileIO("a") as file:
        file.read()
    assert recorded.names() == ["read a"]
    with pytest.raises(FileNotFoundError):
        io.FileIO("missing")
    with io.FileIO("b", "w") as file:
        file.write(b"x")
    assert recorded.names() == ["read a"]
    with open("b"):
        pass
    assert recorded.names() == ["read a", "write b", "read b"]
    with io.FileIO("c", "w") as file:
        file.write(b"x")
    files.finish_open_files()
    assert recorded.names()[-1] == "write c"
    assert coverage.snapshot()[:2] == (4, 4)


def test_noise_is_counted_and_left_out(recorded):
    make("module.py")
    with open("module.py"), open(os.devnull, "w"), open("/proc/self/status"), open(json.__file__):
        pass
    handler = logging.FileHandler("program.log")
    handler.emit(logging.makeLogRecord({"msg": "hello"}))
    handler.close()
    os.remove("module.py")
    assert recorded.names() == []
    opens, kept, ignored = coverage.snapshot()
    assert (opens, kept) == (0, 0)
    assert ignored >= 3


def test_fifos_and_folders_are_no_files(recorded):
    os.mkfifo("fifo")
    thread = threading.Thread(target=lambda: open("fifo", "w").close())
    thread.start()
    with open("fifo") as file:
        file.read()
    thread.join()
    with pytest.raises(IsADirectoryError):
        open(".")
    assert recorded.names() == []


def test_threads(recorded):
    def work(number):
        for index in range(20):
            Path(f"{number}-{index}").write_text("x")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(recorded.names())) == len(recorded.names()) == 80


def test_a_forked_child_does_not_finish_its_parents_files(recorded):
    file = open("a", "w")
    file.write("x")
    file.flush()
    pid = os.fork()
    if pid == 0:
        file.close()
        files.finish_open_files()
        os._exit(0)
    os.waitpid(pid, 0)
    assert recorded.names() == []
    file.close()
    assert recorded.names() == ["write a"]


def test_nothing_is_recorded_when_off(recorded):
    file = open("a", "w")
    FilesInstrumentor().uninstrument()
    Path("b").write_text("x")
    with io.FileIO("b") as other:
        other.read()
    file.close()
    assert recorded.names() == ["write a"]
    FilesInstrumentor().instrument()


def test_a_class_that_was_bound_before_us_is_seen_too(tmp_path):
    program = f"""
import sys
from os import open as early, close
plain = open
from pathlib import Path
from otelprov.testing import recording
from otelprov.capture import files
from otelprov_instrumentors.files import FilesInstrumentor
FilesInstrumentor().instrument()
with recording({str(tmp_path / "home")!r}) as recorded:
    plain({str(tmp_path / "a")!r}, "w").close()
    close(early({str(tmp_path / "a")!r}, 0))
    files.finish_open_files()
    print(recorded.names())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("['write a', 'read a']\n", "")


def test_looking_for_a_folder_for_temporary_files_is_no_write(recorded):
    tempfile._get_default_tempdir()
    assert recorded.names() == []
