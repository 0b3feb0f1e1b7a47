# SPDX-License-Identifier: Apache-2.0
"""Brings the schema of a store up to date, one numbered script at a time, each in one transaction with its number."""

from __future__ import annotations

import sqlite3
from importlib import resources

from otelprov.errors import OtelprovError


def scripts() -> list[tuple[int, str]]:
    """Numbers and texts of all scripts, in order."""
    found = []
    for entry in resources.files(__name__).iterdir():
        number, _, rest = entry.name.partition("_")
        if rest.endswith(".sql") and number.isdigit():
            found.append((int(number), entry.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(connection: sqlite3.Connection, path: str) -> int:
    """Apply the scripts that a database lacks; its version afterwards. `path` is for the error message alone."""
    steps = scripts()
    newest = steps[-1][0]
    version = schema_version(connection)
    if version > newest:
        raise OtelprovError(
            f"Opening the store {path}: its schema has version {version}, and this otelprov knows versions up to "
            f"{newest}. Upgrade otelprov, or name another store with OTELPROV_STORE."
        )
    for number, script in steps:
        if number <= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been faster while this one waited for the lock.
            if schema_version(connection) < number:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return schema_version(connection)


def schema_version(connection: sqlite3.Connection) -> int:
    """The number of the last script that a database has seen; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> list[str]:
    # executescript() would commit before it begins.
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]
