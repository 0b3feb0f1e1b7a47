# SPDX-License-Identifier: Apache-2.0
"""The peers that still run, each in an environment of its own: what edges they find, and whether the program survives.

`install` takes them from the package index, with the libraries of the programs at the versions installed here.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from data_programs import Edge, Ended, Program, programs, run

HERE = Path(__file__).resolve().parent
PEERS = {"autolineage": "0.7.1", "noworkflow": "2.1.3"}
# Ways in which noWorkflow draws a graph; the second where the first, its own choice, fails.
_MODES = ("coarseGrain", "all")
# Seconds for one command; noWorkflow takes tens of times as long as the program.
LIMIT = 180.0


@dataclass
class Peer:
    """One other tool, installed."""

    name: str
    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    def find(self, program: Program, folder: Path) -> Found:
        """Run a program under the tool, and read what edges it tells of."""
        return (_autolineage if self.name == "autolineage" else _noworkflow)(self, program, folder)


@dataclass
class Found:
    """The edges that a tool tells of, and how the program ended under it."""

    ended: Ended
    edges: set[Edge] = field(default_factory=set)
    trouble: str = ""


def install(environment: Path) -> list[Peer]:
    """The peers, installed below an environment where they are not yet."""
    needs = sorted({need for program in programs() for need in program.needs} | {"joblib"})
    libraries = [f"{name}=={metadata.version(name)}" for name in needs]
    found = []
    for name, version in PEERS.items():
        peer = Peer(name, environment / "peers" / name)
        stamp = peer.folder / "installed.txt"
        wanted = "\n".join([f"{name}=={version}", *libraries])
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"installing {name} {version}", file=sys.stderr, flush=True)
            shutil.rmtree(peer.folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(peer.folder)], check=True)
            pip = [peer.python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
            subprocess.run([*pip, *wanted.splitlines()], check=True)
            stamp.write_text(wanted)
        found.append(peer)
    return found


def _autolineage(peer: Peer, program: Program, folder: Path) -> Found:
    answers = folder.with_name(folder.name + ".answers")
    answers.mkdir()
    ended = run(program, folder, autolineage_launcher(peer, answers), LIMIT)
    found = Found(ended, trouble=_trouble(ended))
    for path in answers.iterdir():
        found.edges |= _edges_of_records(json.loads(path.read_text()), folder)
    return found


def autolineage_launcher(peer: Peer, answers: Path) -> list[str]:
    """What a program is run by, with autolineage at work."""
    return [peer.python, str(HERE / "evaluate_autolineage.py"), str(answers)]


def _edges_of_records(records: list[tuple[str, list[str], str, str | None]], folder: Path) -> set[Edge]:
    parents: dict[str, set[str]] = {}
    read: dict[str, str] = {}
    for operation, above, child, path in records:
        if child:
            parents.setdefault(child, set()).update(one for one in above if one and one != child)
        if operation.startswith("read_") and path:
            read[child] = _below(path, folder)
    edges: set[Edge] = set()
    for operation, above, _, path in records:
        if operation.startswith("to_") and path:
            sources = {read[one] for one in _reachable(above, parents) if one in read}
            edges |= {(source, _below(path, folder)) for source in sources}
    return edges


def _noworkflow(peer: Peer, program: Program, folder: Path) -> Found:
    whole = Found(Ended(0, b"", b"", 0.0, 0.0))
    now = str(peer.folder / "bin" / "now")
    for command in program.commands:
        ended = run(replace(program, commands=[command]), folder, [now, "run"], LIMIT)
        whole.ended.wall += ended.wall
        whole.ended.cpu += ended.cpu
        whole.ended.status = ended.status
        whole.trouble = whole.trouble or _trouble(ended)
        for mode in _MODES:
            export = replace(program, commands=[["export", "dataflow", "-a", "2", "-m", mode]])
            drawn = run(export, folder, [now], LIMIT)
            if drawn.status == 0:
                break
        else:
            whole.trouble = whole.trouble or f"export: {_trouble(drawn)}"
        whole.edges |= _edges_of_drawing(drawn.output.decode(errors="replace"), program)
    return whole


def _edges_of_drawing(drawing: str, program: Program) -> set[Edge]:
    """Paths from file to file in a graph that is drawn from what depends to what it depends on."""
    labels = dict(re.findall(r'(a_\d+) \[label="([^"]*)"', drawing))
    back: dict[str, set[str]] = {}
    for one, other in re.findall(r"(\w+) -> (\w+)", drawing):
        back.setdefault(one, set()).add(other)
    known = {name for edge in program.edges for name in edge} | set(program.lineage)
    named = {node: name for node, label in labels.items() if (name := _known(label, known))}
    outputs = set(program.lineage)
    return {
        (named[source], name)
        for node, name in named.items()
        if name in outputs
        for source in _reachable(back.get(node, ()), back, stop=named.keys())
        if source in named and named[source] != name
    }


def _known(label: str, names: set[str]) -> str:
    return next((name for name in names if label == name or label.endswith("/" + name)), "")


def _reachable(first: Iterable[str], back: dict[str, set[str]], stop: Container[str] = ()) -> set[str]:
    seen: set[str] = set()
    waiting = list(first)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += () if node in stop else back.get(node, ())
    return seen


def _below(path: str, folder: Path) -> str:
    return path.removeprefix(f"{folder.resolve()}/").removeprefix(f"{folder}/")


def _trouble(ended: Ended) -> str:
    """How a program failed, in one line: the last error that was printed."""
    lines = (ended.output + ended.errors).decode(errors="replace").splitlines()
    errors = [line.strip() for line in lines if re.match(r"\s*(?:\[now\] )?[\w.]*(?:Error|Exception)\b", line)]
    if ended.status == -9:
        return f"stopped after {LIMIT:.0f} s"
    if ended.status or errors:
        last = errors[-1] if errors else (lines[-1].strip() if lines else f"exit status {ended.status}")
        # Where the temporary files of this very run were, is of no interest.
        return re.sub(r"'?/[^ ']*/([^ '/]+)'?", r"\1", last)
    return ""
