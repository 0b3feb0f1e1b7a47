# SPDX-License-Identifier: Apache-2.0
"""Recorded requests to Starlette applications."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from otelprov.capture.io import record_io
from otelprov.model.entity import Entity
from otelprov.model.span import Span
from otelprov.semconv import names
from otelprov.testing import Recorded, recording
from otelprov_instrumentors.starlette import StarletteInstrumentor

INTERNAL, SERVER = 1, 2


@pytest.fixture
def recorded(tmp_path) -> Iterator[Recorded]:
    instrumentor = StarletteInstrumentor()
    instrumentor.instrument()
    try:
        with recording(tmp_path / "home") as found:
            yield found
    finally:
        instrumentor.uninstrument()


def touch(name: str) -> None:
    now = time.time_ns()
    record_io("write", Entity("file", f"/data/{name}", "file"), scope="otelprov.test", start=now, end=now)


def ask(app: Any, *requests: tuple[str, str], **more: Any) -> list[httpx.Response]:
    async def all_of_them() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return list(await asyncio.gather(*(client.request(verb, path, **more) for verb, path in requests)))

    return asyncio.run(all_of_them())


def steps(recorded: Recorded) -> list[Span]:
    return recorded.spans(names.PROVENANCE_KIND_STEP)


def only_step(recorded: Recorded) -> Span:
    found = steps(recorded)
    assert len(found) == 1, [span.name for span in found]
    return found[0]
