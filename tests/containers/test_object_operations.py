# SPDX-License-Identifier: Apache-2.0
"""Any operations on attributes, and from several threads: as on the undecorated class, and replayed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracked_classes import told

from otelprov.containers import MISSING, tracked, tracking


@tracked
class _Dynamic:
    pass


def test_threads_that_meet_a_new_object_make_one_history() -> None:
    for _ in range(50):
        made: Any = _Dynamic()
        ready = threading.Barrier(4)

        def work(number: int, made: Any = made, ready: threading.Barrier = ready) -> None:
            ready.wait(10)
            setattr(made, f"x{number}", number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(new for _action, _where, _old, new in told(made)) == [0, 1, 2, 3]


_NAMES = st.sampled_from(["x", "y", "prop", "_hid", "slot"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), _NAMES, st.one_of(st.integers(), st.text(max_size=3), st.none())),
        st.tuples(st.just("delete"), _NAMES, st.none()),
    ),
    max_size=30,
)


class _Slots:
    __slots__ = ("slot",)


class _Subject(_Slots):
    y = "class"

    @property
    def prop(self) -> Any:
        return self._prop

    @prop.setter
    def prop(self, value: Any) -> None:
        self._prop = value

    @prop.deleter
    def prop(self) -> None:
        del self._prop


_TrackedSubject = tracked(history=None)(type("_Subject", (_Subject,), {"__module__": __name__}))
_ValuesSubject = tracked(history=None, values=True, snapshot=True)(type("_Subject", (_Subject,), {}))


class _PlainDict:
    pass


_PLAIN_KINDS = {
    "slots": (_Subject, _TrackedSubject),
    "values": (_Subject, _ValuesSubject),
    "dict": (_PlainDict, tracked(history=None)(type("_PlainDict", (_PlainDict,), {}))),
}


@pytest.mark.parametrize("kind", list(_PLAIN_KINDS))
@settings(deadline=None)
@given(steps=_STEPS)
def test_any_operations_as_the_undecorated_class_and_replayed(kind: str, steps: list[tuple[str, str, Any]]) -> None:
    plain, made = (cls() for cls in _PLAIN_KINDS[kind])
    for action, name, value in steps:
        outcomes = []
        for subject in (plain, made):
            try:
                setattr(subject, name, value) if action == "set" else delattr(subject, name)
                outcomes.append("done")
            except AttributeError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]
    assert vars(made) == vars(plain)
    replayed: dict[str, Any] = {}
    if steps and tracking(made).changes():
        for action, location, old, new in told(made):
            name = location[1:]
            assert replayed.get(name, MISSING) == old
            if action == "set":
                replayed[name] = new
            else:
                del replayed[name]
    assert replayed == {**vars(plain), **({"slot": plain.slot} if hasattr(plain, "slot") else {})}
