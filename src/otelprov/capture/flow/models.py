# SPDX-License-Identifier: Apache-2.0
"""Where models come from: what they were fitted on; and where what they give comes from: the model and its input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from otelprov.capture.flow.frames import (
    ARRAY,
    CONTAINERS,
    DATA,
    MODEL,
    add,
    contents,
    kind_of,
    known,
    models_in,
    parameters,
    put,
    put_state,
)
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.flow.model_parts import (
    FUNCTIONS,
    NO_STATE,
    inside,
    is_fitted,
    is_of_sklearn,
    is_plain,
    is_unknown,
)
from otelprov.capture.io import recorded

Method = Callable[..., Any]
After = Callable[[Any], None]
Followed = tuple[After, bool]

_COUNTED = frozenset((list, dict, set))
_SMALL = 65_536
_MISSING = object()


class _Given(NamedTuple):
    """What goes into a call: where it comes from, and whether there is more.

    `closed` says that the call runs no code of the program, `single` that it calls no other model. `recorded` is how
    much was on record before.
    """

    found: Origins | None
    unknown: bool
    closed: bool
    single: bool
    recorded: int


def _given(function: Method, args: tuple[Any, ...], kwargs: dict[str, Any], held: Iterable[Any] = ()) -> _Given:
    values = (*args[1:], *kwargs.values())
    for value in values:
        if kind_of(type(value)) == ARRAY and value.nbytes <= _SMALL and origins_of(value) is None:
            # A view that may be asked for again: for this one alone, that costs less.
            origins = known(value)
            if origins is not None and origins.complete:
                put(value, origins)
    found, unknown = contents(values)
    # An object that hands out its data in its own way.
    unknown = unknown or not all(kind_of(type(value)) or is_plain(value) for value in values)
    if not is_of_sklearn(args[0]):
        more, less = parameters((inspect.unwrap(function), *held))
        unknown = unknown or less
        found = found if more is None else more if found is None else found | more
    within = inside(args[0])
    return _Given(found, unknown or within.opaque, within.closed, within.single, recorded())


def _has_read(given: _Given) -> bool:
    """Whether code of the program may have read something in a call, for what the call does."""
    return recorded() != given.recorded and not given.closed


def result_of_model(function: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Followed:
    """Follow what a model's method returns: it comes from the model and from all arguments."""
    # A model of the program may use what it was made with, and was never fitted.
    given = _given(function, args, kwargs, vars(args[0]).values())

    def after(result: Any) -> None:
        _give(result, args[0], given)

    return after, given.closed and given.single


def _give(result: Any, model: Any, given: _Given) -> None:
    if not kind_of(type(result)) and type(result) not in CONTAINERS:
        return
    found, origins = given.found, known(model)
    if origins is not None:
        found = origins if found is None else found | origins
    if found is not None:
        unknown = given.unknown or _has_read(given) or (origins_of(model) is None and is_unknown(model))
        # What a library does to its own arrays in place, nobody else has done.
        note = put if given.closed else add
        note(result, Origins(found.reads, complete=False) if unknown else found)


def fit(function: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Followed:
    """Follow a method that fits a model: it then comes from all arguments, and no longer from what it came from."""
    given = _given(function, args, kwargs)
    anew = vars(args[0]).get("warm_start") is not True
    return _fitting(args[0], given, anew=anew), given.closed and given.single


def fit_more(function: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Followed:
    """As `fit`, for a model that stays what it was as well."""
    given = _given(function, args, kwargs)
    return _fitting(args[0], given, anew=False), given.closed and given.single


def fit_and_give(function: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Followed:
    """As `fit`, for what returns what the fitted model makes of the arguments."""
    given = _given(function, args, kwargs)
    fitted = _fitting(args[0], given, anew=True)

    def after(result: Any) -> None:
        fitted(result)
        _give(result, args[0], given)

    return after, given.closed and given.single


def _fitting(model: Any, given: _Given, *, anew: bool) -> After:
    before = dict(vars(model))
    lengths = {name: len(value) for name, value in before.items() if type(value) in _COUNTED}
    origins = None if anew else known(model)
    unknown_before = not anew and origins_of(model) is None and is_unknown(model)
    parts_before = {id(part): origins_of(part) for part in models_in(model)}

    def after(result: Any) -> None:
        parts = models_in(model)
        fitted = [part for part in parts if origins_of(part) is not parts_before.get(id(part), _MISSING)]
        state = {
            name
            for name, value in vars(model).items()
            if name not in NO_STATE
            and (before.get(name, _MISSING) is not value or (name in lengths and len(value) != lengths[name]))
        }
        if not state and not fitted and _has_no_other_state(model):
            return
        held, less = _held(model, state, [part for part in parts if _is_kept(part, before)])
        learnt = [known(part) for part in fitted]
        found = [one for one in (given.found, held, origins, *learnt) if one is not None]
        # How the library's own models work together inside changes nothing.
        whole = [one for one in (given.found, held, origins) if one is not None] if given.closed else found
        unknown = given.unknown or less or unknown_before or _has_read(given) or not whole
        total = Origins(
            frozenset().union(*(one.reads for one in found)),
            not unknown and all(one.complete for one in whole),
        )
        remember(model, total)
        put_state((vars(model)[name] for name in state), total)
        for part, one in zip(fitted, learnt, strict=True):
            # Fitted where nobody saw it, as in another process; or on arrays that the library has made.
            if (one is None and is_fitted(part)) or (one is not None and given.closed and not one.complete):
                remember(part, total)

    return after


def _held(model: Any, state: set[str], parts: list[Any]) -> tuple[Origins | None, bool]:
    """What a model holds beside what it was fitted on: tables, functions and models that were fitted before."""
    values = vars(model)
    given = [value for name, value in values.items() if name not in state and name not in NO_STATE]
    found, unknown = parameters(
        value for value in given if kind_of(type(value)) in (DATA, ARRAY) or isinstance(value, FUNCTIONS)
    )
    # What the library itself has computed comes from what it was given.
    own = () if is_of_sklearn(model) else [values[name] for name in state if kind_of(type(values[name])) != MODEL]
    for origins in (parameters(own)[0], *(known(part) for part in parts)):
        if origins is not None:
            found = origins if found is None else found | origins
    return found, unknown


def _is_kept(part: Any, before: dict[str, Any]) -> bool:
    """Whether a model in another one's parameters is used as it is: the others are cloned before they are fitted."""
    return type(part).__name__ == "FrozenEstimator" or any(
        (value is True and name == "prefit") or (type(value) is str and value == "prefit")
        for name, value in before.items()
    )


def _has_no_other_state(model: Any) -> bool:
    """Whether a fit that has set nothing can't have changed what was there before."""
    return is_of_sklearn(model) or all(map(is_plain, vars(model).values()))
