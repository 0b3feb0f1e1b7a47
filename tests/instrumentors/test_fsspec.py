# SPDX-License-Identifier: Apache-2.0
"""Files of fsspec's file systems: local, in memory, over HTTP, in archives, cached; one action is one edge."""

from __future__ import annotations

import functools
import http.server
import io
import os
import pickle
import threading
import zipfile
from pathlib import Path

import fsspec
import pandas
import pytest
from file_plots import make, recorded, sources  # noqa: F401
from fsspec.implementations.memory import MemoryFile
from instrumented import instrumented

from otelprov.capture.inside import quietly
from otelprov.capture.naming import location_entity
from otelprov.semconv import names
from otelprov_instrumentors.fsspec import FsspecInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.zipfile import ZipfileInstrumentor

ROWS = "day,amount\n" + "".join(f"{day},{day * 3}\n" for day in range(40))


@pytest.fixture(autouse=True)
def observed(recorded):
    """fsspec, ZIP and pandas are observed, and nothing is in memory."""
    with quietly():
        fsspec.filesystem("memory").store.clear()
    with instrumented(FsspecInstrumentor, ZipfileInstrumentor, PandasInstrumentor):
        yield


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of the folder `web`, without a log, as if by another process."""

    def handle(self):
        with quietly():
            super().handle()

    def log_message(self, *args):
        pass


@pytest.fixture
def web(recorded):
    """URL of a server of a folder with one file."""
    os.mkdir("web")
    make("web/in.csv", ROWS)
    with quietly():
        handler = functools.partial(Quiet, directory=os.path.realpath("web"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def entity(span):
    return span.attributes[names.PROVENANCE_ENTITY_NAMESPACE], span.attributes[names.PROVENANCE_ENTITY_NAME]


def edges(recorded):
    return [(span.name, sources(span)) for span in recorded.io() if not span.name.startswith(("read", "delete"))]


@pytest.mark.parametrize(
    ("location", "namespace", "name"),
    [
        ("s3://bucket/a/b#1.csv", "s3://bucket", "a/b#1.csv"),
        ("s3a://bucket/k", "s3://bucket", "k"),
        ("s3://id:secret@bucket/k?s3_secret_access_key=a/b", "s3://bucket", "k"),
        ("gs://bucket/k", "gs://bucket", "k"),
        ("gcs://bucket/k", "gs://bucket", "k"),
        ("abfs://container@account.dfs.example/k?sig=1", "abfs://container@account.dfs.example", "k"),
        ("https://me:secret@h.example:81/a.csv?token=1#x", "https://h.example:81", "/a.csv"),
        ("simplecache::s3://bucket/k", "s3://bucket", "k"),
        ("zip://d/x.csv::filecache::s3://bucket/a.zip", "s3://bucket", "a.zip!/d/x.csv"),
        ("tar://x::zip://in.tar::/data/a.zip", "file", "/data/a.zip!/in.tar!/x"),
        ("file:///data/a.csv", "file", "/data/a.csv"),
    ],
)
def test_names_of_locations(location, namespace, name):
    found = location_entity(location)
    assert (found.namespace, found.name) == (namespace, name)


def test_local_files_are_what_open_makes_of_them(recorded):
    make("in.csv", ROWS)
    with fsspec.open("in.csv", "rt") as file:
        frame = pandas.read_csv(file)
    with fsspec.open(f"file://{os.getcwd()}/out.csv.gz", "wt", compression="infer") as file:
        frame.to_csv(file)
    fs = fsspec.filesystem("file")
    with fs.open("other.csv", "w") as file:
        frame.to_csv(file)
    fs.cp("in.csv", "copy.csv")
    assert recorded.names() == [
        "read in.csv",
        "write out.csv.gz",
        "write other.csv",
        "read in.csv",
        "write copy.csv",
    ]
    assert edges(recorded) == [
        ("write out.csv.gz", ["in.csv"]),
        ("write other.csv", ["in.csv"]),
        ("write copy.csv", ["in.csv"]),
    ]


def test_files_in_memory_are_of_this_process_and_seen_through(recorded):
    make("in.csv", ROWS)
    pandas.read_csv("in.csv").to_parquet("memory://a/b.parquet")
    pandas.read_parquet("memory://a/b.parquet").to_csv("out.csv")
    assert recorded.names() == ["read in.csv", "write b.parquet", "read b.parquet", "write out.csv"]
    for span in recorded.io()[1:3]:
        namespace, name = entity(span)
        assert name == "/a/b.parquet"
        assert namespace == "memory://" + span.attributes[names.PROVENANCE_PROCESS_ID]
        assert span.attributes[names.PROVENANCE_ENTITY_TEMPORARY] is True
    assert edges(recorded)[1:] == [("write out.csv", ["b.parquet"])]


def test_every_way_to_write_a_file_in_memory(recorded):
    make("in.csv", ROWS)
    frame = pandas.read_csv("in.csv")
    fs = fsspec.filesystem("memory")
    with fs.open("/a", "wb") as file:
        assert type(file) is MemoryFile
        frame.to_csv(file)
    with fs.open("/b", "w") as file:
        frame.to_csv(file)
    fs.pipe_file("/c", frame.to_csv().encode())
    fs.pipe({"/d": frame.to_csv().encode()})
    fs.write_text("/e", frame.to_csv())
    fs.cp("/d", "/f")
    make("local.csv", ROWS + "1,1")
    fs.put("local.csv", "/g")
    assert edges(recorded) == [
        *((f"write {name}", ["in.csv"]) for name in "abcde"),
        ("write f", ["d"]),
        ("write g", ["local.csv"]),
    ]


def test_every_way_to_read_a_file_in_memory(recorded):
    fs = fsspec.filesystem("memory")
    with quietly():
        for name in "abcde":
            fs.pipe_file(f"/{name}", f"{ROWS}1,{name}".encode())
    with fs.open("/a") as file:
        pandas.read_csv(file).to_csv("one")
    with fsspec.open("memory://b", "rt") as file:
        pandas.read_csv(file).to_csv("two")
    pandas.read_csv(io.BytesIO(fs.cat("/c"))).to_csv("three")
    pandas.read_csv(io.StringIO(fs.read_text("/d"))).to_csv("four")
    fs.get("/e", "five")
    numbers = ("one", "two", "three", "four", "five")
    assert edges(recorded) == [(f"write {number}", [name]) for number, name in zip(numbers, "abcde", strict=True)]


def test_a_place_in_memory_that_is_written_again_is_read_again(recorded):
    fs = fsspec.filesystem("memory")
    for name in ("a", "b"):
        make(name, ROWS + name)
        fs.put(name, "/x")
        fs.get("/x", f"{name}.out")
    assert recorded.names() == [
        "read a",
        "write x",
        "read x",
        "write a.out",
        "read b",
        "write x",
        "read x",
        "write b.out",
    ]
    reads = [span.span_id for span in recorded.io() if span.name == "read x"]
    outs = [span for span in recorded.io() if span.name.endswith(".out")]
    assert [span.events[1].attributes[names.PROVENANCE_SOURCE_SPAN_ID] for span in outs] == reads


def test_trees_go_file_by_file(recorded):
    os.mkdir("tree")
    make("tree/x", ROWS)
    make("tree/y", ROWS + "y")
    fs = fsspec.filesystem("memory")
    fs.put("tree", "/t", recursive=True)
    fs.get("/t", "back", recursive=True)
    assert sorted(edges(recorded)) == [
        *(("write x", ["x"]), ("write x", ["x"])),
        *(("write y", ["y"]), ("write y", ["y"])),
    ]
    before = len(recorded.io())
    assert len(fs.find("/t")) == 2
    assert fs.exists("/t/x")
    fs.rm("/t", recursive=True)
    assert recorded.names()[before:] == []


def test_many_files_at_once(recorded):
    for name in ("a", "b"):
        make(f"{name}.csv", ROWS + name)
    with fsspec.open_files(["a.csv", "b.csv"], "rt") as files:
        frames = [pandas.read_csv(file) for file in files]
    with fsspec.open_files(["memory://a.csv", "memory://b.csv"], "wt") as files:
        for frame, file in zip(frames, files, strict=True):
            frame.to_csv(file)
    assert edges(recorded) == [("write a.csv", ["a.csv"]), ("write b.csv", ["b.csv"])]


def test_http(recorded, web):
    pandas.read_csv(f"{web}/in.csv").to_csv("zero.csv")
    with fsspec.open(f"{web}/in.csv?token=4f9a1c77e02b") as file:
        pandas.read_csv(file).to_csv("one.csv")
    fs = fsspec.filesystem("http")
    pandas.read_csv(io.BytesIO(fs.cat_file(f"{web}/in.csv"))).to_csv("two.csv")
    pandas.read_csv(io.BytesIO(fs.cat([f"{web}/in.csv"])[f"{web}/in.csv"])).to_csv("three.csv")
    fs.get(f"{web}/in.csv", "four.csv")
    fs.get_file(f"{web}/in.csv", "five.csv")
    found = ["zero", "one", "two", "three", "four", "five"]
    assert edges(recorded) == [(f"write {name}.csv", ["in.csv"]) for name in found]
    assert {entity(span) for span in recorded.io() if span.name.startswith("read")} == {(web, "/in.csv")}
    assert b"4f9a1c77e02b" not in b"".join(recorded.lines())
    lines = {span.attributes.get(names.CODE_FILE_PATH) for span in recorded.io()}
    assert lines == {__file__}
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{web}/missing")
    assert len(recorded.io()) == 12


# That of blockcache leaves its own file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_a_cached_file_is_the_remote_one(recorded, web, cache):
    options = {cache: {"cache_storage": os.path.realpath("cache")}}
    with fsspec.open(f"{cache}::{web}/in.csv", "rb", **options) as file:
        pandas.read_csv(file).to_csv("out.csv")
    assert recorded.names() == ["read in.csv", "write out.csv"]
    assert entity(recorded.io()[0]) == (web, "/in.csv")
    assert edges(recorded) == [("write out.csv", ["in.csv"])]


def test_a_write_through_a_cache_is_the_remote_one(recorded):
    make("in.csv", ROWS)
    frame = pandas.read_csv("in.csv")
    with fsspec.open("simplecache::memory://out.csv", "wb") as file:
        frame.to_csv(file)
    assert recorded.names() == ["read in.csv", "write out.csv"]
    assert edges(recorded) == [("write out.csv", ["in.csv"])]
    assert entity(recorded.io()[1])[0].startswith("memory://")


def test_members_of_archives_by_url(recorded):
    with quietly(), zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("d/x.csv", ROWS)
    with fsspec.open("zip://d/x.csv::a.zip") as file:
        pandas.read_csv(file).to_csv("out.csv")
    assert edges(recorded) == [("unpack x.csv", ["a.zip"]), ("write out.csv", ["x.csv"])]
    place = os.path.realpath("a.zip") + "!/d/x.csv"
    assert entity(recorded.io()[1]) == ("file", place)
    pandas.read_csv("zip://d/x.csv::a.zip")
    assert entity(recorded.io()[-1]) == ("file", place)


def test_files_and_file_systems_are_the_real_ones(recorded, web):
    fs = fsspec.filesystem("memory")
    assert pickle.loads(pickle.dumps(fs)) == fs
    assert pickle.loads(pickle.dumps(fsspec.filesystem("http"))) == fsspec.filesystem("http")
    opened = fsspec.open(f"{web}/in.csv", "rt")
    assert pickle.loads(pickle.dumps(opened)).path == opened.path
    with opened as file:
        assert next(iter(file)) == "day,amount\n"
    with pytest.raises(FileNotFoundError):
        fs.open("/missing")
    with pytest.raises(TypeError):
        fs.open()
    with pytest.raises(ValueError, match="mode"):
        fs.open("/a", "q")
    assert recorded.names() == ["read in.csv"]


def test_asynchronous_use_is_seen_in_the_programs_own_loop(recorded, web):
    import asyncio

    async def work():
        fs = fsspec.filesystem("http", asynchronous=True, skip_instance_cache=True)
        session = await fs.set_session()
        content = await fs._cat_file(f"{web}/in.csv")
        await fs._get_file(f"{web}/in.csv", "got.csv")
        await session.close()
        return content

    Path("copy.csv").write_bytes(asyncio.run(work()))
    assert edges(recorded) == [("write got.csv", ["in.csv"]), ("write copy.csv", ["in.csv"])]


def test_a_file_system_without_rows_of_its_own(recorded):
    class Remote(fsspec.asyn.AsyncFileSystem):
        protocol = "remote"
        cachable = False
        store: dict[str, bytes] = {}  # noqa: RUF012

        async def _cat_file(self, path, start=None, end=None, **kwargs):
            return self.store[self._strip_protocol(path)]

        async def _pipe_file(self, path, value, mode="overwrite", **kwargs):
            self.store[self._strip_protocol(path)] = value

        async def _get_file(self, rpath, lpath, **kwargs):
            Path(lpath).write_bytes(self.store[rpath])

        async def _info(self, path, **kwargs):
            return {"name": path, "type": "file", "size": len(self.store[path])}

        async def _expand_path(self, path, **kwargs):
            return [path]

    fs = Remote()
    make("in.csv", ROWS)
    fs.pipe_file("bucket/b", pandas.read_csv("in.csv").to_csv().encode())
    with quietly():
        fs.pipe_file("bucket/a", ROWS.encode() * 2)
    Path("copy.csv").write_bytes(fs.cat_file("bucket/a"))
    fs.get("bucket/a", "got.csv")
    assert edges(recorded) == [("write b", ["in.csv"]), ("write copy.csv", ["a"]), ("write got.csv", ["a"])]
    assert entity(recorded.io()[1]) == ("remote://bucket", "/b")
