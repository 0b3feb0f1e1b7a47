# SPDX-License-Identifier: Apache-2.0
"""The state of what lies on this machine: the folder of journals and the store."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from otelprov import config
from otelprov.cli.health.finding import BAD, NOTE, OK, Finding
from otelprov.export.text import counted, size
from otelprov.journal.folder import journal_files
from otelprov.journal.position import position_of
from otelprov.store.migrations import schema_version, scripts

_CHECK = "PRAGMA quick_check(1)"


def check_journal() -> Iterator[Finding]:
    """Yield size, files, living writers and what has not been shipped; and anything in the folder that is wrong."""
    folder = config.journal_folder()
    problems: list[str] = []
    files = journal_files(folder, lambda path, what: problems.append(f"{os.path.basename(path)}: {what}"))
    total = sum(file.size for file in files)
    alive = sum(file.alive for file in files)
    waiting = sum(max(file.size - position_of(file.path), 0) for file in files)
    facts = {"folder": folder, "files": len(files), "bytes": total, "writers": alive, "not_shipped_bytes": waiting}
    text = f"{folder}: {counted(len(files), 'file')}, {size(total)}, {counted(alive, 'writer')} alive"
    advice = ""
    if waiting:
        text += f", {size(waiting)} not shipped"
        advice = "'otelprov ship' sends them to the OTLP endpoint" if _endpoint_set() and not alive else ""
    yield Finding("journal", NOTE if advice else OK, text, advice, facts)
    limit = config.JOURNAL_LIMIT.number()
    if total > limit * 9 // 10:
        text = f"{size(total)} of {size(limit)} allowed: bulk detail is dropped when it is full"
        yield Finding("journal", NOTE, text, f"ship and remove old files, or raise {config.JOURNAL_LIMIT.variable}")
    for problem in problems:
        yield Finding("journal", NOTE, problem, "move what is not a journal out of the folder")
    yield from _access(folder)


def _access(folder: str) -> Iterator[Finding]:
    if not os.path.isdir(folder):
        parent = folder
        while not os.path.exists(parent):
            parent = os.path.dirname(parent)
        if not os.access(parent, os.W_OK):
            text = f"{folder} does not exist and can't be made in {parent}: nothing can be recorded"
            yield Finding("journal", BAD, text, f"set {config.HOME.variable} to a folder of your own")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("journal", BAD, f"{folder} can't be written to: nothing can be recorded", f"chmod 700 {folder}")
    elif stat.S_IMODE(os.stat(folder).st_mode) & 0o077:
        yield Finding("journal", BAD, f"{folder} is open to other users", f"chmod 700 {folder}")


def check_store() -> Iterator[Finding]:
    """Yield whether the store can be read, is whole, and has a schema that this version knows."""
    path = config.store_path()
    facts: dict[str, Any] = {"path": path, "exists": os.path.exists(path)}
    if not facts["exists"]:
        text = f"{path}: not there yet; the first question makes it"
        yield Finding("store", OK, text, "", facts)
        return
    remedy = "move it away and take everything in again: otelprov ingest journal"
    try:
        facts |= _store_facts(path)
    except (sqlite3.Error, OSError) as error:
        yield Finding("store", BAD, f"{path} can't be read as a store: {error}", remedy, facts)
        return
    if facts["integrity"] != "ok":
        yield Finding("store", BAD, f"{path} is damaged: {facts['integrity']}", remedy, facts)
    elif facts["schema_version"] > facts["schema_known"]:
        text = f"{path} has schema version {facts['schema_version']}, this otelprov knows {facts['schema_known']}"
        yield Finding("store", BAD, text, "upgrade otelprov: pip install --upgrade otelprov", facts)
    else:
        text = f"{path}: {size(facts['bytes'])}, schema version {facts['schema_version']}, whole"
        yield Finding("store", OK, text, "", facts)


def _store_facts(path: str) -> dict[str, Any]:
    # Read only: the doctor must not make, migrate or repair anything.
    with contextlib.closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=2.0)) as connection:
        return {
            "bytes": os.path.getsize(path),
            "schema_version": schema_version(connection),
            "schema_known": scripts()[-1][0],
            "integrity": str(connection.execute(_CHECK).fetchone()[0]),
        }


def _endpoint_set() -> bool:
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("ENDPOINT", "TRACES_ENDPOINT"))
