# SPDX-License-Identifier: Apache-2.0
"""Options of a container as a program writes them, checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from otelprov.containers.tracker import DEFAULT, Options

_FLAGS = frozenset(name for name in Options._fields if type(getattr(DEFAULT, name)) is bool)


def options_from(given: Mapping[str, Any]) -> Options:
    """The options with these names; TypeError for a name or a type, ValueError for a number, that does not exist."""
    for name, value in given.items():
        if name not in Options._fields:
            near = difflib.get_close_matches(name, Options._fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(Options._fields)}"
            raise TypeError(f"{name!r} is no option of a tracked container: {hint}")
        if name in _FLAGS and type(value) is not bool:
            raise TypeError(f"the option {name} is True or False, not {_told(value)}")
        if name == "name" and type(value) is not str:
            raise TypeError(f"the option name is a str, not {_told(value)}")
        if name == "history" and value is not None:
            if type(value) is not int:
                raise TypeError(
                    f"the option history is a number of changes, or None for all of them, not {_told(value)}"
                )
            if value < 0:
                raise ValueError(f"the option history is 0 or more, or None for all changes, not {value}")
    return Options(**given)


def _told(value: object) -> str:
    return f"a {type(value).__name__}"
