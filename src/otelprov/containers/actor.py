# SPDX-License-Identifier: Apache-2.0
"""Who does something, as the program says: carried in the OpenTelemetry context, so each task has its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import FunctionType, TracebackType
from typing import Any, Self, TypeVar

from opentelemetry import context
from opentelemetry.context import Context

_KEY = "otelprov-actor"
_ENTERED = "otelprov-actor-entered"

F = TypeVar("F", bound=Callable[..., Any])


class _Entered:
    """One `with` that was entered, and the context before and inside it."""

    __slots__ = ("before", "inside", "left", "owner")

    def __init__(self, owner: tracking_actor, before: Context) -> None:
        self.owner = owner
        self.before = before
        self.inside: Context | None = None
        self.left = False


class tracking_actor:
    """Names who makes the changes inside, also those of the tasks that are started there.

    `with tracking_actor("nightly-import"):`, `async with`, or a decorator of a function, a coroutine function or a
    generator of either kind. Raises TypeError for a name that is no str.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of an actor is a str, not {type(name).__name__}")
        self._name = name

    def __enter__(self) -> Self:
        entered = _Entered(self, context.get_current())
        entered.inside = context.set_value(_KEY, self._name, context.set_value(_ENTERED, entered))
        context.attach(entered.inside)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Not by a token: a generator may be left after what its caller entered later, or in another task.
        _leave(self)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        _leave(self)

    def __call__(self, function: F) -> F:
        """The function with each call inside; of a generator each step, and not what its caller does between them."""
        if not isinstance(function, FunctionType):
            raise TypeError(f"@tracking_actor is for functions, not {type(function).__name__}")
        if inspect.isasyncgenfunction(function):
            made: Any = _async_generator(self._name, function)
        elif inspect.isgeneratorfunction(function):
            made = _generator(self._name, function)
        elif inspect.iscoroutinefunction(function):
            made = _coroutine(self._name, function)
        else:
            made = _function(self._name, function)
        functools.update_wrapper(made, function)
        wrapped: F = made
        return wrapped


def actor_in(where: Any) -> str:
    """The actor of an OpenTelemetry context, empty where none is named."""
    found = where.get(_KEY, "") if isinstance(where, dict) else ""
    return found if type(found) is str else ""


def _leave(owner: tracking_actor) -> None:
    current = context.get_current()
    entered = _entered_in(current)
    while entered is not None and (entered.left or entered.owner is not owner):
        entered = _entered_in(entered.before)
    if entered is None:
        # Left in a task or a thread that never was inside.
        return
    entered.left = True
    found = current
    while (last := _entered_in(found)) is not None and last.left:
        found = last.before if found is last.inside else _without(found, last)
        last.inside = None
    if found is not current:
        context.attach(found)


def _entered_in(where: Context) -> _Entered | None:
    found = where.get(_ENTERED)
    return found if type(found) is _Entered else None


def _without(where: Context, entered: _Entered) -> Context:
    """A context that others have added to meanwhile, with the actor of before."""
    rest = {key: value for key, value in where.items() if key not in (_KEY, _ENTERED)}
    return Context({**rest, **{key: entered.before[key] for key in (_KEY, _ENTERED) if key in entered.before}})


def _function(name: str, function: FunctionType) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with tracking_actor(name):
            return function(*args, **kwargs)

    return call


def _coroutine(name: str, function: FunctionType) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with tracking_actor(name):
            return await function(*args, **kwargs)

    return call


def _generator(name: str, function: FunctionType) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        step, given = inner.send, None
        while True:
            with tracking_actor(name):
                try:
                    value = step(given)
                except StopIteration as end:
                    return end.value
            try:
                step, given = inner.send, (yield value)
            except GeneratorExit:
                with tracking_actor(name):
                    inner.close()
                raise
            except BaseException as error:
                step, given = inner.throw, error

    return call


def _async_generator(name: str, function: FunctionType) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        step, given = inner.asend, None
        while True:
            with tracking_actor(name):
                try:
                    value = await step(given)
                except StopAsyncIteration:
                    return
            try:
                step, given = inner.asend, (yield value)
            except GeneratorExit:
                with tracking_actor(name):
                    await inner.aclose()
                raise
            except BaseException as error:
                step, given = inner.athrow, error

    return call
