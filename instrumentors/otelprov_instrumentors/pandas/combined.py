# SPDX-License-Identifier: Apache-2.0
"""Columns of frames that are made of several frames, or of groups of rows: merge, concat, group-by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelprov.capture.flow.frames import names_of
from otelprov.capture.tables.columns import AGGREGATION, EVERY, ColumnSource, remember_columns
from otelprov_instrumentors.pandas.column_sources import Sources, is_frame, is_series, known_columns, marked

_MERGE = ("left", "right", "how", "on", "left_on", "right_on", "left_index", "right_index", "sort", "suffixes")


def merged(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Columns of two frames beside each other, under their names or with a suffix, and the keys of both."""
    given = dict(zip(_MERGE, args, strict=False)) | kwargs
    left, right = given.get("left"), given.get("right")
    columns = [known_columns(left), known_columns(right)]
    names = [names_of(left), names_of(right), names_of(result)]
    suffixes = given.get("suffixes", ("_x", "_y"))
    if None in columns or any(type(each) is not list for each in names) or type(suffixes) not in (tuple, list):
        return
    own = [set(names[0]), set(names[1])]  # type: ignore[arg-type]
    shared = own[0] & own[1]
    keys = _keys(given, shared)
    found: dict[str, list[ColumnSource]] = {}
    for name in names[2]:  # type: ignore[union-attr]
        for side in (0, 1):
            suffix = suffixes[side] or ""
            base = name
            if type(name) is str and name not in keys and (name not in own[side] or name in shared):
                # Where both sides have it, each is told by its suffix.
                base = name.removesuffix(suffix) if name.endswith(suffix) else None
                base = base if base in shared and base not in keys else None
            if base in own[side]:
                found.setdefault(name, []).extend(columns[side].get(base, ()))  # type: ignore[union-attr]
    remember_columns(result, {name: tuple(sources) for name, sources in found.items()})


def _keys(given: Mapping[str, Any], shared: set[Any]) -> set[Any]:
    """The names of columns that both sides have in common after a merge."""
    on = given.get("on")
    if on is None:
        on, other = given.get("left_on"), given.get("right_on")
        if on is None and not given.get("left_index") and not given.get("right_index") and given.get("how") != "cross":
            return shared
        if type(on) is not type(other) or type(on) not in (str, list) or on != other:
            return set()
    if isinstance(on, str):
        return {on}
    return set(on) if isinstance(on, (list, tuple)) else set()


def concatenated(result: Any, parts: Any) -> None:
    """A frame made of frames one below or beside the other."""
    if type(parts) not in (list, tuple):
        return
    found: dict[str, Sources] = {}
    for part in parts:
        columns = known_columns(part) if is_frame(part) else None
        if columns is None:
            return
        for name, sources in columns.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *sources)))
    remember_columns(result, found)


def aggregated(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """What a group-by has made of its columns, and its keys."""
    columns, keys = _grouped(args[0])
    if columns is None:
        return
    if is_series(result):
        remember_columns(result, {**keys, EVERY: marked(columns.get(EVERY, ()), AGGREGATION)})
    elif is_frame(result):
        remember_columns(result, {**{name: marked(own, AGGREGATION) for name, own in columns.items()}, **keys})


def _grouped(group: Any) -> tuple[dict[str, Sources] | None, dict[str, Sources]]:
    source = getattr(group, "obj", None)
    keys: dict[str, Sources] = {}
    for grouping in getattr(getattr(group, "_grouper", None), "groupings", ()):
        of = known_columns(grouping.obj) if is_frame(grouping.obj) else None
        if of is not None and grouping.in_axis and type(grouping.name) is str and grouping.name in of:
            keys[grouping.name] = of[grouping.name]
    return (known_columns(source) if is_frame(source) or is_series(source) else None), keys


def agg(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """What a group-by has made of its columns as it was told, by name: others, or itself."""
    function = args[1] if len(args) > 1 else kwargs.get("func")
    columns, keys = _grouped(args[0])
    if columns is None:
        return
    if type(function) is str:
        aggregated(args, kwargs, result)
    elif type(function) is dict and all(type(how) is str for how in function.values()) and is_frame(result):
        found = {name: marked(columns[name], AGGREGATION) for name in function if name in columns}
        remember_columns(result, {**found, **keys})
    elif function is None and is_frame(result):
        named = {name: how[0] for name, how in kwargs.items() if isinstance(how, tuple) and len(how) == 2}
        found = {name: marked(columns[own], AGGREGATION) for name, own in named.items() if own in columns}
        remember_columns(result, {**found, **keys})
