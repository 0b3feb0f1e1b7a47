# SPDX-License-Identifier: Apache-2.0
"""A small Flask service on SQLite: `gunicorn --workers 2 app:app`."""

import csv
import os
import sqlite3
from contextlib import closing

from flask import Flask, Response, jsonify, request

DATABASE = os.environ.get("READINGS_DB", "readings.db")
EXPORTS = os.environ.get("READINGS_EXPORTS", "exports")
SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (id INTEGER PRIMARY KEY, sensor TEXT, value REAL);
CREATE TABLE IF NOT EXISTS averages (sensor TEXT PRIMARY KEY, value REAL);
"""

app = Flask(__name__)


def connect() -> sqlite3.Connection:
    """A connection to the database."""
    return sqlite3.connect(DATABASE, timeout=30)


def prepare() -> None:
    """Make the tables if need be: every worker does, as it starts."""
    with closing(connect()) as connection:
        connection.executescript(SCHEMA)


prepare()


@app.post("/readings")
def add() -> tuple[Response, int]:
    """Keep a reading; says which process did."""
    reading = request.get_json()
    with closing(connect()) as connection, connection:
        cursor = connection.execute(
            "INSERT INTO readings (sensor, value) VALUES (?, ?)", (reading["sensor"], reading["value"])
        )
    return jsonify(id=cursor.lastrowid, worker=os.getpid()), 201


@app.get("/readings/<int:reading_id>")
def show(reading_id: int) -> Response | tuple[Response, int]:
    """Show a reading."""
    with closing(connect()) as connection:
        row = connection.execute("SELECT sensor, value FROM readings WHERE id = ?", (reading_id,)).fetchone()
    if row is None:
        return jsonify(error=f"no reading {reading_id}"), 404
    return jsonify(sensor=row[0], value=row[1], worker=os.getpid())


@app.post("/averages")
def average() -> Response:
    """Work out the average of each sensor, inside the database."""
    with closing(connect()) as connection, connection:
        connection.execute(
            "INSERT OR REPLACE INTO averages (sensor, value) SELECT sensor, avg(value) FROM readings GROUP BY sensor"
        )
    return jsonify(worker=os.getpid())


@app.post("/exports/<name>")
def export(name: str) -> Response:
    """Write the averages to exports/NAME.csv."""
    with closing(connect()) as connection:
        rows = connection.execute("SELECT sensor, value FROM averages ORDER BY sensor").fetchall()
    os.makedirs(EXPORTS, exist_ok=True)
    with open(os.path.join(EXPORTS, f"{os.path.basename(name)}.csv"), "w", newline="") as file:
        csv.writer(file).writerows([("sensor", "value"), *rows])
    return jsonify(rows=len(rows), worker=os.getpid())
