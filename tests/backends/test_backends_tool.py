# SPDX-License-Identifier: Apache-2.0
"""tools/backends.py: its cache key, its lock, and what it says when it can't build."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from backend_processes import CONFIG, ROOT

TOOL = ROOT / "tools" / "backends.py"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = importlib.util.spec_from_file_location("backends_tool", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")} | environment
    return subprocess.run([sys.executable, str(TOOL), *arguments], env=env, capture_output=True, text=True, timeout=60)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("changed", "other"),
    [("builder.yaml", "jaeger"), ("jaeger-build/go.mod", "otelcol"), ("jaeger-build/go.sum", "otelcol")],
)
def test_the_key_changes_with_its_manifest_only(tool: ModuleType, tmp_path: Path, changed: str, other: str) -> None:
    config = tmp_path / "collector-config"
    shutil.copytree(CONFIG, config)
    before = {backend.name: backend.key() for backend in tool.backends(config)}
    assert before == {backend.name: backend.key() for backend in tool.backends()}
    with (config / changed).open("a") as file:
        file.write("\n")
    after = {backend.name: backend.key() for backend in tool.backends(config)}
    assert {name for name in before if before[name] == after[name]} == {other}


def test_print_builds_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path, "--print")
    assert done.returncode == 1
    assert [line.split("=")[0] for line in done.stdout.splitlines()] == ["OTELPROV_OTELCOL", "OTELPROV_JAEGER"]
    assert "python tools/backends.py" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_what_is_built_is_only_printed(tool: ModuleType, tmp_path: Path) -> None:
    for backend in tool.backends():
        program(backend.path(), "exit 0")
    done = run(tmp_path, PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == {
        backend.variable: str(backend.path()) for backend in tool.backends()
    }


def test_a_failed_build_shows_its_end_and_leaves_nothing(tool: ModuleType, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "go", 'case "$1" in env) echo go1.30.1;; *) echo no module for you; exit 7;; esac')
    done = run(tmp_path, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert done.returncode == 1
    assert "no module for you" in done.stderr
    assert "ended with 7" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_dir() and path.name.startswith("build-")]
    assert not any(backend.path().exists() for backend in tool.backends())


def test_two_runs_build_once(tool: ModuleType, tmp_path: Path) -> None:
    """A Go that only writes files stands in for the compiler; lock, cache and order are the tool's own."""
    log = tmp_path / "log"
    builder = 'mkdir _build; sleep 0.3; printf "#!/bin/sh\\n" > _build/otelcol-otelprov'
    program(tmp_path / "builder", builder)
    program(
        tmp_path / "bin" / "go",
        f"""case "$1" in
            env) echo go1.26.8;;
            install) echo otelcol >> {log}; cp {tmp_path / "builder"} "$GOBIN/builder";;
            build) echo jaeger >> {log}; while [ "$1" != -o ]; do shift; done; printf "#!/bin/sh\\n" > "$2";;
        esac""",
    )
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    runs = [subprocess.Popen([sys.executable, str(TOOL)], env=env, stdout=subprocess.PIPE) for _ in range(2)]
    printed = [one.communicate(timeout=60)[0] for one in runs]
    assert [one.returncode for one in runs] == [0, 0]
    assert printed[0] == printed[1]
    assert sorted(log.read_text().split()) == ["jaeger", "otelcol"]
    assert all(os.access(backend.path(), os.X_OK) for backend in tool.backends())
