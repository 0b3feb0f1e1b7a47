# SPDX-License-Identifier: Apache-2.0
"""What scrubbing costs: one value, one span of ten attributes beside encoding it, and 1 MB of every hard kind.

Usage: python benchmarks/scrub.py [ROUNDS]

Prints the best round of each, as others use the machine too. The aims: at most 10 µs for a short value, at most 50 ms
for 1 MB.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

SHORT = {
    "a word": "completed",
    "a span's name": "read features.parquet",
    "a path": "/data/curated/sessions/part-0.parquet",
    "a sentence": "no such table: user_sessions",
    "a name that sounds secret": "KeyError: 'password'",
    "a URL": "https://example.org/tokens?page=2",
}
SECRET = {
    "password=…": "password=" + "correct-horse-7",
    "a connection string": "postgres://ana:" + "correct-horse-7" + "@db:5432/shop",
}
HUGE = {
    "letters": "a",
    "words": "word ",
    "password=": "password=",
    "select": "select ",
    "quotes": "password='",
    "URLs": "x://a:b@c/?sig=d ",
    "PEM": "-----BEGIN ",
    "headers": "authorization: ",
}


def per_call(function: Callable[[], object], rounds: int, times: int) -> float:
    """Seconds of processor time of one call, in the best round."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            function()
        found.append((time.process_time() - started) / times)
    return min(found)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as home:
        os.environ["OTELPROV_HOME"] = home
        measure(rounds)
    return 0


def measure(rounds: int) -> None:
    from otelprov import semconv
    from otelprov.capture.scrub import scrub_span, scrub_text
    from otelprov.capture.scrub.statements import scrub_statement
    from otelprov.journal.encode import EndedSpan, span_json

    for name, text in (SHORT | SECRET).items():
        print(f"{name:28}{per_call(lambda text=text: scrub_text(text), rounds, 5_000) * 1e6:9.1f} µs")
    values = {
        semconv.PROVENANCE_KIND: "io",
        semconv.PROVENANCE_RUN_ID: "0" * 32,
        semconv.PROVENANCE_PROCESS_ID: "0" * 16,
        semconv.PROVENANCE_SEQ: 7,
        semconv.PROVENANCE_OPERATION: "read",
        semconv.PROVENANCE_ENTITY_NAMESPACE: "file",
        semconv.PROVENANCE_ENTITY_NAME: "/data/curated/sessions/part-0.parquet",
        semconv.PROVENANCE_ENTITY_TYPE: "file",
        semconv.CODE_FILE_PATH: "/srv/app/train.py",
        semconv.CODE_LINE_NUMBER: 12,
    }
    ours = EndedSpan("read part-0.parquet", 1, 2, 0, 3, 4, values)
    other = EndedSpan("GET /", 1, 2, 0, 3, 4, {f"app.value{n}": f"some text number {n}" for n in range(10)}, "app")
    for name, span in {"span of ours, ten attributes": ours, "span of the program's": other}.items():
        without = per_call(lambda span=span: span_json(span), rounds, 2_000) * 1e6
        with_it = per_call(lambda span=span: span_json(scrub_span(span)), rounds, 2_000) * 1e6
        print(f"{name:28}{with_it - without:9.1f} µs on top of {without:.1f} µs of encoding")
    for name, piece in HUGE.items():
        text = piece * (1_000_000 // len(piece))
        print(f"1 MB of {name:20}{per_call(lambda text=text: scrub_text(text), rounds, 1) * 1e3:9.1f} ms")
    statement = "INSERT INTO t VALUES " + "(1, 'a', \"b\"), " * 66_000
    print(f"1 MB of {'SQL':20}{per_call(lambda: scrub_statement(statement, 'mysql'), rounds, 1) * 1e3:9.1f} ms")


if __name__ == "__main__":
    raise SystemExit(main())
