# SPDX-License-Identifier: Apache-2.0
"""The flowers, kept in SQLite."""

import os
import sqlite3
from contextlib import closing

PATH = os.environ.get("FLOWERS_DB", "flowers.db")


def connect() -> sqlite3.Connection:
    """A connection to the database, which is made if need be."""
    connection = sqlite3.connect(PATH)
    connection.execute("CREATE TABLE IF NOT EXISTS flowers (id INTEGER PRIMARY KEY, length REAL, width REAL)")
    return connection


def insert(length: float, width: float) -> int:
    """Keep a flower; its id."""
    with closing(connect()) as connection, connection:
        cursor = connection.execute("INSERT INTO flowers (length, width) VALUES (?, ?)", (length, width))
        return int(cursor.lastrowid or 0)


def find(flower_id: int) -> tuple[float, float] | None:
    """Length and width of a flower's petals."""
    with closing(connect()) as connection:
        return connection.execute("SELECT length, width FROM flowers WHERE id = ?", (flower_id,)).fetchone()


def everything() -> list[tuple[int, float, float]]:
    """All flowers."""
    with closing(connect()) as connection:
        return connection.execute("SELECT id, length, width FROM flowers ORDER BY id").fetchall()
