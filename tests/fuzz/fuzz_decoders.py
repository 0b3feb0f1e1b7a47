# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of one decoder: `fuzz_decoders.py TARGET FOLDER [libFuzzer options]`.

A decoder may raise MalformedError and nothing else, within two seconds and a bounded memory; decoders of JSON agree;
the receiver answers with 200, 400 or 413. What breaks that is left in FOLDER as `crash-*`, `timeout-*` or `oom-*`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["otelprov.ingest"]):
    from otelprov.ingest import otlp_json_fast, otlp_json_plain, otlp_proto
    from otelprov.ingest.contract import MalformedError
    from otelprov.ingest.otlp_file import OtlpFileSource
    from otelprov.ingest.receiver import Receiver
    from otelprov.ingest.sift import Sift

from otelprov.model.span import Span

LIMITS = ("-timeout=2", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-max_len=65536")


def _protobuf(data: bytes) -> None:
    for decode in (otlp_proto.decode, otlp_proto.decode_logs, otlp_proto.decode_unnamed):
        with contextlib.suppress(MalformedError):
            decode(data, Sift())


def _decoded(decode: Callable[[bytes, Sift], list[Span]], data: bytes) -> str | None:
    sift = Sift()
    try:
        spans = decode(data, sift)
    except MalformedError:
        return None
    return f"{spans} {sift.kept} {sift.foreign} {sift.derived} {sorted(sift.faults.items())}"


def _json(data: bytes) -> None:
    # What one makes of a document is what the other does.
    fast, plain = _decoded(otlp_json_fast.decode, data), _decoded(otlp_json_plain.decode, data)
    if fast != plain:
        raise AssertionError(f"not the same:\n{fast}\n{plain}")
    for trace_ids in (otlp_json_fast.trace_ids, otlp_json_plain.trace_ids):
        with contextlib.suppress(MalformedError):
            trace_ids(data)


def _file() -> Callable[[bytes], None]:
    fd = os.memfd_create("fuzz")

    def one(data: bytes) -> None:
        os.ftruncate(fd, 0)
        os.pwrite(fd, data, 0)
        for _ in OtlpFileSource(f"/proc/self/fd/{fd}").batches():
            pass

    return one


def _receiver() -> Callable[[bytes], None]:
    receiver = Receiver(lambda spans: None, max_request=2**20).__enter__()
    address = urllib.parse.urlsplit(receiver.url)

    def one(data: bytes) -> None:
        how = data[0] if data else 0
        kind = "application/json" if how & 2 else "application/x-protobuf"
        headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if how & 4 else {})
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/logs" if how & 1 else "/v1/traces", data[1:], headers)
            answer = connection.getresponse()
            answer.read()
        if answer.status not in (200, 400, 413) or receiver.last_error:
            raise AssertionError(f"answered with {answer.status}; {receiver.last_error}")

    return one


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "otlp_proto": lambda: _protobuf,
    "otlp_json": lambda: _json,
    "otlp_file": _file,
    "receiver": _receiver,
}


def main() -> None:
    """Fuzz until the options say to end, or something is found."""
    target, folder, *options = sys.argv[1:]
    seeds = Path(folder) / "seeds"
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from fuzz.seeds import write_seeds

    write_seeds(target, seeds)
    atheris.Setup([sys.argv[0], *LIMITS, f"-artifact_prefix={folder}/", *options, str(seeds)], TARGETS[target]())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
