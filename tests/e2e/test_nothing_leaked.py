# SPDX-License-Identifier: Apache-2.0
"""Secrets put wherever a real program has them are in no file of ours, and names that only sound secret are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from launch import BIN, LAUNCHED, OBSERVED, environment, run
from secret_values import Secrets

PROGRAM = """
import os, sqlite3
from opentelemetry import trace

places = "attribute event name status sql url error header".split()
secret = dict(zip(places, os.read(os.open("in", os.O_RDONLY), 4096).decode().split()))
with open("password_resets.csv", "w") as file:
    file.write(secret["attribute"])
open("password_resets.csv").read()
connection = sqlite3.connect("auth.db")
connection.execute("CREATE TABLE user_sessions (user_id, token)")
connection.execute(f"INSERT INTO user_sessions VALUES (1, '{secret['sql']}')")
connection.execute("INSERT INTO user_sessions VALUES (?, ?)", (2, secret["sql"]))
connection.execute(f"SELECT * FROM user_sessions WHERE token = '{secret['sql']}' -- {secret['sql']}")
connection.commit()
tracer = trace.get_tracer("shop")
with tracer.start_as_current_span(f"GET https://ana:{secret['name']}@example.org/") as span:
    span.set_attribute("user.password", secret["attribute"])
    span.set_attribute("url.full", f"https://ana:{secret['url']}@example.org/x?access_token={secret['url']}")
    span.set_attribute("http.request.header.authorization", [f"Bearer {secret['header']}"])
    span.set_attribute("db.statement", f"SELECT '{secret['sql']}'")
    span.set_attribute("process.command_args", ["x", "--password", secret["attribute"]])
    span.add_event(f"login password={secret['event']}", {"api_key": secret["event"], "app.note": "kept whole"})
    span.set_status(trace.StatusCode.ERROR, f"refused: postgres://ana:{secret['status']}@db/x")
try:
    import pandas
    pandas.read_csv(f"http://ana:{secret['url']}@127.0.0.1:9/tokens.csv?sig={secret['url']}")
except Exception:
    pass
raise RuntimeError(f"can't log in with password={secret['error']}")
"""
PLACES = ("attribute", "event", "name", "status", "sql", "url", "error", "header")


@pytest.mark.parametrize("launcher", [OBSERVED, LAUNCHED], ids=["observed", "launched"])
def test_no_secret_is_in_any_file(tmp_path: Path, launcher: list[str]) -> None:
    secrets = Secrets(7)
    made = {place: secrets.password() for place in (*PLACES, "argv", "resource", "remote", "run_name", "param")}
    made["token"] = secrets.shaped("github")
    for command in (
        ["init", "--quiet"],
        ["config", "user.email", "ana@example.org"],
        ["config", "user.name", "ana"],
        ["commit", "--quiet", "--allow-empty", "--message", "first"],
        ["remote", "add", "origin", f"https://ana:{made['remote']}@git.example/x.git"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (tmp_path / "in").write_text(" ".join(made[place] for place in PLACES))
    ran = run(
        tmp_path,
        PROGRAM,
        "--password",
        made["argv"],
        f"--api-key={made['argv']}",
        made["token"],
        launcher=launcher,
        OTEL_RESOURCE_ATTRIBUTES=f"db.password={made['resource']},team=blue",
        OTELPROV_RUN_NAME=f"nightly token={made['run_name']}",
        OTELPROV_RUN_PARAMS='{"db_password": "' + made["param"] + '", "lr": 0.1}',
        OTEL_TRACES_EXPORTER="none",
    )
    assert ran.process.returncode == 1
    assert made["error"] in ran.process.stderr
    home = tmp_path / "home"
    for arguments in (["lineage", "password_resets.csv"], ["show"], ["runs"]):
        asked = subprocess.run(
            [str(BIN / "otelprov"), *arguments], cwd=tmp_path, env=environment(home), capture_output=True, check=False
        )
        assert b"Traceback" not in asked.stderr
        assert not [place for place, secret in made.items() if secret.encode() in asked.stdout + asked.stderr]
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert (home / "store.db") in files
    found = [(place, path.name) for place, secret in made.items() for path in files if secret.encode() in files[path]]
    assert found == []
    everything = b"".join(files[path] for path in files if path.suffix == ".jsonl")
    for kept in (b"password_resets.csv", b"user_sessions", b"kept whole", b"git.example/x.git", b"auth.db"):
        assert kept in everything
    assert b"can't log in with password=[cut:" in everything
