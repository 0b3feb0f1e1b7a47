# SPDX-License-Identifier: Apache-2.0
"""Lazy frames: what they scan is read, and what they sink is written, when they are executed, and each time anew."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from otelprov.capture.calls import Call, Capture
from otelprov.capture.flow.frames import add, known, parameters
from otelprov.capture.flow.identity import Origins, remember
from otelprov.capture.flow.iterated import seen_in
from otelprov.capture.flow.planned import Execution, planned, planned_write
from otelprov.capture.guard import guarded
from otelprov.capture.tables.sources import given
from otelprov.capture.tables.targets import Target
from otelprov.model.entity import Entity
from otelprov_instrumentors.polars import columns

# Once functions of the program are part of plans, a plan can't be looked at without calling them.
_calls_back = False
_describing: ContextVar[bool] = ContextVar("otelprov_describing", default=False)


def scans(format_: str) -> Capture:
    """Capture of a function that makes a lazy frame of what its `source` gives."""

    def capture(call: Call) -> Generator[None, Any, None]:
        what = given(call.argument("source", 0))
        patterns = call.kwargs.get("glob", True) is not False
        lazy = yield
        if what.locations:
            origins = planned(what, format_, patterns=patterns)
            add(lazy, origins)
            if columns.RENAMING.isdisjoint(call.kwargs):
                columns.read_columns(lazy, origins)
        elif what.handles is not None:
            add(lazy, what.handles if not what.unknown else Origins(what.handles.reads, complete=False))

    return capture


def sinks(format_: str) -> Capture:
    """Capture of a method that executes a lazy frame and writes the result, or that plans to do so."""

    def capture(call: Call) -> Generator[None, Any, None]:
        lazy = call.argument("self", 0)
        found, place = known(lazy), call.argument("path", 1)
        if call.kwargs.get("lazy"):
            planning = yield
            remember(planning, planned_write(found, lambda: _target(place, format_)))
            return
        execution, target = _execution([lazy], [found]), _target(place, format_)
        yield
        execution.record_reads(call)
        target.record(call, execution.real(found), edges=columns.edges(lazy, execution.real))

    return capture


def describes(call: Call) -> Generator[None, Any, None]:
    """Capture of a method that executes a lazy frame by way of others."""
    token = _describing.set(True)
    try:
        yield from _collects(call)
    finally:
        _describing.reset(token)


def collects(call: Call) -> Generator[None, Any, None]:
    """Capture of a method that executes a lazy frame, called by the program or by a library that was given it."""
    if not _describing.get():
        yield from _collects(call)


def _collects(call: Call) -> Generator[None, Any, None]:
    lazy = call.argument("self", 0)
    found = known(lazy)
    if found is None:
        return
    execution = _execution([lazy], [found])
    result = yield
    execution.record_reads(call)
    real = execution.real(found)
    assert real is not None
    add(result, real)
    columns.executed(lazy, result, execution.real)
    if not _when_done(result, execution, call, [real]):
        execution.record_writes(call)


def collects_all(call: Call) -> Generator[None, Any, None]:
    """Capture of a function that executes many lazy frames, or that plans to do so."""
    lazies = seen_in(call, "lazy_frames")
    execution = _execution(lazies, [known(lazy) for lazy in lazies])
    result = yield
    founds = [known(lazy) for lazy in lazies]
    if call.kwargs.get("lazy"):
        merged = parameters(lazies)[0]
        if merged is not None:
            add(result, merged)
        return
    if lazies and not execution.plans:
        # An iterator: only now it is known what was in it.
        execution = _execution(lazies, founds)
    execution.record_reads(call)
    real = [execution.real(found) for found in founds]
    if type(result) is list:
        _add_each(result, real)
        for lazy, frame in zip(lazies, result, strict=False):
            columns.executed(lazy, frame, execution.real)
    if not _when_done(result, execution, call, real):
        execution.record_writes(call)


def calls_back(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what makes functions of the program a part of plans."""
    global _calls_back
    _calls_back = True


def _add_each(frames: Iterable[Any], origins: Iterable[Origins | None]) -> None:
    for frame, found in zip(frames, origins, strict=False):
        if found is not None:
            add(frame, found)


def _when_done(result: Any, execution: Execution, call: Call, real: list[Origins | None]) -> bool:
    """Follow what an asynchronous execution will give; False where it has given it."""
    future = getattr(result, "result", None) if type(result).__name__ == "_AioDataFrameResult" else None
    if future is None:
        return False

    @guarded
    def done(ended: Any) -> None:
        # Asking for its exception would count as having seen it.
        if not ended.cancelled() and ended._exception is None:
            execution.record_writes(call)
            frames = ended.result()
            _add_each(frames if type(frames) is list else [frames], real)

    future.add_done_callback(done)
    return True


def _execution(lazies: Iterable[Any], founds: list[Origins | None]) -> Execution:
    execution = Execution(founds)
    if any(may_be_pruned(entity) for found in execution.entities.values() for entity in found):
        paths, whole = _scanned(() if _calls_back else lazies)
        execution.keep(paths, may_be_pruned, whole=whole and not _calls_back)
    return execution


def may_be_pruned(entity: Entity | None) -> bool:
    """Whether a filter may leave a file out: of partitions (`year=2024/`) only those are opened that it asks for."""
    return entity is not None and "=" in entity.name.rpartition("/")[0]


def _scanned(lazies: Iterable[Any]) -> tuple[frozenset[str], bool]:
    """The files that the optimised plans scan, and whether all of the plans could be looked at."""
    paths: set[str] = set()
    for lazy in lazies:
        try:
            paths.update(_paths(lazy._ldf.visit()))
        except Exception:
            # A mistake in the plan, which the program will meet, or a step that polars shows nobody.
            return frozenset(map(os.path.realpath, paths)), False
    return frozenset(map(os.path.realpath, paths)), True


def _paths(plan: Any) -> Iterator[str]:
    waiting = [plan.get_node()]
    while waiting:
        plan.set_node(waiting.pop())
        waiting += plan.get_inputs()
        yield from map(os.fspath, getattr(plan.view_current_node(), "paths", ()))


def _target(place: Any, format_: str) -> Target:
    parted = getattr(place, "_pl_partition_by", None) if type(place).__name__ == "PartitionBy" else None
    return Target(place if parted is None else parted.base_path, format_, folder=parted is not None)
