# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test, and the one check that every test gets: what it recorded is in the registry."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import hypothesis
import pytest
from backend_processes import collector, jaeger, pytest_runtest_makereport  # noqa: F401
from opentelemetry.context import get_current as get_context
from s3_server import s3_server  # noqa: F401

from otelprov.capture import background
from otelprov.capture.inside import is_inside
from otelprov.capture.recorder import current
from otelprov.semconv.validate import problems

# How fast inputs are made says how busy the machine is, and nothing about what is tested.
hypothesis.settings.register_profile("ours", suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("ours")

# A background job or nohup ignores these, and so would every program that a test starts and interrupts.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def recorded_telemetry_passes_the_registry(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test: every line of every journal below its folder, whoever wrote it, against the registry."""
    # Asked for only where the test uses a folder, and before it does: made folders are cheap, but not free.
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        _check(folder)


@pytest.fixture(autouse=True)
def our_thread_ends_with_the_test() -> Iterator[None]:
    """What one test has begun in the background does nothing during the next."""
    before = background.thread_ident()
    yield
    if background.thread_ident() not in (0, None, before):
        background.stop(time.monotonic() + 5)
        background.forget()


@pytest.fixture(autouse=True)
def tests_leave_things_as_they_were() -> Iterator[None]:
    """What one test leaves switched on or off is not the next one's to find out."""
    before = _switches()
    yield
    assert _switches() == before


@pytest.fixture(scope="module", autouse=True)
def modules_leave_things_as_they_were() -> Iterator[None]:
    """The same for what a module's own fixtures do."""
    before = _switches()
    yield
    assert _switches() == before


def _switches() -> tuple[object, ...]:
    ours = {variable.name: value for variable, value in copy_context().items() if variable.name.startswith("otelprov")}
    # Libraries, too, put variables of theirs there when they are loaded.
    environment = {key: value for key, value in os.environ.items() if key.startswith("OTEL")}
    # Left there unlocked, when it has done its service.
    ours.pop("otelprov_inside", None)
    set_to = {name: value for name, value in ours.items() if value}
    return is_inside(), set_to, get_context(), current(), environment


@pytest.fixture(scope="module", autouse=True)
def telemetry_shared_by_tests_passes_the_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After a module: the same for folders that its fixtures have made for several tests."""
    base = tmp_path_factory.getbasetemp()
    before = set(base.iterdir())
    yield
    for folder in set(base.iterdir()) - before:
        # The folders of single tests have been looked at, and some are links to the newest of a name.
        if folder.is_dir() and not folder.is_symlink() and folder.name not in _looked_at:
            _check(folder)


_looked_at: set[str] = set()


def _check(folder: Path) -> None:
    _looked_at.add(folder.name)
    found = [problem for path in folder.rglob("journal/*.jsonl") for problem in _problems(path)]
    assert not found, f"recorded against the registry: {found[:5]}"


def _problems(path: Path) -> Iterator[str]:
    for line in path.read_bytes().splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            # A torn line, as tests of torn lines leave.
            continue
        if isinstance(document, dict):
            yield from problems(document)
