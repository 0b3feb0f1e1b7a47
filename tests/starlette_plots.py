# SPDX-License-Identifier: Apache-2.0
"""Recorded requests to Starlette applications."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from instrumented import recording_with
from request_steps import INTERNAL, SERVER, only_step, steps, touch

from otelprov.testing import Recorded
from otelprov_instrumentors.starlette import StarletteInstrumentor

__all__ = ["INTERNAL", "SERVER", "ask", "only_step", "recorded", "steps", "touch"]


@pytest.fixture
def recorded(tmp_path) -> Iterator[Recorded]:
    with recording_with(tmp_path / "home", StarletteInstrumentor) as found:
        yield found


def ask(app: Any, *requests: tuple[str, str], **more: Any) -> list[httpx.Response]:
    async def all_of_them() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return list(await asyncio.gather(*(client.request(verb, path, **more) for verb, path in requests)))

    return asyncio.run(all_of_them())
