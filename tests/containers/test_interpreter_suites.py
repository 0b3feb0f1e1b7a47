# SPDX-License-Identifier: Apache-2.0
"""CPython's own tests of dict, list and set, from the interpreter's `test` package, run on the tracked containers.

Some distributions put that package elsewhere (Debian: libpython3-testsuite); python.org's and pyenv's bring it along.
"""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

import pytest
from test import list_tests, test_dict, test_list, test_set

from otelprov.containers.dicts import TrackedDict
from otelprov.containers.lists import TrackedList
from otelprov.containers.sets import TrackedSet

# What any subclass of the built-in does otherwise, whoever wrote it: names of tests, by the suite.
_JUSTIFIED = {
    # Whether the garbage collector knows an instance; those of a class written in Python it always knows.
    "DictTest": {"test_track_dynamic"},
    # Sizes in bytes, which an instance of a subclass has more of.
    "ListTest": {"test_preallocation"},
    # Sets an attribute of what is not the built-in itself, and a tracked set has as little room for one. The suite of
    # subclasses has the same test.
    "TestSet": {"test_pickling", "test_c_api"},
    # Calls a method that only interpreters built for debugging have.
    "TestSetSubclass": {"test_c_api"},
    # The representation of a subclass of set begins with its name, that of set itself doesn't.
    "set": {"test_repr"},
}


class _DictSubclass(TrackedDict[Any, Any]):
    pass


class _SetSubclass(TrackedSet[Any]):
    pass


def _of(base: type, **attributes: Any) -> type[unittest.TestCase]:
    """A suite of the interpreter with another type to test."""
    bases = (base,) if issubclass(base, unittest.TestCase) else (base, unittest.TestCase)
    return type(base.__name__, bases, {"__module__": __name__, **attributes})


# These say themselves which type they test.
_SUITES = [
    _of(list_tests.CommonTest, type2test=TrackedList),
    _of(test_dict.GeneralMappingTests, type2test=TrackedDict),
    _of(test_dict.SubclassMappingTests, type2test=_DictSubclass),
    _of(test_set.TestSet, thetype=TrackedSet),
    _of(test_set.TestSetSubclass, thetype=_SetSubclass),
    *(
        _of(base, constructor1=TrackedSet, constructor2=other)
        for base in (test_set.TestBinaryOpsMutating,)
        for other in (set, TrackedSet)
    ),
]
_OF_SETS = ("TestBasicOps", "TestMutate", "TestUpdate", "TestSubset", "TestOnlySets", "TestCopying", "TestBinaryOps")
_NAMED = ("TestExceptionPropagation", "TestSetOfSets", "TestIdentities", "TestVariousIteratorArgs", "TestWeirdBugs")
# These go by the name of the built-in, which is the tracked type's while they run.
_BY_NAME: list[tuple[Any, str, Any, list[Any]]] = [
    (test_dict, "dict", TrackedDict, [test_dict.DictTest]),
    (test_list, "list", TrackedList, [_of(test_list.ListTest, type2test=TrackedList)]),
    (
        test_set,
        "set",
        TrackedSet,
        [
            *(
                suite
                for name, suite in vars(test_set).items()
                if name.startswith(_OF_SETS + _NAMED) and issubclass(suite, unittest.TestCase)
            ),
            *(
                _of(test_set.TestMethodsMutating, constructor1=TrackedSet, constructor2=other)
                for other in (TrackedSet, dict.fromkeys, list)
            ),
        ],
    ),
]


def _tests() -> Iterator[Any]:
    suites = [(suite, None) for suite in _SUITES]
    suites += [(suite, (module, name, kind)) for module, name, kind, several in _BY_NAME for suite in several]
    for suite, by_name in suites:
        left_out = _JUSTIFIED.get(suite.__name__, set()) | _JUSTIFIED.get(by_name[1] if by_name else "", set())
        for test in unittest.defaultTestLoader.getTestCaseNames(suite):
            if test not in left_out:
                yield pytest.param(suite, test, by_name, id=f"{suite.__name__}-{test}")


@pytest.mark.parametrize(("suite", "name", "by_name"), list(_tests()))
def test_of_cpython(suite: Any, name: str, by_name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if by_name is not None:
        module, builtin, tracked = by_name
        monkeypatch.setattr(module, builtin, tracked, raising=False)
    result = unittest.TestResult()
    suite(name).run(result)
    found = [text for _case, text in result.failures + result.errors]
    assert not found, found[0]
    assert result.testsRun == 1
