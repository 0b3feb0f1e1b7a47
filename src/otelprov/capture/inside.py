# SPDX-License-Identifier: Apache-2.0
"""One user action is one edge: what a captured call does inside is not captured again."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

_inside: ContextVar[bool] = ContextVar("otelprov_inside", default=False)

is_inside = _inside.get


class quietly:
    """`with quietly():` for everything that must not be captured: our own work, and the inside of captured calls."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token: Token[bool] = _inside.set(True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _inside.reset(self._token)
