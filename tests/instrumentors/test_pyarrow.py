# SPDX-License-Identifier: Apache-2.0
"""What pyarrow reads and writes is recorded once, and its tables are followed as far as its functions show."""

import gc
import io
import pathlib
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.feather as feather
import pyarrow.fs as fs
import pyarrow.json
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest
from arrow_plots import is_complete, make_plots, make_tables, observe, read_names, record_plots, written  # noqa: F401
from pandas_plots import BOTH, comes_from, sources
from table_plots import edges, flows

from otelprov.capture.flow.identity import count
from otelprov.semconv import (
    PROVENANCE_COLUMN_NAMES,
    PROVENANCE_COLUMNS,
    PROVENANCE_ENTITY_FORMAT,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_VERSION,
    PROVENANCE_ROWS,
)

BOTH_PARQUET = (["plots.parquet", "yields.parquet"], True)


def _ipc_write(table, path):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def _ipc_read(path):
    with pa.ipc.open_file(path) as reader:
        return reader.read_all()


def _stream_write(table, path):
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)


def _stream_read(path):
    with pa.memory_map(path) as source, pa.ipc.open_stream(source) as reader:
        return reader.read_all()


def _parquet_write(table, path):
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)


def _parquet_read(path):
    with pq.ParquetFile(path) as file:
        return file.read()


def _orc_write(table, path):
    with orc.ORCWriter(path) as writer:
        writer.write(table)


FORMATS = {
    "out.parquet": ("parquet", lambda t, p: pq.write_table(t, p), lambda p: pq.read_table(p)),
    "keyword.parquet": ("parquet", lambda t, p: pq.write_table(table=t, where=p), lambda p: pq.read_table(source=p)),
    "writer.parquet": ("parquet", _parquet_write, _parquet_read),
    "filesystem.parquet": (
        "parquet",
        lambda t, p: pq.write_table(t, p, filesystem=fs.LocalFileSystem()),
        lambda p: pq.read_table(p, filesystem=fs.SubTreeFileSystem(".", fs.LocalFileSystem())),
    ),
    "out.csv": ("csv", lambda t, p: pa.csv.write_csv(t, p), lambda p: pa.csv.read_csv(p)),
    "out.feather": ("feather", lambda t, p: feather.write_feather(t, p), lambda p: feather.read_table(p)),
    "pandas.feather": ("feather", lambda t, p: feather.write_feather(t, p), lambda p: feather.read_feather(p)),
    "out.orc": ("orc", lambda t, p: orc.write_table(t, p), lambda p: orc.read_table(p)),
    "writer.orc": ("orc", _orc_write, lambda p: orc.ORCFile(p).read()),
    "out.arrow": ("arrow", _ipc_write, _ipc_read),
    "stream.arrow": ("arrow", _stream_write, _stream_read),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written_and_read(recorded, name):
    format_, write, read = FORMATS[name]
    write(pq.read_table("plots.parquet"), name)
    again = read(name)
    assert again.shape == (3, 3)
    assert recorded.names() == ["read plots.parquet", f"write {name}", f"read {name}"]
    first, out, second = recorded.io()
    assert sources(out) == ["plots.parquet"]
    assert is_complete(out)
    assert out.attributes[PROVENANCE_ENTITY_FORMAT] == second.attributes[PROVENANCE_ENTITY_FORMAT] == format_
    assert (out.attributes[PROVENANCE_ROWS], out.attributes[PROVENANCE_COLUMNS]) == (3, 3)
    assert out.attributes[PROVENANCE_COLUMN_NAMES] == '["plot","crop","area"]'
    assert out.attributes[PROVENANCE_ENTITY_VERSION] == second.attributes[PROVENANCE_ENTITY_VERSION]
    assert first.attributes[PROVENANCE_ENTITY_NAME] == str(pathlib.Path("plots.parquet").resolve())
    assert comes_from(again) == ([name], True)


OPERATIONS = {
    "join": lambda a, b: a.join(b, "plot"),
    "join_asof": lambda a, b: a.join_asof(b, "plot", [], 5),
    "sorted join": lambda a, b: a.join(b, "plot").sort_by("tons"),
    "filter": lambda a, b: a.join(b, "plot").filter(pc.field("tons") > 5),
    "take": lambda a, b: a.join(b, "plot").take([0, 1]),
    "drop_null": lambda a, b: a.join(b, "plot").drop_null(),
    "group_by": lambda a, b: a.join(b, "plot").group_by("crop").aggregate([("tons", "sum")]),
    "concat_tables": lambda a, b: pa.concat_tables([a, b], promote_options="default"),
    "concat generator": lambda a, b: pa.concat_tables((table for table in (a, b)), promote_options="default"),
    "to_pandas": lambda a, b: a.to_pandas().merge(b.to_pandas(), on="plot"),
    "pa.table of a frame": lambda a, b: pa.table(a.to_pandas().merge(b.to_pandas(), on="plot")),
    "to polars": lambda a, b: pl.from_arrow(a).join(pl.DataFrame(b), on="plot"),
    "from polars": lambda a, b: pa.table(pl.from_arrow(a).join(pl.from_arrow(b), on="plot")),
    "pa.array": lambda a, b: pa.array(a.to_pandas()["area"] + b.to_pandas()["tons"]),
    "compute": lambda a, b: pc.multiply(pa.array(a.to_pandas()["area"]), pa.array(b.to_pandas()["tons"])),
    "pa.table of columns": lambda a, b: pa.table(
        {"area": pa.array(a.to_pandas()["area"]), "tons": pa.array(b.to_pandas()["tons"])}
    ),
    "chunked": lambda a, b: pa.chunked_array([pa.array(a.to_pandas()["area"]), pa.array(b.to_pandas()["tons"])]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_can_be_seen_is_followed_completely(recorded, name):
    result = OPERATIONS[name](pq.read_table("plots.parquet"), pq.read_table("yields.parquet"))
    assert comes_from(result) == BOTH_PARQUET


UNSEEN = {
    "select": lambda a: a.select(["plot"]),
    "slice": lambda a: a.slice(1),
    "column": lambda a: a["plot"],
    "from_pandas": lambda a: pa.Table.from_pandas(a.to_pandas()),
    "append_column": lambda a: a.append_column("x", [[1, 2, 3]]),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_methods_of_extension_types_make_is_of_unknown_origin(recorded, name):
    assert comes_from(UNSEEN[name](pq.read_table("plots.parquet"))) is None


def test_a_table_of_unknown_origin_has_weaker_edges(recorded):
    pq.write_table(pq.read_table("plots.parquet").select(["plot"]), "out.parquet")
    assert edges(recorded) == {("plots.parquet", "out.parquet", "order")}


def test_what_comes_from_unknown_data_as_well_is_not_complete(recorded):
    a, unknown = pq.read_table("plots.parquet"), pa.table({"plot": [1, 2, 3], "tons": [1.0, 2.0, 3.0]})
    expected = (["plots.parquet"], False)
    assert comes_from(a.join(unknown, "plot")) == expected
    assert comes_from(pa.concat_tables([a, unknown], promote_options="default")) == expected
    assert comes_from(a.filter(pc.greater(unknown["tons"], 1))) == expected


def test_a_folder_is_read_file_by_file_and_only_what_a_filter_leaves(recorded):
    whole = pq.read_table("years")
    assert comes_from(whole) == (["2023.parquet", "2024.parquet", "2025.parquet"], True)
    some = pq.read_table("years", filters=[("year", ">=", 2024)])
    assert comes_from(some) == (["2024.parquet", "2025.parquet"], True)
    assert comes_from(pq.ParquetDataset(["noise.parquet", "yields.parquet"]).read()) == (
        ["noise.parquet", "yields.parquet"],
        True,
    )
    assert len(read_names(recorded)) == 7


def test_each_file_of_a_dataset_is_written(recorded):
    table = pq.read_table("plots.parquet")
    pq.write_to_dataset(table, "by_crop", partition_cols=["crop"])
    ds.write_dataset(table, "flat", format="csv", file_visitor=lambda file: None)
    spans = [span for span in recorded.io() if span.name.startswith("write ")]
    folders = [span.attributes[PROVENANCE_ENTITY_NAME].split("/")[-2] for span in spans]
    assert folders == ["crop=oats", "crop=rye", "flat"]
    assert [sources(span) for span in spans] == [["plots.parquet"]] * 3
    assert all(is_complete(span) for span in spans)


def test_a_dataset_counts_as_read_when_it_is_made(recorded):
    dataset = ds.dataset("years", partitioning="hive")
    assert read_names(recorded) == ["2023.parquet", "2024.parquet", "2025.parquet"]
    ds.write_dataset(dataset, "copy", format="parquet")
    assert flows(recorded) == {(f"{year}.parquet", "part-0.parquet") for year in (2023, 2024, 2025)}
    assert comes_from(dataset.to_table()) is None
    union = ds.dataset([ds.dataset("noise.parquet"), ds.dataset("yields.parquet")])
    assert comes_from(union) == (["noise.parquet", "yields.parquet"], True)
    assert comes_from(ds.dataset(pq.read_table("plots.parquet"))) == (["plots.parquet"], True)


def test_a_file_that_is_opened_is_read_when_its_data_is_read(recorded):
    assert pq.read_schema("plots.parquet").names == ["plot", "crop", "area"]
    assert pq.read_metadata("plots.parquet").num_rows == 3
    file = pq.ParquetFile("plots.parquet")
    assert recorded.names() == []
    assert comes_from(file.read_row_group(0)) == (["plots.parquet"], True)
    assert sum(batch.num_rows for batch in file.iter_batches()) == 3
    assert recorded.names() == ["read plots.parquet"]
    file.close()


def test_batches_of_a_stream_are_followed(recorded):
    _stream_write(pq.read_table("plots.parquet"), "plots.arrows")
    with pa.ipc.open_stream("plots.arrows") as reader, pa.ipc.new_file("out.arrow", reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    assert flows(recorded) == {("plots.parquet", "plots.arrows"), ("plots.arrows", "out.arrow")}


def test_a_writer_that_was_given_several_tables_comes_from_all(recorded):
    noise, yields = pq.read_table("noise.parquet"), pq.read_table("yields.parquet")
    with pq.ParquetWriter("out.parquet", noise.schema, fs.LocalFileSystem()) as writer:
        writer.write_table(noise)
        writer.write_table(yields)
    assert flows(recorded) == {("noise.parquet", "out.parquet"), ("yields.parquet", "out.parquet")}


def test_open_files_and_buffers_are_followed(recorded):
    with open("plots.parquet", "rb") as file:
        table = pq.read_table(file)
    with open("out.parquet", "wb") as file:
        pq.write_table(table, file)
    assert recorded.names() == ["read plots.parquet", "write out.parquet"]
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    buffer.seek(0)
    assert comes_from(pq.read_table(buffer)) == (["plots.parquet"], True)
    with pa.input_stream("plots.csv") as stream:
        assert comes_from(pa.csv.read_csv(stream)) == (["plots.csv"], True)
    assert edges(recorded) == {("plots.parquet", "out.parquet", "flow")}


def test_other_readers_are_one_read(recorded):
    assert comes_from(pa.json.read_json("plots.ndjson")) == (["plots.ndjson"], True)
    with pa.csv.open_csv("plots.csv") as reader:
        assert reader.read_next_batch().num_rows == 3
    assert pa.memory_map("noise.csv").read()
    assert read_names(recorded) == ["plots.ndjson", "plots.csv", "noise.csv"]


def test_files_that_are_copied_are_the_same(recorded):
    fs.copy_files("plots.parquet", "copy.parquet")
    fs.copy_files("years", "more", destination_filesystem=fs.LocalFileSystem())
    assert ("plots.parquet", "copy.parquet") in flows(recorded)
    assert recorded.names()[:2] == ["read plots.parquet", "write copy.parquet"]
    assert sum(name.startswith("write 20") for name in recorded.names()) == 3


def test_readers_of_other_libraries_are_one_edge(recorded):
    pd.read_parquet("plots.parquet").to_feather("out.feather")
    pd.read_csv("plots.csv", engine="pyarrow")
    pl.read_parquet("plots.parquet", use_pyarrow=True).write_parquet("out.parquet", use_pyarrow=True)
    pl.scan_pyarrow_dataset(ds.dataset("noise.parquet")).collect()
    assert recorded.names() == [
        *("read plots.parquet", "write out.feather", "read plots.csv"),
        *("read plots.parquet", "write out.parquet", "read noise.parquet"),
    ]


def test_nothing_is_kept_of_tables_that_are_gone(recorded):
    table = pq.read_table("plots.parquet")
    gc.collect()
    before = count()
    for _ in range(10_000):
        pa.concat_tables([table, table])
    assert count() == before


def test_threads_do_not_mix_their_tables(recorded):
    found = {}

    def work(name):
        table = pq.read_table(f"{name}.parquet")
        for _ in range(50):
            table = pa.concat_tables([table.take([0]), table])
        found[name] = comes_from(table)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("plots", "yields", "noise")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: ([f"{name}.parquet"], True) for name in ("plots", "yields", "noise")}


def test_numbers_of_a_table_are_numbers(recorded):
    table = pq.read_table("yields.parquet")
    assert pc.sum(pa.array(table.to_pandas()["tons"])).as_py() == 20.0
    assert np.asarray(table["tons"]).tolist() == [7.0, 9.0, 4.0]
    assert BOTH
