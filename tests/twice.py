# SPDX-License-Identifier: Apache-2.0
"""Runs one random program plain and once more observed, each in a folder of its own, and compares what it saw."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otelprov.instrumentation import Instrumentor
from otelprov.testing import recording

Step = tuple[Any, ...]
# Does a step; `state` is the program's own, kept from step to step.
Do = Callable[[dict[str, Any], Step], Any]


def assert_same(
    instrumentor: Instrumentor,
    steps: list[Step],
    do: Do,
    show: Callable[[Any], Any] = repr,
    begin: Callable[[], None] = lambda: None,
    told_alike: Callable[[str], str] = str,
) -> None:
    """Run the steps twice; results (as `show` shows them), exceptions, warnings and files must be equal.

    `told_alike` makes texts equal whose difference can't be helped.
    """
    plain = _seen(steps, do, show, begin)
    with tempfile.TemporaryDirectory() as home:
        instrumentor.instrument()
        try:
            with recording(home):
                observed = _seen(steps, do, show, begin)
        finally:
            instrumentor.uninstrument()
    for step, before, after in zip([*steps, "files"], plain, observed, strict=True):
        assert told_alike(str(after)) == told_alike(str(before)), f"{step}: {before} became {after}"


def _seen(steps: list[Step], do: Do, show: Callable[[Any], Any], begin: Callable[[], None]) -> list[Any]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        os.chdir(folder)
        state: dict[str, Any] = {}
        try:
            begin()
            seen = [_outcome(state, step, do, show, folder) for step in steps]
            for held in state.values():
                if hasattr(held, "close"):
                    seen[-1:] = [(seen[-1], _outcome({"held": held}, ("close",), _close, show, folder))]
            return [*seen, _files(Path(folder))]
        finally:
            os.chdir(before)


def _close(state: dict[str, Any], _step: Step) -> Any:
    return state["held"].close()


def _outcome(state: dict[str, Any], step: Step, do: Do, show: Callable[[Any], Any], folder: str) -> Any:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = do(state, step)
            found: Any = (type(result).__module__, type(result).__qualname__, show(result))
        except Exception as error:
            context = (type(error.__cause__), type(error.__context__), getattr(error, "errno", None))
            found = (type(error), str(error), getattr(error, "filename", None), context, len(error.args))
    heard = [(each.category, str(each.message), each.filename, each.lineno) for each in told]
    return str((found, heard)).replace(folder, "@")


def _files(folder: Path) -> list[Any]:
    found = []
    for path in sorted(folder.rglob("*")):
        content: Any = path.read_bytes() if path.is_file() else ""
        if path.is_symlink():
            # The two folders have names of their own.
            content = os.readlink(path).replace(str(folder), "@")
        found.append((str(path.relative_to(folder)), path.lstat().st_mode, content))
    return found
