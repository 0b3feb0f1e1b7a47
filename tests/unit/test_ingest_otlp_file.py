# SPDX-License-Identifier: Apache-2.0
"""OTLP files of every form; what is broken is named, and the rest is taken."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_documents import document, line, span

from otelprov.errors import NotFoundError, UsageError
from otelprov.ingest import jsonl, otlp_file, streams
from otelprov.ingest.otlp_file import OtlpFileSource
from otelprov.ingest.sources import open_source


def names_of(source: OtlpFileSource) -> list[str]:
    return [each.name for batch in source.batches() for each in batch.spans]


def problems_of(source: OtlpFileSource) -> list[str]:
    return [str(problem) for problem in source.problems]


def proto(*numbers: int) -> bytes:
    made = document(*(span(number) for number in numbers))
    for each in made["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        del each["traceId"], each["spanId"]
    message = json_format.ParseDict(made, ExportTraceServiceRequest())
    for number, each in zip(numbers, message.resource_spans[0].scope_spans[0].spans, strict=True):
        each.trace_id, each.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
    return message.SerializeToString()


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


FORMS: dict[str, bytes] = {
    "lines": line(span(1)) + b"\n" + line(span(2)),
    "lines without a last end": line(span(1)) + line(span(2)).rstrip(),
    "lines after a mark": b"\xef\xbb\xbf" + line(span(1)) + line(span(2)),
    "one line": line(span(1), span(2)),
    "document": json.dumps(document(span(1), span(2)), indent=2).encode(),
    "document after blanks": b"\n\n" + json.dumps(document(span(1), span(2)), indent=1).encode(),
    "protobuf": proto(1, 2),
    "frames": framed(proto(1), proto(2)),
    "frames of packed protobuf": framed(zstandard.compress(proto(1)), zstandard.compress(proto(2))),
    "frames of packed JSON": framed(zstandard.compress(line(span(1))), gzip.compress(line(span(2)))),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "gzip": gzip.compress,
    "gzip of two members": lambda data: gzip.compress(data[:40]) + gzip.compress(data[40:]),
    "zstd": zstandard.compress,
    "zstd of two frames": lambda data: zstandard.compress(data[:40]) + zstandard.compress(data[40:]),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_told_by_its_content(tmp_path: Path, form: str, packed: str) -> None:
    path = tmp_path / "no-extension"
    path.write_bytes(PACKED[packed](FORMS[form]))
    source = OtlpFileSource(str(path))
    assert names_of(source) == ["read 1", "read 2"]
    assert problems_of(source) == []


@pytest.mark.parametrize("form", ["lines", "frames", "one line", "document", "protobuf"])
def test_reading_goes_on_from_a_position(tmp_path: Path, form: str) -> None:
    path = tmp_path / "grows"
    path.write_bytes(FORMS[form])
    [*_, last] = OtlpFileSource(str(path)).batches()
    assert last.offset == path.stat().st_size
    again = OtlpFileSource(str(path), {str(path): last.offset})
    assert list(again.batches()) == []
    assert problems_of(again) == []
    if form in ("lines", "frames", "one line"):
        with path.open("ab") as file:
            file.write(framed(proto(3)) if form == "frames" else line(span(3)))
        assert names_of(OtlpFileSource(str(path), {str(path): last.offset})) == ["read 3"]
    path.write_bytes(line(span(9)))
    assert names_of(OtlpFileSource(str(path), {str(path): last.offset * 50})) == ["read 9"]


def test_a_line_that_is_being_written_is_read_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    whole = line(span(1)) + line(span(2))
    path.write_bytes(whole[:-40])
    source = OtlpFileSource(str(path))
    [batch] = source.batches()
    assert [each.name for each in batch.spans] == ["read 1"]
    assert batch.offset == len(line(span(1)))
    assert "line 2: the last line is cut off" in problems_of(source)[0]
    path.write_bytes(whole)
    assert names_of(OtlpFileSource(str(path), {str(path): batch.offset})) == ["read 2"]


def test_broken_lines_are_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(line(span(1)) + b"{broken}\n" + b"[]\n" + line(span(2), span(0)) + line(span(3)))
    source = OtlpFileSource(str(path))
    assert names_of(source) == ["read 1", "read 2", "read 3"]
    second, third, fourth = problems_of(source)
    assert f"{path}, line 2: not JSON" in second
    assert f"{path}, line 3: not OTLP" in third
    assert f"{path}, line 4: span without a valid trace id" in fourth


def test_a_first_line_that_is_cut_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(line(span(1))[:50] + b"\n" + line(span(2)) + line(span(3)))
    source = OtlpFileSource(str(path))
    assert names_of(source) == ["read 2", "read 3"]
    assert "1 of its lines" in problems_of(source)[0]


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_packed_data_that_ends_too_early(tmp_path: Path, packed: str) -> None:
    path = tmp_path / "cut"
    rows = b"".join(line(span(number, {"noise": os.urandom(200).hex()})) for number in range(1, 200))
    path.write_bytes(PACKED[packed](rows)[:-3000])
    source = OtlpFileSource(str(path))
    found = names_of(source)
    assert found[:50] == [f"read {number}" for number in range(1, 51)]
    assert len(found) < 199
    assert len(source.problems) == 1


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_packed_data_that_is_corrupt(tmp_path: Path, packed: str) -> None:
    data = bytearray(PACKED[packed](b"".join(line(span(number)) for number in range(1, 200))))
    data[40:80] = bytes(40)
    path = tmp_path / "corrupt"
    path.write_bytes(data)
    source = OtlpFileSource(str(path))
    names_of(source)
    assert source.problems


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "neither OTLP/JSON nor OTLP protobuf"),
        (b"SQLite format 3\0", "neither"),
        (b"id,name\n1,a\n", "neither"),
        (b'{"a": 1}\n', "not OTLP"),
        (b"\x0a\xff\xff\xff", "not an OTLP protobuf request"),
        (b"\x1f\x8bgarbage" * 9, "can't be read past byte 0"),
        (b"\x28\xb5\x2f\xfdgarbage", "can't be read past byte 0"),
        (framed(proto(1))[:-5], "byte 0: the last message is cut off"),
        (framed(b"\x0a\xff\xff"), "byte 0: not an OTLP protobuf request"),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    source = OtlpFileSource(str(path))
    assert names_of(source) == []
    [problem] = problems_of(source)
    assert str(path) in problem
    assert what in problem


def test_a_frame_too_many_ends_the_reading_but_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_bytes(framed(proto(1)) + b"\xff\xff\xff\xff" + framed(proto(2)))
    source = OtlpFileSource(str(path))
    assert names_of(source) == ["read 1"]
    assert "too large" in problems_of(source)[0]


def test_a_long_line_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_DOCUMENT", 2000)
    monkeypatch.setattr(streams, "_CHUNK", 100)
    path = tmp_path / "long"
    path.write_bytes(line(span(1)) + line(span(2, {"x": "y" * 3000})) + line(span(3)))
    source = OtlpFileSource(str(path))
    assert names_of(source) == ["read 1", "read 3"]
    assert "line 2: a line of over" in problems_of(source)[0]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_cut_without_filling_the_memory(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "bomb"
    block = pack(bytes(16 * 2**20))
    path.write_bytes(pack(b'{"resourceSpans":[') + block * 40)
    program = (
        "import sys\n"
        "from otelprov.ingest.otlp_file import OtlpFileSource\n"
        "source = OtlpFileSource(sys.argv[1])\n"
        "assert list(source.batches()) == []\n"
        "print(source.problems[0])\n"
        # The kernel's own figure for this program: that of getrusage begins with its parent's.
        "print(next(int(line.split()[1]) // 1024 for line in open('/proc/self/status') if 'VmHWM' in line))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    problem, megabytes = done.stdout.splitlines()
    assert "the rest was not read" in problem
    assert int(megabytes) < 400


def test_a_bomb_of_short_lines_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_BOMB_SIZE", 2**20)
    path = tmp_path / "bomb"
    path.write_bytes(zstandard.compress(b"{}\n" * 2**22))
    source = OtlpFileSource(str(path))
    names_of(source)
    assert "unpacks to more than" in problems_of(source)[0]


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_SPANS", 10)
    path = tmp_path / "many"
    path.write_bytes(b"".join(line(span(number)) for number in range(1, 36)))
    batches = list(OtlpFileSource(str(path)).batches())
    assert [len(batch.spans) for batch in batches] == [10, 10, 10, 5]
    resumed = OtlpFileSource(str(path), {str(path): batches[1].offset})
    assert names_of(resumed) == [f"read {number}" for number in range(21, 36)]


def test_what_is_not_a_file_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = OtlpFileSource(str(path))
    assert names_of(source) == []
    assert "not a regular file" in problems_of(source)[0]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_file.sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(FORMS["lines"]))))
    source = open_source("-")
    assert [each.name for batch in source.batches() for each in batch.spans] == ["read 1", "read 2"]


def test_without_zstandard_the_problem_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = tmp_path / "packed"
    path.write_bytes(zstandard.compress(FORMS["lines"]))
    source = OtlpFileSource(str(path))
    assert names_of(source) == []
    assert "pip install zstandard" in problems_of(source)[0]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "2.json").write_bytes(line(span(2)))
    (tmp_path / "1.pb").write_bytes(proto(1))
    (tmp_path / ".hidden").write_bytes(line(span(3)))
    (tmp_path / "folder").mkdir()
    (tmp_path / "3.txt").write_bytes(b"hello")
    source = open_source(str(tmp_path))
    assert [each.name for batch in source.batches() for each in batch.spans] == ["read 1", "read 2"]
    [problem] = source.problems
    assert problem.where == str(tmp_path / "3.txt")
    assert source.sift.kept == 2


def test_sources_that_there_are_not(tmp_path: Path) -> None:
    for unknown in ("kafka=localhost", "http://localhost:16686", "", "jaeger=", "jaeger=file:///etc/passwd"):
        with pytest.raises(UsageError, match=r"source|address of a Jaeger"):
            open_source(unknown)
    with pytest.raises(NotFoundError, match="no file or folder"):
        open_source(str(tmp_path / "missing.jsonl"))
