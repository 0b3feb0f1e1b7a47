# SPDX-License-Identifier: Apache-2.0
"""Copies and pickles of tracked containers: as the built-in's subclass makes them, tracked anew, options alike."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, SupportsIndex

from otelprov.containers.recording import begin, unbegun
from otelprov.containers.tracker import DEFAULT, Options


def again(options: Options, make: Any, arguments: tuple[Any, ...]) -> Any:
    """What unpickling calls: an instance as its class makes it, tracked with these options."""
    made_by_us = getattr(make, "_made", None) if isinstance(make, type) else None
    if made_by_us is not None and len(arguments) == 1 and _is_made_here(make):
        # A set brings its content along: its making is recorded with the right options from the first.
        return made_by_us(arguments[0], options)
    made = make(*arguments)
    if options != DEFAULT and hasattr(type(made), "_tracking"):
        unbegun(made, options)
    return made


def _is_made_here(kind: type) -> bool:
    own = next(base for base in kind.__mro__ if "_made" in base.__dict__)
    return kind.__new__ is own.__new__ and kind.__init__ is own.__init__  # type: ignore[misc]


def reduced(container: Any, made: Any) -> Any:
    """What `__reduce_ex__` of the built-in's subclass gives, without the tracker and with its options."""
    if not isinstance(made, tuple):
        return made
    state = made[2] if len(made) > 2 else None
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict) and "_tracking" in state[1]:
        slots = {name: value for name, value in state[1].items() if name != "_tracking"}
        state = (state[0], slots) if slots else state[0]
    try:
        options = container._tracking.options
    except AttributeError:
        options = DEFAULT
    return again, (options, made[0], made[1]), state, *made[3:]


def copied(container: Any, memo: dict[int, Any] | None = None) -> Any:
    """What `copy.copy` gives, and `copy.deepcopy` where there is a memo: one change in the history of the copy.

    Does as the copy module does for a subclass of the built-in, except that what the copy holds at first is not set
    one by one.
    """
    reduction = container.__reduce_ex__(4)
    if isinstance(reduction, str):
        return container
    make, arguments, state, elements, items = (*reduction, None, None, None)[:5]
    if memo is not None:
        arguments = tuple(deepcopy(argument, memo) for argument in arguments)
    made = make(*arguments)
    if memo is not None:
        memo[id(container)] = made
    if state is not None:
        _set_state(made, state if memo is None else deepcopy(state, memo))
    tracker = getattr(made, "_tracking", None)
    quiet = tracker is not None and not tracker.begun
    if elements is not None:
        append = made.append
        if quiet and _is_own(made, "append"):
            append = list.append.__get__(made)
        for element in elements:
            append(element if memo is None else deepcopy(element, memo))
    if items is not None:
        own = quiet and _is_own(made, "__setitem__")
        for key, value in items:
            if memo is not None:
                key, value = deepcopy(key, memo), deepcopy(value, memo)
            if own:
                dict.__setitem__(made, key, value)
            else:
                made[key] = value
    if tracker is not None:
        begin(made, tracker)
    return made


def _set_state(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes is not None:
        made.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def _is_own(made: Any, method: str) -> bool:
    """Whether a method is that of the tracked container, not one of a subclass of it."""
    for base in type(made).__mro__:
        if method in base.__dict__:
            return "_made" in base.__dict__
    return False


class CopiedAnew:
    """How the tracked built-ins are copied and pickled."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> Any:
        # The oldest ways can't make a subclass of a built-in again.
        return reduced(self, super().__reduce_ex__(max(protocol.__index__(), 2)))

    def __copy__(self) -> Any:
        return copied(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copied(self, memo)
