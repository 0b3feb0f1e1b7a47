# SPDX-License-Identifier: Apache-2.0
"""Steps of a run: requests, tasks and declared stages, each one span that what happens in it hangs under."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable, Mapping
from contextvars import Token
from types import CodeType
from typing import Any, TypeVar

from opentelemetry import context, propagate, trace
from opentelemetry.propagators.textmap import Getter

from otelprov.capture.held import hand_on
from otelprov.capture.inside import quietly
from otelprov.capture.life.sampling import sampled
from otelprov.capture.recorder import STEP_KEY, Recorder, current, current_step, random_bits
from otelprov.semconv import (
    CODE_FILE_PATH,
    CODE_FUNCTION_NAME,
    CODE_LINE_NUMBER,
    ERROR_TYPE,
    PROVENANCE_KIND_STEP,
    PROVENANCE_STEP_TYPE,
)

F = TypeVar("F", bound=Callable[..., Any])

INTERNAL, SERVER, CONSUMER = 1, 2, 5
_ERROR = 2
_MAX_DECORATORS = 16
_API_KINDS = {INTERNAL: trace.SpanKind.INTERNAL, SERVER: trace.SpanKind.SERVER, CONSUMER: trace.SpanKind.CONSUMER}


class Step:
    """One step, from its making to `finish`; `name` and `attributes` may be filled in until then.

    Between `attach` and `detach` what the program does belongs to the step; they come in pairs, any number of times.
    """

    __slots__ = (
        "_context",
        "_flags",
        "_links",
        "_parent_id",
        "_pid",
        "_recorder",
        "_tokens",
        "attributes",
        "failed",
        "finished",
        "name",
        "scope",
        "span_id",
        "span_kind",
        "started",
        "trace_id",
    )

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        type: str,  # noqa: A002 - the word of the attribute
        *,
        new_trace: bool,
        carrier: Mapping[str, str] | None,
        attributes: Mapping[str, Any] | None,
        scope: str,
        span_kind: int,
    ) -> None:
        self.name = name
        self.attributes: dict[str, Any] = {PROVENANCE_STEP_TYPE: type, **(attributes or {})}
        self.scope = scope
        self.span_kind = span_kind
        self.failed = False
        self.finished = False
        self.started = time.time_ns()
        self.span_id = random_bits(64)
        self._recorder = recorder
        self._pid = os.getpid()
        self._tokens: tuple[Token[str], Any] | None = None
        surroundings, parent = _surroundings(recorder, new_trace, carrier)
        if parent.is_valid and not parent.is_remote:
            # Inside a span of the program's own, which has told the world about the request already.
            self.span_kind = INTERNAL
        if parent.is_valid:
            self.trace_id, self._parent_id, self._flags = parent.trace_id, parent.span_id, int(parent.trace_flags)
        elif new_trace:
            self.trace_id, self._parent_id = random_bits(128), 0
            self._flags = int(sampled(self.trace_id, name, _API_KINDS[span_kind], self.attributes))
        else:
            self.trace_id, self._parent_id, self._flags = recorder.parent_context()
        run = recorder.run
        self._links = [] if self.trace_id == run.trace_id else [(run.trace_id, run.span_id)]
        own = trace.SpanContext(
            self.trace_id,
            self.span_id,
            is_remote=False,
            trace_flags=trace.TraceFlags(self._flags),
            trace_state=parent.trace_state,
        )
        # The application's own spans become children, and take over what its sampler said.
        surroundings = context.set_value(STEP_KEY, f"{self.span_id:016x}", surroundings)
        self._context = trace.set_span_in_context(trace.NonRecordingSpan(own), surroundings)

    def attach(self) -> None:
        """Make this the step of what happens next in this thread or task."""
        token = current_step.set(f"{self.span_id:016x}")
        self._tokens = token, context.attach(self._context)

    def detach(self) -> None:
        """Undo `attach`."""
        if self._tokens is None:
            return
        (step_token, context_token), self._tokens = self._tokens, None
        try:
            current_step.reset(step_token)
        except ValueError:
            # Closed by the garbage collector or in another task, where nothing of ours is attached.
            return
        context.detach(context_token)

    def fail(self, error: str) -> None:
        """Say that the step failed; `error` is a type of exception or a status."""
        self.failed = True
        self.attributes[ERROR_TYPE] = error

    def finish(self, error: BaseException | None = None) -> None:
        """Emit the span, once, in the process in which the step began."""
        recorder = self._recorder
        if self.finished or self._pid != os.getpid():
            return
        self.finished = True
        if error is not None:
            self.fail(type_name(error))
        hand_on()
        recorder.emit(
            PROVENANCE_KIND_STEP,
            self.name,
            self.attributes,
            scope=self.scope,
            start=self.started,
            links=self._links,
            status=_ERROR if self.failed else 0,
            span_id=self.span_id,
            parent=(self.trace_id, self._parent_id, self._flags),
            span_kind=self.span_kind,
        )


def begin_step(
    name: str,
    type: str,  # noqa: A002
    *,
    new_trace: bool = False,
    carrier: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
    scope: str = "otelprov",
    span_kind: int = INTERNAL,
) -> Step | None:
    """A step that has begun and is not attached yet; None where nothing is being recorded.

    With `new_trace` it is the root of a trace of its own, or the child of the remote parent that `carrier` (headers,
    names in lower case) names, linked to the run; unless a span of the program's own is current: then it is its child.
    """
    recorder = current()
    if recorder is None:
        return None
    with quietly():
        return Step(
            recorder,
            name,
            type,
            new_trace=new_trace,
            carrier=carrier,
            attributes=attributes,
            scope=scope,
            span_kind=span_kind,
        )


def _surroundings(
    recorder: Recorder, new_trace: bool, carrier: Mapping[str, str] | None
) -> tuple[context.Context, trace.SpanContext]:
    surroundings = context.get_current()
    parent = trace.get_current_span(surroundings).get_span_context()
    if new_trace and (not parent.is_valid or parent.span_id == recorder.run.span_id):
        surroundings = trace.set_span_in_context(trace.INVALID_SPAN, surroundings)
        if carrier:
            surroundings = propagate.extract(carrier, surroundings, _ANY_CASE)
        parent = trace.get_current_span(surroundings).get_span_context()
    return surroundings, parent


class _AnyCase(Getter[Mapping[str, str]]):
    """Finds headers as propagators name them (`X-Amzn-Trace-Id`) among names in lower case."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        value = carrier.get(key.lower())
        return None if value is None else [value]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


_ANY_CASE = _AnyCase()


def carrier_fields() -> set[str]:
    """Names of the headers, in lower case, that say which trace a request belongs to."""
    return {field.lower() for field in propagate.get_global_textmap().fields}


def function_attributes(function: Any) -> Mapping[str, Any]:
    """`code.*` attributes of a function, seen through its decorators; empty for other callables."""
    for _ in range(_MAX_DECORATORS):
        inner = vars(function).get("__wrapped__") if inspect.isfunction(function) else None
        if inner is None:
            break
        function = inner
    return _code_attributes(function.__code__) if inspect.isfunction(function) else {}


@functools.lru_cache(1024)
def _code_attributes(code: CodeType) -> Mapping[str, Any]:
    return {
        CODE_FUNCTION_NAME: code.co_qualname,
        CODE_FILE_PATH: os.path.abspath(code.co_filename),
        CODE_LINE_NUMBER: code.co_firstlineno,
    }


def type_name(error: BaseException) -> str:
    """The qualified name of an exception's type, as `error.type` wants it."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
