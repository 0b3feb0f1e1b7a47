# SPDX-License-Identifier: Apache-2.0
"""The inputs from which fuzzing starts, made anew each time: every shape that the decoders know, small."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from pathlib import Path
from typing import Any

import zstandard
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_documents import START, document, span

from otelprov.semconv import names

_VALUES = {names.PROVENANCE_KIND: "io", "n": -5, "x": 1.5, "ok": True, "list": ["a", 2], "map": {"k": [False]}}
_EVENT = {"name": "e", "timeUnixNano": str(START), "attributes": [{"key": "k", "value": {"bytesValue": "AAH/"}}]}
_LINKS = [{"traceId": "a" * 32, "spanId": "b" * 16}]
_SPAN = span(
    7, _VALUES, parentSpanId="00f067aa0ba902b7", events=[_EVENT], links=_LINKS, status={"code": 2, "message": "no"}
)
_RECORD = {"timeUnixNano": str(START), "eventName": names.EVENT_PROVENANCE_LOSS, "attributes": _EVENT["attributes"]}
TRACES = document(_SPAN, span(8, {"thread.id": 1}))
LOGS: dict[str, Any] = {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "otelprov"}, "logRecords": [_RECORD, {}]}]}]}


def _message(value: Any) -> Any:
    """Ids as protobuf's own JSON has them: base64 in place of hex."""
    if isinstance(value, list):
        return [_message(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64encode(bytes.fromhex(held)).decode() if key in ids else _message(held)
        for key, held in value.items()
    }


def json_seeds() -> list[bytes]:
    """OTLP/JSON as it should be, and as some write it."""
    odd = span(9, startTimeUnixNano=1e3, kind="SPAN_KIND_SERVER", status={"code": "STATUS_CODE_ERROR"}, events=None)
    return [
        json.dumps(TRACES).encode(),
        json.dumps(LOGS).encode(),
        json.dumps({"result": document(odd)}).encode(),
        b'{"resourceSpans":[{"scopeSpans":[null,{"spans":[1,{"traceId":"\\ud800"}]}]}]}',
        b"{}",
        b"[" * 50,
    ]


def protobuf_seeds() -> list[bytes]:
    """OTLP protobuf of both signals."""
    traces = json_format.ParseDict(_message(TRACES), ExportTraceServiceRequest()).SerializeToString()
    logs = json_format.ParseDict(_message(LOGS), ExportLogsServiceRequest()).SerializeToString()
    return [traces, logs, traces[:-5], b"\x0a\x00" * 20, b""]


def file_seeds() -> list[bytes]:
    """Files: lines, one document, one message, frames, packed."""
    lines = b"".join(each + b"\n" for each in json_seeds())
    traces = protobuf_seeds()[0]
    frames = b"".join(struct.pack(">I", len(each)) + each for each in (traces, json_seeds()[0], gzip.compress(traces)))
    plain = [lines, json.dumps(TRACES, indent=1).encode(), traces, frames, b"\xef\xbb\xbf" + lines]
    return [*plain, gzip.compress(lines), zstandard.compress(frames), gzip.compress(lines)[:-9]]


def request_seeds() -> list[bytes]:
    """A byte that says how the rest is sent (see `fuzz_decoders`), and a body."""
    plain = [(0, protobuf_seeds()[0]), (1, protobuf_seeds()[1]), (2, json_seeds()[0]), (3, json_seeds()[1])]
    return [bytes([how]) + body for how, body in plain] + [
        bytes([how | 4]) + gzip.compress(body) for how, body in plain
    ]


SEEDS = {
    "otlp_proto": protobuf_seeds,
    "otlp_json": json_seeds,
    "otlp_file": file_seeds,
    "receiver": request_seeds,
}


def write_seeds(target: str, folder: Path) -> None:
    """Write the seeds of a target as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]()):
        (folder / f"seed-{number}").write_bytes(seed)
