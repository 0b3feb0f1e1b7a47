# SPDX-License-Identifier: Apache-2.0
"""A run from its announcement to its end, in real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from launch import BIN, LAUNCHED, OBSERVED, PLAIN, environment, run

from otelprov.journal.late_end import complete
from otelprov.testing import Recorded

ENDS = {
    "falls off the end": ("print('x')", 0, "completed"),
    "sys.exit": ("import sys\nsys.exit(3)", 3, "failed"),
    "sys.exit with text": ("import sys\nsys.exit('no')", 1, "failed"),
    "exit()": ("exit(5)", 5, "failed"),
    "raise SystemExit": ("raise SystemExit(4)", 4, "failed"),
    "raise SystemExit of nothing": ("def main(): return None\nraise SystemExit(main())", 0, "completed"),
    "a SystemExit that is caught": (
        "import sys\ntry:\n    sys.exit(3)\nexcept SystemExit:\n    pass\nprint('on')",
        0,
        "completed",
    ),
    "os._exit": ("import os\nos._exit(6)", 6, "failed"),
    "unhandled exception": ("raise ValueError('x')", 1, "failed"),
}


@pytest.mark.parametrize("how", ENDS)
def test_exit_status_and_output_are_unchanged_and_told(tmp_path: Path, how: str) -> None:
    source, status, told = ENDS[how]
    plain = run(tmp_path, source, launcher=PLAIN)
    ran = run(tmp_path, source)
    assert ran.process.returncode == status == plain.process.returncode
    assert (ran.process.stdout, ran.process.stderr) == (plain.process.stdout, plain.process.stderr)
    for journal in (tmp_path / "home" / "journal").glob("*.jsonl"):
        complete(str(journal))
    assert ran.run_span().attributes["provenance.run.status"] == told
    assert ran.run_span().attributes["process.exit.code"] == status
    assert ran.recorded.problems() == []


def test_no_file_is_left_beside_the_journal_once_it_is_complete(tmp_path: Path) -> None:
    run(tmp_path, "raise SystemExit(4)")
    folder = tmp_path / "home" / "journal"
    (journal,) = folder.glob("*.jsonl")
    assert complete(str(journal))
    assert not complete(str(journal))
    assert list(folder.iterdir()) == [journal]


def test_an_error_is_told_with_its_stack_and_without_its_secret(tmp_path: Path) -> None:
    ran = run(tmp_path, "def load():\n    raise ValueError('cannot reach postgres://ana:hunter2@db/x')\nload()")
    ended = ran.event("provenance.process.ended")
    assert ended["exception.type"] == ended["error.type"] == "ValueError"
    assert re.fullmatch(r"cannot reach postgres://\[cut:[0-9a-f]{8}\]@db/x", str(ended["exception.message"]))
    assert "in load" in str(ended["exception.stacktrace"])
    assert all(b"hunter2" not in line for line in ran.recorded.lines())


def test_the_run_is_announced_with_what_is_known_at_once(tmp_path: Path) -> None:
    ran = run(tmp_path, "import os; os.kill(os.getpid(), 9)", "--epochs", "3", "--password", "hunter2")
    assert ran.process.returncode == -9
    started = ran.event("provenance.run.started")
    assert started["provenance.run.name"] == "program.py"
    assert started["provenance.run.code.file"] == str(tmp_path / "program.py")
    assert str(started["provenance.run.code.digest"]).startswith("sha256:")
    assert "--epochs 3" in str(started["provenance.run.command"])
    assert "hunter2" not in str(started["provenance.run.command"])
    assert started["process.working_directory"] == str(tmp_path)
    assert ran.recorded.spans("run") == []


def test_sequence_numbers_have_no_gap(tmp_path: Path) -> None:
    ran = run(tmp_path, "open('a.txt', 'w').write('x'); open('a.txt').read()")
    spans = [span for span in ran.recorded.spans() if span.scope.startswith("otelprov")]
    numbers = [span.attributes["provenance.seq"] for span in spans]
    numbers += [event.attributes["provenance.seq"] for span in spans for event in span.events]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert ran.event("provenance.process.ended")["provenance.process.records"] in numbers


def test_git_commit_branch_and_dirty_flag(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q", "-b", "trunk"], check=True)
    (tmp_path / ".gitignore").write_text("home/\nprogram.py\n")
    subprocess.run([*git, "add", ".gitignore"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://ana:hunter2@git.example/x.git"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    clean = run(tmp_path, "print(1)").event("provenance.run.environment")
    assert clean["vcs.ref.head.revision"] == head
    assert clean["vcs.ref.head.name"] == "trunk"
    assert clean["provenance.vcs.dirty"] is False
    assert re.fullmatch(r"https://\[cut:[0-9a-f]{8}\]@git.example/x.git", str(clean["vcs.repository.url.full"]))
    packages = str(clean["provenance.packages.list"]).splitlines()
    assert any(line.startswith("wrapt==") for line in packages)
    assert clean["provenance.packages.count"] == len(packages)


@pytest.mark.parametrize("how", ["subprocess", "fork", "spawn"])
def test_children_join_the_run(tmp_path: Path, how: str) -> None:
    (tmp_path / "child.py").write_text("open('child.txt', 'w').write('c')\n")
    source = {
        "subprocess": "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'], check=True)",
        "fork": "import multiprocessing as m\nimport runpy\n"
        "p = m.get_context('fork').Process(target=runpy.run_path, args=('child.py',))\np.start(); p.join()",
        "spawn": "import multiprocessing as m\nimport runpy\nif __name__ == '__main__':\n"
        "    p = m.get_context('spawn').Process(target=runpy.run_path, args=('child.py',))\n    p.start(); p.join()",
    }[how]
    ran = run(tmp_path, source)
    assert ran.process.stderr == ""
    (write,) = [span for span in ran.recorded.io() if span.name == "write child.txt"]
    root = ran.run_span()
    assert write.attributes["provenance.run.id"] == root.attributes["provenance.run.id"]
    assert write.attributes["provenance.process.id"] != root.attributes["provenance.process.id"]
    assert write.trace_id == root.trace_id
    assert ran.recorded.problems() == []


def test_exec_goes_on_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "second.py").write_text("import sys\nopen('b.txt', 'w').write('b')\nsys.exit(7)\n")
    ran = run(tmp_path, "import os, sys\nos.execv(sys.executable, [sys.executable, 'second.py'])")
    assert ran.process.returncode == 7
    assert ran.run_span().attributes["process.exit.code"] == 7
    (write,) = ran.recorded.io()
    assert write.attributes["provenance.run.id"] == ran.run_span().attributes["provenance.run.id"]


def test_otelprov_run_tells_the_signal_that_killed(tmp_path: Path) -> None:
    ran = run(tmp_path, "import os; os.kill(os.getpid(), 9)", launcher=LAUNCHED)
    assert ran.process.returncode == 137
    assert ran.run_span().attributes["provenance.run.status"] == "interrupted"
    assert ran.run_span().attributes["provenance.run.signal"] == "SIGKILL"
    assert "interrupted by SIGKILL" in ran.process.stderr


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (["no-such-program"], 127, "no-such-program: command not found"),
        (["./missing"], 127, "./missing: No such file or directory"),
        (["./plain.txt"], 126, "./plain.txt: Permission denied"),
        (["."], 127, ".: command not found"),
        (["./"], 126, "./: Is a directory"),
        (["--wrong", "--", "true"], 2, "no such option: --wrong"),
        (["--param", "novalue", "--", "true"], 2, "'novalue' is not KEY=VALUE"),
        ([], 2, "no command given"),
    ],
)
def test_otelprov_run_says_what_a_shell_says(tmp_path: Path, command: list[str], status: int, message: str) -> None:
    (tmp_path / "plain.txt").write_text("x")
    done = subprocess.run(
        [str(BIN / "otelprov"), "run", *command],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_script_of_another_language_is_a_run_too(tmp_path: Path) -> None:
    script = f"{BIN / 'python'} -c \"open('o.txt', 'w').write('1')\"; exit 9"
    done = subprocess.run(
        [str(BIN / "otelprov"), "run", "--name", "nightly", "--param", "day=7", "--", "sh", "-c", script],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 9
    recorded = Recorded(tmp_path / "home")
    (root,) = recorded.spans("run")
    assert root.name == "run nightly"
    assert root.attributes["process.exit.code"] == 9
    (write,) = recorded.io()
    assert write.attributes["provenance.run.id"] == root.attributes["provenance.run.id"]
    assert write.trace_id == root.trace_id


def test_autoload_needs_no_launcher_and_is_off_without_its_switch(tmp_path: Path) -> None:
    source = "open('a.txt', 'w').write('x')"
    off = run(tmp_path, source, launcher=PLAIN)
    assert not off.recorded.home.exists()
    on = run(tmp_path, source, launcher=PLAIN, OTELPROV_AUTOLOAD="1")
    assert on.recorded.names() == ["write a.txt"]
    assert on.run_span().attributes["provenance.run.status"] == "completed"


@pytest.mark.parametrize("switch", [{"OTELPROV_ENABLED": "false"}, {"OTEL_SDK_DISABLED": "true"}])
def test_switched_off_leaves_nothing(tmp_path: Path, switch: dict[str, str]) -> None:
    ran = run(tmp_path, "open('a.txt', 'w').write('x')", **switch)
    assert ran.process.returncode == 0
    assert not ran.recorded.home.exists()


@pytest.mark.parametrize("launcher", [OBSERVED, LAUNCHED], ids=["instrument", "run"])
def test_a_home_that_cannot_be_written_costs_one_line(tmp_path: Path, launcher: list[str]) -> None:
    (tmp_path / "home").write_text("in the way")
    ran = run(tmp_path, "open('a.txt', 'w').write('x'); print('done')", launcher=launcher)
    assert ran.process.returncode == 0
    assert ran.process.stdout == "done\n"
    assert (tmp_path / "a.txt").read_text() == "x"
    assert ran.process.stderr.count("\n") == 1
    assert "nothing is recorded" in ran.process.stderr
    assert str(tmp_path / "home") in ran.process.stderr


def test_journals_are_private(tmp_path: Path) -> None:
    run(tmp_path, "print(1)")
    folder = tmp_path / "home" / "journal"
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert {os.stat(path).st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_process_that_ends_itself_by_a_signal_has_its_last_record(tmp_path: Path) -> None:
    ran = run(tmp_path, "import signal\nopen('a.txt', 'w').write('x')\nsignal.raise_signal(signal.SIGTERM)")
    assert ran.process.returncode == -15
    assert ran.run_span().attributes["provenance.run.status"] == "interrupted"
    assert ran.run_span().attributes["provenance.run.signal"] == "SIGTERM"
    assert ran.recorded.names() == ["write a.txt"]


def test_a_signal_that_is_handled_is_no_end(tmp_path: Path) -> None:
    source = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)\nsignal.raise_signal(signal.SIGTERM)"
    ran = run(tmp_path, source)
    assert ran.process.returncode == 0
    assert ran.run_span().attributes["provenance.run.status"] == "completed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sent_to_otelprov_run_reaches_the_command(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "program.py").write_text("print('ready', flush=True)\nimport time\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [*LAUNCHED, "program.py"],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    process.stdout.close()
    (root,) = Recorded(tmp_path / "home").spans("run")
    assert root.attributes["provenance.run.signal"] == number.name


def test_the_command_finds_signals_as_a_shell_leaves_them(tmp_path: Path) -> None:
    source = (
        "import signal\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
        "print([signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT)])"
    )
    plain = run(tmp_path, source, launcher=PLAIN)
    assert run(tmp_path, source, launcher=LAUNCHED).process.stdout == plain.process.stdout


def test_opentelemetrys_own_switch_switches_otelprov_run_off(tmp_path: Path) -> None:
    ran = run(tmp_path, "print(1)", launcher=LAUNCHED, OTEL_SDK_DISABLED="true")
    assert (ran.process.returncode, ran.process.stdout, ran.process.stderr) == (0, "1\n", "")
    assert not ran.recorded.home.exists()


def test_the_code_of_a_console_script_is_what_it_was_started_in(tmp_path: Path) -> None:
    done = subprocess.run(
        [*OBSERVED, str(BIN / "pytest"), "--version"], cwd=tmp_path, env=environment(tmp_path / "home"), check=False
    )
    assert done.returncode == 0
    started = [
        event.attributes
        for span in Recorded(tmp_path / "home").spans()
        for event in span.events
        if event.name == "provenance.run.started"
    ]
    assert started[0]["provenance.run.name"] == "pytest"
    assert "provenance.run.code.file" not in started[0]


def test_our_own_command_is_no_run_wherever_the_switch_is_set(tmp_path: Path) -> None:
    settings = environment(tmp_path / "home", OTELPROV_AUTOLOAD="1")
    for command in (["otelprov", "runs"], ["opentelemetry-instrument", "python", "-c", "pass"]):
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]], cwd=tmp_path, env=settings, check=False, timeout=60
        )
        assert done.returncode == 0
    (root,) = Recorded(tmp_path / "home").spans("run")
    assert root.name == "run python -c"


@pytest.mark.parametrize("launcher", [OBSERVED, LAUNCHED], ids=["instrument", "run"])
def test_who_what_and_with_which_variables(tmp_path: Path, launcher: list[str]) -> None:
    settings = {
        "OTELPROV_RUN_ACTOR": "nightly-batch",
        "OTELPROV_RUN_TRIGGER": "schedule",
        "OTELPROV_VARIABLES": "STAGE, DB_PASSWORD, NOT_THERE",
        "STAGE": "test",
        "DB_PASSWORD": "hunter2",
    }
    ran = run(tmp_path, "print(1)", launcher=launcher, **settings)
    started = ran.event("provenance.run.started")
    assert started["provenance.run.actor"] == "nightly-batch"
    assert started["provenance.run.trigger"] == "schedule"
    variables = str(ran.event("provenance.run.environment")["provenance.environment.variables"])
    assert '"STAGE":"test"' in variables
    assert "DB_PASSWORD" in variables
    assert all(b"hunter2" not in line for line in ran.recorded.lines())


def test_the_difference_from_the_commit_only_where_asked_for(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "notes.txt").write_text("one\n")
    subprocess.run([*git, "add", "notes.txt"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    (tmp_path / "notes.txt").write_text("two\npassword=hunter2\n")
    quiet = run(tmp_path, "print(1)").event("provenance.run.environment")
    assert quiet["provenance.vcs.dirty"] is True
    assert str(quiet["provenance.vcs.diff.digest"]).startswith("sha256:")
    assert "provenance.vcs.diff.text" not in quiet
    (tmp_path / "second").mkdir()
    loud = run(tmp_path / "second", "print(1)", OTELPROV_VCS_DIFF="true").event("provenance.run.environment")
    assert "+two" in str(loud["provenance.vcs.diff.text"])
    assert "hunter2" not in str(loud["provenance.vcs.diff.text"])


def test_a_program_that_instruments_itself_runs_under_no_profiler(tmp_path: Path) -> None:
    source = """
    import sys
    from opentelemetry.instrumentation.auto_instrumentation import initialize
    initialize()
    assert sys.getprofile() is None
    open("made.txt", "w").write("x")
    sys.exit(3)
    """
    chosen = {"OTEL_PYTHON_DISTRO": "otelprov", "OTEL_PYTHON_CONFIGURATOR": "otelprov"}
    ran = run(tmp_path, source, launcher=PLAIN, **chosen)
    assert ran.process.returncode == 3, ran.process.stderr
    assert ran.run_span().attributes["process.exit.code"] == 3


@pytest.mark.parametrize("launcher", [PLAIN, LAUNCHED, OBSERVED], ids=["without us", "run", "instrument"])
def test_cycles_of_the_programs_end_as_they_would(tmp_path: Path, launcher: list[str]) -> None:
    source = """
    import gc, os

    class Told:
        def __init__(self, name):
            self.name, self.itself = name, self

        def __del__(self, write=os.write):
            write(1, f"{self.name}\\n".encode())

    early = Told("collected")
    del early
    gc.collect()
    left = Told("ended with the process")
    """
    assert run(tmp_path, source, launcher=launcher).process.stdout == "collected\nended with the process\n"
