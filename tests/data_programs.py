# SPDX-License-Identifier: Apache-2.0
"""The data programs of tests/e2e/programs: what each says of its lineage, how it is run, and what we recorded of it."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launch import BIN, environment

from otelprov.lineage.extract import extract
from otelprov.lineage.intake import take_in_journals
from otelprov.model.records import GENERATED, USED, IoRecord
from otelprov.store import open_store
from otelprov.store.contract import Bounds, Store
from otelprov.testing import Recorded

PROGRAMS = Path(__file__).parent / "e2e" / "programs"
EVIDENCE = ("flow", "statement", "step", "order")
# No data: code, and what lies beside databases.
_LEFT_OUT = ("*.py", "*.pyc", "*-journal", "*-wal", "*-shm")
_NEVER_COPIED = shutil.ignore_patterns("__pycache__", "inputs.py", "lineage.toml")
# They import the frameworks that they instrument, are here for other tests, and serve no data program.
_NO_WEB = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi,flask"}

Edge = tuple[str, str]


@dataclass(frozen=True)
class Program:
    """A program of one or more commands, with the edges that it says it has, by names below its folder."""

    name: str
    about: str
    commands: list[list[str]]
    sizes: Mapping[str, int]
    lineage: Mapping[str, list[str]]
    needs: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    varies: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)

    @property
    def edges(self) -> set[Edge]:
        """The true edges, from input to output."""
        return {(source, target) for target, sources in self.lineage.items() for source in sources}

    def is_data(self, name: str) -> bool:
        """Whether a file is neither code nor a log."""
        return name not in self.logs and not any(fnmatch.fnmatch(name, part) for part in _LEFT_OUT)


@dataclass
class Ended:
    """How the commands of a program ended, and what they took together in seconds."""

    status: int
    output: bytes
    errors: bytes
    wall: float
    cpu: float


@dataclass
class Captured:
    """What we recorded: the strongest evidence of each edge, and the files that were read and written."""

    edges: dict[Edge, str]
    read: set[str]
    written: set[str]
    problems: list[str]


@dataclass
class Score:
    """An answer held against what is true: which edges are missed, and which are false, by evidence."""

    true: dict[str, int]
    false: dict[str, list[Edge]]
    missed: list[Edge]

    @property
    def recall(self) -> float:
        """The part of all true edges that was found."""
        found = sum(self.true.values())
        return found / (found + len(self.missed)) if found or self.missed else 1.0

    def precision(self, evidence: str) -> float | None:
        """The part of all edges of one evidence that are true; None where there is no such edge."""
        true, false = self.true.get(evidence, 0), len(self.false.get(evidence, ()))
        return true / (true + false) if true or false else None


def programs(names: Iterable[str] = ()) -> list[Program]:
    """All programs, or those of the names given, in order of their names."""
    wanted = set(names)
    found = [
        Program(name=path.parent.name, **tomllib.loads(path.read_text(encoding="utf-8")))
        for path in sorted(PROGRAMS.glob("*/lineage.toml"))
    ]
    unknown = wanted - {program.name for program in found}
    if unknown:
        raise SystemExit(f"no such program: {', '.join(sorted(unknown))}")
    return [program for program in found if not wanted or program.name in wanted]


def make_inputs(program: Program, folder: Path, size: int) -> None:
    """Put a program and its inputs, so many rows or days of them, into a new folder."""
    source = PROGRAMS / program.name
    shutil.copytree(source, folder, ignore=_NEVER_COPIED)
    spec = importlib.util.spec_from_file_location(f"inputs_of_{program.name}", source / "inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make(folder, size)


def fresh(made: Path, folder: Path) -> Path:
    """The same folder as it was made, once more; the inputs, which no program changes, take no room of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder, copy_function=os.link)
    return folder


def run(
    program: Program, folder: Path, launcher: list[str] | None = None, limit: float = 600.0, **settings: str
) -> Ended:
    """Run the commands of a program one after the other, each by the launcher; the first that fails is the last.

    A command that takes longer than the limit, in seconds, is killed.
    """
    temporary = folder.with_name(folder.name + ".tmp")
    temporary.mkdir(exist_ok=True)
    shared = {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(temporary), "OMP_NUM_THREADS": "2", **_NO_WEB, **settings}
    whole = Ended(0, b"", b"", 0.0, 0.0)
    for command in program.commands:
        words = [*(launcher if launcher is not None else [str(BIN / "python")]), *command]
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            started = time.perf_counter()
            process = subprocess.Popen(
                words, cwd=folder, env=environment(home_of(folder), **shared), stdout=output, stderr=errors
            )
            killer = threading.Timer(limit, process.kill)
            killer.start()
            # With what its own children took.
            _, status, usage = os.wait4(process.pid, 0)
            killer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            whole.wall += time.perf_counter() - started
            whole.cpu += usage.ru_utime + usage.ru_stime
            for stream in (output, errors):
                stream.seek(0)
            whole.output += output.read()
            whole.errors += errors.read()
        whole.status = process.returncode
        if whole.status:
            break
    return whole


def observed() -> list[str]:
    """The launcher that has a program recorded into the home beside its folder."""
    return [str(BIN / "opentelemetry-instrument"), str(BIN / "python")]


def launched() -> list[str]:
    """The other launcher: our own, which starts sooner."""
    return [str(BIN / "otelprov"), "run", "--", str(BIN / "python")]


def home_of(folder: Path) -> Path:
    """Where what a program did in a folder is recorded."""
    return folder.with_name(folder.name + ".home")


def captured(program: Program, folder: Path) -> Captured:
    """What was recorded of a program that ran in a folder: its journal is taken in anew, as `otelprov lineage` does."""
    home = home_of(folder)
    recorded = Recorded(home)
    records = extract(recorded.spans())
    naming = _Naming(folder.resolve())
    ios = [*records.ios, *(fact for statement in records.statements for fact in statement.facts)]
    touched: dict[str, set[str]] = {USED: set(), GENERATED: set()}
    for io in ios:
        # A member of an archive is no file.
        if io.relation in touched and not io.temporary and "!/" not in io.name:
            name = naming.of(io).partition("#")[0]
            if program.is_data(name):
                touched[io.relation].add(name)
    store = open_store(str(home / "store.db"))
    try:
        take_in_journals(store, str(home / "journal"))
        edges = _edges(store, naming)
    finally:
        store.close()
    return Captured(edges, touched[USED], touched[GENERATED], recorded.problems())


class _Naming:
    """Names as the programs' own lists have them: paths below the folder, tables behind their database."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}{os.sep}"

    def of(self, io: IoRecord) -> str:
        if io.namespace == "file":
            # A member stands for its archive.
            return io.name.removeprefix(self._folder).partition("!/")[0]
        if io.namespace.startswith("sqlite:"):
            database = io.namespace.removeprefix("sqlite:").removeprefix(self._folder)
            table = io.name.rpartition(".")[2]
            return f"{database}#{table}" if table else database
        return f"{io.namespace}/{io.name}" if "://" in io.namespace else f"{io.namespace}:{io.name}"


def _edges(store: Store, naming: _Naming) -> dict[Edge, str]:
    found: dict[Edge, str] = {}
    for run in store.runs(limit=None):
        for output in store.facts_of_run(run.run_id, GENERATED, Bounds()):
            derived = store.derived_from(output.head)
            inputs = {fact.id: fact for fact in store.facts([edge.input for edge in derived])}
            for edge in derived:
                source = inputs[edge.input].io
                ends = naming.of(source), naming.of(output.io)
                if source.temporary or output.io.temporary or ends[0] == ends[1]:
                    continue
                known = found.get(ends)
                if known is None or EVIDENCE.index(edge.evidence) < EVIDENCE.index(known):
                    found[ends] = edge.evidence
    return found


def judge(program: Program, edges: Mapping[Edge, str]) -> Score:
    """Hold edges, each with its evidence, against what a program says of itself."""
    truth = program.edges
    score = Score({}, {}, sorted(truth - edges.keys()))
    for edge, evidence in sorted(edges.items()):
        if edge in truth:
            score.true[evidence] = score.true.get(evidence, 0) + 1
        else:
            score.false.setdefault(evidence, []).append(edge)
    return score


def contents(program: Program, folder: Path) -> dict[str, bytes | None]:
    """The bytes of every file that there is in the end; None for those that differ from run to run."""
    found: dict[str, bytes | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in program.logs:
            varies = any(fnmatch.fnmatch(name, pattern) for pattern in program.varies)
            found[name] = None if varies else path.read_bytes()
    return found


def missing_needs(program: Program) -> list[str]:
    """Distributions that a program needs and that are not installed."""
    modules = {"scikit-learn": "sklearn"}
    return [name for name in program.needs if importlib.util.find_spec(modules.get(name, name)) is None]
