# SPDX-License-Identifier: Apache-2.0
"""The position file beside a journal: up to which byte the journal has been shipped."""

from __future__ import annotations

SHIPPED = ".shipped"
POSITION_DIGITS = 20


def position_of(path: str) -> int:
    """Up to which byte a journal has been shipped; 0 where it has not."""
    try:
        with open(path + SHIPPED, "rb") as file:
            text = file.read(POSITION_DIGITS)
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0
