# SPDX-License-Identifier: Apache-2.0
"""The store in one SQLite file: nothing to start, safe for several processes at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from otelprov.errors import OtelprovError
from otelprov.model.records import Records
from otelprov.store.answers import Answers
from otelprov.store.contract import Derive, MergeReport
from otelprov.store.histories import Histories
from otelprov.store.judging import gather, judge_run
from otelprov.store.merging import merge_records, refresh_runs, stale_runs
from otelprov.store.migrations import migrate

# Another process may be in the middle of a large merge.
BUSY_SECONDS = 60.0
SECONDS = 1_000_000_000
SILENT_INTERVALS = 3


class SqliteStore(Answers, Histories):
    """A store in a file that only its owner may read; made, with its folder, where it does not exist."""

    def __init__(self, path: str, *, heartbeat_seconds: int = 30) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self._heartbeat = heartbeat_seconds * SECONDS
        self._connection = _connect(self.path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def merge(
        self, records: Records, *, positions: Mapping[str, int] | None = None, derive: Derive | None = None
    ) -> MergeReport:
        """Take facts in, all or none of them, with the positions of their sources, in one transaction."""
        with self._transaction() as connection:
            report = merge_records(connection, records)
            refresh_runs(connection, report.runs, derive)
            connection.executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", (positions or {}).items())
        return report

    def refresh(self, derive: Derive) -> int:
        """Derive again for the runs that a merge left; the number of them."""
        if not stale_runs(self._connection):
            return 0
        with self._transaction() as connection:
            stale = stale_runs(connection)
            refresh_runs(connection, stale, derive)
        return len(stale)

    def positions(self) -> dict[str, int]:
        """How far each source has been read."""
        return dict(self._rows("SELECT source, position FROM position ORDER BY source"))

    def close_dead_runs(self, dead_process_ids: Iterable[str], now: int) -> list[str]:
        """Tell which processes are dead and what time it is; ids of the runs whose status that changed."""
        dead = sorted(dead_process_ids)
        with self._transaction() as connection:
            before = dict(connection.execute("SELECT run_id, status FROM run"))
            touched: set[str] = set()
            for process_id in dead:
                runs = connection.execute("SELECT run_id, last_sign FROM process WHERE process_id = ?", (process_id,))
                known = runs.fetchall()
                connection.execute(
                    "INSERT INTO dead_process VALUES (?, ?) ON CONFLICT DO UPDATE SET noticed = excluded.noticed "
                    "WHERE noticed <= ?",
                    (process_id, now, max((last_sign for _, last_sign in known), default=0)),
                )
                touched.update(run_id for run_id, _ in known if before.get(run_id) == "running")
            quiet = now - SILENT_INTERVALS * self._heartbeat
            for run_id in [run_id for run_id, status in before.items() if status == "running"]:
                if gather(connection, run_id).last_sign() < quiet:
                    connection.execute("INSERT OR REPLACE INTO silence VALUES (?, ?)", (run_id, now))
                    touched.add(run_id)
            for run_id in sorted(touched):
                judge_run(connection, run_id)
            after = dict(connection.execute("SELECT run_id, status FROM run"))
        return sorted(run_id for run_id in touched if before.get(run_id) != after.get(run_id))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise _trouble("writing to", self.path, error) from error
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            # SQLite itself rolls back after some errors, a full disk among them.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise _trouble("writing to", self.path, error) from error
            raise


def _connect(path: str) -> sqlite3.Connection:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the database, so that has to be right from the start.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        # Autocommit, so that BEGIN and COMMIT are ours alone.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _trouble("opening", path, error) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _trouble("opening", path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _trouble(doing: str, path: str, error: Exception) -> OtelprovError:
    hint = "Check that the disk has room and that the file is yours, or name another store with OTELPROV_STORE."
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
        hint = "That file is no store of otelprov: name another path with OTELPROV_STORE."
    elif isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        hint = "Another otelprov is writing to it: try again when it is done."
    return OtelprovError(f"Problem {doing} the store {path}: {error}. {hint}")
