# SPDX-License-Identifier: Apache-2.0
"""Real programs observed in real processes, and the graph that the command line then answers with."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend_processes import wait_until
from launch import BIN as SCRIPTS
from launch import environment

from otelprov.testing import Recorded

EXAMPLES = Path(__file__).parent.parent / "examples"
LAUNCHER = str(SCRIPTS / "opentelemetry-instrument")
DEADLINE = 60.0


class Observed:
    """A folder with a program in it, and an OTELPROV_HOME of its own beside it."""

    def __init__(self, root: Path, example: str = "") -> None:
        self.home = root / "home"
        self.folder = root / (example or "program")
        if example:
            shutil.copytree(EXAMPLES / example, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            self.folder.mkdir()
        self.recorded = Recorded(self.home)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of this process without anything of OpenTelemetry's, with our home and scripts."""
        return environment(self.home, PYTHONDONTWRITEBYTECODE="1", **more)

    def write(self, name: str, text: str) -> Path:
        """Put a file of the program into its folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *command: str, observed: bool = True, **settings: str) -> subprocess.CompletedProcess[bytes]:
        """Run a Python script (with arguments) or another command to its end, observed or not."""
        if command[0].endswith(".py"):
            command = (sys.executable, *command)
        words = [LAUNCHER, *command] if observed else list(command)
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment(**settings),
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )

    def script(self, *command: str, **settings: str) -> str:
        """Run a script observed that must succeed; its standard output."""
        done = self.run(*command, **settings)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def otelprov(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run the `otelprov` command."""
        return subprocess.run(
            [str(SCRIPTS / "otelprov"), *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )

    def answer(self, *arguments: str, status: int = 0) -> Any:
        """What the `otelprov` command answers with --json; it must end with the exit status."""
        done = self.otelprov(*arguments, "--json")
        assert done.returncode == status, done.stderr.decode()
        return json.loads(done.stdout)

    def runs(self) -> dict[str, str]:
        """The status of each run by the run's name; names must differ."""
        listed = self.answer("runs")["runs"]
        found = {run["name"]: run["status"] for run in listed}
        assert len(found) == len(listed), listed
        return found

    def graph(self, selection: str) -> dict[str, Any]:
        """The lineage graph of a selection; each node has a short `label`: a path below the folder, else the name."""
        graph = self.answer("lineage", selection)
        for node in graph["nodes"]:
            node["label"] = self._label(node)
        return graph

    def _label(self, node: dict[str, Any]) -> str:
        path, folder = Path(node["name"]), self.folder.resolve()
        if node["namespace"] == "file" and path.is_relative_to(folder):
            return str(path.relative_to(folder))
        # Tables are named with their schema.
        return str(node["name"]).rpartition(".")[2] if node["type"] == "table" else str(node["name"])

    def edges(self, selection: str, relation: str = "derived") -> list[list[str]]:
        """The edges of one relation as [source, target, relation, evidence], sorted, each once."""
        graph = self.graph(selection)
        label = {node["id"]: node["label"] for node in graph["nodes"]}
        found = {
            (label[edge["source"]], label[edge["target"]], edge["relation"], edge["evidence"])
            for edge in graph["edges"]
            if edge["relation"] == relation
        }
        return [list(edge) for edge in sorted(found)]

    def expected(self) -> dict[str, Any]:
        """What the example says of itself."""
        return json.loads((self.folder / "expected.json").read_text())

    @contextmanager
    def server(
        self, *command: str, port: int, observed: bool = True, **settings: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A server that runs while the block does, and is then asked to end."""
        words = [LAUNCHER, *command] if observed else list(command)
        log = self.folder.parent / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                words, cwd=self.folder, env=self.environment(**settings), stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_until(lambda: _answers(port) or process.poll() is not None, "the server to answer", DEADLINE)
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
