# SPDX-License-Identifier: Apache-2.0
"""Steps that the user declares: one word round a block or above a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from otelprov.capture.callsite import code_attributes
from otelprov.capture.guard import guard
from otelprov.capture.steps import INTERNAL, SERVER, Step, begin_step
from otelprov.semconv import PROVENANCE_STEP_TYPE_REQUEST, PROVENANCE_STEP_TYPE_STAGE

F = TypeVar("F", bound=Callable[..., Any])


class step:
    """A declared part of a run: `with step("clean"):` or `@step("clean")` above a function or coroutine function.

    Does nothing where nothing is being recorded. What goes wrong inside passes unchanged and is noted.
    """

    def __init__(
        self,
        name: str,
        type: str = PROVENANCE_STEP_TYPE_STAGE,  # noqa: A002
        *,
        new_trace: bool = False,
        carrier: Mapping[str, str] | None = None,
        attributes: Mapping[str, Any] | None = None,
        scope: str = "otelprov",
    ) -> None:
        self._arguments: dict[str, Any] = {
            "name": name,
            "type": type,
            "new_trace": new_trace,
            "carrier": carrier,
            "attributes": attributes,
            "scope": scope,
            "span_kind": SERVER if type == PROVENANCE_STEP_TYPE_REQUEST else INTERNAL,
        }
        self._step: Step | None = None

    def __enter__(self) -> Step | None:
        with guard("beginning a step"):
            self._step = begin_step(**self._arguments)
            if self._step is not None:
                self._step.attributes |= code_attributes()
                self._step.attach()
        return self._step

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        begun, self._step = self._step, None
        if begun is not None:
            with guard("ending a step"):
                begun.detach()
                begun.finish(error)

    async def __aenter__(self) -> Step | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Make each call of a function a step of its own."""
        arguments = self._arguments

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _again(arguments):
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            with _again(arguments):
                return await function(*args, **kwargs)

        return async_wrapper if inspect.iscoroutinefunction(function) else wrapper  # type: ignore[return-value]


def _again(arguments: Mapping[str, Any]) -> step:
    fresh = step(arguments["name"])
    fresh._arguments = dict(arguments)
    return fresh
