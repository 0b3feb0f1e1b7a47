# SPDX-License-Identifier: Apache-2.0
"""How this process ends: its exit status and its unhandled exception, learnt without changing either."""

from __future__ import annotations

import atexit
import builtins
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from opcode import opmap
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from otelprov.capture.guard import guard
from otelprov.capture.scrub import scrub_text

_MAX_STACK = 16_384
# Site and start-up files come before the main code; an interpreter that runs none of its own stops being watched.
_MOST_CALLS_BEFORE_MAIN = 100_000
_RETURNS = frozenset(opmap[name] for name in ("RETURN_VALUE", "RETURN_CONST") if name in opmap)


class End(NamedTuple):
    """`code` is the exit status, None where a signal ends the process; `error` the unhandled exception.

    `signal` is the name of the signal that the process has sent itself. `untold` says that the status is not known yet:
    the program raised SystemExit itself.
    """

    code: int | None = 0
    error: BaseException | None = None
    untold: bool = False
    signal: str = ""

    def describe(self) -> tuple[str, str, str]:
        """Type, message and stack of the error, scrubbed; never runs more of the program's code than printing did."""
        if self.error is None:
            return "", "", ""
        kind = type(self.error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        try:
            stack = "".join(traceback.format_exception(self.error, limit=50))[-_MAX_STACK:]
            message = str(self.error)
        except Exception:
            return name, "", ""
        return name, scrub_text(message), scrub_text(stack)


# What ends a process unless it does something about it.
_DEADLY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGKILL)

_before_end: dict[str, Callable[[], object]] = {}
_last_exit: object = None
_exit_called = False
_main_frame: FrameType | None = None
_calls_left = 0
_finish: Callable[[End], None] | None = None
_before_exec: Callable[[], object] | None = None


def watch(finish: Callable[[End], None]) -> None:
    """Call `finish` once when this process ends, unless it is killed; also in its forked children."""
    global _finish
    already = _finish is not None
    _finish = finish
    if already:
        return
    atexit.register(_at_exit)
    setattr(os, "_exit", _wrapped_quick_exit(os._exit))  # noqa: B010 - the stub of os._exit names its argument
    sys.exit = _wrapped_exit(sys.exit)
    for name in ("execv", "execve"):
        # The other functions of the family call one of these two.
        setattr(os, name, _wrapped_exec(getattr(os, name)))
    signal.raise_signal = _wrapped_raise_signal(signal.raise_signal)
    for name in ("exit", "quit"):
        quitter = getattr(builtins, name, None)
        if quitter is not None:
            _wrap_quitter(type(quitter))
            break


def before_end(what: str, job: Callable[[], object]) -> None:
    """Do something of ours when a process ends, before its last record."""
    _before_end[what] = job


def do_before_end() -> None:
    """Do what was put off until now."""
    for what, job in _before_end.items():
        with guard(what):
            job()


def _at_exit() -> None:
    with guard("noting the end of the process"):
        if _finish is not None:
            _finish(_end())


def _end() -> End:
    # Set by the interpreter when it prints an unhandled exception, before it calls sys.excepthook.
    error = getattr(sys, "last_value", None)
    if isinstance(error, BaseException) and not hasattr(sys, "ps1"):
        return End(None if isinstance(error, KeyboardInterrupt) else 1, error)
    if _main_frame is not None and _has_returned(_main_frame):
        # Whatever SystemExit there was has been caught, and the program went on to its end.
        return End(0)
    if _exit_called:
        return End(exit_status(_last_exit))
    return End(None, untold=True) if _main_frame is not None else End(0)


def watch_main() -> None:
    """Find the frame of the program's main code, to know at the end how it was left.

    Called last before the program starts: a profile function of ours sees the few calls up to the first frame of the
    program and takes itself away there, so that nothing of the program runs under it. A program that is instrumented
    from its own code runs already, and one that embeds the interpreter may have no such frame: it must not be profiled.
    """
    global _main_frame, _calls_left
    outermost = sys._getframe()
    while outermost.f_back is not None:
        outermost = outermost.f_back
    if _is_main(outermost) and outermost.f_globals.get("__name__") == "__main__":
        _main_frame = outermost
    elif sys.getprofile() is None:
        _calls_left = _MOST_CALLS_BEFORE_MAIN
        sys.setprofile(_find_main)


def _is_main(frame: FrameType) -> bool:
    return frame.f_back is None and frame.f_code.co_name in ("<module>", "_run_module_as_main")


def _find_main(frame: FrameType, event: str, _argument: object) -> None:
    global _main_frame, _calls_left
    _calls_left -= 1
    found = event == "call" and _is_main(frame)
    if found:
        _main_frame = frame
    if found or _calls_left <= 0:
        sys.setprofile(None)


def exit_status(argument: object) -> int:
    """The status that the interpreter makes of the argument of `sys.exit`."""
    if argument is None:
        return 0
    if isinstance(argument, int):
        return int(argument) & 0xFF
    return 1


def _has_returned(frame: FrameType) -> bool:
    code = frame.f_code.co_code
    return 0 <= frame.f_lasti < len(code) and code[frame.f_lasti] in _RETURNS


def _note_exit(argument: object) -> None:
    global _last_exit, _exit_called
    if threading.current_thread() is not threading.main_thread():
        # Ends that thread only.
        return
    # The argument itself may be any object; only what the status depends on is kept.
    _last_exit = argument if argument is None or type(argument) in (int, bool) else "not a number"
    _exit_called = True


def _wrapped_exit(original: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
    @functools.wraps(original)
    def exit(*arguments: Any) -> NoReturn:  # noqa: A001
        with guard("sys.exit"):
            _note_exit(arguments[0] if arguments else None)
        original(*arguments)

    return exit


def _wrap_quitter(quitter: type) -> None:
    original = quitter.__call__

    @functools.wraps(original)
    def call(self: Any, code: object = None) -> Any:
        with guard("exit()"):
            _note_exit(code)
        return original(self, code)

    quitter.__call__ = call  # type: ignore[method-assign]


def _wrapped_raise_signal(original: Callable[[int], None]) -> Callable[[int], None]:
    @functools.wraps(original)
    def raise_signal(signalnum: int, /) -> None:
        # Servers that have shut down cleanly end so, by the signal that asked them to.
        with guard("raise_signal"):
            if _finish is not None and signalnum in _DEADLY and signal.getsignal(signalnum) is signal.SIG_DFL:
                _finish(End(None, signal=signal.Signals(signalnum).name))
        original(signalnum)

    return raise_signal


def before_exec(job: Callable[[], object]) -> None:
    """Do something of ours just before another program takes this process over."""
    global _before_exec
    _before_exec = job


def _wrapped_exec(original: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
    @functools.wraps(original)
    def execute(*arguments: Any, **named: Any) -> NoReturn:
        with guard("exec"):
            if _before_exec is not None:
                _before_exec()
        original(*arguments, **named)

    return execute


def _wrapped_quick_exit(original: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
    @functools.wraps(original)
    def _exit(status: int) -> NoReturn:
        with guard("os._exit"):
            if _finish is not None:
                _finish(End(exit_status(status)))
        original(status)

    return _exit
