# SPDX-License-Identifier: Apache-2.0
"""Objects of a real S3 server through s3fs, alone and below pandas: named as boto3 names them, at the same versions."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import fsspec
import pandas
import pytest
import s3fs
from file_plots import make, recorded, sources  # noqa: F401

from otelprov.capture.inside import quietly_in_turns
from otelprov.semconv import names
from otelprov_instrumentors.botocore import BotocoreInstrumentor
from otelprov_instrumentors.fsspec import FsspecInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor

ROWS = "day,amount\n" + "".join(f"{day},{day * 3}\n" for day in range(40))


@pytest.fixture
def store(recorded, s3_server, request):
    """A file system of the server, observed with what is below and above it; `place` is a prefix of this test alone."""
    instrumentors = (BotocoreInstrumentor(), FsspecInstrumentor(), PandasInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument()
    fs = s3fs.S3FileSystem(**s3_server.options, skip_instance_cache=True)
    fs.place = f"{s3_server.bucket}/{request.node.name}"
    with quietly_in_turns():
        fs.pipe_file(f"{fs.place}/in.csv", ROWS.encode())
    yield fs
    for instrumentor in instrumentors:
        instrumentor.uninstrument()


def entity(span):
    return span.attributes[names.PROVENANCE_ENTITY_NAMESPACE], span.attributes[names.PROVENANCE_ENTITY_NAME]


def edges(recorded):
    return [(span.name, sources(span)) for span in recorded.io() if not span.name.startswith(("read", "delete"))]


def tag(fs, name):
    with quietly_in_turns():
        return "etag:" + fs.info(f"{fs.place}/{name}", refresh=True)["ETag"].strip('"')


def test_pandas_over_s3_is_one_edge_each(recorded, store, s3_server):
    url = f"s3://{store.place}"
    options = {"storage_options": s3_server.options}
    frame = pandas.read_csv(f"{url}/in.csv", **options)
    frame.to_parquet(f"{url}/out.parquet", **options)
    pandas.read_parquet(f"{url}/out.parquet", **options).to_csv(f"{url}/out.csv", **options)
    assert recorded.names() == ["read in.csv", "write out.parquet", "read out.parquet", "write out.csv"]
    bucket, _, prefix = store.place.partition("/")
    for span in recorded.io():
        name = span.name.partition(" ")[2]
        assert entity(span) == (f"s3://{bucket}", f"{prefix}/{name}")
        assert span.attributes[names.PROVENANCE_ENTITY_VERSION] == tag(store, name)
        assert span.attributes[names.CODE_FILE_PATH] == __file__
    assert edges(recorded) == [("write out.parquet", ["in.csv"]), ("write out.csv", ["out.parquet"])]


def test_parts_that_a_library_opens_in_threads_of_its_own_are_one_edge(recorded, store, s3_server):
    url, options = f"s3://{store.place}", {"storage_options": s3_server.options}
    frame = pandas.read_csv(f"{url}/in.csv", **options).head(3)
    frame.to_parquet(f"{url}/parts", partition_cols=["day"], **options)
    pandas.read_parquet(f"{url}/parts", **options).to_csv("out.csv")
    assert recorded.names() == ["read in.csv", "write parts", "read parts", "write out.csv"]
    assert edges(recorded) == [("write parts", ["in.csv"]), ("write out.csv", ["parts"])]


def test_every_way_to_write_an_object(recorded, store):
    make("local.csv", ROWS + "1,1")
    with store.open(f"{store.place}/in.csv") as file:
        frame = pandas.read_csv(file)
    with store.open(f"{store.place}/a", "wb") as file:
        frame.to_csv(file)
    with fsspec.open(f"s3://{store.place}/b", "wt", **store.storage_options) as file:
        frame.to_csv(file)
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    store.pipe_file(f"{store.place}/c", buffer.getvalue())
    store.pipe({f"{store.place}/d": frame.to_csv().encode()})
    store.put("local.csv", f"{store.place}/e")
    store.cp(f"{store.place}/a", f"{store.place}/f")
    store.mv(f"{store.place}/e", f"{store.place}/g")
    assert edges(recorded) == [
        *((f"write {name}", ["in.csv"]) for name in "abcd"),
        ("write e", ["local.csv"]),
        ("write f", ["a"]),
        ("write g", ["e"]),
    ]
    for span in recorded.io():
        if span.name.startswith("write") and span.name != "write e":
            assert span.attributes[names.PROVENANCE_ENTITY_VERSION] == tag(store, span.name[-1]), span.name
    assert recorded.names()[-1] == "delete e"
    assert {span.attributes[names.CODE_FILE_PATH] for span in recorded.io()} == {__file__}


def test_every_way_to_read_an_object(recorded, store):
    with quietly_in_turns():
        for name in "abcdef":
            store.pipe_file(f"{store.place}/{name}", f"{ROWS}1,{name}".encode())
    with store.open(f"{store.place}/a") as file:
        pandas.read_csv(file).to_csv("one")
    with fsspec.open(f"simplecache::s3://{store.place}/b", "rt", s3=store.storage_options) as file:
        pandas.read_csv(file).to_csv("two")
    pandas.read_csv(io.BytesIO(store.cat(f"{store.place}/c"))).to_csv("three")
    pandas.read_csv(io.BytesIO(store.cat([f"{store.place}/d"])[f"{store.place}/d"])).to_csv("four")
    store.get(f"{store.place}/e", "five")
    pandas.read_csv(io.StringIO(store.read_text(f"{store.place}/f"))).to_csv("six")
    numbers = ("one", "two", "three", "four", "five", "six")
    assert edges(recorded) == [(f"write {number}", [name]) for number, name in zip(numbers, "abcdef", strict=True)]
    for span in recorded.io():
        if span.name.startswith("read"):
            assert span.attributes[names.PROVENANCE_ENTITY_VERSION] == tag(store, span.name[-1]), span.name


def test_trees(recorded, store):
    os.mkdir("tree")
    make("tree/x", ROWS + "x")
    make("tree/y", ROWS + "y")
    store.put("tree", f"{store.place}/t", recursive=True)
    store.get(f"{store.place}/t", "back", recursive=True)
    assert sorted(edges(recorded)) == [("write x", ["x"])] * 2 + [("write y", ["y"])] * 2
    before = len(recorded.io())
    assert len(store.find(f"{store.place}/t")) == 2
    assert store.exists(f"{store.place}/t/x")
    assert recorded.names()[before:] == []
    store.rm(f"{store.place}/t", recursive=True)
    assert {"delete x", "delete y"} <= set(recorded.names()[before:])


def test_what_fails_is_its_own_error_and_no_record(recorded, store):
    with pytest.raises(FileNotFoundError):
        store.open(f"{store.place}/missing")
    with pytest.raises(FileNotFoundError):
        store.cat(f"{store.place}/missing")
    with pytest.raises(FileNotFoundError):
        pandas.read_csv(f"s3://{store.place}/missing", storage_options=store.storage_options)
    assert recorded.names() == []


def test_objects_awaited_in_the_programs_own_loop(recorded, store, s3_server):
    async def work():
        fs = s3fs.S3FileSystem(**s3_server.options, asynchronous=True, skip_instance_cache=True)
        session = await fs.set_session()
        await fs._pipe_file(f"{store.place}/a", ROWS.encode() * 2)
        content = await fs._cat_file(f"{store.place}/in.csv")
        await session.close()
        return content

    Path("copy.csv").write_bytes(asyncio.run(work()))
    assert recorded.names() == ["write a", "read in.csv", "write copy.csv"]
    assert sources(recorded.io()[-1]) == ["in.csv"]


def test_a_client_of_aiobotocore_by_itself(recorded, store, s3_server):
    from aiobotocore.session import get_session

    bucket, _, prefix = store.place.partition("/")

    async def work():
        async with get_session().create_client("s3", **s3_server.settings) as client:
            answer = await client.get_object(Bucket=bucket, Key=f"{prefix}/in.csv")
            async with answer["Body"] as body:
                content = await body.read()
            await client.put_object(Bucket=bucket, Key=f"{prefix}/copy.csv", Body=content)

    asyncio.run(work())
    assert recorded.names() == ["read in.csv", "write copy.csv"]
    assert edges(recorded) == [("write copy.csv", ["in.csv"])]
    versions = [span.attributes[names.PROVENANCE_ENTITY_VERSION] for span in recorded.io()]
    assert versions == [tag(store, "in.csv"), tag(store, "copy.csv")]
