# SPDX-License-Identifier: Apache-2.0
"""Lines with branches before them, for trees of any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_DEEPEST_INDENT = 60

Item = TypeVar("Item")


def branches(root: Item, expand: Callable[[Item], tuple[str, Sequence[Item]]]) -> Iterator[str]:
    """Yield the lines of the tree below a root; `expand` gives the text of an item and its children, once per line."""
    stack: list[tuple[Item, str, str, int]] = [(root, "", "", 0)]
    while stack:
        item, before, below, depth = stack.pop()
        text, children = expand(item)
        yield before + text
        if depth > _DEEPEST_INDENT and depth % _DEEPEST_INDENT == 1:
            # A chain of thousands would otherwise cost a screen's width per line, and the square of it in all.
            below = f"[{depth}] "
        for place, child in enumerate(reversed(children)):
            branch, bar = ("└─ ", "   ") if place == 0 else ("├─ ", "│  ")
            stack.append((child, below + branch, below + bar, depth + 1))
