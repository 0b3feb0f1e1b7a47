# SPDX-License-Identifier: Apache-2.0
"""What a container held at first: a copy in plain containers that later changes do not reach."""

from __future__ import annotations

from typing import Any

# Deeper parts are shared, not copied.
_MOST_DEPTH = 200


def plain_copy(value: Any) -> Any:
    """A copy of a container as plain dicts, lists and sets, all the way down; what is in them otherwise is shared.

    Tracked and built-in containers are copied, parts that occur twice stay one; calls nothing of the program's but the
    hash of keys that are its own objects.
    """
    return _copied(value, {}, 0)


def _copied(value: Any, done: dict[int, Any], depth: int) -> Any:
    kind = type(value)
    if depth > _MOST_DEPTH or not (kind in (dict, list, set) or _is_ours(kind)):
        return value
    known = done.get(id(value))
    if known is not None:
        return known
    made: Any
    if isinstance(value, dict):
        made = done[id(value)] = dict.copy(value)
        for key, item in list(made.items()):
            copied = _copied(item, done, depth + 1)
            if copied is not item:
                made[key] = copied
    elif isinstance(value, list):
        made = done[id(value)] = list.copy(value)
        for index, item in enumerate(made):
            made[index] = _copied(item, done, depth + 1)
    elif isinstance(value, set):
        made = done[id(value)] = set(set.copy(value))
    else:
        return value
    return made


def _is_ours(kind: type) -> bool:
    return kind.__module__ in ("otelprov.containers.dicts", "otelprov.containers.lists", "otelprov.containers.sets")
