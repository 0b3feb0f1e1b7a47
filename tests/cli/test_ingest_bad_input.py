# SPDX-License-Identifier: Apache-2.0
"""`otelprov ingest` of what is damaged, foreign, or not there: said, counted, and never in the way of the rest."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil

import pytest
from command_line import CommandLine
from recorded import training

from otelprov.ingest.streams import MAX_DOCUMENT

PROTOBUF_CUT = b"\x0a\xff\x01\x0a\x10cut"
NOTHING_IN_IT = {
    "empty.jsonl": (b"", "empty"),
    "page.html": (b"<!doctype html><html><body>502 Bad Gateway</body></html>", "neither OTLP/JSON nor OTLP protobuf"),
    "noise.bin": (b"\xff" + random.Random(1).randbytes(4000), "neither OTLP/JSON nor OTLP protobuf"),
    "foreign.json": (b'{"hello": [1, 2]}\n', "not OTLP: JSON without resourceSpans"),
    "list.json": (b"[1, 2]\n", ""),
    "cut.json": (b'{"resourceSpans": [{"scopeSpans": [{"spa', "not JSON"),
    "cut.pb": (PROTOBUF_CUT, ""),
    "packed.gz": (b"\x1f\x8b\x08garbage", "gzip data ends too early"),
}


@pytest.fixture
def good(tmp_path):
    """A file with a run, as another machine recorded it."""
    training(tmp_path / "elsewhere")
    journal = min((tmp_path / "elsewhere/journal").glob("*.jsonl"))
    return shutil.copy(journal, tmp_path / "backup.jsonl")


@pytest.mark.parametrize("name", NOTHING_IN_IT)
def test_a_file_with_nothing_in_it_to_take_is_5_and_says_why(otelprov, tmp_path, name):
    content, reason = NOTHING_IN_IT[name]
    file = tmp_path / name
    file.write_bytes(content)
    said = otelprov("ingest", str(file), "--json")
    assert said.status == 5
    (source,) = said.document["sources"]
    assert source["spans"] == 0
    assert len(source["problems"]) == 1
    assert str(file) in said.err
    assert reason in said.err
    assert len(said.err) < 1000


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-100], id="cut"),
        pytest.param(lambda data: data + b"{ not json\n", id="not json"),
        pytest.param(lambda data: data.replace(b"\n", b"\n\x00\xff\xfe\n", 1), id="binary"),
        pytest.param(lambda data: data + b"<html></html>\n", id="html"),
        pytest.param(lambda data: data + b'{"resourceMetrics": 1, "a": [' + b"[" * 100_000 + b"\n", id="very deep"),
    ],
)
def test_the_lines_around_a_bad_one_are_taken(otelprov, good, damage):
    good.write_bytes(damage(good.read_bytes()))
    said = otelprov("ingest", str(good), "--json")
    assert said.status == 5
    (source,) = said.document["sources"]
    assert source["spans"] > 2
    assert source["problems"]
    assert len(otelprov("runs", "--json").document["runs"]) == 1


def test_a_huge_line_is_passed_over(otelprov, tmp_path, good):
    packed = tmp_path / "huge.jsonl.gz"
    huge = b'{"resourceSpans": [' + b" " * MAX_DOCUMENT + b"]}\n"
    packed.write_bytes(gzip.compress(good.read_bytes() + huge + good.read_bytes(), 1))
    said = otelprov("ingest", str(packed), "--json")
    assert said.status == 5
    (source,) = said.document["sources"]
    assert source["spans"] == 2 * otelprov("ingest", str(good), "--json").document["sources"][0]["spans"]
    assert len(source["problems"]) == 1
    assert len(said.err) < 1000


def test_one_bad_file_of_several_spoils_no_other(otelprov, tmp_path, good):
    (tmp_path / "page.html").write_text("<html></html>")
    said = otelprov("ingest", str(tmp_path / "page.html"), str(tmp_path / "none"), str(good), "--json")
    assert said.status == 5
    page, none, taken = said.document["sources"]
    assert (page["spans"], len(page["problems"])) == (0, 1)
    assert "no file or folder" in none["error"]
    assert (taken["spans"] > 2, taken["problems"]) == (True, [])
    assert len(otelprov("runs", "--json").document["runs"]) == 1


def test_a_link_to_nothing_is_not_found(otelprov, tmp_path):
    file = tmp_path / "pipe.jsonl"
    os.symlink(file, file)
    assert otelprov("ingest", str(file)).status == 3


@pytest.mark.parametrize("source", ["kafka=x", "s3://bucket/key", ""])
def test_a_form_that_there_is_not_is_2_and_names_those_there_are(otelprov, source):
    said = otelprov("ingest", source)
    assert said.status == 2
    assert "jaeger=URL" in said.err
    assert said.out.endswith("not taken in\n")


def test_foreign_spans_are_counted_and_no_error(otelprov, tmp_path):
    span = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "compute"}
    document = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "shop"}, "spans": [span] * 3}]}]}
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(document))
    said = otelprov("ingest", str(file))
    assert (said.status, said.err) == (0, "")
    assert said.out.endswith("took in 0 spans, passed over 3 without provenance\n")


def test_what_lies_beside_journals_is_no_foreign_file(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    training(elsewhere)
    for journal in list((elsewhere / "journal").glob("*.jsonl")):
        journal.with_name(journal.name + ".shipped").write_text("0" * 20)
    said = CommandLine(tmp_path / "home")("ingest", str(elsewhere / "journal"))
    assert (said.status, "not taken in" in said.err) == (0, False), said.err
