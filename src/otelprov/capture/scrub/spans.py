# SPDX-License-Identifier: Apache-2.0
"""Scrubs whole spans and resources: the one gate that every record passes on its way to the journal."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from otelprov.capture.scrub import kinds
from otelprov.capture.scrub.argv import scrub_argv, scrub_command_line
from otelprov.capture.scrub.text import CUT, scrub_text
from otelprov.interrupts import let_through
from otelprov.journal.encode import EndedSpan, Link
from otelprov.semconv import DB_SYSTEM, DB_SYSTEM_NAME, PROVENANCE_KIND, PROVENANCE_KIND_IO

_OWN_SCOPE = "otelprov"
_MAX_DEPTH = 8
_SAFE, _NAME, _CUT = kinds.SAFE, kinds.NAME, kinds.CUT
_PLAIN = frozenset({int, bool, float, type(None)})


def scrub_span(span: EndedSpan) -> EndedSpan:
    """The span without secrets in its name, attributes, events and status; the same object where there are none."""
    try:
        # What a user hangs onto a declared step is foreign, whatever the scope.
        own = span.scope.startswith(_OWN_SCOPE) and span.attributes.get(PROVENANCE_KIND) == PROVENANCE_KIND_IO
        changed = span
        attributes = _attributes(span.attributes, own)
        if attributes is not span.attributes:
            changed = changed._replace(attributes=attributes)
        if span.events:
            events = [(_name(name), time, _attributes(values, own)) for name, time, values in span.events]
            if events != list(span.events):
                changed = changed._replace(events=events)
        if any(len(link) > 2 for link in span.links):
            changed = changed._replace(links=[_link(Link(*link), own) for link in span.links])
        if span.trace_state:
            changed = changed._replace(trace_state=_name(span.trace_state))
        if span.described.attributes:
            described = span.described._replace(attributes=_attributes(span.described.attributes, own))
            changed = changed._replace(described=described)
        name = _name(span.name)
        if name != span.name:
            changed = changed._replace(name=name)
        if span.status_message:
            changed = changed._replace(status_message=scrub_text(span.status_message))
    except Exception as error:
        let_through(error)
        links: tuple[tuple[Any, ...], ...] = tuple(link[:2] for link in span.links)
        described = span.described._replace(attributes={})
        safe = span._replace(name=CUT, attributes=_known(span.attributes), events=(), status_message="")
        return safe._replace(links=links, described=described, trace_state="")
    return changed


def _link(link: Link, own: bool) -> Link:
    return link._replace(attributes=_attributes(link.attributes, own), trace_state=_name(link.trace_state))


def scrub_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Attributes of a resource without secrets; the same object where there are none."""
    try:
        return _attributes(attributes, own=False)
    except Exception as error:
        let_through(error)
        return _known(attributes)


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What is certain not to be secret, so that a span that could not be scrubbed still counts."""
    return {
        key: value
        for key, value in dict(attributes).items()
        if kinds.is_listed(key) and kinds.kind_of(key) == kinds.SAFE
    }


@functools.lru_cache(maxsize=1024)
def _short_name(name: str) -> str:
    return scrub_text(name)


def _name(name: str) -> str:
    # Spans of a loop share their name.
    return _short_name(name) if len(name) <= 256 else scrub_text(name)


def _attributes(attributes: Mapping[str, Any], own: bool) -> Mapping[str, Any]:
    changed: dict[str, Any] | None = None
    met, kind_of = kinds.met(), kinds.kind_of
    # A copy, because another thread may still be changing the mapping.
    for key, value in list(attributes.items()):
        kind = met.get(key)
        if kind is None:
            kind = kind_of(key)
        if kind == _SAFE or (kind == _NAME and type(value) is str and "://" not in value):
            continue
        if kind < _CUT and type(value) in _PLAIN:
            continue
        if own and kind == kinds.STATEMENT and '"' not in value:
            # Sanitized where it was seen.
            continue
        try:
            scrubbed = _value(key, kind, value, attributes, 0)
        except Exception as error:
            let_through(error)
            scrubbed = CUT
        if scrubbed is not value:
            if changed is None:
                changed = dict(attributes)
            changed[key] = scrubbed
    return attributes if changed is None else changed


def _value(key: str, kind: int, value: Any, around: Mapping[str, Any], depth: int) -> Any:
    if kind >= kinds.CUT and _is_secret(kind, value):
        return _whole(value)
    if type(value) in _PLAIN:
        return value
    if depth > _MAX_DEPTH:
        return CUT
    if isinstance(value, str):
        return _scrub(kind, str.__str__(value), around)
    if isinstance(value, (bytes, bytearray)):
        text = bytes(value).decode("utf-8", "backslashreplace")
        scrubbed = _scrub(kind, text, around)
        return value if scrubbed == text else scrubbed
    if isinstance(value, (list, tuple)):
        if kind == kinds.COMMAND and all(isinstance(item, str) for item in value):
            return scrub_argv(value)
        return [_value(key, kind, item, around, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {
            inner: _value(str(inner), kinds.kind_of(str(inner)), item, around, depth + 1)
            for inner, item in list(value.items())
        }
    return value


def _is_secret(kind: int, value: Any) -> bool:
    if kind == kinds.CUT:
        return True
    return not isinstance(value, bool if kind == kinds.SECRET else (int, float))


def _whole(value: Any) -> Any:
    if value is None or value == "":
        return value
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in value]
    from otelprov.capture.scrub.mark import mark

    if isinstance(value, (bytes, bytearray)):
        return mark(bytes(value).decode("latin-1"))
    if isinstance(value, (str, int, float)):
        return mark(str.__str__(value) if isinstance(value, str) else repr(value))
    return CUT


def _scrub(kind: int, text: str, around: Mapping[str, Any]) -> str:
    if kind in (kinds.TEXT, kinds.LIKELY, kinds.SECRET):
        return scrub_text(text)
    if kind == kinds.NAMES:
        return _scrub_names(text)
    if kind == kinds.COMMAND:
        return scrub_command_line(text)
    if kind == kinds.STATEMENT:
        from otelprov.capture.scrub.statements import scrub_statement

        return scrub_statement(text, str(around.get(DB_SYSTEM_NAME) or around.get(DB_SYSTEM) or ""))
    from otelprov.capture.scrub.urls import scrub_location, scrub_query

    if kind == kinds.QUERY:
        return scrub_text(scrub_query(text))
    if kind == kinds.URL:
        return scrub_text(scrub_location(text))
    return scrub_location(text) if "://" in text else text


@functools.lru_cache(maxsize=512)
def _scrub_names(text: str) -> str:
    """Names of columns: each by itself, so that the one does not make a secret of the other."""
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return scrub_text(text)
    scrubbed = _scrub_each(found)
    return text if scrubbed == found else json.dumps(scrubbed, ensure_ascii=False, separators=(",", ":"))


def _scrub_each(value: Any) -> Any:
    if type(value) is list:
        return [_scrub_each(item) for item in value]
    return scrub_text(value) if type(value) is str else value
