# SPDX-License-Identifier: Apache-2.0
"""What holds for every command: help, laziness, errors, streams."""

import subprocess
import sys

import click
import pytest

from otelprov.cli import main
from otelprov.errors import BackendUnreachableError, NotFoundError, PartialError, UsageError


@pytest.fixture
def failing(monkeypatch):
    """Put a command that does what the test says in the place of `runs`."""

    def put(action):
        command = click.Command("runs", callback=action)
        monkeypatch.setattr(main.LazyGroup, "get_command", lambda self, ctx, name: command)

    return put


def run_in_process(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main.cli(list(words))
    return ended.value.code, capsys.readouterr()


@pytest.mark.parametrize("name", [name for name in main.COMMANDS if name != "run"])
def test_help_starts_with_an_example_and_the_table_has_the_same_first_line(name):
    command = main.cli.get_command(click.Context(main.cli), name)
    text = command.get_help(click.Context(command, info_name=f"otelprov {name}"))
    assert main.COMMANDS[name][2] == command.help.partition("\n")[0]
    body = text.partition(main.COMMANDS[name][2])[2].split()
    assert body[:3] == ["Example:", "otelprov", name]


def test_the_help_of_the_group_imports_no_command():
    code = (
        "import sys\nfrom otelprov.cli.main import cli, COMMANDS\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "loaded = [m for m, _, _ in COMMANDS.values() if m in sys.modules]\n"
        "heavy = [m for m in ('sqlite3', 'otelprov.store.sqlite', 'opentelemetry.sdk', 'grpc') if m in sys.modules]\n"
        "print(loaded, heavy, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[] []"
    assert all(name in done.stdout for name in main.COMMANDS)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("u"), 2),
        (NotFoundError("n"), 3),
        (BackendUnreachableError("b"), 4),
        (PartialError("p"), 5),
        (ZeroDivisionError("z"), 1),
    ],
)
def test_errors_are_a_sentence_and_a_status(failing, capsys, error, status):
    def action():
        raise error

    failing(action)
    code, said = run_in_process(capsys, "runs")
    assert code == status
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err


def test_an_error_of_ours_is_raised_for_those_who_test(failing, monkeypatch):
    failing(lambda: 1 / 0)
    monkeypatch.setenv("OTELPROV_TESTING", "1")
    with pytest.raises(ZeroDivisionError):
        main.cli(["runs"])


def test_messages_cannot_steer_the_terminal(failing, capsys):
    def action():
        raise NotFoundError("no run '\x1b]0;owned\x07'\nsecond line")

    failing(action)
    _, said = run_in_process(capsys, "runs")
    assert said.err == "error: no run '\\x1b]0;owned\\x07'\nsecond line\n"


def test_wrong_usage_is_2_and_helps(otelprov):
    said = otelprov("lineag")
    assert said.status == 2
    assert said.out == ""
    assert "lineage" in said.err
    assert otelprov("runs", "--limit", "many").status == 2


def test_version_and_no_command(otelprov):
    from otelprov import __version__

    assert otelprov("--version").out == f"otelprov {__version__}\n"
    assert "lineage" in otelprov().out + otelprov().err


def test_a_reader_that_goes_away_is_no_error():
    code = (
        "import click\nfrom otelprov.cli import main\nfrom otelprov.cli.output import write_lines\n"
        "main.LazyGroup.get_command = lambda self, ctx, name: click.Command(name,"
        " callback=lambda: write_lines(str(n) for n in range(200000)))\n"
        "main.cli(['runs'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(30) == 0


def test_a_terminal_that_lacks_the_signs_gets_them_escaped():
    done = subprocess.run(
        [sys.executable, "-c", "import sys\nfrom otelprov.cli import main\nmain._make_streams_safe()\nprint('\u2514')"],
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("\\u2514\n", "")
