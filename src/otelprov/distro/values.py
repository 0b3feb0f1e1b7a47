# SPDX-License-Identifier: Apache-2.0
"""Makes of anything that a program hands to telemetry a value that neither the SDK nor an exporter stumbles over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otelprov.interrupts import let_through

_INT64 = 2**63
_MAX_DEPTH = 8
# Of one attribute, over all levels: a list that holds itself a hundred times has no end at any depth.
_MAX_ITEMS = 10_000
# Numbers below are seconds since the epoch, as time.time() gives them; nanoseconds passed this in January 1970.
_SECONDS_END = 1e12


def clean_text(value: str) -> str:
    """The text itself, lone surrogates (of file names that are no UTF-8) as escapes: no encoder takes those."""
    if type(value) is not str:
        value = str.__str__(value)
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def clean_name(value: Any) -> str:
    """A name of a span or an event; never raises."""
    return clean_text(value) if isinstance(value, str) else clean_text(told(value))


def clean_value(value: Any) -> Any:
    """An attribute value of plain types, as near to the given one as OTLP allows; never raises, never without end."""
    kind = type(value)
    if kind is str:
        return clean_text(value)
    if kind is bool or kind is float or value is None:
        return value
    if kind is int and -_INT64 <= value < _INT64:
        return value
    return _uncommon(value, 0, [_MAX_ITEMS])


def clean_attributes(attributes: Any) -> dict[str, Any] | None:
    """Attributes with clean keys and values; None where there are none."""
    if not attributes:
        return None
    try:
        pairs = list(attributes.items())
    except Exception as error:
        let_through(error)
        # No mapping, or one that another thread is changing.
        return None
    return {clean_name(key): clean_value(value) for key, value in pairs if key is not None and key != ""}


def clean_time(value: Any) -> int | None:
    """Nanoseconds since the epoch; a number that can only be seconds is taken as such, anything else as 'now'."""
    if type(value) is int:
        return value if 0 <= value < 2 * _INT64 else None
    try:
        number = float(value)
        return round(number * 1e9 if number < _SECONDS_END else number) if 0 <= number < 2.0 * _INT64 else None
    except Exception as error:
        let_through(error)
        return None


def told(value: Any) -> str:
    """What `str` says of a value of the program's, or its type where that raises."""
    try:
        text = str(value)
        return text if type(text) is str else str.__str__(text)
    except Exception as error:
        let_through(error)
        return f"[{type(value).__module__}.{type(value).__qualname__}]"


def _uncommon(value: Any, depth: int, left: list[int]) -> Any:
    try:
        if isinstance(value, (bool, float)) or value is None:
            return value
        if isinstance(value, int):
            return int(value) if -_INT64 <= value < _INT64 else hex(value)
        if isinstance(value, str):
            return clean_text(value)
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        if isinstance(value, (Mapping, Sequence)):
            return _many(value, depth, left)
    except Exception as error:
        let_through(error)
        return f"[{type(value).__module__}.{type(value).__qualname__}]"
    return clean_text(told(value))


def _many(value: Mapping[Any, Any] | Sequence[Any], depth: int, left: list[int]) -> Any:
    if depth >= _MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        # One step in C for a dict, so that no thread can change it half-way.
        pairs = list(value.items())
        kept = max(0, min(len(pairs), left[0]))
        left[0] -= len(pairs)
        return {clean_name(key): _uncommon(item, depth + 1, left) for key, item in pairs[:kept]}
    kept = max(0, min(len(value), left[0]))
    left[0] -= len(value)
    return [_uncommon(item, depth + 1, left) for item in value[:kept]]
