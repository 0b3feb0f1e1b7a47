# SPDX-License-Identifier: Apache-2.0
"""What the program sees of a patched function, checked for each entry point whose name starts with `prov-`."""

from __future__ import annotations

import inspect
import pydoc
import threading
import traceback
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest
from contract_uses import USES, WITH_TABLE, load, modules, off  # noqa: F401 - the last one is a fixture

from otelprov.capture.calls import Call, begin
from otelprov.capture.inside import quietly
from otelprov.instrumentation import Instrumentor
from otelprov.testing import recording

pytestmark = [
    pytest.mark.usefixtures("off"),
    pytest.mark.parametrize("name", WITH_TABLE),
    # Files that the program of a use leaves to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _patched(instrumentor: Instrumentor) -> Iterator[tuple[Any, str, Any, Any]]:
    """Owner, name, what is there and what was, of everything that is patched."""
    for applied in instrumentor._applied:
        yield applied.owner, applied.name, vars(applied.owner)[applied.name], applied.original


def _callable(value: Any) -> Any:
    if isinstance(value, (classmethod, staticmethod)):
        return value.__func__
    return value.fget if isinstance(value, property) else value


def _parameters(function: Any) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        # Of some functions in C nobody knows.
        return None


def _on(name: str) -> Instrumentor:
    instrumentor = load(name)
    modules(instrumentor)
    instrumentor.instrument()
    assert instrumentor._applied
    return instrumentor


def test_a_patched_function_looks_and_helps_as_the_original_does(name: str) -> None:
    instrumentor = _on(name)
    patched = list(_patched(instrumentor))
    for _, key, there, original in patched:
        one, other = _callable(there), _callable(original)
        before, after = _parameters(other), _parameters(one)
        # Of some in C nobody knows; there it may be told.
        if before is not None:
            assert [str(parameter) for parameter in after or ()] == [str(parameter) for parameter in before], key
        for question in (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction):
            # What is behind a property is called by nobody.
            assert isinstance(there, property) or question(one) == question(other), (key, question.__name__)
        assert one.__qualname__ == other.__qualname__
        assert getattr(one, "__module__", None) == getattr(other, "__module__", None)
        if inspect.isfunction(other):
            assert inspect.isfunction(one) or inspect.iscoroutinefunction(other), key
            pairs = zip(before or (), after or (), strict=True)
            assert all(a.default is b.default and a.annotation is b.annotation for a, b in pairs), key
            assert inspect.getsource(one) == inspect.getsource(other), key
    # Help looks a method up in its class, so that it must be the one that is there. The first line says its type.
    plain = [pair for pair in patched if type(_callable(pair[2])) is FunctionType or inspect.isbuiltin(pair[3])]
    # Of functions made with nanobind it tells nothing but their type.
    plain = [pair for pair in plain if type(pair[3]).__module__ != "nanobind"]
    helped = [pydoc.render_doc(_callable(there)).partition("\n")[2] for _, _, there, _ in plain]
    instrumentor.uninstrument()
    assert helped == [pydoc.render_doc(_callable(original)).partition("\n")[2] for *_, original in plain]


def test_a_subclass_made_before_sees_what_its_base_has(name: str) -> None:
    instrumentor = load(name)
    modules(instrumentor)
    instrumentor.instrument()
    owners = {id(owner): owner for owner, *_ in _patched(instrumentor) if isinstance(owner, type)}
    instrumentor.uninstrument()
    subclasses = {}
    for key, owner in owners.items():
        try:
            subclasses[key] = type("Below", (owner,), {})
        except TypeError:
            # Final, or with a metaclass that wants more.
            continue
    instrumentor.instrument()
    found = [(owner, key, there, original) for owner, key, there, original in _patched(instrumentor)]
    for owner, key, there, _ in found:
        if id(owner) in subclasses:
            assert inspect.getattr_static(subclasses[id(owner)], key) is there
    instrumentor.uninstrument()
    for owner, key, _, original in found:
        if id(owner) in subclasses:
            assert inspect.getattr_static(subclasses[id(owner)], key) is original


def test_arguments_are_looked_for_where_the_signature_has_them(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    wrong: list[str] = []
    asked = 0
    argument = Call.argument

    def checked(call: Call, parameter: str, position: int, default: Any = None) -> Any:
        nonlocal asked
        asked += 1
        parameters = _parameters(call.function)
        if parameters is not None:
            wrong.extend(_misplaced(call.function, parameters, parameter, position))
        return argument(call, parameter, position, default)

    expected = USES[name](tmp_path)
    monkeypatch.setattr(Call, "argument", checked)
    instrumentor = _on(name)
    with recording(tmp_path / "home"):
        assert USES[name](tmp_path) == expected
        captures = {
            id(function): (function, patch)
            for applied in instrumentor._applied
            if (patch := applied.patch) is not None and patch.capture is not None
            for function in [_callable(applied.original)]
        }
        with monkeypatch.context() as silent:
            silent.setenv("OTELPROV_TESTING", "0")
            for function, patch in captures.values():
                for given in ((), (object(),), (object(), str(tmp_path / "none")), (str(tmp_path / "none"),) * 2):
                    with quietly():
                        observer = begin(patch.target, patch.capture, Call(function, given, {}, "otelprov.test"))
                        if observer is not None:
                            observer.close()
        instrumentor.uninstrument()
    assert wrong == []
    has_captures = any(patch.capture is not None for patch in instrumentor.patches)
    assert asked or not has_captures or name in ("prov-starlette", "prov-flask")


def _misplaced(function: Any, parameters: list[inspect.Parameter], name: str, position: int) -> Iterator[str]:
    names = [parameter.name for parameter in parameters]
    where = f"{function.__qualname__}({name}, {position})"
    if name in names:
        found = parameters[names.index(name)]
        if found.kind is inspect.Parameter.KEYWORD_ONLY:
            if position < sum(parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters):
                yield f"{where}: it is given by keyword alone, and another one stands there"
        elif names.index(name) != position:
            yield f"{where}: it stands at {names.index(name)}"
    elif not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        yield f"{where}: there is no such parameter"


def test_results_are_handed_on_untouched_and_unstarted(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    instrumentor = _on(name)
    steps: list[str] = []

    def lazy() -> Iterator[int]:
        steps.append("started")
        yield 1

    class Manager:
        def __enter__(self) -> Any:
            steps.append("entered")

        def __exit__(self, *_: Any) -> None:
            steps.append("left")

        def __iter__(self) -> Any:
            steps.append("iterated")

        def __len__(self) -> int:
            steps.append("measured")
            return 0

        def __getattr__(self, key: str) -> Any:
            if key[:2] != "__":
                steps.append(key)
            raise AttributeError(key)

    with recording(tmp_path, strict=False):
        monkeypatch.setenv("OTELPROV_TESTING", "0")
        for patch in instrumentor.patches:
            make = instrumentor._wrapper if patch.follow is None else instrumentor._follower
            for result in (lazy(), Manager(), iter([1])):
                answered = make(lambda *_args, _result=result, **_named: _result, patch)(object(), object())
                assert answered is result, patch.target
                if inspect.isgenerator(result):
                    assert inspect.getgeneratorstate(result) == inspect.GEN_CREATED, patch.target
        instrumentor.uninstrument()
    assert steps == []


def test_a_traceback_leads_into_the_original_and_nowhere_else(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    instrumentor = _on(name)

    def failing(*args: Any, **kwargs: Any) -> Any:
        raise KeyError("the program's own")

    with recording(tmp_path, strict=False):
        monkeypatch.setenv("OTELPROV_TESTING", "0")
        for patch in instrumentor.patches:
            make = instrumentor._wrapper if patch.follow is None else instrumentor._follower
            with pytest.raises(KeyError) as caught:
                make(failing, patch)(object(), str(tmp_path / "none"))
            error = caught.value
            assert (error.__cause__, error.__context__, getattr(error, "__notes__", [])) == (None, None, [])
            frames = traceback.extract_tb(error.__traceback__)
            assert frames[-1].name == "failing"
            # The test's own frame, one of ours, and the function: no more.
            assert len(frames) == 3
            assert "the program's own" in "".join(traceback.format_exception(error))
        instrumentor.uninstrument()


def test_a_use_is_on_record_once_however_often_it_is_switched_on_and_not_after_it_is_off(
    name: str, tmp_path: Any
) -> None:
    recorded = []
    instrumentor = load(name)
    for place in range(2):
        folder = tmp_path / "use" / str(place)
        folder.mkdir(parents=True)
        with recording(tmp_path / f"home {place}") as found:
            for _ in range(place + 1):
                instrumentor.instrument()
                if place:
                    instrumentor._instrument()
            USES[name](folder)
            recorded.append(sorted(span.name for span in found.spans() if span.name != "digests"))
            instrumentor.uninstrument()
            USES[name](folder)
            assert sorted(span.name for span in found.spans() if span.name != "digests") == recorded[-1]
    assert recorded[0]
    assert recorded[0] == recorded[1]


def test_threads_get_what_one_thread_gets(name: str, tmp_path: Any) -> None:
    (tmp_path / "alone").mkdir()
    expected = USES[name](tmp_path / "alone")
    instrumentor = _on(name)
    answers: list[Any] = []

    def work(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            answers.append(USES[name](folder))
        except BaseException as error:
            answers.append(error)

    with recording(tmp_path / "home"):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        instrumentor.uninstrument()
    assert answers == [expected] * 3
