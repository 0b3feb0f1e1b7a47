# SPDX-License-Identifier: Apache-2.0
"""One call of a patched function: what the capture function is told of it, and how its outcome gets there."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import wrapt

from otelprov.capture import inside
from otelprov.capture.guard import failed
from otelprov.capture.remote import underway

# A capture function is a generator that runs up to its one `yield` before the call, and is sent the result after it.
# Where the call raises, the generator is closed instead, with the exception in `call.error`.
Capture = Callable[["Call"], Generator[None, Any, None]]


class Call:
    """One call of a patched function, as the capture function sees it.

    What a capture function puts into `args`, `kwargs` and, once it was sent the result, `result` takes the place of the
    program's: for proxies that only watch. `nested` says that the call was made inside another captured one.
    """

    __slots__ = ("args", "error", "function", "kwargs", "nested", "result", "scope", "started")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], scope: str) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.scope = scope
        self.nested = inside.is_inside()
        self.error: BaseException | None = None
        self.result: Any = None
        self.started = time.time_ns()

    @property
    def instance(self) -> Any:
        """The object (or class) whose method was called."""
        return self.args[0]

    def argument(self, name: str, position: int, default: Any = None) -> Any:
        """An argument given by keyword or by position; the position of a method's arguments counts its `self`."""
        if name in self.kwargs:
            return self.kwargs[name]
        if position < len(self.args):
            return self.args[position]
        return default


class Observed:
    """The span of time in which the program's own function runs: its outcome goes to the capture function.

    Used as `with observed as call, observed.inside(): ...`: what is inside must end whatever a signal handler raises,
    also in a method of ours that would end it.
    """

    __slots__ = ("_call", "_observer", "_places", "_quiet", "_where")

    def __init__(self, where: str, call: Call, observer: Generator[None, Any, None], *, quiet: bool) -> None:
        self._where = where
        self._call = call
        self._observer = observer
        self._quiet = quiet
        self._places: list[underway.Place] = []

    def __enter__(self) -> Call:
        return self._call

    def inside(self) -> AbstractContextManager[object]:
        """For the function alone: what it does is not captured again, where the whole call is."""
        if not self._quiet:
            return inside.AS_IT_IS
        entities = underway.entities((*self._call.args, *self._call.kwargs.values()))
        held = inside.quietly_in_turns()
        if entities:
            self._places = underway.enter(entities, held)
        return held

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._places:
            underway.leave(self._places)
        if error is None:
            _finish(self._where, self._observer, self._call.result)
        else:
            _abandon(self._where, self._observer, self._call, error)


def begin(where: str, capture: Capture, call: Call) -> Generator[None, Any, None] | None:
    """Run a capture function up to its `yield`; None where it has nothing to capture, or failed."""
    try:
        with inside.quietly():
            observer = capture(call)
            next(observer)
    except StopIteration:
        # The capture function has seen that there is nothing to capture.
        return None
    except Exception as error:
        failed(where, error)
        return None
    return observer


def _finish(where: str, observer: Generator[None, Any, None], result: Any) -> None:
    try:
        with inside.quietly():
            observer.send(result)
    except StopIteration:
        return
    except Exception as error:
        failed(where, error)


def _abandon(where: str, observer: Generator[None, Any, None], call: Call, error: BaseException) -> None:
    call.error = error
    try:
        with inside.quietly():
            observer.close()
    except Exception as own:
        failed(where, own)
    finally:
        # The exception holds the frame that holds the call.
        call.error = None


def asynchronous(
    function: Callable[..., Any], observe: Callable[[tuple[Any, ...], dict[str, Any]], Observed | None]
) -> Any:
    """What takes the place of a coroutine function, so that `observe` begins and ends in the task that awaits it."""

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        observed = observe(args, kwargs)
        if observed is None:
            return await function(*args, **kwargs)
        with observed as call, observed.inside():
            call.result = await function(*call.args, **call.kwargs)
        return call.result

    def called(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = args if instance is None else (instance, *args)
        # Wrong arguments are refused at the call, not when it is awaited: servers tell factories from applications so.
        function(*given, **kwargs).close()
        return awaited(*given, **kwargs)

    # Only a proxy can refuse arguments at once and be known as a coroutine function.
    return wrapt.FunctionWrapper(function, called)
