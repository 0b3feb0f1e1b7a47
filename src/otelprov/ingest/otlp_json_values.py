# SPDX-License-Identifier: Apache-2.0
"""Values of OTLP/JSON: what strings, numbers, lists and attributes mean, and what of them is left out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from otelprov.ingest import sift as rules
from otelprov.ingest.sift import Sift

# More digits than any 64-bit integer: `int` refuses 4301 of them, and takes quadratic time before that.
MAX_DIGITS = 20


def attributes(pairs: Any, sift: Sift) -> dict[str, Any]:
    """A list of key-value objects as a dict; values that are invalid or missing are left out."""
    held: dict[str, Any] = {}
    for pair in objects(pairs, sift):
        try:
            value = _value(pair.get("value"), rules.MAX_VALUE_DEPTH)
        except (ValueError, TypeError, OverflowError):
            sift.fault(rules.FAULT_ATTRIBUTE)
            continue
        if value is not None:
            held[text(pair.get("key"))] = value
    return held


def _value(value: Any, depth: int) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict) or not depth:
        raise ValueError(value)
    # The first field that is there and not null counts; fields that nobody knows are passed over.
    for field, convert in _CONVERSIONS.items():
        if (held := value.get(field)) is not None:
            return convert(held, depth)
    return None


def _string_value(held: Any, _depth: int) -> str:
    if not isinstance(held, str):
        raise TypeError(held)
    return text(held)


def _int_value(held: Any, _depth: int) -> int:
    number = whole_number(held)
    if number is None or not rules.INT64_MIN <= number <= rules.INT64_MAX:
        raise ValueError(held)
    return number


def _bool_value(held: Any, _depth: int) -> bool:
    if not isinstance(held, bool):
        raise TypeError(held)
    return held


def _double_value(held: Any, _depth: int) -> float:
    if isinstance(held, bool):
        raise TypeError(held)
    return float(held)


def _array_value(held: Any, depth: int) -> list[Any]:
    return [_value(item, depth - 1) for item in _list(_strict(held).get("values"))]


def _kvlist_value(held: Any, depth: int) -> dict[str, Any]:
    pairs = [_strict(pair) for pair in _list(_strict(held).get("values"))]
    return {text(pair.get("key")): _value(pair.get("value"), depth - 1) for pair in pairs}


def _bytes_value(held: Any, _depth: int) -> bytes:
    try:
        return base64.b64decode(held, validate=True)
    except binascii.Error as error:
        raise ValueError(held) from error


_CONVERSIONS = {
    "stringValue": _string_value,
    "intValue": _int_value,
    "boolValue": _bool_value,
    "doubleValue": _double_value,
    "arrayValue": _array_value,
    "kvlistValue": _kvlist_value,
    "bytesValue": _bytes_value,
}


def _strict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError(value)
    return value or []


def whole_number(value: Any) -> int | None:
    """The whole number that a JSON number, or a string of one, stands for; `1e3` and `"2.0"` are whole too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        if isinstance(value, str):
            if not value.isascii() or "_" in value:
                return None
            if len(value) <= MAX_DIGITS and value.removeprefix("-").isdigit():
                return int(value)
        number = float(value)
        return int(number) if number.is_integer() else None
    except (ValueError, TypeError, OverflowError):
        return None


def text(value: Any) -> str:
    """A string without lone surrogates, which nothing could store; `""` for anything else."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def items(value: Any, sift: Sift) -> list[Any]:
    """A list, or nothing; anything else in its place is counted."""
    if value is not None and not isinstance(value, list):
        sift.fault(rules.FAULT_SHAPE)
        return []
    return value or []


def objects(value: Any, sift: Sift) -> Iterator[dict[str, Any]]:
    """The objects of a list; anything else in their place is counted and left out."""
    for item in items(value, sift):
        if isinstance(item, dict):
            yield item
        else:
            sift.fault(rules.FAULT_SHAPE)
