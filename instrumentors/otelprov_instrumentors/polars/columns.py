# SPDX-License-Identifier: Apache-2.0
"""Which column of a frame comes from which column of what was read, as far as an operation shows it.

What is not listed here makes a frame of which nothing is said. Of a lazy frame the names are not known: SAME stands for
all that were not made anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otelprov.capture.flow.frames import DATA, kind_of
from otelprov.capture.flow.identity import Origins, Read
from otelprov.capture.tables.columns import (
    AGGREGATION,
    SAME,
    TRANSFORMATION,
    ColumnEdge,
    ColumnSource,
    columns_of,
    forget_columns,
    remember_columns,
)

Sources = tuple[ColumnSource, ...]
Table = dict[str, Sources]
# Wider frames are not followed column by column.
_MOST_NAMES = 200
_MOST_READS = 20
# With these, columns have other names than in the file, or are none of it.
RENAMING = frozenset(
    (
        *("new_columns", "with_column_names", "row_index_name", "include_file_paths", "hive_schema", "has_header"),
        *("schema", "missing_columns", "extra_columns", "name"),
    )
)
# By what `group_by` has returned: the columns of the frame, and those that are keys.
_groups: weakref.WeakKeyDictionary[Any, tuple[Mapping[str, Sources], Table]] = weakref.WeakKeyDictionary()


def read_columns(frame: Any, origins: Origins) -> None:
    """Note that a frame is what its reader returned: each column comes from the one of its name."""
    if 0 < len(origins.reads) <= _MOST_READS:
        _remember(frame, {SAME: _real(tuple(ColumnSource(read, SAME) for read in origins.reads), lambda found: found)})


def executed(lazy: Any, frame: Any, real: Callable[[Origins], Origins | None]) -> None:
    """Note of a frame that a lazy one has given what is known of that one, with real reads in place of planned ones."""
    columns = _known(lazy)
    if columns is not None:
        _remember(frame, {name: _real(sources, real) for name, sources in columns.items()})


def edges(obj: Any, real: Callable[[Origins], Origins | None] = lambda origins: origins) -> list[ColumnEdge]:
    """The edges of a write of a frame, or of a lazy one, with real reads in place of planned ones."""
    return [
        ColumnEdge(name, each.read, each.column, each.transformation)
        for name, sources in (_known(obj) or {}).items()
        for each in _real(sources, real)
    ]


def _real(sources: Sources, real: Callable[[Origins], Origins | None]) -> Sources:
    found: list[ColumnSource] = []
    for each in sources:
        origins = real(Origins(frozenset((each.read,))))
        found += [
            each._replace(read=read) for read in (origins.reads if origins is not None else ()) if _is_whole(read)
        ]
    return tuple(found[:_MOST_READS])


def _is_whole(read: Read) -> bool:
    # In folders such as `year=2024` a column is in the name of the folder.
    return "=" not in read.entity.name.rpartition("/")[0]


def _known(obj: Any) -> Mapping[str, Sources] | None:
    found: Any = columns_of(obj)
    if isinstance(found, Read):
        # From another library, or as its reader returned it.
        return {name: (ColumnSource(found, name),) for name in _names(obj) or ()}
    # Names that were set since then belong to nobody knows which columns.
    return found if found is None or type(obj).__name__ == "LazyFrame" or _names(obj) == list(found) else None


def _names(frame: Any) -> list[str] | None:
    # Asked of what is inside: a class of the program's may answer in its own way.
    inner: Any = getattr(frame, "_df", None) if kind_of(type(frame)) == DATA else None
    return list(inner.columns()) if type(inner).__name__ == "PyDataFrame" else None


def _remember(obj: Any, columns: Mapping[str, Sources]) -> None:
    if type(obj).__name__ == "LazyFrame":
        remember_columns(obj, columns)
        return
    names = _names(obj)
    if names is not None and len(names) <= _MOST_NAMES and SAME not in names:
        remember_columns(obj, {name: _of(columns, name) for name in names})


def _of(columns: Mapping[str, Sources], name: str) -> Sources:
    own = columns.get(name)
    if own is not None:
        return own
    same = columns.get(SAME)
    return () if same is None else tuple(ColumnSource(each.read, name, each.transformation) for each in same)


def _marked(sources: Iterable[ColumnSource], how: str) -> Sources:
    return tuple(each if each.transformation == AGGREGATION else each._replace(transformation=how) for each in sources)


def _made(columns: Mapping[str, Sources], given: Iterable[Any], named: Mapping[str, Any], how: str) -> Table | None:
    """The columns that expressions make; None where they don't show what."""
    found: Table = {}
    for name, each in (*((None, each) for each in given), *named.items()):
        if type(each) in (list, tuple) and name is None:
            more = _made(columns, each, {}, how)
            if more is None:
                return None
            found |= more
        elif type(each) is str:
            found[name or each] = _of(columns, each) if how == TRANSFORMATION else _marked(_of(columns, each), how)
        elif type(each).__name__ in ("Expr", "Then", "ChainedThen") and not each.meta.has_multiple_outputs():
            meta = each.meta
            roots = meta.root_names()
            plain = len(roots) == 1 and how == TRANSFORMATION and _is_plain(meta)
            sources = [source for root in roots for source in _of(columns, root)]
            found[name or meta.output_name()] = tuple(sources) if plain else _marked(sources, how)
        else:
            return None
    return found


def _is_plain(meta: Any) -> bool:
    return bool(meta.is_column() or meta.undo_aliases().meta.is_column())


def same(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what leaves columns as they are, or leaves some of them out."""
    columns = _known(args[0])
    if columns is not None and result is not args[0] and type(result).__name__ in ("DataFrame", "LazyFrame"):
        _remember(result, columns)


def selects(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `select`."""
    columns = _known(args[0])
    made = None if columns is None else _made(columns, args[1:], kwargs, TRANSFORMATION)
    if made is not None:
        _remember(result, made)


def adds(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `with_columns`."""
    columns = _known(args[0])
    made = None if columns is None else _made(columns, args[1:], kwargs, TRANSFORMATION)
    if columns is not None and made is not None:
        _remember(result, {**columns, **made})


def renames(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `rename`."""
    columns = _known(args[0])
    mapping = args[1] if len(args) > 1 else kwargs.get("mapping")
    if columns is not None and type(mapping) is dict:
        kept = {name: sources for name, sources in columns.items() if name not in mapping}
        _remember(result, kept | {new: _of(columns, old) for old, new in mapping.items()})


def groups(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `group_by`."""
    columns = _known(args[0])
    named = {name: value for name, value in kwargs.items() if name != "maintain_order"}
    keys = None if columns is None else _made(columns, args[1:], named, TRANSFORMATION)
    if columns is not None and keys is not None:
        _groups[result] = columns, keys


def aggregates(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `agg`."""
    columns, keys = _groups.get(args[0], ({}, {}))
    made = _made(columns, args[1:], kwargs, AGGREGATION) if columns else None
    if made is not None:
        _remember(result, keys | made)


def joins(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `join` of frames whose names are known."""
    other = args[1] if len(args) > 1 else kwargs.get("other")
    left, right, names = _known(args[0]), _known(other), _names(result)
    suffix = kwargs.get("suffix", "_right")
    if left is None or right is None or names is None or type(suffix) is not str:
        return
    found: Table = {}
    for name in names:
        plain = name.removesuffix(suffix)
        found[name] = left[name] if name in left else right[name] if name in right else right.get(plain, ())
    _remember(result, found)


def changes(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what changes a frame in place."""
    forget_columns(args[0])
