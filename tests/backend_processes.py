# SPDX-License-Identifier: Apache-2.0
"""Runs the real Collector and the real Jaeger, on the real files of collector-config, as processes of a test."""

from __future__ import annotations

import abc
import contextlib
import functools
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "collector-config"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LOG_SHOWN = 6000
# Below the range that outgoing connections get, so that a port is still free when its process is started again.
PORTS = range(20000, 32000)
# The child asks the kernel to end it with us (PR_SET_PDEATHSIG, SIGKILL), then becomes the program.
GUARD = (
    "import ctypes, os, sys\n"
    "if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, 9)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)

_handed_out: set[int] = set()
_running: list[BackendProcess] = []


def free_port() -> int:
    """A loopback port that nobody listens on and that this process has not handed out before."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def wait_until(ask: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Ask until the answer is true and return it; fail with `what` and the last answer after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s for {what}; the last answer was {answer!r}")
        time.sleep(0.05)


def get_json(url: str) -> Any:
    """The JSON at `url`; None for 404, for a page of HTML, and while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            # Jaeger calls its JSON text/plain; an unknown path is answered with the page of the UI.
            if "html" in answer.headers.get("Content-Type", ""):
                return None
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return None
            pytest.fail(f"GET {url}: {error.code} {error.read().decode(errors='replace')}")
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return None


def post_traces(otlp_http: str, request: Mapping[str, Any]) -> None:
    """Send one ExportTraceServiceRequest, in its JSON form, to the base URL of an OTLP/HTTP endpoint."""
    body = json.dumps(request).encode()
    call = urllib.request.Request(f"{otlp_http}/v1/traces", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=30) as answer:
        rejected = json.load(answer).get("partialSuccess", {}).get("rejectedSpans", 0)
    assert int(rejected) == 0, f"{otlp_http} refused {rejected} spans"


@functools.cache
def binary(variable: str) -> str:
    """Path of a backend: from the environment, else built (once) by tools/backends.py."""
    if chosen := os.environ.get(variable):
        return chosen
    tool = subprocess.run([sys.executable, str(ROOT / "tools" / "backends.py")], capture_output=True, text=True)
    if tool.returncode != 0:
        pytest.fail(f"tools/backends.py could not build the backends:\n{tool.stderr}", pytrace=False)
    return dict(line.split("=", 1) for line in tool.stdout.splitlines())[variable]


class BackendProcess(abc.ABC):
    """A backend on ports of its own, its state and its log in a folder of the test; started by `with` or `start`."""

    variable = ""  # tells where the binary is
    port_names: tuple[str, ...] = ()
    health_path = "/"

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder, self.config = folder, config
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{config.stem}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._ports = {name: free_port() for name in self.port_names}

    def address(self, port: str) -> str:
        """host:port of one of `port_names`."""
        return f"127.0.0.1:{self._ports[port]}"

    @abc.abstractmethod
    def environment(self) -> dict[str, str]:
        """What the configuration reads from its environment."""

    def start(self) -> Self:
        """Start on the same state and ports as before, and wait until it says that it is healthy."""
        assert self.process is None, f"{self.config.name} is running already"
        path = binary(self.variable)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL")}
        guarded = [sys.executable, "-ISc", GUARD, str(os.getpid()), path, "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                guarded,
                env=clean | self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        _running.append(self)
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                state = f"ended with {self.process.poll()}" if self.process.poll() is not None else "is not healthy"
                self.kill()
                pytest.fail(f"{self.config.name}: the process {state}:\n{self.log_end()}", pytrace=False)
            time.sleep(0.05)
        return self

    def healthy(self) -> bool:
        """Whether the health check answers with 200."""
        try:
            with urllib.request.urlopen(f"http://{self.address('HEALTH')}{self.health_path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        """End it in good order (SIGTERM); by force when it takes too long."""
        if self.process is not None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would; does nothing when it is not running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            _running.remove(self)

    def log_end(self) -> str:
        """The end of what it has logged."""
        return self.log.read_text(errors="replace")[-LOG_SHOWN:] if self.log.exists() else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Jaeger(BackendProcess):
    """Jaeger on Badger. `otlp_http` and `query` are base URLs; `otlp_grpc` and `query_grpc` are host:port."""

    variable = "OTELPROV_JAEGER"
    port_names = ("GRPC", "HTTP", "QUERY", "QUERY_GRPC", "HEALTH")
    health_path = "/status"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CONFIG / "jaeger.yaml")
        self.otlp_grpc, self.otlp_http = self.address("GRPC"), f"http://{self.address('HTTP')}"
        self.query, self.query_grpc = f"http://{self.address('QUERY')}", self.address("QUERY_GRPC")

    def environment(self) -> dict[str, str]:
        """Ports, data folder and UI settings."""
        ports = {f"OTELPROV_JAEGER_{name}": self.address(name) for name in self.port_names}
        data = {"OTELPROV_JAEGER_DATA": str(self.folder / "data"), "OTELPROV_JAEGER_UI": str(CONFIG / "jaeger-ui.json")}
        return ports | data

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Spans of a trace as stored (OTLP JSON), each once; [] while there is none."""
        found = get_json(f"{self.query}/api/v3/traces/{trace_id}?raw_traces=true")
        if found is None:
            return []
        scopes = [scope for part in found["result"]["resourceSpans"] for scope in part["scopeSpans"]]
        return list({span["spanId"]: span for scope in scopes for span in scope["spans"]}.values())

    def services(self) -> list[str]:
        """Names of the services seen so far."""
        return list((get_json(f"{self.query}/api/v3/services") or {}).get("services") or [])


class Collector(BackendProcess):
    """A Collector as gateway or agent, sending to `upstream` (host:port of OTLP/gRPC). `otlp_http` is a base URL."""

    variable = "OTELPROV_OTELCOL"
    port_names = ("GRPC", "HTTP", "HEALTH")

    def __init__(self, folder: Path, upstream: str, role: str = "gateway", home: Path | None = None) -> None:
        super().__init__(folder, CONFIG / f"{role}.yaml")
        self.role, self.upstream, self.home = role.upper(), upstream, home or folder / "home"
        self.record = folder / "record"
        self.otlp_grpc, self.otlp_http = self.address("GRPC"), f"http://{self.address('HTTP')}"

    def environment(self) -> dict[str, str]:
        """Ports, state, and where to send, for the role."""
        ports = {f"OTELPROV_{self.role}_{name}": self.address(name) for name in self.port_names}
        ports[f"OTELPROV_{self.role}_STATE"] = str(self.folder / "state")
        if self.role == "AGENT":
            return ports | {"OTELPROV_GATEWAY": self.upstream, "OTELPROV_HOME": str(self.home)}
        return ports | {"OTELPROV_JAEGER_OTLP": self.upstream, "OTELPROV_RECORD": str(self.record)}


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A running Jaeger, one for the module, empty when the module starts."""
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as running:
        yield running


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory, jaeger: Jaeger) -> Iterator[Collector]:
    """A running gateway that sends to `jaeger`, one for the module."""
    with Collector(tmp_path_factory.mktemp("gateway"), jaeger.otlp_grpc) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Show the logs of the running backends with a failed test."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {one.config.name}", one.log_end()) for one in _running]
    return report
