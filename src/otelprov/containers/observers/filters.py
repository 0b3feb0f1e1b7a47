# SPDX-License-Identifier: Apache-2.0
"""Which changes an observer wants: decided while changes are handed on, so nothing of the program's is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from otelprov.containers.change import Change

_LONGEST_PATTERN = 500


class Filter(NamedTuple):
    """What a change must be; None where any will do."""

    actions: frozenset[str] | None = None
    location: re.Pattern[str] | None = None
    actor: re.Pattern[str] | None = None

    def passes(self, change: Change) -> bool:
        """Whether the change is wanted."""
        if self.actions is not None and change.action not in self.actions:
            return False
        if self.location is not None and self.location.fullmatch(change.location) is None:
            return False
        return self.actor is None or self.actor.fullmatch(change.actor) is not None


def filter_for(actions: Iterable[str] | str | None, location: str | None, actor: str | None) -> Filter | None:
    """A filter of what the user wrote, None where any change will do; TypeError and ValueError name the argument."""
    found = Filter(
        _actions(actions),
        None if location is None else glob(location, "location"),
        None if actor is None else glob(actor, "actor"),
    )
    return found if any(part is not None for part in found) else None


def glob(pattern: str, argument: str) -> re.Pattern[str]:
    """A pattern in which `*` stands for any text and `?` for one character; brackets stand for themselves.

    Locations are full of brackets, so these are no sets of characters as in the shell.
    """
    if not isinstance(pattern, str):
        raise TypeError(f"{argument}: a str is expected, not {type(pattern).__name__}")
    if not pattern or len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"{argument}: a pattern has 1 to {_LONGEST_PATTERN} characters, not {len(pattern)}")
    parts = re.split(r"(\*+|\?)", pattern)
    return re.compile("".join({"*": ".*", "?": "."}.get(part[:1]) or re.escape(part) for part in parts), re.DOTALL)


def _actions(actions: Iterable[str] | str | None) -> frozenset[str] | None:
    if actions is None:
        return None
    found = frozenset([actions] if isinstance(actions, str) else actions)
    if not found or not all(isinstance(action, str) for action in found):
        raise TypeError("actions: names of operations are expected, such as ['set', 'delete']")
    return found
