# SPDX-License-Identifier: Apache-2.0
"""What one check found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OK = "ok"
NOTE = "note"
BAD = "bad"
UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in an area; `level` is ok, note (works, but know it), bad, or unreachable.

    `advice` says what to do next and is only set where there is something to do.
    """

    area: str
    level: str
    text: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The finding in JSON."""
        shape: dict[str, Any] = {"area": self.area, "level": self.level, "text": self.text}
        if self.advice:
            shape["advice"] = self.advice
        if self.facts:
            shape["facts"] = self.facts
        return shape
