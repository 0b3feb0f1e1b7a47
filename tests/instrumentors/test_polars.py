# SPDX-License-Identifier: Apache-2.0
"""What polars reads and writes at once is recorded once, with what it was."""

import io
import pathlib
import sqlite3

import polars as pl
import pytest
from arrow_plots import is_complete, make_plots, make_tables, observe, read_names, record_plots, written  # noqa: F401
from pandas_plots import assert_is_read_of_plots, comes_from, sources
from table_plots import edges

from otelprov.semconv import (
    PROVENANCE_COLUMN_NAMES,
    PROVENANCE_ENTITY_FORMAT,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_VERSION,
    PROVENANCE_FLOW_COMPLETE,
    PROVENANCE_ROWS,
)


@pytest.mark.parametrize(
    "read",
    [
        lambda: pl.read_csv("plots.csv"),
        lambda: pl.read_csv(source="plots.csv"),
        lambda: pl.read_csv(pathlib.Path("plots.csv"), use_pyarrow=True),
        lambda: pl.read_csv("plots.csv", encoding="latin-1"),
    ],
    ids=["position", "keyword", "pyarrow", "recoded"],
)
def test_a_read_is_one_span_that_says_what_was_read(recorded, read):
    read()
    (span,) = recorded.io()
    assert_is_read_of_plots(span, __file__)
    assert span.attributes[PROVENANCE_COLUMN_NAMES] == '["plot","crop","area"]'


@pytest.mark.parametrize(
    ("name", "format_", "write", "read"),
    [
        ("out.csv", "csv", lambda df, p: df.write_csv(file=p), lambda p: pl.read_csv(p)),
        ("out.parquet", "parquet", lambda df, p: df.write_parquet(p), lambda p: pl.read_parquet(p, memory_map=False)),
        ("py.parquet", "parquet", lambda df, p: df.write_parquet(p, use_pyarrow=True), lambda p: pl.read_parquet(p)),
        ("out.arrow", "arrow", lambda df, p: df.write_ipc(p), lambda p: pl.read_ipc(p)),
        ("out.arrows", "arrow", lambda df, p: df.write_ipc_stream(p), lambda p: pl.read_ipc_stream(p)),
        ("out.json", "json", lambda df, p: df.write_json(p), lambda p: pl.read_json(p)),
        ("out.ndjson", "jsonl", lambda df, p: df.write_ndjson(p), lambda p: pl.read_ndjson(p)),
        ("out.avro", "avro", lambda df, p: df.write_avro(p), lambda p: pl.read_avro(p)),
        ("out.xlsx", "excel", lambda df, p: df.write_excel(p), lambda p: pl.read_excel(p)),
    ],
)
def test_every_format_is_written_and_read(recorded, name, format_, write, read):
    write(pl.read_csv("plots.csv"), name)
    again = read(name)
    assert again.shape == (3, 3)
    first, out, second = recorded.io()
    assert [first.name, out.name, second.name] == ["read plots.csv", f"write {name}", f"read {name}"]
    assert sources(out) == ["plots.csv"]
    assert is_complete(out)
    assert out.attributes[PROVENANCE_ENTITY_FORMAT] == second.attributes[PROVENANCE_ENTITY_FORMAT] == format_
    assert (out.attributes[PROVENANCE_ROWS], second.attributes[PROVENANCE_ROWS]) == (3, 3)
    assert out.attributes[PROVENANCE_ENTITY_VERSION] == second.attributes[PROVENANCE_ENTITY_VERSION]
    assert comes_from(again) == ([name], True)


@pytest.mark.parametrize(
    "source",
    ["[ny]*.csv", ["noise.csv", "yields.csv"], [pathlib.Path("noise.csv"), pathlib.Path("yields.csv")]],
    ids=["pattern", "texts", "paths"],
)
def test_each_of_many_files_is_a_read(recorded, source):
    frame = pl.read_csv(source, columns=["plot"])
    assert read_names(recorded) == ["noise.csv", "yields.csv"]
    assert comes_from(frame) == (["noise.csv", "yields.csv"], True)


def test_a_folder_is_read_file_by_file(recorded):
    frame = pl.read_parquet("years")
    assert frame.columns == ["plot", "tons", "year"]
    assert read_names(recorded) == ["2023.parquet", "2024.parquet", "2025.parquet"]


def test_each_file_of_a_partitioned_write_has_the_sources(recorded):
    pl.read_csv("plots.csv").write_parquet("by_crop", partition_by="crop")
    spans = [span for span in recorded.io() if span.name.startswith("write ")]
    names = sorted(span.attributes[PROVENANCE_ENTITY_NAME].rpartition("by_crop/")[2] for span in spans)
    assert [name.partition("/")[0] for name in names] == ["crop=oats", "crop=rye"]
    assert [sources(span) for span in spans] == [["plots.csv"], ["plots.csv"]]


def test_a_partitioned_write_tells_only_what_is_new(recorded):
    pl.read_csv("plots.csv").filter(pl.col("crop") == "oats").write_parquet("by_crop", partition_by="crop")
    rye = pl.read_csv("plots.csv").filter(pl.col("crop") == "rye")
    rye.write_parquet("by_crop", partition_by="crop")
    rye.with_columns(pl.col("area") * 2).write_parquet("by_crop", partition_by="crop")
    written_names = [span.attributes[PROVENANCE_ENTITY_NAME] for span in recorded.io() if "write" in span.name]
    assert [name.split("/")[-2] for name in written_names] == ["crop=oats", "crop=rye", "crop=rye"]


def test_an_open_file_is_one_read_and_one_write(recorded):
    with open("plots.csv", "rb") as file:
        frame = pl.read_csv(file)
    with open("out.csv", "wb") as file:
        frame.write_csv(file)
    assert recorded.names() == ["read plots.csv", "write out.csv"]
    assert sources(written(recorded, "out.csv")) == ["plots.csv"]
    assert edges(recorded) == {("plots.csv", "out.csv", "flow")}


def test_what_goes_through_a_buffer_is_followed(recorded):
    buffer = io.BytesIO()
    pl.read_csv("plots.csv").write_parquet(buffer)
    buffer.seek(0)
    again = pl.read_parquet(buffer)
    assert comes_from(again) == (["plots.csv"], True)
    again.write_csv("out.csv")
    assert edges(recorded) == {("plots.csv", "out.csv", "flow")}


def test_content_itself_is_of_unknown_origin(recorded):
    assert comes_from(pl.read_csv(b"a,b\n1,2\n")) is None
    assert recorded.names() == []


def test_what_fails_reads_and_writes_nothing(recorded):
    with pytest.raises(FileNotFoundError):
        pl.read_csv("missing.csv")
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        pl.read_csv("plots.csv", columns=["nothing"])
    with pytest.raises(TypeError):
        pl.read_csv()
    frame = pl.DataFrame({"a": [1]})
    with pytest.raises(FileNotFoundError):
        frame.write_csv("no/such/folder/a.csv")
    assert recorded.names() == []


def test_sheets_of_a_workbook_that_the_program_made_are_one_write(recorded):
    import xlsxwriter

    with xlsxwriter.Workbook("both.xlsx") as workbook:
        pl.read_csv("plots.csv").write_excel(workbook, worksheet="plots")
        pl.read_csv("yields.csv").write_excel(workbook, worksheet="yields")
    frames = pl.read_excel("both.xlsx", sheet_id=0)
    assert sources(written(recorded, "both.xlsx")) == ["plots.csv", "yields.csv"]
    assert {name: comes_from(frame) for name, frame in frames.items()} == {
        "plots": (["both.xlsx"], True),
        "yields": (["both.xlsx"], True),
    }
    assert recorded.names() == ["read plots.csv", "read yields.csv", "write both.xlsx", "read both.xlsx"]


def test_rows_of_a_database_come_from_the_statement(recorded):
    with sqlite3.connect("plots.db") as connection:
        connection.execute("create table plots (plot integer, area real)")
        connection.execute("insert into plots values (1, 2.5)")
    frame = pl.read_database("select plot, area from plots", connection)
    frame.write_csv("out.csv")
    connection.close()
    found = written(recorded, "out.csv")
    assert found.attributes[PROVENANCE_FLOW_COMPLETE] is True
    assert ("plots", "out.csv", "flow") in edges(recorded)
