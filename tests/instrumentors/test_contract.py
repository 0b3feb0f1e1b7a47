# SPDX-License-Identifier: Apache-2.0
"""What every instrumentor promises, checked for each entry point whose name starts with `prov-`."""

from __future__ import annotations

import ast
import gc
import inspect
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from contract_uses import ENTRY_POINTS, GROUP, USES, WITH_TABLE, load, modules, off  # noqa: F401 - a fixture among them

from otelprov import instrumentation
from otelprov.instrumentation import Instrumentor, Patch
from otelprov.testing import recording

MOST_LINES = 120
MOST_LINES_WITH_HELPERS = 200


class OwnError(Exception):
    """An error in a capture function."""


class Hostile:
    """An argument that answers every question with an error."""

    def _raise(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("nobody asked you")

    __fspath__ = __str__ = __repr__ = __len__ = __iter__ = __bool__ = __eq__ = __hash__ = __getitem__ = _raise
    __int__ = __index__ = __call__ = __enter__ = __contains__ = _raise


def _owners(instrumentor: Instrumentor) -> list[Any]:
    owners: list[Any] = []
    there = {module.__name__: module for module in modules(instrumentor)}
    for patch in instrumentor.patches:
        owner: Any = there.get(patch.module)
        owners.append(owner)
        for part in patch.target.split(".")[:-1]:
            owner = getattr(owner, part, None)
        if owner is not None:
            owners.append(owner)
    owners = [owner for owner in owners if owner is not None]
    return [owner for position, owner in enumerate(owners) if all(owner is not other for other in owners[:position])]


def _snapshot(owners: list[Any]) -> list[dict[str, Any]]:
    return [dict(vars(owner)) for owner in owners]


def _same(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    return all(
        old.keys() == new.keys() and all(old[key] is new[key] for key in old)
        for old, new in zip(before, after, strict=True)
    )


pytestmark = pytest.mark.usefixtures("off")


def test_every_instrumentor_is_tried_out():
    assert set(USES) == set(WITH_TABLE), "add an ordinary use of the new library to USES"


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_instrumenting_does_not_import_the_library(name: str):
    program = f"""
import importlib.metadata, json, sys
import otelprov.instrumentation
before = set(sys.modules)
[point] = importlib.metadata.entry_points(group={GROUP!r}, name={name!r})
instrumentor = point.load()()
instrumentor.instrument()
watched = {{patch.module for patch in instrumentor.patches}} | {{instrumentor.library}}
print(json.dumps(sorted(watched & (set(sys.modules) - before))))
instrumentor.uninstrument()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("name", WITH_TABLE)
def test_twice_on_is_once_on_and_off_restores_what_was_there(name: str):
    instrumentor = load(name)
    owners = _owners(instrumentor)
    before = _snapshot(owners)
    instrumentor.instrument()
    on = _snapshot(owners)
    assert not _same(before, on)
    instrumentor._instrument()
    assert _same(on, _snapshot(owners))
    instrumentor.uninstrument()
    assert _same(before, _snapshot(owners))


@pytest.mark.parametrize("name", WITH_TABLE)
def test_signature_and_pickle_are_those_of_the_original(name: str):
    instrumentor = load(name)
    owners = _owners(instrumentor)
    before = _snapshot(owners)
    instrumentor.instrument()
    changed = 0
    for owner, old in zip(owners, before, strict=True):
        for key, original in old.items():
            wrapper = vars(owner)[key]
            if wrapper is original:
                continue
            changed += 1
            assert type(wrapper) is type(original) or not isinstance(original, (classmethod, staticmethod, property))
            if not callable(original):
                continue
            assert _signature(original) in ("unknown", _signature(wrapper)), key
            one, other = (getattr(value, "__func__", value) for value in (wrapper, original))
            assert (one.__name__, one.__doc__) == (other.__name__, other.__doc__)
            if inspect.ismodule(owner):
                assert pickle.loads(pickle.dumps(wrapper)) is wrapper, key
    assert changed


def _signature(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except ValueError:
        return "unknown"


def _failing(patch: Patch, *, before: bool) -> Patch:
    def capture(call: Any) -> Any:
        if before:
            raise OwnError(patch.target)
        yield
        raise OwnError(patch.target)

    def follow(args: Any, kwargs: Any, result: Any) -> None:
        raise OwnError(patch.target)

    if patch.follow is not None:
        return patch._replace(follow=follow)
    return patch._replace(capture=capture)


# A file whose opening was made to fail in a test is closed by nobody.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", WITH_TABLE)
def test_an_error_of_ours_stays_with_us_and_is_raised_in_tests(name, before, tmp_path, monkeypatch):
    instrumentor = load(name)
    modules(instrumentor)
    expected = USES[name](tmp_path)
    table = tuple(_failing(patch, before=before) for patch in instrumentor.patches)
    monkeypatch.setattr(type(instrumentor), "patches", table)
    with recording(tmp_path / "home", strict=False):
        monkeypatch.setenv("OTELPROV_TESTING", "0")
        instrumentor.instrument()
        assert USES[name](tmp_path) == expected
        monkeypatch.setenv("OTELPROV_TESTING", "1")
        # A web framework answers an error with a page of its own, and others may wrap it.
        try:
            answered = USES[name](tmp_path)
        except Exception as error:
            answered = type(error)
        instrumentor.uninstrument()
    gc.collect()
    assert answered != expected


@pytest.mark.parametrize("name", WITH_TABLE)
def test_results_and_exceptions_pass_whatever_the_arguments_are(name, tmp_path, monkeypatch):
    instrumentor = load(name)
    instrumentor.instrument()
    error, result = KeyError("the program's own"), object()

    def failing(*args: Any, **kwargs: Any) -> Any:
        raise error

    def working(*args: Any, **kwargs: Any) -> Any:
        return result

    with recording(tmp_path, strict=False):
        monkeypatch.setenv("OTELPROV_TESTING", "0")
        for patch in instrumentor.patches:
            make = instrumentor._wrapper if patch.follow is None else instrumentor._follower
            for args in ((), (Hostile(),) * 2, (Hostile(),) * 9, (None, None), (-1, -1), ("\0", "\udc80", 3)):
                with pytest.raises(KeyError) as caught:
                    make(failing, patch)(*args)
                assert caught.value is error
                make(working, patch)(*args)


@pytest.mark.parametrize("name", WITH_TABLE)
def test_an_unknown_version_is_left_alone_and_that_is_said_once(name, monkeypatch, caplog):
    instrumentor = load(name)
    owners = _owners(instrumentor)
    if not instrumentor.distribution:
        assert instrumentor.versions == ""
        assert instrumentor.library in sys.stdlib_module_names | {"files"}
        return
    monkeypatch.setattr(instrumentation, "installed_version", lambda distribution: "9999.0")
    monkeypatch.setattr(Instrumentor, "left_alone", {})
    before = _snapshot(owners)
    with caplog.at_level(logging.WARNING, logger="otelprov"):
        instrumentor.instrument()
        assert _same(before, _snapshot(owners))
        instrumentor.uninstrument()
        instrumentor.instrument()
    said = [record.getMessage() for record in caplog.records if "9999.0" in record.getMessage()]
    assert len(said) == 1
    assert instrumentor.distribution in said[0]
    assert set(Instrumentor.left_alone) == {instrumentor.library}


def test_each_can_be_switched_off_by_the_setting_of_opentelemetry():
    program = f"""
import json, os
from opentelemetry.instrumentation.auto_instrumentation import _load
class Distro:
    def load_instrumentor(self, entry_point, **kwargs):
        names.append(entry_point.name)
loaded = {{}}
for disabled in {["", *ENTRY_POINTS]!r}:
    os.environ["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = disabled
    names = loaded[disabled] = []
    _load._load_instrumentors(Distro())
print(json.dumps(loaded))
"""
    command = [sys.executable, "-c", program]
    environment = os.environ | {"OTELPROV_ENABLED": "false"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environment)
    loaded = {disabled: set(names) & set(ENTRY_POINTS) for disabled, names in json.loads(done.stdout).items()}
    assert loaded == {disabled: set(ENTRY_POINTS) - {disabled} for disabled in ("", *ENTRY_POINTS)}


@pytest.mark.parametrize("name", WITH_TABLE)
def test_an_instrumentor_is_a_short_table(name):
    source = inspect.getsourcefile(ENTRY_POINTS[name].load())
    assert source is not None
    text = Path(source).read_text()
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    # Nothing but capture functions and the table.
    plain = all([argument.arg for argument in function.args.args] == ["call"] for function in functions)
    assert len(text.splitlines()) <= (MOST_LINES if plain else MOST_LINES_WITH_HELPERS)
