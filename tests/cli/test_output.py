# SPDX-License-Identifier: Apache-2.0
"""Tables, colour and JSON."""

import json
import os
import pty
import subprocess
import sys

import pytest

from otelprov.cli import output

SHOW = """
from otelprov.cli.output import status_word, table, write_lines
write_lines(table(("run", "status"), [("a", "failed"), ("bb", "completed")], {"status": status_word}))
"""


def on_terminal(**environment):
    main, other = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", SHOW], stdout=other, env={"TERM": "xterm", **environment}, check=True)
        return os.read(main, 65536).decode()
    finally:
        os.close(other)
        os.close(main)


def test_a_table_is_aligned_and_plain_off_a_terminal():
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    assert done.stdout == "RUN  STATUS\na    failed\nbb   completed\n"


def test_colour_only_on_a_terminal_that_wants_it():
    assert "\x1b[31mfailed" in on_terminal()
    assert "\x1b" not in on_terminal(NO_COLOR="1")
    assert "\x1b" not in on_terminal(TERM="dumb")


def test_cells_are_made_printable_before_they_are_measured():
    lines = list(output.table(("name", "n"), [("\x1b[1m", "1"), ("plain", "2")]))
    assert lines == ["NAME     N", "\\x1b[1m  1", "plain    2"]


def test_json_is_one_line_of_ascii_off_a_terminal(capsys):
    output.write_json({"name": "\x9b\u202eä\udce9"})
    text = capsys.readouterr().out
    assert text.isascii()
    assert text == '{"schema_version": 1, "name": "\\u009b\\u202e\\u00e4\\udce9"}\n'


@pytest.mark.parametrize("status", ["running", "completed", "failed"])
def test_status_is_plain_off_a_terminal(status):
    assert output.status_word(status) == status


@pytest.mark.parametrize("count", [0, 1, 1000, 2500])
def test_a_list_that_is_streamed_is_one_document(count, capsys):
    output.stream_json({"a": 1}, "items", iter(range(count)), lambda: {"shown": count})
    document = json.loads(capsys.readouterr().out)
    assert document == {"schema_version": 1, "a": 1, "items": list(range(count)), "shown": count}
