# SPDX-License-Identifier: Apache-2.0
"""How true the lineage of real programs is, and what it costs: ours, and that of the peers that still run.

Usage: make evaluate ARGS="[PROGRAM ...] [--rounds N] [--no-peers] [--no-cost] [--size test|bench] [--markdown]"
   or: PYTHONPATH=tests python benchmarks/evaluate.py …

The programs are those of tests/e2e/programs, each with a list of its true edges. Truth is judged at the small size:
recall, and precision by evidence. Files read and written are held against what the kernel saw of the same program
without us: by inotify, and by strace where there is one. Cost is measured at the large size, with and without us in
turns; a ratio is taken within a round, and the median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import sys
import tempfile
from pathlib import Path

import evaluate_peers as peers
import evaluate_strace as strace
import evaluate_table as table
from data_programs import (
    Program,
    captured,
    fresh,
    home_of,
    judge,
    launched,
    make_inputs,
    missing_needs,
    observed,
    programs,
    run,
)
from evaluate_table import Cost, Truth
from kernel_log import Touched, watching

import otelprov
import otelprov_instrumentors

LAUNCHERS = {"otelprov run": launched(), "opentelemetry-instrument": observed()}


def main() -> int:
    options = _options()
    # As an installed package is; the programs run without leave to write bytecode, and would compile us at each start.
    for package in (otelprov, otelprov_instrumentors):
        compileall.compile_dir(os.path.dirname(package.__file__), quiet=1)
    tools = [] if options.no_peers else peers.install(Path(sys.prefix))
    chosen = []
    for program in programs(options.programs):
        absent = missing_needs(program)
        if absent:
            print(f"left out: {program.name} needs {', '.join(absent)}", file=sys.stderr)
        else:
            chosen.append(program)
    if not strace.available():
        print("no strace here: files are held against inotify alone", file=sys.stderr)
    table.facts(strace.available())
    truths = [_truth(program, tools) for program in chosen]
    table.truths(truths, markdown=options.markdown)
    if tools:
        table.peers(truths, markdown=options.markdown)
    table.mistakes(truths)
    if not options.no_cost:
        starts = {name: _start_up(options.rounds, way) for name, way in LAUNCHERS.items()}
        costs = [_cost(program, options, tools) for program in chosen]
        table.costs(costs, starts, markdown=options.markdown)
    wrong = [truth.program.name for truth in truths if not truth.good]
    print(f"not as declared: {', '.join(wrong)}" if wrong else "every program is as declared")
    return bool(wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is shown")
    parser.add_argument("--size", choices=("test", "bench"), default="bench", help="size at which cost is measured")
    parser.add_argument("--no-peers", action="store_true", help="leave autolineage and noWorkflow out")
    parser.add_argument("--no-cost", action="store_true", help="judge the edges alone")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    return parser.parse_args()


def _truth(program: Program, tools: list[peers.Peer]) -> Truth:
    print(f"{program.name}: {program.about}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        make_inputs(program, root / "made", program.sizes["test"])
        folder = fresh(root / "made", root / "plain")
        with watching(folder) as kernel:
            plain = run(program, folder)
        if plain.status:
            raise SystemExit(f"{program.name} fails by itself:\n{plain.errors.decode()}")
        logs = {"inotify": kernel}
        if strace.available():
            ended, logs["strace"] = strace.traced(program, fresh(root / "made", root / "traced"))
            if ended.status:
                raise SystemExit(f"{program.name} fails under strace:\n{ended.errors.decode()}")
        with_us = fresh(root / "made", root / "observed")
        ours = run(program, with_us, observed())
        found = captured(program, with_us)
        truth = Truth(program, judge(program, found.edges))
        truth.unlike = (ours.status, ours.output, ours.errors) != (0, plain.output, plain.errors)
        for name, log in logs.items():
            _compare(truth, name, log, Touched(found.read, found.written))
        for tool in tools:
            answer = tool.find(program, fresh(root / "made", root / tool.name))
            score = judge(program, dict.fromkeys(answer.edges, "flow"))
            truth.peers[tool.name] = (score, answer.trouble, answer.ended.wall / plain.wall)
        return truth


def _compare(truth: Truth, log: str, kernel: Touched, ours: Touched) -> None:
    program, databases = truth.program, set(truth.program.databases)

    def data(names: set[str]) -> set[str]:
        return {name for name in names if program.is_data(name)} - databases

    # Of a database the kernel sees pages, and so no more than that it was used.
    used = databases & (kernel.read | kernel.written)
    known = databases & (ours.read | ours.written)
    for what, theirs, mine in (
        ("read", data(kernel.read), data(ours.read)),
        ("written", data(kernel.written), data(ours.written)),
        ("used", used, known),
    ):
        truth.differences += [f"{log}: {what} {name}, and we have not seen it" for name in sorted(theirs - mine)]
        truth.differences += [f"{log}: {name} not {what}, and we say so" for name in sorted(mine - theirs)]
    truth.files = len(data(ours.read) | data(ours.written) | known)
    truth.kernel[log] = len(data(kernel.read) | data(kernel.written) | used)


def _start_up(rounds: int, launcher: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds that being observed adds to a program that does nothing."""
    nothing = Program("nothing", "", [["-c", "pass"]], {}, {})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "nothing"
        folder.mkdir()
        pairs = [(run(nothing, folder), run(nothing, folder, launcher)) for _ in range(rounds + 1)][1:]
    wall = statistics.median(ours.wall - plain.wall for plain, ours in pairs)
    return wall, statistics.median(ours.cpu - plain.cpu for plain, ours in pairs)


def _cost(program: Program, options: argparse.Namespace, tools: list[peers.Peer]) -> Cost:
    print(f"{program.name}: measuring", file=sys.stderr, flush=True)
    cost = Cost(program)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        make_inputs(program, root / "made", program.sizes[options.size])
        for number in range(options.rounds):
            ways = {"plain": None, "ours": launched()}
            # noWorkflow is measured where it was judged: at this size it would take hours.
            for tool in tools:
                if tool.name == "autolineage":
                    answers = root / f"answers{number}"
                    answers.mkdir()
                    ways["autolineage"] = peers.autolineage_launcher(tool, answers)
            names = list(ways) if number % 2 == 0 else list(reversed(ways))
            for name in names:
                folder = fresh(root / "made", root / f"{name}{number}")
                ended = run(program, folder, ways[name])
                if ended.status == 0:
                    cost.taken.setdefault(name, {})[number] = (ended.wall, ended.cpu)
                    # Each process that is observed has a journal of its own, and so has the launcher of each command.
                    journals = len(list(home_of(folder).glob("journal/*.jsonl")))
                    cost.processes = max(cost.processes, journals - len(program.commands))
                elif name != "autolineage":
                    raise SystemExit(f"{program.name} fails ({name}):\n{ended.errors.decode()}")
                _empty(folder)
    return cost


def _empty(folder: Path) -> None:
    for path in (folder, home_of(folder), folder.with_name(folder.name + ".tmp")):
        for below, _, files in os.walk(path):
            for file in files:
                os.unlink(os.path.join(below, file))


if __name__ == "__main__":
    sys.exit(main())
