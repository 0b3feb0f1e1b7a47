# SPDX-License-Identifier: Apache-2.0
"""Command lines: what stands behind an option that names a secret is cut, and secrets in all other arguments."""

from __future__ import annotations

import os
from collections.abc import Sequence

from otelprov.capture.scrub.text import CUT, scrub_text
from otelprov.interrupts import let_through

# Options of one letter mean a password only for programs that are known to take one.
_SHORT = {
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mariadb": "-p",
    "sshpass": "-p",
    "docker": "-p",
    "podman": "-p",
    "ldapsearch": "-w",
    "redis-cli": "-a",
    "sqlcmd": "-P",
    "mongo": "-p",
    "mongosh": "-p",
    "mongodump": "-p",
    "zip": "-P",
    "unzip": "-P",
}
# These are a port or a publication where no value is glued to them.
_NEEDS_LOGIN = frozenset({"docker", "podman"})
_GLUED_ONLY = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb"})
_LOGINS = ("-u", "--user", "--proxy-user", "-U")


def scrub_argv(arguments: Sequence[str]) -> list[str]:
    """The same arguments, as many of them, with marks for what is secret; never raises."""
    try:
        return _scrubbed(arguments)
    except Exception as error:
        let_through(error)
        return [CUT] * len(arguments)


def scrub_command_line(line: str) -> str:
    """One command line as a shell takes it; comes back unchanged, quotes included, where nothing is cut."""
    import shlex

    try:
        arguments = shlex.split(line)
    except ValueError:
        # Shortened inside quotes.
        return scrub_text(line)
    scrubbed = scrub_argv(arguments)
    return scrub_text(line if scrubbed == arguments else shlex.join(scrubbed))


def _scrubbed(arguments: Sequence[str]) -> list[str]:
    scrubbed: list[str] = []
    secret_next = login_next = False
    short = ""
    for argument in arguments:
        if secret_next and not argument.startswith("-"):
            scrubbed.append(_mark(argument))
        elif login_next and ":" in argument:
            scrubbed.append(_login(argument))
        else:
            scrubbed.append(_one(argument, short))
        program = os.path.basename(argument)
        if program in _SHORT and not (program in _NEEDS_LOGIN and "login" not in arguments):
            short = _SHORT[program] + ("=" if program in _GLUED_ONLY else "")
        login_next = argument in _LOGINS
        secret_next = argument == short or (
            argument.startswith("-") and "=" not in argument and _names_secret(argument)
        )
    return scrubbed


def _one(argument: str, short: str) -> str:
    if not argument.startswith("-"):
        return scrub_text(argument)
    if short and argument.startswith(short[:2]) and len(argument) > 2:
        return argument[:2] + _mark(argument[2:])
    name, separator, value = argument.partition("=")
    if separator and value and _names_secret(name):
        return f"{name}={_mark(value)}"
    if separator and name in _LOGINS and ":" in value:
        return f"{name}={_login(value)}"
    return scrub_text(argument)


def _login(value: str) -> str:
    user, _colon, password = value.partition(":")
    # 1000:1000 are a user and a group.
    return value if user.isdigit() and password.isdigit() else f"{user}:{_mark(password)}"


def _names_secret(option: str) -> bool:
    # A name is short; longer is a value that begins with a dash.
    if len(option) < 3 or len(option) > 128:
        return False
    from otelprov.capture.scrub.words import secrecy

    return bool(secrecy(option.lstrip("-")))


def _mark(secret: str) -> str:
    from otelprov.capture.scrub.mark import mark

    return mark(secret)
