# SPDX-License-Identifier: Apache-2.0
"""What a command line runs: the name a person would give it, and the file of its main code."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from otelprov.capture.scrub import scrub_argv

_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_MAX_COMMAND = 4_096


class Command(NamedTuple):
    """`name` for people, `script` the absolute path of the main script (empty where there is none), `line` scrubbed."""

    name: str
    script: str
    line: str


def understand(arguments: Sequence[str]) -> Command:
    """Take a command line apart, as `sys.orig_argv` or a shell gives it."""
    line = shlex.join(scrub_argv(arguments))[:_MAX_COMMAND]
    if not arguments:
        return Command("python", "", line)
    program = os.path.basename(arguments[0])
    if not program.startswith(("python", "pypy")):
        return Command(program, "", line)
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _OPTIONS_WITH_VALUE:
            next(rest, None)
        elif argument == "-m":
            return Command(next(rest, "python -m"), "", line)
        elif argument.startswith("-m") and len(argument) > 2 and argument[2] != "-":
            return Command(argument[2:], "", line)
        elif argument.startswith("-c"):
            return Command("python -c", "", line)
        elif argument == "-":
            return Command("python -", "", line)
        elif argument.startswith("-"):
            continue
        else:
            name = os.path.basename(os.path.normpath(argument)) or argument
            path = os.path.abspath(argument)
            # A server or tool that came with an environment: its launcher is no code of the program's.
            return Command(name, "" if _is_console_script(path) else path, line)
    return Command("python", "", line)


def _is_console_script(path: str) -> bool:
    folder = os.path.dirname(path)
    # A folder of commands has the interpreter itself beside them.
    return os.path.basename(folder) == "bin" and os.path.exists(os.path.join(folder, "python3"))
