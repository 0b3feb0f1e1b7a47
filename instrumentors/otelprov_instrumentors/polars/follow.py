# SPDX-License-Identifier: Apache-2.0
"""Data that goes into frames past their methods: through expressions, iterators of frames, and cursors."""

from __future__ import annotations

from typing import Any

from otelprov.capture.flow.following import Follow, Following, both
from otelprov.capture.flow.frames import ARRAY, DATA, add, kind_of, known, parameters
from otelprov.capture.flow.identity import Origins, remember
from otelprov.capture.sql.sql_tables import origins_of_result

_UNKNOWN = Origins(complete=False)
# Whether any expression was made of data: most programs make them of names and numbers only.
_holding = False


def literal(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `lit`: a series that becomes an expression, whichever way it came."""
    global _holding
    value = args[0] if args else kwargs.get("value")
    if kind_of(type(value)) in (DATA, ARRAY):
        _holding = True
        remember(result, known(value) or _UNKNOWN)


def _is_planned_or_eager(args: tuple[Any, ...], result: Any) -> bool:
    # What a lazy frame gave was executed inside, where its reads were recorded; no planned ones must get into it.
    return not (args and type(args[0]).__name__ == "LazyFrame" and type(result).__name__ in ("DataFrame", "Series"))


def exhausts(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what may use up an iterator of expressions: nobody knows any more what was in them."""
    if _holding and any(hasattr(type(value), "__next__") for value in args):
        add(result, _UNKNOWN)


_polars = Following("polars")
results = _polars.results()
selections = _polars.results(selecting=True)


def methods(*more: Follow, taking: bool = False) -> Follow:
    """Follow function of methods of frames, and of their columns; with `taking`, of those that take expressions.

    Most go through other frames, lazy ones above all: those are gone before anyone asks.
    """
    follows = (_polars.results(when=_is_planned_or_eager), *more, *((exhausts,) if taking else ()))
    return _polars.outside(both(*follows) if len(follows) > 1 else follows[0])


def expressions(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what makes expressions; one that holds unknown data only says so, too."""
    if _holding and kind_of(type(result)):
        found, unknown = parameters((*args, *kwargs.values()))
        if found is not None or unknown:
            origins = Origins() if found is None else found
            add(result, Origins(origins.reads, complete=False) if unknown else origins)


def fetched(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of what makes a frame of the rows of a cursor."""
    found = origins_of_result(args[0].result)
    if found is not None:
        add(result, found)
