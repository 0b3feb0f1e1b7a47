# SPDX-License-Identifier: Apache-2.0
"""Which column of a frame comes from which column of what was read, as far as an operation shows it.

What is not listed here makes a frame of which nothing is said. Of a Series the one column is under EVERY, beside the
columns of its index.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelprov.capture.flow.following import Follow
from otelprov.capture.flow.frames import names_of
from otelprov.capture.flow.identity import Read
from otelprov.capture.tables.columns import (
    EVERY,
    TRANSFORMATION,
    ColumnSource,
    columns_of,
    forget_columns,
    remember_columns,
)
from otelprov_instrumentors.pandas.column_sources import Sources, is_frame, is_plain, is_series, known_columns, marked
from otelprov_instrumentors.pandas.combined import agg, aggregated, concatenated, merged

_SAME = (
    "copy head tail query dropna drop sort_values sort_index drop_duplicates sample nlargest nsmallest truncate "
    "explode set_index reset_index reindex rename_axis convert_dtypes infer_objects"
)
_CHANGED = (
    "fillna ffill bfill interpolate astype round clip abs shift diff pct_change cumsum cumprod cummax cummin rank "
    "replace where mask"
)
_CHANGED_SERIES = "map apply between isin isna notna"
# These can't be wrapped, but tell what they do to whoever passes metadata on.
_TOLD = frozenset(("fillna", "ffill", "bfill", "interpolate", "replace", "clip"))
_AGGREGATED = "sum mean median min max first last prod std var sem count nunique any all"


def _same(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    if (is_frame(result) and is_frame(args[0])) or (is_series(result) and is_series(args[0])):
        columns = columns_of(args[0])
        if columns is not None:
            # Some of these change the names: from here on they are told one by one.
            remember_columns(result, columns if isinstance(columns, Mapping) else known_columns(args[0]) or columns)
    elif is_frame(result) and is_series(args[0]):
        _named(args, kwargs, result)


def _named(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """A Series that becomes a frame: its values have a name now."""
    columns, names = known_columns(args[0]), names_of(result)
    if columns is not None and type(names) is list and type(names[-1]) is str:
        values = columns.pop(EVERY, ())
        remember_columns(result, {**columns, names[-1]: values})


def _changed(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    if type(result) is not type(args[0]):
        return
    columns = known_columns(args[0])
    if columns is None:
        return
    more: Sources = ()
    for other in (*args[1:], *kwargs.values()):
        found = columns_of(other) if is_series(other) else {} if is_plain(other) else None
        if not isinstance(found, Mapping):
            return
        more += tuple(found.get(EVERY, ()))
    remember_columns(result, {name: marked((*own, *more), TRANSFORMATION) for name, own in columns.items()})


def _operated(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    if not is_series(result):
        return
    values: Sources = ()
    for operand in args:
        if is_series(operand):
            found = columns_of(operand)
            if not isinstance(found, Mapping):
                return
            values += tuple(found.get(EVERY, ()))
        elif not is_plain(operand):
            return
    remember_columns(result, {EVERY: marked(dict.fromkeys(values), TRANSFORMATION)})


def _selected(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    source = args[0] if is_frame(args[0]) or is_series(args[0]) else getattr(args[0], "obj", None)
    key = args[1] if len(args) > 1 else None
    if type(key) is tuple and len(key) == 2:
        key = key[1]
    if is_frame(source) and is_series(result):
        columns = columns_of(source)
        if columns is not None and type(key) is str and names_of(result) == [key]:
            if isinstance(columns, Read):
                remember_columns(result, {EVERY: (ColumnSource(columns, key),)})
            elif key in columns:
                remember_columns(result, {**columns, EVERY: columns[key]})
    elif type(result) is type(source):
        columns = columns_of(source)
        if columns is not None:
            remember_columns(result, columns)


def _set(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _put(args[0], args[1], args[2])


def _inserted(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    given = dict(zip(("self", "loc", "column", "value"), args, strict=False)) | kwargs
    _put(given["self"], given["column"], given["value"])


def _put(frame: Any, name: Any, value: Any) -> None:
    columns = known_columns(frame)
    if columns is None:
        names = names_of(frame)
        if type(names) is not list or len(names) != 1:
            return
        # There was nothing before.
        columns = {}
    found = columns_of(value) if is_series(value) else None
    if type(name) is not str:
        forget_columns(frame)
        return
    if isinstance(found, Mapping):
        columns[name] = tuple(found.get(EVERY, ()))
    elif is_plain(value):
        columns[name] = ()
    else:
        columns.pop(name, None)
    remember_columns(frame, columns)


def _lost(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    target = args[0]
    forget_columns(target if is_frame(target) or is_series(target) else getattr(target, "obj", None))


def _relabelled(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    # The axis of the columns comes first, as the library stores them.
    if is_frame(args[0]) and args[1:2] == (0,):
        forget_columns(args[0])


def _updated(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    columns = columns_of(args[1])
    if columns is None:
        forget_columns(args[0])
    else:
        remember_columns(args[0], columns)


def _renamed(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    names = kwargs.get("columns")
    columns = known_columns(args[0])
    if columns is not None and is_frame(result) and type(names) is dict and set(kwargs) <= {"columns", "copy"}:
        remember_columns(result, {names.get(name, name): sources for name, sources in columns.items()})
    elif is_series(result) and columns is not None:
        remember_columns(result, columns)


def _finalized(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    other = args[1] if len(args) > 1 else kwargs.get("other")
    method = kwargs.get("method")
    if method in _TOLD:
        _changed((other,), {}, args[0])
    if method == "concat" and is_frame(args[0]):
        concatenated(args[0], getattr(other, "input_objs", None) or getattr(other, "objs", None))


def _read(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    columns = columns_of(args[0])
    if columns is not None and is_frame(result):
        remember_columns(result, columns)


def _constructed(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    data = args[1] if len(args) > 1 else kwargs.get("data")
    if len(args) > 2 or len(kwargs) > 1 or not is_frame(args[0]):
        return
    if type(data) is dict:
        columns = {name: columns_of(value) for name, value in data.items() if type(name) is str and is_series(value)}
        found = {name: tuple(own.get(EVERY, ())) for name, own in columns.items() if isinstance(own, Mapping)}
        if found:
            remember_columns(args[0], found)
    elif is_frame(data):
        _same((data,), {}, args[0])


def _rows() -> dict[str, Follow]:
    rows: dict[str, Follow] = {
        "DataFrame.rename": _renamed,
        "Series.rename": _renamed,
        "DataFrame.merge": merged,
        "merge": merged,
        "core.groupby.generic.DataFrameGroupBy.agg": agg,
        "core.groupby.generic.DataFrameGroupBy.aggregate": agg,
        "core.groupby.generic.SeriesGroupBy.agg": agg,
        **dict.fromkeys(("to_numeric", "to_datetime", "to_timedelta"), _operated),
        **dict.fromkeys(("io.parsers.readers.TextFileReader.read", "io.json._json.JsonReader.read"), _read),
        "io.json._json.JsonReader.__next__": _read,
    }
    for names, follow in ((_SAME, _same), (_CHANGED, _changed)):
        rows |= {f"{owner}.{name}": follow for name in names.split() for owner in ("DataFrame", "Series")}
    rows |= {f"Series.{name}": _changed for name in _CHANGED_SERIES.split()} | {"Series.to_frame": _named}
    return rows | {f"core.groupby.groupby.GroupBy.{name}": aggregated for name in _AGGREGATED.split()}


# By what is patched, what its result says of columns.
RESULTS = _rows()
selected, put, inserted, lost, updated, operated = _selected, _set, _inserted, _lost, _updated, _operated
relabelled, finalized, constructed = _relabelled, _finalized, _constructed
