# SPDX-License-Identifier: Apache-2.0
"""Every reader and writer of pandas, with paths in all their forms, makes one true edge each."""

import bz2
import functools
import gzip
import http.server
import json
import pathlib
import threading
import zipfile

import pandas as pd
import pyreadstat
import pytest
from table_plots import edges, flows, record_tables  # noqa: F401

from otelprov.semconv import PROVENANCE_COLUMN_NAMES, PROVENANCE_COLUMNS, PROVENANCE_ENTITY_FORMAT, PROVENANCE_ROWS

# name, what is written, how it is read: first the path by keyword, and again by position as an object.
FORMATS = {
    "out.csv": (lambda f, p: f.to_csv(path_or_buf=p, index=False), "read_csv", "filepath_or_buffer", {}),
    "out.csv.gz": (lambda f, p: f.to_csv(p, index=False), "read_csv", "filepath_or_buffer", {}),
    "out.data": (
        lambda f, p: f.to_csv(p, index=False, sep="\t", compression="bz2"),
        "read_table",
        "filepath_or_buffer",
        {"compression": "bz2"},
    ),
    "out.json": (lambda f, p: f.to_json(p, orient="records"), "read_json", "path_or_buf", {}),
    "out.jsonl": (
        lambda f, p: f.to_json(p, orient="records", lines=True),
        "read_json",
        "path_or_buf",
        {"lines": True},
    ),
    "out.xlsx": (lambda f, p: f.to_excel(excel_writer=p, index=False), "read_excel", "io", {}),
    "out.html": (lambda f, p: f.to_html(buf=p, index=False), "read_html", "io", {}),
    "out.xml": (lambda f, p: f.to_xml(path_or_buffer=p, index=False), "read_xml", "path_or_buffer", {}),
    "out.parquet": (lambda f, p: f.to_parquet(path=p), "read_parquet", "path", {"columns": ["plot", "crop", "area"]}),
    "out.feather": (lambda f, p: f.to_feather(p), "read_feather", "path", {}),
    "out.orc": (lambda f, p: f.to_orc(path=p), "read_orc", "path", {}),
    "out.dta": (lambda f, p: f.to_stata(p, write_index=False), "read_stata", "filepath_or_buffer", {}),
    "out.pkl": (lambda f, p: f.to_pickle(p), "read_pickle", "filepath_or_buffer", {}),
    "out.h5": (lambda f, p: f.to_hdf(p, key="plots", index=False), "read_hdf", "path_or_buf", {"key": "plots"}),
}
WORDS = {"read_table": "csv", "read_hdf": "hdf5"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_one_edge_from_read_to_write_to_read(recorded, name):
    write, reader, argument, options = FORMATS[name]
    write(pd.read_csv("plots.csv"), name)
    by_keyword = getattr(pd, reader)(**{argument: name}, **options)
    by_position = getattr(pd, reader)(pathlib.Path(name), **options)
    for number, again in enumerate((by_keyword, by_position)):
        frame = again[0] if isinstance(again, list) else again
        assert frame.shape == (40, 3)
        frame.to_csv(f"{number}.csv", index=False)
    assert flows(recorded) == {("plots.csv", name), (name, "0.csv"), (name, "1.csv")}
    assert recorded.names()[1:4] == [f"write {name}", f"read {name}", f"read {name}"][: len(recorded.names()) - 3]
    written, read = recorded.io()[1:3]
    format_ = WORDS.get(reader, reader.removeprefix("read_"))
    assert [span.attributes[PROVENANCE_ENTITY_FORMAT] for span in (written, read)] == [
        "csv" if name == "out.data" else format_,
        format_,
    ]
    assert written.attributes[PROVENANCE_ROWS] == 40
    assert written.attributes[PROVENANCE_COLUMNS] == 3
    assert json.loads(written.attributes[PROVENANCE_COLUMN_NAMES]) == ["plot", "crop", "area"]


def _write_xport(frame, path):
    pyreadstat.write_xport(frame, path, file_format_version=5)


@pytest.mark.parametrize(("name", "write"), [("a.sav", pyreadstat.write_sav), ("a.xpt", _write_xport)])
def test_formats_that_pandas_only_reads(recorded, name, write):
    write(pd.DataFrame({"plot": [1.0, 2.0], "area": [3.0, 4.0]}), name)
    reader = functools.partial(pd.read_spss, path=name) if name == "a.sav" else functools.partial(pd.read_sas, name)
    reader().to_csv("out.csv")
    assert flows(recorded) == {(name, "out.csv")}


def test_chunks_of_every_reader_that_has_them(recorded):
    frame = pd.read_csv("plots.csv")
    frame.to_json("a.jsonl", orient="records", lines=True)
    frame.to_stata("a.dta", write_index=False)
    _write_xport(pd.DataFrame({"plot": [1.0, 2.0]}), "a.xpt")
    readers = {
        "csv": lambda: pd.read_csv("plots.csv", chunksize=20),
        "jsonl": lambda: pd.read_json("a.jsonl", lines=True, chunksize=20),
        "dta": lambda: pd.read_stata("a.dta", chunksize=20),
        "xpt": lambda: pd.read_sas("a.xpt", chunksize=1),
    }
    for name, read in readers.items():
        with read() as reader:
            pd.concat(chunk[chunk["plot"] > 0] for chunk in reader).to_csv(f"{name}.out")
        with read() as reader:
            next(iter(reader)).to_csv(f"{name}.first")
    assert flows(recorded) == {
        ("plots.csv", "a.jsonl"),
        ("plots.csv", "a.dta"),
        *((source, f"{name}.{end}") for end in ("out", "first") for name, source in _SOURCES.items()),
    }
    reads = [name for name in recorded.names() if name.startswith("read")]
    assert len(reads) == 1 + 2 * len(readers)


_SOURCES = {"csv": "plots.csv", "jsonl": "a.jsonl", "dta": "a.dta", "xpt": "a.xpt"}


@pytest.mark.parametrize(
    "write",
    [
        lambda f: f.to_string("out", index=False),
        lambda f: f.to_markdown(buf="out"),
        lambda f: f["crop"].to_markdown("out"),
        lambda f: f["crop"].to_string(buf="out"),
        lambda f: f.to_latex("out"),
        lambda f: f.style.to_html("out"),
        lambda f: f.style.highlight_max().to_latex(buf="out"),
        lambda f: pathlib.Path("out").write_text(f.to_markdown()),
        lambda f: pathlib.Path("out").write_text(f.to_csv()),
        lambda f: pathlib.Path("out").write_text(f.style.to_html()),
        lambda f: pathlib.Path("out").write_bytes(f.to_parquet()),
    ],
)
def test_texts_for_people_and_what_is_returned(recorded, write):
    write(pd.read_csv("plots.csv"))
    assert flows(recorded) == {("plots.csv", "out")}
    assert recorded.names() == ["read plots.csv", "write out"]


def test_a_styled_workbook(recorded):
    pd.read_csv("plots.csv").style.to_excel("out.xlsx")
    assert flows(recorded) == {("plots.csv", "out.xlsx")}


def test_workbooks_with_several_sheets(recorded):
    plots, yields = pd.read_csv("plots.csv"), pd.read_csv("yields.csv")
    with pd.ExcelWriter("book.xlsx", engine="openpyxl") as writer:
        plots.to_excel(writer, sheet_name="plots")
    with pd.ExcelWriter("book.xlsx", mode="a", engine="openpyxl") as writer:
        yields.to_excel(writer, sheet_name="yields")
    assert recorded.names() == ["read plots.csv", "read yields.csv", "write book.xlsx", "append book.xlsx"]
    for sheet in pd.read_excel("book.xlsx", sheet_name=None).values():
        sheet.to_csv("sheet.csv")
    with pd.ExcelFile("book.xlsx") as book:
        pd.read_excel(book, "plots").to_csv("parsed.csv")
        pd.read_excel(io=book, sheet_name="yields").to_csv("parsed.csv")
    found = flows(recorded)
    assert {("book.xlsx", "sheet.csv"), ("book.xlsx", "parsed.csv")} < found
    assert {source for source, target in found if target == "book.xlsx"} >= {"plots.csv", "yields.csv"}


def test_folders_lists_and_filters(recorded):
    frame = pd.read_csv("plots.csv")
    frame.to_parquet("parts", partition_cols=["crop"])
    for number, crop in enumerate(("rye", "oats")):
        [part] = pathlib.Path(f"parts/crop={crop}").iterdir()
        part.rename(part.with_name(f"{number}.parquet"))
    start = len(recorded.io())
    pd.read_parquet("parts", filters=[("crop", "==", "rye"), ("plot", ">", 3)]).to_csv("rye.csv")
    pd.read_parquet(path="parts", filters=[[("crop", "in", ["oats"])], [("plot", "==", 3)]]).to_csv("all.csv")
    frame.head(20).to_parquet("a.parquet")
    frame.tail(20).to_parquet("b.parquet")
    pd.read_parquet(["a.parquet", "b.parquet"]).to_csv("both.csv")
    assert recorded.names()[start : start + 5] == [
        *("read 0.parquet", "write rye.csv", "read 1.parquet", "read 0.parquet", "write all.csv"),
    ]
    found = flows(recorded)
    assert ("1.parquet", "rye.csv") not in found
    assert found >= {
        *(("plots.csv", name) for name in ("a.parquet", "b.parquet")),
        ("0.parquet", "rye.csv"),
        ("0.parquet", "all.csv"),
        ("1.parquet", "all.csv"),
        ("a.parquet", "both.csv"),
        ("b.parquet", "both.csv"),
    }


def test_open_files_and_members_of_archives(recorded):
    frame = pd.read_csv("plots.csv")
    with gzip.open("a.csv.gz", "wt", newline="") as file:
        frame.to_csv(file)
    with bz2.open("b.csv.bz2", "wb") as file:
        frame.to_csv(file)
    with gzip.open("a.csv.gz", "rt") as file:
        pd.read_csv(file).to_csv("a.csv")
    with open("plots.csv", "rb") as file:
        pd.read_csv(file).to_csv("c.csv")
    frame.to_csv("z.zip", compression={"method": "zip", "archive_name": "z.csv"})
    with zipfile.ZipFile("z.zip") as archive, archive.open("z.csv") as member:
        pd.read_csv(member).to_csv("d.csv")
    assert {edge for edge in edges(recorded) if edge[2] == "flow"} == {
        *(("plots.csv", name, "flow") for name in ("a.csv.gz", "b.csv.bz2", "c.csv", "z.zip")),
        ("a.csv.gz", "a.csv", "flow"),
        ("z.zip", "d.csv", "flow"),
    }


def test_urls(recorded):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    pathlib.Path("plots.csv").rename("my plots.csv")
    pd.read_csv(pathlib.Path("my plots.csv").absolute().as_uri()).to_csv("a.csv")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=".")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pd.read_csv(f"http://127.0.0.1:{server.server_port}/yields.csv").to_csv("b.csv")
        server.shutdown()
    assert {("my plots.csv", "a.csv", "flow"), ("yields.csv", "b.csv", "flow")} <= edges(recorded)


def test_a_dictionary_of_the_program_is_a_parameter(recorded):
    frame = pd.read_csv("plots.csv")
    frame["code"] = frame["crop"].map({"rye": 1, "oats": 2})
    frame.replace({"crop": {"rye": "wheat"}}).to_csv("out.csv")
    assert flows(recorded) == {("plots.csv", "out.csv")}
