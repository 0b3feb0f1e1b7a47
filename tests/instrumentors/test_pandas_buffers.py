# SPDX-License-Identifier: Apache-2.0
"""Frames go through buffers, bytes and texts, which nobody can refer to, and are known again by their content."""

import io
import pathlib

import pandas as pd
import pytest
from table_plots import edges, flows, record_tables  # noqa: F401

from otelprov.capture.flow import contents
from otelprov.capture.flow.identity import Origins, Read
from otelprov.model.entity import Entity


def _value(buffer):
    return buffer.getvalue()


def _view(buffer):
    return buffer.getbuffer()


def _content(buffer):
    buffer.seek(0)
    return buffer.read()


@pytest.mark.parametrize("take", [_value, _view, _content])
@pytest.mark.parametrize("write", ["to_parquet", "to_csv", "to_excel", "to_pickle", "to_feather"])
def test_what_a_buffer_holds_comes_from_the_frame_in_it(recorded, write, take):
    buffer = io.BytesIO()
    getattr(pd.read_csv("plots.csv"), write)(buffer)
    pd.read_csv("yields.csv")
    with open("out", "wb") as file:
        file.write(take(buffer))
    assert flows(recorded) == {("plots.csv", "out")}


def test_a_buffer_that_is_gone_when_its_content_is_written(recorded):
    def packed(frame):
        buffer = io.BytesIO()
        frame.to_parquet(buffer)
        return buffer.getvalue()

    parts = [packed(pd.read_csv(name)) for name in ("plots.csv", "yields.csv")]
    for name, content in zip(("a", "b"), parts, strict=True):
        pathlib.Path(name).write_bytes(content)
    assert flows(recorded) == {("plots.csv", "a"), ("yields.csv", "b")}


def test_large_content_is_known_by_samples_of_it(recorded):
    frame = pd.concat([pd.read_csv("plots.csv")] * 4000)
    buffer = io.BytesIO()
    frame.to_csv(buffer)
    assert len(buffer.getvalue()) > contents._SAMPLE * contents._SAMPLES
    pathlib.Path("out").write_bytes(buffer.getvalue())
    pathlib.Path("other").write_bytes(buffer.getvalue()[:-1] + b"!")
    assert ("plots.csv", "out", "flow") in edges(recorded)
    assert ("plots.csv", "other", "flow") not in edges(recorded)


def test_a_buffer_that_is_written_anew_is_another(recorded):
    buffer = io.BytesIO()
    for name in ("plots.csv", "yields.csv"):
        buffer.seek(0)
        buffer.truncate()
        pd.read_csv(name).to_parquet(buffer)
        with open(f"{name}.parquet", "wb") as file:
            file.write(buffer.getvalue())
        pd.read_parquet(buffer).to_csv(f"again_{name}")
    assert flows(recorded) == {
        *((name, f"{name}.parquet") for name in ("plots.csv", "yields.csv")),
        *((name, f"again_{name}") for name in ("plots.csv", "yields.csv")),
    }


def test_a_buffer_that_two_frames_go_into_comes_from_both(recorded):
    buffer = io.StringIO()
    pd.read_csv("plots.csv").to_csv(buffer)
    pd.read_csv("yields.csv").to_csv(buffer)
    pathlib.Path("out").write_text(buffer.getvalue())
    assert flows(recorded) == {("plots.csv", "out"), ("yields.csv", "out")}


def test_bytes_that_were_read_are_the_file(recorded):
    pd.read_csv(io.BytesIO(pathlib.Path("plots.csv").read_bytes())).to_csv("a.csv")
    pd.read_csv(io.StringIO(pathlib.Path("yields.csv").read_text())).to_csv("b.csv")
    found = edges(recorded)
    assert {edge[:2] for edge in found if edge[2] == "flow"} == {("plots.csv", "a.csv"), ("yields.csv", "b.csv")}


def test_a_file_that_was_written_from_a_buffer_and_read_again_is_the_nearer_source(recorded):
    buffer = io.BytesIO()
    pd.read_csv("plots.csv").to_parquet(buffer)
    pathlib.Path("a.parquet").write_bytes(buffer.getvalue())
    del buffer
    pd.read_parquet(io.BytesIO(pathlib.Path("a.parquet").read_bytes())).to_csv("b.csv")
    assert flows(recorded) == {("plots.csv", "a.parquet"), ("a.parquet", "b.csv")}


def test_equal_content_of_different_origin_is_no_evidence(recorded):
    pathlib.Path("copy.csv").write_bytes(pathlib.Path("plots.csv").read_bytes())
    content = pathlib.Path("copy.csv").read_text()
    one, other = (Origins(frozenset({Read(Entity("file", f"/{name}"), 1, 2)})) for name in "ab")
    contents.note_content(content + "!", one)
    assert contents.origins_of_content(content + "!") == one
    contents.note_content(content + "!", other)
    assert contents.origins_of_content(content + "!") is None


def test_small_or_unknown_content_says_nothing(recorded):
    pd.read_csv("plots.csv").head(1).to_csv(text := io.StringIO())
    assert len(text.getvalue()) < 64
    pathlib.Path("out").write_text(text.getvalue())
    pathlib.Path("other").write_text("x" * 200)
    assert not {edge for edge in edges(recorded) if edge[2] == "flow"}


def test_what_is_noted_is_bounded(recorded, monkeypatch):
    monkeypatch.setattr(contents, "_MAX_NOTED", 5)
    monkeypatch.setattr(contents, "_noted", {})
    origins = Origins(frozenset({Read(Entity("file", "/a"), 1, 2)}))
    for number in range(100):
        contents.note_content("x" * (64 + number), origins)
        contents.note_content(f"{number:0>64}", origins)
    assert len(contents._noted) <= 5
    assert max(map(len, contents._noted.values())) <= contents._MAX_OF_A_SIZE
