# SPDX-License-Identifier: Apache-2.0
"""Reads single values out of the attributes of a span, whatever type a backend made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(attributes: Mapping[str, Any], key: str) -> str:
    """The value as text, empty where there is none."""
    value = attributes.get(key)
    if value is None:
        return ""
    return value if type(value) is str else str(value)


def number(attributes: Mapping[str, Any], key: str, default: int = -1) -> int:
    """The value as a whole number, `default` where it is none or does not fit into 64 bits."""
    value = attributes.get(key)
    if value is None:
        return default
    if type(value) is not int:
        try:
            value = int(value)
        except (ValueError, TypeError, OverflowError):
            return default
    return value if -(1 << 63) <= value < 1 << 63 else default


def flag(attributes: Mapping[str, Any], key: str) -> bool:
    """The value as a switch; the word `true` counts, because some backends hold everything as text."""
    value = attributes.get(key)
    return value is True or value == "true"


def scalars(attributes: Mapping[str, Any], leave_out: frozenset[str]) -> dict[str, Any]:
    """The plain values of a mapping, but for some keys."""
    return {
        key: value
        for key, value in attributes.items()
        if key not in leave_out and isinstance(value, (str, int, float, bool))
    }
