# SPDX-License-Identifier: Apache-2.0
"""Sets of sequence numbers as short text: `1-400,402`."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = list[tuple[int, int]]


def parse(text: str) -> Ranges:
    """Ranges of a text, both ends included."""
    found: Ranges = []
    for part in text.split(",") if text else ():
        low, _, high = part.partition("-")
        found.append((int(low), int(high or low)))
    return found


def show(ranges: Ranges) -> str:
    """The text of ranges."""
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def add(ranges: Ranges, numbers: Iterable[int]) -> Ranges:
    """The union of ranges and positive numbers, in order and with neighbours joined."""
    pieces = sorted([*ranges, *((number, number) for number in numbers if number > 0)])
    joined: Ranges = []
    for low, high in pieces:
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def count(ranges: Ranges) -> int:
    """How many numbers there are."""
    return sum(high - low + 1 for low, high in ranges)


def highest(ranges: Ranges) -> int:
    """The highest number, 0 where there is none."""
    return ranges[-1][1] if ranges else 0
