# SPDX-License-Identifier: Apache-2.0
"""What pandas reads and writes is recorded once, with what it was, and what an open file was given is kept."""

import functools
import hashlib
import http.server
import io
import pathlib
import tempfile
import threading

import pandas as pd
import pytest
from pandas_plots import BOTH, assert_is_read_of_plots, comes_from, record_pandas, sources  # noqa: F401

from otelprov.capture.flow import frames
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.model.entity import Entity
from otelprov.semconv import (
    FILE_SIZE,
    PROVENANCE_COLUMNS,
    PROVENANCE_ENTITY_FORMAT,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_NAMESPACE,
    PROVENANCE_ENTITY_TYPE,
    PROVENANCE_ENTITY_VERSION,
    PROVENANCE_FLOW_COMPLETE,
    PROVENANCE_ROWS,
)


@pytest.mark.parametrize(
    "read",
    [
        lambda: pd.read_csv("plots.csv"),
        lambda: pd.read_csv(filepath_or_buffer="plots.csv"),
        lambda: pd.read_csv(pathlib.Path("plots.csv"), usecols=["plot", "crop", "area"]),
        lambda: pd.read_table("plots.csv", sep=","),
    ],
    ids=["position", "keyword", "path", "table"],
)
def test_a_read_is_one_span_that_says_what_was_read(recorded, read):
    read()
    (span,) = recorded.io()
    assert_is_read_of_plots(span, __file__)
    assert span.attributes[PROVENANCE_ENTITY_FORMAT] == "csv"
    assert span.attributes[FILE_SIZE] == pathlib.Path("plots.csv").stat().st_size


@pytest.mark.parametrize(
    ("name", "format_", "write", "read"),
    [
        ("out.csv.gz", "csv", lambda df, p: df.to_csv(p, index=False), pd.read_csv),
        ("out.parquet", "parquet", lambda df, p: df.to_parquet(path=p), lambda p: pd.read_parquet(path=p)),
        ("out.json", "json", lambda df, p: df.to_json(p), pd.read_json),
        ("out.xlsx", "excel", lambda df, p: df.to_excel(p, index=False), pd.read_excel),
        ("out.feather", "feather", lambda df, p: df.to_feather(p), pd.read_feather),
        ("out.pkl", "pickle", lambda df, p: df.to_pickle(p), pd.read_pickle),
        ("out.orc", "orc", lambda df, p: df.to_orc(p), pd.read_orc),
        ("out.txt", "text", lambda df, p: pathlib.Path(p).write_text(df.to_string(index=False)), pd.read_fwf),
    ],
)
def test_every_format_is_written_and_read(recorded, name, format_, write, read):
    frame = pd.read_csv("plots.csv")
    write(frame, name)
    # The table is bound after this module was imported, so the reader is looked up by its name.
    reader = getattr(pd, read.__name__, read)
    again = reader(name)
    assert again.shape == (3, 3)
    names = [span.name for span in recorded.io()]
    wrote = [] if format_ == "text" else [f"write {name}"]
    assert names == ["read plots.csv", *wrote, f"read {name}"]
    for span in recorded.io()[1:]:
        digest = hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest()
        assert span.attributes[PROVENANCE_ENTITY_VERSION] == f"sha256:{digest}"
        assert span.attributes[PROVENANCE_ENTITY_FORMAT] == format_
        assert (span.attributes[PROVENANCE_ROWS], span.attributes[PROVENANCE_COLUMNS]) == (3, 3)
    if wrote:
        assert sources(recorded.io()[1]) == ["plots.csv"]
        assert recorded.io()[1].attributes[PROVENANCE_FLOW_COMPLETE] is True
    assert comes_from(again) == ([name], True)


def test_a_write_says_when_its_sources_are_not_all(recorded):
    frame = pd.read_csv("plots.csv")
    frame["label"] = ["a", "b", "c"]
    frame.to_csv("out.csv")
    span = recorded.io()[-1]
    assert sources(span) == ["plots.csv"]
    assert span.attributes[PROVENANCE_FLOW_COMPLETE] is False


def test_unknown_data_has_no_flow(recorded):
    pd.read_csv("plots.csv")
    pd.DataFrame({"a": [1]}).to_csv("out.csv")
    span = recorded.io()[-1]
    assert span.name == "write out.csv"
    assert PROVENANCE_FLOW_COMPLETE not in span.attributes
    assert sources(span) == []


def test_chunks_come_lazily_and_are_followed(recorded):
    with pd.read_csv("plots.csv", chunksize=2) as reader:
        (span,) = recorded.io()
        assert PROVENANCE_ROWS not in span.attributes
        first = next(reader)
        rest = list(reader)
    assert [comes_from(chunk) for chunk in (first, *rest)] == [(["plots.csv"], True)] * 2
    iterator = pd.read_csv("yields.csv", iterator=True)
    assert comes_from(iterator.get_chunk(1)) == (["yields.csv"], True)
    iterator.close()
    assert recorded.names() == ["read plots.csv", "read yields.csv"]


def test_every_sheet_of_a_workbook_is_followed(recorded):
    with pd.ExcelWriter("book.xlsx") as writer:
        pd.read_csv("plots.csv").to_excel(writer, sheet_name="a")
        pd.read_csv("yields.csv").to_excel(writer, sheet_name="b")
    sheets = pd.read_excel("book.xlsx", sheet_name=None)
    assert {name: comes_from(sheet) for name, sheet in sheets.items()} == {
        "a": (["book.xlsx"], True),
        "b": (["book.xlsx"], True),
    }
    with pd.ExcelFile("book.xlsx") as book:
        assert comes_from(pd.read_excel(book, "b")) == (["book.xlsx"], True)
    (written,) = [span for span in recorded.io() if span.name == "write book.xlsx"]
    assert sources(written) == ["plots.csv", "yields.csv"]
    assert written.attributes[PROVENANCE_FLOW_COMPLETE] is True
    assert recorded.names()[3:] == ["read book.xlsx", "read book.xlsx"]


def test_open_files_and_buffers_hand_on_what_they_hold(recorded):
    frame = pd.read_csv("plots.csv")
    origins = origins_of(frame)
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    assert origins_of(buffer) == origins
    assert comes_from(pd.read_parquet(buffer)) == (["plots.csv"], True)
    with open("plots.csv") as file:
        remember(file, origins)
        assert origins_of(pd.read_csv(file)) == origins
    with open("out.csv", "w", newline="") as file:
        frame.to_csv(file)
        pd.read_csv("yields.csv").to_csv(file)
        assert comes_from(file) == BOTH
        pd.DataFrame({"a": [1]}).to_csv(file)
        assert comes_from(file) == (BOTH[0], False)
    with tempfile.NamedTemporaryFile("w+") as file:
        frame.to_csv(file)
        assert origins_of(file.file) == origins
    assert frames.known(pd.read_csv(io.StringIO("a\n1\n"))) is None
    assert recorded.names() == ["read plots.csv", "read yields.csv"]


def test_text_returned_instead_of_written_is_no_write(recorded):
    frame = pd.read_csv("plots.csv")
    assert frame.to_csv().startswith(",plot")
    assert frame.to_json()
    assert frame.to_parquet()
    assert recorded.names() == ["read plots.csv"]


def test_appending_is_an_append(recorded):
    pd.read_csv("plots.csv").to_csv("all.csv", mode="a", header=False)
    assert recorded.names() == ["read plots.csv", "append all.csv"]


def test_the_parts_in_a_folder_are_entities_of_their_own(recorded):
    pd.read_csv("plots.csv").to_parquet("parts", partition_cols=["crop"])
    parts = sorted(path.name for path in pathlib.Path("parts").rglob("*.parquet"))
    assert len(parts) == 2
    again = pd.read_parquet("parts")
    written, read = ([span for span in recorded.io() if span.name.startswith(word)] for word in ("write", "read"))
    assert [span.attributes[PROVENANCE_ENTITY_NAME] for span in written] == [
        span.attributes[PROVENANCE_ENTITY_NAME] for span in read[1:]
    ]
    assert [span.attributes[PROVENANCE_ENTITY_VERSION] for span in written] == [
        span.attributes[PROVENANCE_ENTITY_VERSION] for span in read[1:]
    ]
    assert [sources(span) for span in written] == [["plots.csv"]] * 2
    assert comes_from(again) == (parts, True)


def test_a_url_is_an_endpoint_without_secrets(recorded):
    handler = functools.partial(_Quiet, directory=".")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pd.read_csv(f"http://127.0.0.1:{server.server_port}/plots.csv?key=secret")
        server.shutdown()
    (span,) = recorded.io()
    assert span.attributes[PROVENANCE_ENTITY_NAMESPACE] == f"http://127.0.0.1:{server.server_port}"
    assert span.attributes[PROVENANCE_ENTITY_NAME] == "/plots.csv"
    assert span.attributes[PROVENANCE_ENTITY_TYPE] == "endpoint"
    assert PROVENANCE_ENTITY_VERSION not in span.attributes


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_what_fails_is_not_recorded(recorded):
    with pytest.raises(FileNotFoundError):
        pd.read_csv("missing.csv")
    with pytest.raises(OSError, match="missing"):
        pd.read_csv("plots.csv").to_csv("missing/out.csv")
    assert recorded.names() == ["read plots.csv"]


def test_the_extent_is_never_asked_of_a_class_of_the_program(recorded):
    class Loud(pd.DataFrame):
        @property
        def shape(self):
            raise AssertionError("asked")

    assert frames.extent(Loud.__new__(Loud)) == (None, None)
    assert frames.extent(pd.Series([1, 2])) == (2, 1)


def test_origins_from_elsewhere_are_merged(recorded):
    elsewhere = pd.DataFrame({"plot": [1]})
    remember(elsewhere, Origins())
    merged = elsewhere.merge(pd.read_csv("plots.csv"), on="plot")
    assert comes_from(merged) == (["plots.csv"], True)
    assert Entity("file", "/x/plots.csv", "file").short_name == "plots.csv"
