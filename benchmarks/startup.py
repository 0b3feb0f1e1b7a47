# SPDX-License-Identifier: Apache-2.0
"""Start-up of a program that does nothing: ours against stock OpenTelemetry, in pairs, whole processes.

Usage: python benchmarks/startup.py [ROUNDS]      (needs `make overlays`: stock is opentelemetry-distro)

Prints, for each way to start, the median wall and CPU time and the median of the ratios taken inside each round, to
`opentelemetry-instrument` with opentelemetry-distro and the same packages, without otelprov, all exporters none.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from functools import partial
from pathlib import Path

from processes import BIN, NO_WEB
from processes import environment as plain_environment

PYTHON = str(BIN / "python")
STOCK = "stock opentelemetry-instrument"
EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")
INSTRUMENT = str(BIN / "opentelemetry-instrument")
environment = partial(plain_environment, **NO_WEB)


def once(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one process tree."""
    before = os.times()
    started = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "nothing.py"
        script.write_text("pass\n")
        hidden = stock_environment(Path(folder))
        home = str(Path(folder) / "home")
        stock = [str(hidden / "bin" / "opentelemetry-instrument"), "python", str(script)]
        path = {"PATH": f"{hidden / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        ways = {
            "python": ([PYTHON, str(script)], environment(home)),
            STOCK: (stock, environment(home, **path, **dict.fromkeys(EXPORTERS, "none"))),
            "stock, traces by OTLP/HTTP": (
                stock,
                environment(
                    home,
                    **path,
                    OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                    OTEL_TRACES_EXPORTER="otlp",
                    OTEL_METRICS_EXPORTER="none",
                    OTEL_LOGS_EXPORTER="none",
                ),
            ),
            "opentelemetry-instrument with otelprov": ([INSTRUMENT, PYTHON, str(script)], environment(home)),
            "otelprov run": ([str(BIN / "otelprov"), "run", "--", PYTHON, str(script)], environment(home)),
            "OTELPROV_AUTOLOAD=1 python": ([PYTHON, str(script)], environment(home, OTELPROV_AUTOLOAD="1")),
        }
        walls: dict[str, list[float]] = {name: [] for name in ways}
        cpus: dict[str, list[float]] = {name: [] for name in ways}
        for _round in range(rounds + 1):
            for name, (command, env) in ways.items():
                wall, cpu = once(command, env)
                walls[name].append(wall)
                cpus[name].append(cpu)
    print(f"{'start-up':42} {'wall ms':>8} {'CPU ms':>8} {'wall ratio':>11} {'CPU ratio':>10}")
    for name in ways:
        # The first round warms the page cache.
        wall, cpu = walls[name][1:], cpus[name][1:]
        ratio = statistics.median(a / b for a, b in zip(wall, walls[STOCK][1:], strict=True))
        cpu_ratio = statistics.median(a / b for a, b in zip(cpu, cpus[STOCK][1:], strict=True))
        print(
            f"{name:42} {statistics.median(wall) * 1000:8.0f} {statistics.median(cpu) * 1000:8.0f}"
            f" {ratio:10.2f}x {cpu_ratio:9.2f}x"
        )
    return 0


def stock_environment(folder: Path) -> Path:
    """A venv with the same packages but without otelprov: what stock users have."""
    import venv

    target = folder / "stock-venv"
    venv.create(target, with_pip=False, symlinks=True)
    ours = Path(sysconfig.get_paths()["purelib"])
    theirs = Path(sysconfig.get_paths(vars={"base": str(target), "platbase": str(target)})["purelib"])
    for entry in ours.iterdir():
        if "otelprov" not in entry.name and entry.name not in ("overlays",) and not (theirs / entry.name).exists():
            (theirs / entry.name).symlink_to(entry)
    overlay = Path(sys.prefix) / "overlays" / "upstream"
    # A namespace package in two folders: the second one is found through a .pth file.
    (theirs / "overlay.pth").write_text(f"{overlay}\n")
    launcher = target / "bin" / "opentelemetry-instrument"
    launcher.write_text(
        f"#!{target / 'bin' / 'python'}\nimport sys\n"
        "from opentelemetry.instrumentation.auto_instrumentation import run\nsys.exit(run())\n"
    )
    launcher.chmod(0o755)
    return target


if __name__ == "__main__":
    raise SystemExit(main())
