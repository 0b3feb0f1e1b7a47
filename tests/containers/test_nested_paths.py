# SPDX-License-Identifier: Apache-2.0
"""Every path of every change, after any operations, leads to the very container that was changed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otelprov.containers import (
    TrackedDict,
    TrackedList,
    TrackedObject,
    TrackedSet,
    track,
    tracked,
    tracking,
)
from otelprov.containers.change import Attribute
from otelprov.containers.values import tracker_of


@tracked(nested=True)
class Node:
    pass


def _walk(root: Any, keys: Any) -> Any:
    for key in keys:
        root = getattr(root, str(key)) if type(key) is Attribute else root[key]
    return root


def _inside(container: Any) -> list[tuple[Any, Any]]:
    if isinstance(container, dict):
        return list(container.items())
    if isinstance(container, list):
        return list(enumerate(container))
    if isinstance(container, set):
        return []
    return [(Attribute(name), value) for name, value in vars(container).items()]


def _ways(container: Any, universe: list[Any], seen: list[Any]) -> list[tuple[Any, tuple[Any, ...]]]:
    """The ways by another way: every container is asked whether it holds this one."""
    found = [
        (root, (*keys, key))
        for parent in universe
        if not any(parent is other for other in seen)
        for key, value in _inside(parent)
        if value is container
        for root, keys in _ways(parent, universe, [*seen, parent])
    ]
    return found or [(container, ())]


_KEYS = ["a", "b", 0, 1, ("t", 1)]
_NEW = st.recursive(
    st.one_of(st.integers(0, 3), st.sampled_from("xy")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS), inner, max_size=3), st.sets(st.integers())
    ),
    max_leaves=5,
)
_STEP = st.tuples(st.integers(0, 30), st.integers(0, 50), st.one_of(_NEW, st.integers(100, 130)), st.integers(0, 6))


def _do(container: Any, what: int, value: Any, place: int) -> None:
    key = _KEYS[place % len(_KEYS)]
    if isinstance(container, dict):
        [
            lambda: container.__setitem__(key, value),
            lambda: container.pop(key, None),
            lambda: container.update({key: value, "u": value}),
            lambda: container.setdefault(key, value),
            lambda: container.__ior__({key: value}),
            lambda: container and container.popitem(),
            lambda: place == 0 and container.clear(),
        ][what % 7]()
    elif isinstance(container, list):
        index = place % (len(container) + 1)
        [
            lambda: container.append(value),
            lambda: container.insert(index, value),
            lambda: container and container.pop(index - 1),
            lambda: container and container.__setitem__(index - 1, value),
            lambda: container.extend([value, value]),
            lambda: container.__setitem__(slice(index, index + 2), [value]),
            lambda: container.__delitem__(slice(index, None)),
            lambda: container.reverse(),
            lambda: container.__imul__(2) if len(container) < 5 else None,
        ][what % 9]()
    elif isinstance(container, set):
        container.add(place)
    elif place % 3:
        setattr(container, f"n{place % 2}", value)
    elif hasattr(container, "n0"):
        del container.n0


@settings(deadline=None)
@given(start=st.dictionaries(st.sampled_from(_KEYS), _NEW, max_size=3), steps=st.lists(_STEP, max_size=12))
def test_every_path_leads_to_what_was_changed(start: dict[Any, Any], steps: list[tuple[int, int, Any, int]]) -> None:
    root = track(start, name="root", nested=True)
    universe: list[Any] = [root, Node()]
    assert root == start
    for what, chosen, value, place in steps:
        _collect(universe)
        container = universe[chosen % len(universe)]
        if type(value) is int and value >= 100:
            value = universe[value % len(universe)]
        before = tracking(container).last_change()
        _do(container, what, value, place)
        _collect(universe)
        change = tracking(container).last_change()
        if change is None or change == before:
            continue
        found = change._extra().paths
        for tracker, keys in found:
            assert _walk(tracker.owner(), keys) is container
        expected = [(id(tracker_of(way)), keys) for way, keys in _ways(container, universe, [container]) if keys]
        told = Counter((id(tracker), keys) for tracker, keys in found)
        if len(expected) <= 16:
            assert told == Counter(expected)
        else:
            assert len(found) == 16
            assert not told - Counter(expected)


def _collect(universe: list[Any]) -> None:
    """Add every tracked container that can be reached."""
    for container in universe:
        for _key, value in _inside(container):
            assert type(value) not in (dict, list, set)
            is_one = isinstance(value, TrackedDict | TrackedList | TrackedSet | TrackedObject | Node)
            if is_one and not any(value is other for other in universe):
                universe.append(value)


@settings(deadline=None)
@given(_NEW)
def test_conversion_keeps_equality_and_types_of_the_rest(plain: Any) -> None:
    made = track([plain], nested=True)
    assert made == [plain]
    assert json.dumps(made, default=sorted, skipkeys=True) == json.dumps([plain], default=sorted, skipkeys=True)
