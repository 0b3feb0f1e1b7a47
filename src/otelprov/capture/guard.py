# SPDX-License-Identifier: Apache-2.0
"""The one guard between our code and the program: silent in production, loud in tests."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from otelprov import config
from otelprov.interrupts import let_through

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("otelprov")
_told: set[str] = set()


def failed(where: str, error: BaseException) -> None:
    """Swallow an error of ours, telling the log once per place; in tests (OTELPROV_TESTING) raise it again.

    What a signal handler of the program's has raised meanwhile is always raised again.
    """
    let_through(error)
    if config.TESTING.flag():
        raise error
    if where not in _told:
        _told.add(where)
        logger.debug("%s failed and was left out", where, exc_info=error)


class guard:
    """`with guard("what this is"):` keeps every exception of ours away from the program."""

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        failed(self.where, error)
        return True


def guarded(function: Callable[P, T]) -> Callable[P, T | None]:
    """Make a function of ours return None instead of raising."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            failed(function.__qualname__, error)
            return None

    return wrapper
