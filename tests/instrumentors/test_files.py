# SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM115, UP015 - plain opens are what is tested here
"""Reads and writes of files by plain Python, with nothing changed for the program."""

from __future__ import annotations

import gc
import hashlib
import inspect
import io
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import warnings
import weakref
from contextlib import nullcontext
from pathlib import Path

import pytest
from file_plots import digest, make, recorded, versions  # noqa: F401

from otelprov.capture import coverage
from otelprov.capture.disk import file_writes, files
from otelprov.capture.disk.handles import raw_file
from otelprov.capture.inside import quietly
from otelprov.semconv import names
from otelprov_instrumentors.files import FilesInstrumentor


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


def test_compiled_code_is_let_through_and_counted(recorded):
    make("module.pyc", "x")
    before = coverage.snapshot()
    with open("module.pyc", "rb") as file:
        assert file.read() == b"x"
    assert coverage.snapshot() == (*before[:2], before[2] + 1)
    assert recorded.names() == []


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
from otelprov.capture.disk import files
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
