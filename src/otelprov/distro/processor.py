# SPDX-License-Identifier: Apache-2.0
"""Our place in the application's tracer provider: journal the spans of others, pass ours to its exporters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otelprov import __version__
from otelprov.capture.guard import guard
from otelprov.capture.recorder import Recorder, current
from otelprov.distro.values import clean_name, clean_time
from otelprov.journal.encode import NO_SCOPE, REMOTE, SAMPLED, EndedSpan, Scope
from otelprov.journal.encode import Link as JournalLink
from otelprov.semconv import PROVENANCE_RUN_ID, SCHEMA_URL

_OWN_SCOPE = "otelprov"


class SpanJournal(SpanProcessor):
    """Stamps the run on spans of others as they start, and puts them into the journal as they end."""

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        """Stamp the run id; a root of another trace gets a link to the run."""
        with guard("span start"):
            recorder = current()
            if recorder is None:
                return
            run, parent = recorder.run, span.parent
            span.set_attribute(PROVENANCE_RUN_ID, run.run_id)
            if (parent is None or parent.is_remote) and span.get_span_context().trace_id != run.trace_id:
                span.add_link(_run_context(run.trace_id, run.span_id, int(run.sampled)))

    def on_end(self, span: ReadableSpan) -> None:
        """Put the span into the journal before this returns."""
        with guard("span end"):
            recorder = current()
            if recorder is not None:
                recorder.put(ended_span(span))

    def shutdown(self) -> None:
        """Nothing is held back, so there is nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        return True


def ended_span(span: ReadableSpan) -> EndedSpan:
    """An SDK span as the journal takes it."""
    context = span.get_span_context() or trace.INVALID_SPAN_CONTEXT
    scope = span.instrumentation_scope
    # A program may hand anything to the SDK, and not every provider is one of ours.
    start = clean_time(span.start_time) or 0
    status, parent, events, links = span.status, span.parent, span.events, span.links
    # By position, in the order of the fields, and past the property of enums: each way by name costs a microsecond.
    return EndedSpan(
        clean_name(span.name),
        context.trace_id,
        context.span_id,
        0 if parent is None else parent.span_id,
        start,
        clean_time(span.end_time) or start,
        _plain(span.attributes),
        # A foreign scope that begins like ours must not pass for ours.
        scope.name if scope is not None and not scope.name.startswith(_OWN_SCOPE) else "foreign",
        [(clean_name(event.name), clean_time(event.timestamp) or start, _plain(event.attributes)) for event in events]
        if events
        else (),
        [_link(link) for link in links] if links else (),
        span.kind._value_ + 1,
        status.status_code._value_,
        clean_name(status.description) if status.description else "",
        (context.trace_flags & SAMPLED) | (REMOTE if parent is not None and parent.is_remote else 0),
        (span.dropped_attributes, span.dropped_events, span.dropped_links),
        clean_name(context.trace_state.to_header()) if context.trace_state else "",
        NO_SCOPE if scope is None else _scope(scope),
    )


def _scope(scope: InstrumentationScope) -> Scope:
    if not scope.version and not scope.schema_url and not scope.attributes:
        return NO_SCOPE
    return Scope(
        clean_name(scope.version) if scope.version else "",
        clean_name(scope.schema_url) if scope.schema_url else "",
        _plain(scope.attributes),
    )


def _link(link: trace.Link) -> JournalLink:
    context = link.context
    state = clean_name(context.trace_state.to_header()) if context.trace_state else ""
    return JournalLink(context.trace_id, context.span_id, _plain(link.attributes), state, context.is_remote)


def _plain(attributes: Mapping[str, Any] | None) -> Mapping[str, Any]:
    # Both the scrubber and the encoder walk it; the SDK's own mapping would lock and look up for every key.
    if isinstance(attributes, (BoundedAttributes, MappingProxyType)):
        try:
            copied: Mapping[str, Any] = attributes.copy()
        except AttributeError:
            return attributes  # a read-only view of something that knows no copies
        return copied
    return attributes or {}


def readable_span(span: EndedSpan, resource: Resource) -> ReadableSpan:
    """One of our ended spans as SDK exporters take it."""
    if span.encoded_events:
        from otelprov.journal.decode import with_events

        span = with_events(span)
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id, span.flags & SAMPLED),
        parent=_context(span.trace_id, span.parent_id, span.flags & SAMPLED) if span.parent_id else None,
        resource=resource,
        attributes=dict(span.attributes),
        events=[Event(name, dict(attributes), time) for name, time, attributes in span.events],
        links=[Link(_context(link[0], link[1], SAMPLED)) for link in span.links],
        kind=SpanKind(span.kind - 1),
        status=Status(StatusCode(span.status), span.status_message or None),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=InstrumentationScope(span.scope, __version__, SCHEMA_URL),
    )


@functools.lru_cache(maxsize=8)
def _run_context(trace_id: int, span_id: int, flags: int) -> SpanContext:
    # Every root span links to the same run.
    return _context(trace_id, span_id, flags)


def _context(trace_id: int, span_id: int, flags: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags))


def attach_to_provider(*, guest: bool) -> None:
    """Add our processor to the application's provider, now or when the application sets one; at most once each."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        _attach(provider, guest)
    _watch_for_providers()


def _attach(provider: TracerProvider, guest: bool) -> None:
    recorder = current()
    if recorder is None or any(isinstance(processor, SpanJournal) for processor in _processors(provider)):
        return
    # The provider's own processors before ours is added: they are the application's way out.
    if guest and recorder.forward is None:
        recorder.forward = _forwarder(provider)
    provider.add_span_processor(SpanJournal())


def _processors(provider: TracerProvider) -> tuple[SpanProcessor, ...]:
    return getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())


def _forwarder(provider: TracerProvider) -> Callable[[EndedSpan], None]:
    def forward(span: EndedSpan) -> None:
        theirs = [processor for processor in _processors(provider) if not isinstance(processor, SpanJournal)]
        if not theirs:
            # As with OTEL_TRACES_EXPORTER=none: nobody wants it in their form.
            return
        readable = readable_span(span, provider.resource)
        for processor in theirs:
            with guard("an exporter of the application's"):
                processor.on_end(readable)

    return forward


def _watch_for_providers() -> None:
    original = trace.set_tracer_provider

    def set_tracer_provider(tracer_provider: trace.TracerProvider) -> None:
        original(tracer_provider)
        with guard("taking our place in the application's provider"):
            if isinstance(tracer_provider, TracerProvider):
                # The application set it up itself, exporters included. Where another one is global already, the
                # application may go on to use its own directly: those spans are its too.
                _attach(tracer_provider, guest=trace.get_tracer_provider() is tracer_provider)

    trace.set_tracer_provider = set_tracer_provider


def detach(recorder: Recorder) -> None:
    """Stop passing our spans on; the processor stays, as providers give none back."""
    recorder.forward = None
