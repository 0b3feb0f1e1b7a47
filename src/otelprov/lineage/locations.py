# SPDX-License-Identifier: Apache-2.0
"""Takes the location of a change apart into its steps, as Python would write them."""

from __future__ import annotations

import re

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# In brackets a key, an index or a slice, in braces an element, behind a dot an attribute; any may be in quoted text.
_STEP = re.compile(rf"\[(?:{_QUOTED}|[^\]'\"])*\]|\{{(?:{_QUOTED}|[^}}'\"])*\}}|\.[^.\[{{]+", re.DOTALL)
_LONGEST = 4096
_SLICE = re.compile(r"\[(-?\d{1,18}):(-?\d{1,18})(?::(-?\d{1,18}))?\]")
_INDEX = re.compile(r"\[(-?\d{1,18})\]")


def steps(location: str) -> list[str]:
    """`['items'][3].price` gives `['items']`, `[3]` and `.price`; one that is too long to be ours gives none."""
    return [] if len(location) > _LONGEST else [match[0] for match in _STEP.finditer(location)]


def place_in_list(step: str) -> int | tuple[int, int, int] | None:
    """The index or the slice that a step is; None for any other."""
    index = _INDEX.fullmatch(step)
    if index is not None:
        return int(index[1])
    found = _SLICE.fullmatch(step)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 1))
