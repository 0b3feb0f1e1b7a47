# SPDX-License-Identifier: Apache-2.0
"""A tracer provider that can't harm its program: no telemetry call raises, waits for itself, or drops what it was told.

The SDK's own classes, and subclasses of them where they call code of the program (`__str__`, logging, processors) or
hold a lock that the same thread may need again.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    Tracer,
    TracerProvider,
    _Span,
)
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util._decorator import _agnosticcontextmanager

from otelprov.distro.values import clean_attributes, clean_name, clean_time, clean_value, told
from otelprov.interrupts import let_through
from otelprov.semconv import EVENT_EXCEPTION, EXCEPTION_ESCAPED, EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE

P = ParamSpec("P")

logger = logging.getLogger("otelprov")
# In place of the SDK's 128, where the user has set no limit: what a journal line can well hold.
_MOST = 10_000
# Types whose every value is clean.
_CLEAN = frozenset((bool, float))
_INT64 = 2**63
_told: set[str] = set()
_generation = 0


def _after_fork() -> None:
    global _generation
    _generation += 1


os.register_at_fork(after_in_child=_after_fork)


def _say(what: str, error: Exception) -> None:
    let_through(error)
    if what not in _told:
        _told.add(what)
        logger.warning("%s raised %s and was left out; said once", what, type(error).__name__)


def _harmless(method: Callable[P, None]) -> Callable[P, None]:
    @functools.wraps(method)
    def call(*arguments: P.args, **named: P.kwargs) -> None:
        span: Any = arguments[0]
        if span._locked_in != _generation:
            span._renew_locks()
        try:
            method(*arguments, **named)
        except Exception as error:
            _say(method.__qualname__, error)

    return call


class SafeProcessors(SynchronousMultiSpanProcessor):
    """Calls every processor, also after one that raises; spans become safe as they start."""

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        """Start a span in all of them."""
        SafeSpan.adopt(span)
        for processor in self._span_processors:
            try:
                processor.on_start(span, parent_context=parent_context)
            except Exception as error:
                _blame(processor, "on_start", error)

    def _on_ending(self, span: Span) -> None:
        for processor in self._span_processors:
            try:
                processor._on_ending(span)
            except Exception as error:
                _blame(processor, "_on_ending", error)

    def on_end(self, span: ReadableSpan) -> None:
        """End a span in all of them."""
        for processor in self._span_processors:
            try:
                processor.on_end(span)
            except Exception as error:
                _blame(processor, "on_end", error)

    def shutdown(self) -> None:
        """Shut all of them down."""
        for processor in self._span_processors:
            try:
                processor.shutdown()
            except Exception as error:
                _blame(processor, "shutdown", error)


def _blame(processor: SpanProcessor, hook: str, error: Exception) -> None:
    _say(f"{hook} of the span processor {type(processor).__qualname__}", error)


class SafeSpan(_Span):
    """An SDK span whose lock the same thread may take again, and which takes any value."""

    _locked_in: int
    # The SDK declares it as what readers may see of it.
    _attributes: BoundedAttributes

    @classmethod
    def adopt(cls, span: Span) -> None:
        """Make an SDK span that has just started a safe one."""
        if not isinstance(span, SafeSpan):
            span.__class__ = cls
            cls._renew_locks(span)

    def _renew_locks(self: Any) -> None:
        # Of the thread that called fork, and of its containers, nobody else in the child holds any of them.
        self._locked_in = _generation
        self._lock = threading.RLock()
        self._attributes._lock = threading.RLock()
        self._events._lock = threading.RLock()
        self._links._lock = threading.RLock()

    # By far the most frequent call: what `_harmless` does, without its own call.
    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute, whatever the value."""
        if self._locked_in != _generation:
            self._renew_locks()
        held = self._attributes
        kind = type(value)
        try:
            if (
                (kind in _CLEAN or (kind is int and -_INT64 <= value < _INT64) or (kind is str and value.isascii()))
                and (kind is not str or held.max_value_len is None)
                and held.maxlen != 0
                and type(key) is str
                and key
                and key.isascii()
            ):
                # Nothing is left for the SDK to check, which would cost as much again.
                with self._lock:
                    if self._end_time is None:
                        with held._lock:
                            held._setitem_locked(key, value)
                        return
            super().set_attribute(clean_name(key) if key else key, clean_value(value))
        except Exception as error:
            _say("SafeSpan.set_attribute", error)

    @_harmless
    def set_attributes(self, attributes: Any) -> None:
        """Set attributes, whatever the values."""
        super().set_attributes(clean_attributes(attributes) or {})

    @_harmless
    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Add an event, whatever its attributes."""
        time = None if timestamp is None else clean_time(timestamp)
        super().add_event(clean_name(name), clean_attributes(attributes), time)

    @_harmless
    def add_link(self, context: trace.SpanContext, attributes: Any = None) -> None:
        """Add a link, whatever its attributes."""
        super().add_link(context, clean_attributes(attributes))

    @_harmless
    def update_name(self, name: str) -> None:
        """Give the span another name."""
        super().update_name(clean_name(name))

    @_harmless
    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status, whatever its description."""
        if isinstance(status, Status) and status.description is not None:
            status = Status(status.status_code, clean_name(status.description))
        super().set_status(status, None if description is None else clean_name(description))

    @_harmless
    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """Add an event of an exception, whatever its `__str__` does."""
        kind = type(exception)
        values = {
            EXCEPTION_TYPE: kind.__qualname__
            if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}",
            EXCEPTION_MESSAGE: told(exception),
            EXCEPTION_STACKTRACE: "".join(traceback.format_exception(exception)),
            EXCEPTION_ESCAPED: str(escaped),
            **(clean_attributes(attributes) or {}),
        }
        self.add_event(EVENT_EXCEPTION, values, timestamp)

    @_harmless
    def end(self, end_time: int | None = None) -> None:
        """End the span."""
        super().end(None if end_time is None else clean_time(end_time))

    def __exit__(self, kind: Any, error: BaseException | None, stack: Any) -> None:
        """End the span; an exception is noted on it and goes on unchanged."""
        if error is not None and self.is_recording():
            self.fail(error, self._record_exception, self._set_status_on_exception, escaped=True)
        self.end()

    def fail(self, error: BaseException, record: bool, set_status: bool, escaped: bool = False) -> None:
        """Note an exception as its event and as the status."""
        if record:
            self.record_exception(error, escaped=escaped)
        if set_status:
            self.set_status(Status(StatusCode.ERROR, clean_name(f"{type(error).__name__}: {told(error)}")))


class SafeTracer(Tracer):
    """Starts safe spans."""

    def start_span(
        self,
        name: str,
        context: otel_context.Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Start a span; where even that fails, one that records nothing."""
        try:
            return super().start_span(
                clean_name(name),
                context,
                kind,
                clean_attributes(attributes),
                [trace.Link(link.context, clean_attributes(link.attributes)) for link in links or () if link],
                None if start_time is None else clean_time(start_time),
                record_exception,
                set_status_on_exception,
            )
        except Exception as error:
            _say("start_span", error)
            return trace.INVALID_SPAN

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: otel_context.Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        """Start a span and make it current; an exception of the block goes on as the very object that it is."""
        span = self.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        # Noted here: `use_span` would call the `__str__` of the program's exception unprotected.
        with trace.use_span(span, end_on_exit, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except Exception as error:
                if isinstance(span, SafeSpan) and span.is_recording():
                    span.fail(error, record_exception, set_status_on_exception)
                raise


class SafeTracerProvider(TracerProvider):
    """Gives safe tracers."""

    def get_tracer(self, *arguments: Any, **named: Any) -> trace.Tracer:
        """A tracer as the SDK makes it, made safe."""
        tracer = super().get_tracer(*arguments, **named)
        if type(tracer) is Tracer:
            tracer.__class__ = SafeTracer
        return tracer


def secure(provider: TracerProvider) -> None:
    """Make a provider that our configurator has set up, and its tracers, safe; its processors stay in their order."""
    active = provider._active_span_processor
    if type(provider) is not TracerProvider or type(active) is not SynchronousMultiSpanProcessor:
        return
    active.__class__ = SafeProcessors
    provider.__class__ = SafeTracerProvider
    limits = provider._span_limits
    unlimited: dict[str, Callable[[], bool]] = {
        "max_events": lambda: _unset("OTEL_SPAN_EVENT_COUNT_LIMIT"),
        "max_links": lambda: _unset("OTEL_SPAN_LINK_COUNT_LIMIT"),
        "max_span_attributes": lambda: _unset("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        "max_event_attributes": lambda: _unset("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    }
    for name, is_unset in unlimited.items():
        if is_unset():
            setattr(limits, name, _MOST)
    for tracer in provider._tracers.values():
        if type(tracer) is Tracer:
            tracer.__class__ = SafeTracer


def _unset(*names: str) -> bool:
    return not any(os.environ.get(name) for name in names)
