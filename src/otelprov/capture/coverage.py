# SPDX-License-Identifier: Apache-2.0
"""How many opens of data files this process was seen to do, and how many of them are edges."""

from __future__ import annotations

import os

# Of data files; of these the recorded ones, repeated reads included; and those that the noise rule left out.
opens = 0
recorded = 0
ignored = 0


def snapshot() -> tuple[int, int, int]:
    """Opens of data files, how many of them were recorded, and how many other opens were left out as noise."""
    return opens, recorded, ignored


def reset() -> None:
    """Start from nothing, as a forked child does."""
    global opens, recorded, ignored
    opens = recorded = ignored = 0


os.register_at_fork(after_in_child=reset)
