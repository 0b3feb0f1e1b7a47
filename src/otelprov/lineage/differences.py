# SPDX-License-Identifier: Apache-2.0
"""What differs between two contents of a container: keys, indices, elements and attributes, also of those inside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from otelprov.lineage.typed import text_of_tree

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Difference(NamedTuple):
    """One difference: the way to it as keys in typed JSON, and both values as typed JSON where there is one.

    A step of `way` is (kind of the container, key): a list has indices, a set has no keys.
    """

    what: str
    way: tuple[tuple[str, Any], ...]
    old: Any
    new: Any


def differences(old: Any, new: Any, way: tuple[tuple[str, Any], ...] = ()) -> Iterator[Difference]:
    """The differences of two trees of `typed.tree`, in the order of the older one, then of the newer."""
    if text_of_tree(old) == text_of_tree(new):
        return
    kind = _kind(old)
    if kind != _kind(new) or kind == "":
        yield Difference(CHANGED, way, old, new)
    elif kind == "id":
        if old["id"] == new["id"]:
            yield from differences(old["content"], new["content"], way)
        else:
            yield Difference(CHANGED, way, old, new)
    elif kind == "list":
        yield from _of_lists(old, new, way)
    elif kind == "s":
        yield from _of_sets(old["s"], new["s"], way)
    else:
        yield from _of_pairs(kind, old[kind], new[kind], way)


def _kind(tree: Any) -> str:
    if type(tree) is list:
        return "list"
    if type(tree) is dict:
        if "id" in tree:
            return "id" if "content" in tree else ""
        return next((mark for mark in ("d", "a", "s") if mark in tree), "")
    return ""


def _of_pairs(kind: str, old: list[Any], new: list[Any], way: tuple[tuple[str, Any], ...]) -> Iterator[Difference]:
    before = {text_of_tree(key): (key, value) for key, value in old}
    after = {text_of_tree(key): (key, value) for key, value in new}
    for text, (key, value) in before.items():
        step = (*way, (kind, key))
        if text in after:
            yield from differences(value, after[text][1], step)
        else:
            yield Difference(REMOVED, step, value, None)
    for text, (key, value) in after.items():
        if text not in before:
            yield Difference(ADDED, (*way, (kind, key)), None, value)


def _of_sets(old: list[Any], new: list[Any], way: tuple[tuple[str, Any], ...]) -> Iterator[Difference]:
    before, after = ({text_of_tree(element): element for element in elements} for elements in (old, new))
    for text, element in before.items():
        if text not in after:
            yield Difference(REMOVED, (*way, ("s", element)), element, None)
    for text, element in after.items():
        if text not in before:
            yield Difference(ADDED, (*way, ("s", element)), None, element)


def _of_lists(old: list[Any], new: list[Any], way: tuple[tuple[str, Any], ...]) -> Iterator[Difference]:
    """What lies between equal parts at both ends; indices of what was removed are those in the older list."""
    before, after = ([text_of_tree(item) for item in items] for items in (old, new))
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    gone, come = len(before) - end, len(after) - end
    for at in range(start, max(gone, come)):
        step = (*way, ("list", at))
        if at >= come:
            yield Difference(REMOVED, step, old[at], None)
        elif at >= gone:
            yield Difference(ADDED, step, None, new[at])
        else:
            yield from differences(old[at], new[at], step)
