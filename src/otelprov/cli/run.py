# SPDX-License-Identifier: Apache-2.0
"""`otelprov run`: start a command observed, wait for it, and say in the journal how it ended."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import MutableMapping, Sequence
from typing import NoReturn

from otelprov import config
from otelprov.cli.launched import LaunchedRun

USAGE = """Usage: otelprov run [--name NAME] [--param KEY=VALUE]... -- COMMAND [ARGUMENT]...

  Run a command observed; its exit status is kept.

  Example: otelprov run --param epochs=3 -- python train.py

Options:
  --name NAME        Name of the run. Default: the script or command.
  --param KEY=VALUE  A parameter of the run; may be given often.
  --help             Show this message and exit.
"""
_NOT_FOUND, _NOT_EXECUTABLE, _USAGE = 127, 126, 2
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
# si_code of kill() and its kin: 0 and below.
_SENT_BY_PROCESS = 0
# Python ignores these in itself; a command must find them as a shell would leave them.
_TO_DEFAULT = [signal.SIGPIPE, signal.SIGXFSZ]


class _Stop(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Asked:
    # No dataclass: importing what makes them takes longer than all else that is done here.
    def __init__(self) -> None:
        self.name = ""
        self.params: dict[str, str] = {}
        self.command: list[str] = []


def run(arguments: Sequence[str]) -> int:
    """Run `otelprov run` with these arguments; returns the command's exit status, 128 + n for signal n."""
    try:
        asked = _parse(arguments)
        if not asked.command:
            sys.stdout.write(USAGE)
            return 0
        path = _find(asked.command[0])
    except _Stop as stop:
        sys.stderr.write(f"otelprov: {stop}\n")
        return stop.status
    if not config.observing():
        return _wait(_start(path, asked.command, os.environ))[0]
    launched = LaunchedRun(asked.command, asked.name, asked.params)
    environment = launched.environment()
    started = launched.announce()
    if not started:
        sys.stderr.write(launched.journal.complaint())
    try:
        pid = _start(path, asked.command, environment)
    except OSError as error:
        sys.stderr.write(f"otelprov: {asked.command[0]}: {error.strerror}\n")
        status = _NOT_FOUND if error.errno == errno.ENOENT else _NOT_EXECUTABLE
        launched.end(status, 0)
        return status
    status, signal_number = _wait(pid)
    launched.end(status, signal_number)
    if started:
        sys.stderr.write(launched.summary(status, signal_number))
    return status


def _parse(arguments: Sequence[str]) -> _Asked:
    asked = _Asked()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            asked.command = rest
            break
        if argument in ("--help", "-h"):
            return _Asked()
        option, separator, value = argument.partition("=")
        if option in ("--name", "--param"):
            if not separator:
                if not rest:
                    raise _Stop(_USAGE, f"run: {option} needs a value")
                value = rest.pop(0)
            if option == "--name":
                asked.name = value
            else:
                key, equals, held = value.partition("=")
                if not equals or not key:
                    raise _Stop(_USAGE, f"run: --param {value!r} is not KEY=VALUE")
                asked.params[key] = held
        elif argument.startswith("-"):
            raise _Stop(
                _USAGE, f"run: no such option: {argument}. Write -- before the command; see otelprov run --help"
            )
        else:
            asked.command = [argument, *rest]
            break
    if not asked.command:
        raise _Stop(_USAGE, "run: no command given. Write: otelprov run -- python train.py")
    return asked


def _find(program: str) -> str:
    """Where a program is, as a shell looks for it; says what a shell says where it is not."""
    if os.sep not in program:
        found = shutil.which(program)
        if found is None:
            raise _Stop(_NOT_FOUND, f"{program}: command not found")
        return found
    if not os.path.exists(program):
        raise _Stop(_NOT_FOUND, f"{program}: No such file or directory")
    if os.path.isdir(program):
        raise _Stop(_NOT_EXECUTABLE, f"{program}: Is a directory")
    if not os.access(program, os.X_OK):
        raise _Stop(_NOT_EXECUTABLE, f"{program}: Permission denied")
    return program


def _start(path: str, command: Sequence[str], environment: MutableMapping[str, str]) -> int:
    # Blocked from before the command starts until it is waited for; the command itself has nothing blocked.
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    return os.posix_spawn(path, list(command), environment, setsigmask=[], setsigdef=_TO_DEFAULT)


def _wait(pid: int) -> tuple[int, int]:
    """Exit status as a shell gives it, and the signal that ended the command (0: none)."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        told = signal.sigwaitinfo({*_FORWARDED, signal.SIGCHLD})
        # What a terminal sends, the command has got too; what a process has sent to us is meant for it.
        if told.si_signo != signal.SIGCHLD and told.si_code <= _SENT_BY_PROCESS:
            os.kill(pid, told.si_signo)
    if os.WIFSIGNALED(status):
        killed_by = os.WTERMSIG(status)
        return 128 + killed_by, killed_by
    return os.WEXITSTATUS(status), 0


def main() -> NoReturn:
    """For `python -m otelprov.cli.run`."""
    raise SystemExit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
