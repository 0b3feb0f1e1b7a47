# SPDX-License-Identifier: Apache-2.0
"""However a process ends, its changes are in a journal: all of them, and of a killed one all but the last moment's."""

from __future__ import annotations

import os
import signal
import subprocess
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest
from backend_processes import wait_until
from container_changes import MUTATIONS, sequence
from launch import OBSERVED, PLAIN, environment, run

from otelprov.containers.joined import EVERY
from otelprov.containers.pending import LIMIT, MOST_ALONE
from otelprov.semconv import names
from otelprov.testing import Recorded

BEGIN = """
import os, signal, sys, threading, time
from otelprov.containers import track

orders = track({}, name="orders")

def work(count):
    for number in range(count):
        orders[number % 7] = number

"""
ENDS = {
    "returns": "work(20)",
    "os._exit": "work(20)\nos._exit(0)",
    "an exception": "work(20)\nraise KeyError('x')",
    "exec": "work(20)\nos.execv(sys.executable, [sys.executable, '-c', 'pass'])",
    "SIGTERM to itself": "work(20)\nsignal.raise_signal(signal.SIGTERM)",
    "a handler that exits": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\nwork(20)\nos.kill(os.getpid(), signal.SIGTERM)\nwork(0)"
    ),
    "late": (
        "import atexit\natexit.register(work, 10)\n"
        "class Last:\n    def __del__(self):\n        work(5)\nlast = Last()\ndel last\n"
        "thread = threading.Thread(target=work, args=(5,))\nthread.start()\nthread.join()"
    ),
}


def numbers(recorded: Recorded) -> dict[tuple[str, str], list[int]]:
    """Numbers of changes by process and container, in the order of the journals."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for span in recorded.spans(MUTATIONS):
        for event in span.events:
            key = span.attributes[names.PROVENANCE_PROCESS_ID], event.attributes[names.PROVENANCE_CONTAINER_ID]
            found[key].append(event.attributes[names.PROVENANCE_CONTAINER_CHANGE])
    return dict(found)


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_a_process_leaves_all_of_it(tmp_path: Path, end: str) -> None:
    ran = run(tmp_path, BEGIN + textwrap.dedent(ENDS[end]), OTELPROV_TESTING="1")
    found = numbers(ran.recorded)
    assert list(found.values()) == [list(range(21))], ran.process.stderr
    ((process, container),) = found
    assert container.startswith(f"{process}-")
    of_process = [span for span in ran.recorded.spans() if span.attributes[names.PROVENANCE_PROCESS_ID] == process]
    assert sequence(of_process) == list(range(1, len(sequence(of_process)) + 1))


FORKED = """
from otelprov.capture.recorder import current
work(5)
print(current().process_id, flush=True)
if os.fork() == 0:
    print(current().process_id, flush=True)
    work(3)
    own = track([], name="own")
    own.append(1)
    END
os.wait()
work(2)
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit()", "os.execv(sys.executable, [sys.executable, '-c', ''])"])
def test_a_forked_child_goes_on_from_where_its_parent_was(tmp_path: Path, end: str) -> None:
    ran = run(tmp_path, BEGIN + FORKED.replace("END", end))
    assert ran.process.returncode == 0, ran.process.stderr
    found = numbers(ran.recorded)
    parent, child = ran.process.stdout.split()
    orders, own = f"{parent}-1", f"{child}-3"
    # The first number of a child is left out, as the parent may give it to a container of its own.
    assert found == {
        (parent, orders): list(range(1 + 5 + 2)),
        (child, orders): [6, 7, 8],
        (child, own): [0, 1],
    }


def test_a_pool_of_forked_workers_loses_nothing(tmp_path: Path) -> None:
    program = """
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(work, [50] * 8)
        pool.close()
        pool.join()
    """
    ran = run(tmp_path, BEGIN + textwrap.dedent(program))
    assert ran.process.returncode == 0, ran.process.stderr
    found = [changes for (process, container), changes in numbers(ran.recorded).items() if container[:16] != process]
    assert sum(map(len, found)) == 8 * 50
    assert all(changes == list(range(1, len(changes) + 1)) for changes in found)


def test_forks_beside_a_thread_that_makes_changes(tmp_path: Path) -> None:
    program = """
    thread = threading.Thread(target=work, args=(5_000,))
    thread.start()
    for _ in range(10):
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    thread.join()
    """
    ran = run(tmp_path, BEGIN + textwrap.dedent(program))
    assert ran.process.returncode == 0, ran.process.stderr
    # Of nobody but the process that made them.
    assert [sorted(changes) for changes in numbers(ran.recorded).values()] == [list(range(5_001))]


def _killed(tmp_path: Path, program: str, until: int) -> list[list[int]]:
    """Numbers of the changes of a program that prints its id and is killed when so many changes are in its journal."""
    script = tmp_path / "program.py"
    script.write_text(BEGIN + textwrap.dedent(program))
    home = tmp_path / "home"
    process = subprocess.Popen([*OBSERVED, str(script)], cwd=tmp_path, env=environment(home), stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout:
        number = int(process.stdout.readline())
        try:
            recorded = Recorded(home)
            wait_until(lambda: sum(map(len, numbers(recorded).values())) >= until, "the changes")
        finally:
            os.kill(number, signal.SIGKILL)
    return list(numbers(recorded).values())


WAITS = "work(20)\nprint(os.getpid(), flush=True)\nwhile True:\n    signal.pause()\n"


def test_a_killed_process_has_lost_nothing_that_is_older_than_half_a_second(tmp_path: Path) -> None:
    assert EVERY <= 0.5
    assert _killed(tmp_path, WAITS, 21) == [list(range(21))]


def test_nor_has_a_forked_child(tmp_path: Path) -> None:
    program = f"if os.fork():\n    os.wait()\n    os._exit(0)\n{WAITS}"
    assert _killed(tmp_path, program, 21) == [[0], list(range(1, 21))]


@pytest.mark.parametrize(("most", "threads"), [(MOST_ALONE, ""), (LIMIT, "threading.Thread(target=int).start()\n")])
def test_a_killed_process_has_lost_a_few_thousand_changes_at_most(tmp_path: Path, most: int, threads: str) -> None:
    ran = run(tmp_path, f"{BEGIN}{threads}work(20_000)\nos.kill(os.getpid(), signal.SIGKILL)")
    assert ran.process.returncode == -signal.SIGKILL
    (found,) = numbers(ran.recorded).values()
    # Without a hole, from the first on.
    assert found == list(range(len(found)))
    assert len(found) >= 20_001 - most


def test_nothing_of_it_is_needed_to_use_a_container(tmp_path: Path) -> None:
    ran = run(tmp_path, BEGIN + "work(5000)\nprint(len(orders.tracking_changes()))", launcher=PLAIN)
    assert ran.process.stdout == "1000\n", ran.process.stderr
    assert ran.recorded.lines() == []


def test_programs_without_containers_do_not_load_them(tmp_path: Path) -> None:
    program = "import sys; print([name for name in sys.modules if name.startswith('otelprov.containers')])"
    ran = run(tmp_path, program)
    assert ran.process.stdout == "[]\n"


def test_memory_is_flat_while_changes_are_flushed(tmp_path: Path) -> None:
    program = """
    import resource
    def most():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(20_000)
    before = most()
    work(60_000)
    print(most() - before)
    """
    ran = run(tmp_path, BEGIN + textwrap.dedent(program))
    assert int(ran.process.stdout) < 4_096, ran.process.stderr
    assert sum(line.count(b'"provenance.container.mutation"') for line in ran.recorded.lines()) == 80_001
    # Looking at each of them as every test does would take longer than all of it.
    for journal in (tmp_path / "home" / "journal").iterdir():
        os.truncate(journal, 0)


def test_threads_are_only_asked_for_where_there_are_several(tmp_path: Path) -> None:
    program = """
    from otelprov.containers import pending
    kinds = []
    def note():
        work(1)
        kinds.append(type(pending.here()).__name__)
    note()
    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    note()
    print(threading.get_ident(), thread.ident, *kinds)
    """
    ran = run(tmp_path, BEGIN + textwrap.dedent(program))
    main, other, *kinds = ran.process.stdout.split()
    assert kinds == ["Context", "tuple", "tuple"]
    events = [event for span in ran.recorded.spans(MUTATIONS) for event in span.events]
    assert [event.attributes[names.THREAD_ID] for event in events] == [int(main), int(main), int(other), int(main)]
