# SPDX-License-Identifier: Apache-2.0
"""A Jaeger of either generation is read without loss, whatever its cap."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from otlp_documents import START, span

from otelprov.errors import BackendUnreachableError
from otelprov.ingest import jaeger, jaeger_api
from otelprov.ingest.jaeger import JaegerSource
from otelprov.ingest.sources import open_source
from otelprov.semconv import names

# The folder of a test is not on the path under importlib mode.
_spec = importlib.util.spec_from_file_location(
    "jaeger_api_v3_server", Path(__file__).with_name("jaeger_api_v3_server.py")
)
assert _spec is not None
assert _spec.loader is not None
server_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = server_module
_spec.loader.exec_module(server_module)

Server = Any


@pytest.fixture(params=[True, False], ids=["trace-summaries", "before"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with server_module.JaegerServer(summaries=request.param) as running:
        yield running


def read(source: JaegerSource) -> list[str]:
    return [each.span_id for batch in source.batches() for each in batch.spans]


def spread(server: Server, count: int, gap: int, service: str = "shop") -> set[str]:
    """Add traces of two spans whose starts are `gap` nanoseconds apart; return the ids of the spans."""
    ids = set()
    for number in range(1, count + 1):
        start = START + number * gap
        root = span(number, startTimeUnixNano=str(start))
        child = span(number, spanId=f"{number + 10**6:016x}", startTimeUnixNano=str(start + 10**12))
        server.add(service, root, child)
        ids |= {root["spanId"], child["spanId"]}
    return ids


@pytest.mark.parametrize(("depth", "gap"), [(100, 10**6), (7, 10**9), (3, 1), (5, 7)])
def test_everything_comes_once_however_small_the_cap(server: Server, depth: int, gap: int) -> None:
    ids = spread(server, 150, gap)
    source = JaegerSource(server.url, depth=depth)
    found = read(source)
    assert sorted(found) == sorted(ids)
    assert source.problems == []
    assert source.sift.kept == len(ids)


def test_more_than_the_cap_within_a_nanosecond_is_searched_deeper(server: Server) -> None:
    server.add("shop", *(span(number, startTimeUnixNano=str(START)) for number in range(1, 200)))
    source = JaegerSource(server.url, depth=5)
    assert len(read(source)) == 199
    assert source.problems == []


def test_more_than_the_storage_gives_within_a_nanosecond_is_said(server: Server) -> None:
    server.max_depth = 5
    server.add("shop", *(span(number, startTimeUnixNano=str(START)) for number in range(1, 21)))
    server.add("shop", span(99, startTimeUnixNano=str(START + 10**9)))
    source = JaegerSource(server.url, depth=5)
    found = read(source)
    assert f"{99:016x}" in found
    assert len(found) < 21
    assert "not complete: service 'shop' has 5 or more traces within a nanosecond" in source.problems[0].what


def test_a_trace_of_several_services_comes_once_and_whole(server: Server) -> None:
    server.add("a", span(1))
    server.add("b", span(1, spanId="b" * 16), span(2))
    assert sorted(read(JaegerSource(server.url))) == sorted([f"{1:016x}", "b" * 16, f"{2:016x}"])
    assert sorted(read(JaegerSource(server.url, services=["a"]))) == sorted([f"{1:016x}", "b" * 16])
    assert read(JaegerSource(server.url, services=[])) == []


def test_windows_include_both_ends(server: Server) -> None:
    server.add("a", *(span(number, startTimeUnixNano=str(START + number * 100)) for number in range(1, 6)))
    found = read(JaegerSource(server.url, since_ns=START + 200, until_ns=START + 400))
    assert sorted(found) == [f"{number:016x}" for number in (2, 3, 4)]


def test_traces_without_anything_of_interest_still_count_for_the_cap(server: Server) -> None:
    server.add("a", span(1))
    for number in range(2, 60):
        derived = span(number, {names.PROVENANCE_DERIVED: True}, startTimeUnixNano=str(START + number * 1000))
        server.add("a", derived)
    source = JaegerSource(server.url, depth=4)
    assert read(source) == [f"{1:016x}"]
    assert source.sift.derived >= 58


def test_a_storage_that_accepts_less_is_asked_for_less(server: Server) -> None:
    server.max_depth = 20
    ids = spread(server, 90, 10**6)
    assert sorted(read(JaegerSource(server.url))) == sorted(ids)


def test_nothing_there_is_nothing_read(server: Server) -> None:
    source = JaegerSource(server.url)
    assert list(source.batches()) == []
    server.add("a", span(1))
    assert list(JaegerSource(server.url, services=["unknown"]).batches()) == []
    assert source.problems == []


def test_answers_that_are_too_large_are_split(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = spread(server, 12, 10**6)
    monkeypatch.setattr(jaeger_api, "MAX_ANSWER", 4000)
    source = JaegerSource(server.url)
    assert sorted(read(source)) == sorted(ids)
    monkeypatch.setattr(jaeger_api, "MAX_ANSWER", 700)
    source = JaegerSource(server.url)
    assert read(source) == []
    assert len(source.problems) >= 12


def test_batches_are_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    spread(server, 40, 10**6)
    monkeypatch.setattr(jaeger, "BATCH_SPANS", 10)
    sizes = [len(batch.spans) for batch in JaegerSource(server.url, depth=5).batches()]
    assert sum(sizes) == 80
    assert max(sizes) <= 20


def test_a_trace_that_went_meanwhile_is_said() -> None:
    with server_module.JaegerServer(summaries=True) as server:
        server.add("a", span(1), span(2))
        server.gone.add(f"{1:032x}")
        source = JaegerSource(server.url)
        assert read(source) == [f"{2:016x}"]
        [problem] = source.problems
        assert f"{1:032x}" in problem.where


def test_no_removed_or_undocumented_address_is_asked(server: Server) -> None:
    server.add("a", span(1))
    read(JaegerSource(server.url))
    assert server.requests
    assert all(path.startswith("/api/v3/") for path in server.requests)


@pytest.mark.parametrize("broken", ["", "<html>not Jaeger</html>", '{"services": [', "[" * 100_000])
def test_an_address_that_is_no_jaeger(server: Server, broken: str) -> None:
    if broken:
        server.broken = broken
        source = open_source(f"jaeger={server.url}")
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            source = open_source(f"jaeger=http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(BackendUnreachableError, match=r"16686|broken JSON"):
        list(source.batches())
