# SPDX-License-Identifier: Apache-2.0
"""Exceptions that a signal handler of the program's raises while our code runs, as timeouts do: they are not ours."""

from __future__ import annotations

import functools
import signal
import threading
from types import CodeType, FunctionType, MethodType
from typing import Any


def let_through(error: BaseException) -> None:
    """Raise `error` again where a signal handler has raised it: the program waits for it."""
    if _is_from_handler(error):
        raise error


def _is_from_handler(error: BaseException) -> bool:
    if threading.get_ident() != threading.main_thread().ident:
        # Python runs signal handlers in the main thread alone.
        return False
    codes = {_code(signal.getsignal(number)) for number in signal.valid_signals()}
    frames = error.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code in codes:
            return True
        frames = frames.tb_next
    return False


def _code(handler: Any) -> CodeType | None:
    while isinstance(handler, (functools.partial, MethodType)):
        handler = handler.func if isinstance(handler, functools.partial) else handler.__func__
    if not isinstance(handler, FunctionType):
        handler = vars(type(handler)).get("__call__")
    return handler.__code__ if isinstance(handler, FunctionType) else None
