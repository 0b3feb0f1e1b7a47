# SPDX-License-Identifier: Apache-2.0
"""What is known of the columns of one frame or Series: small questions that all operations ask."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from otelprov.capture.flow.frames import names_of, parameters
from otelprov.capture.flow.identity import Read
from otelprov.capture.tables.columns import ColumnSource, columns_of

Sources = tuple[ColumnSource, ...]
_PLAIN = (str, bytes, bool, int, float, complex, type(None))


def is_frame(obj: Any) -> bool:
    """Whether an object is a frame."""
    return isinstance(obj, sys.modules["pandas"].DataFrame)


def is_series(obj: Any) -> bool:
    """Whether an object is a Series."""
    return isinstance(obj, sys.modules["pandas"].Series)


def is_plain(value: Any) -> bool:
    """Whether an operand brings no data: a scalar, or a function that refers to none."""
    if callable(value):
        return parameters((value,)) == (None, False)
    return isinstance(value, _PLAIN) or type(value) in (dict, type) or isinstance(value, sys.modules["numpy"].generic)


def known_columns(obj: Any) -> dict[str, Sources] | None:
    """The columns of a frame by name, or of a Series; None where they are not known."""
    columns = columns_of(obj)
    if not isinstance(columns, Read):
        return None if columns is None else {name: tuple(sources) for name, sources in columns.items()}
    names = names_of(obj)
    if type(names) is not list:
        return None
    return {name: (ColumnSource(columns, name),) for name in names if type(name) is str}


def marked(sources: Iterable[ColumnSource], transformation: str) -> Sources:
    """The same sources, transformed."""
    return tuple(source._replace(transformation=transformation) for source in sources)
