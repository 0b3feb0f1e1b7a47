# SPDX-License-Identifier: Apache-2.0
"""The schema comes up to date from nothing and from any older version, or stays as it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from spans import make_run

from otelprov.errors import OtelprovError
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.store import migrations, open_store


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return found


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = migrations.schema_version(connection)
    connection.close()
    return found


def test_numbers_are_gap_free() -> None:
    assert [number for number, _ in migrations.scripts()] == list(range(1, len(migrations.scripts()) + 1))


def test_an_empty_file_gets_the_whole_schema(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    open_store(str(path)).close()
    assert version(path) == migrations.scripts()[-1][0]
    assert {"run", "fact", "derived", "life", "position"} <= tables(path)


def test_an_older_file_is_brought_up_to_date_with_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    with_content = open_store(str(path))
    with_content.merge(extract(make_run("a.py", ["/a"], ["/b"]).spans), derive=derive_run)
    with_content.close()
    old = migrations.scripts()
    newer = [*old, (old[-1][0] + 1, "CREATE TABLE added (x INTEGER);\nINSERT INTO added SELECT count(*) FROM run;")]
    monkeypatch.setattr(migrations, "scripts", lambda: newer)
    opened = open_store(str(path))
    assert [run.name for run in opened.runs()] == ["a.py"]
    opened.close()
    assert version(path) == newer[-1][0]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT x FROM added").fetchall() == [(1,)]
    connection.close()


def test_a_script_that_fails_half_way_leaves_the_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    open_store(str(path)).close()
    before = (version(path), tables(path))
    broken = [*migrations.scripts(), (before[0] + 1, "CREATE TABLE added (x);\nCREATE TABLE run (y);")]
    monkeypatch.setattr(migrations, "scripts", lambda: broken)
    with pytest.raises(OtelprovError, match="already exists"):
        open_store(str(path))
    assert (version(path), tables(path)) == before


def test_a_kill_half_way_leaves_the_old_schema(tmp_path: Path) -> None:
    path, mark = tmp_path / "store.db", tmp_path / "mark"
    open_store(str(path)).close()
    before = (version(path), tables(path))
    program = (
        "import sqlite3, sys, time\n"
        "from otelprov.store import migrations, open_store\n"
        "path, mark = sys.argv[1:]\n"
        "class Slow(str):\n"
        "    pass\n"
        "real = migrations._statements\n"
        "def slowly(script):\n"
        "    yield from real(script)\n"
        "    open(mark, 'w').close()\n"
        "    time.sleep(60)\n"
        "migrations._statements = slowly\n"
        "old = migrations.scripts()\n"
        "migrations.scripts = lambda: [*old, (old[-1][0] + 1, 'CREATE TABLE added (x)')]\n"
        "open_store(path)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path), str(mark)])
    deadline = time.monotonic() + 30
    while not mark.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert (version(path), tables(path)) == before
    open_store(str(path)).close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(str(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    size = os.path.getsize(path)
    with pytest.raises(OtelprovError, match="Upgrade otelprov"):
        open_store(str(path))
    assert (version(path), os.path.getsize(path)) == (999, size)
