# SPDX-License-Identifier: Apache-2.0
"""What the observation of imports costs a whole process: CPU time against the same imports without it, in pairs.

Usage: python benchmarks/imports.py [ROUNDS] [TARGET ...]

A target is a name of the table below, or modules joined by commas. In each round every variant runs once in a fresh
interpreter: `plain` knows nothing of us, `recorder` has a recorder and journal but no observation of imports,
`observed` has both. `ratio` is 1 + (observed - recorder) / plain, the median over the rounds.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import sys
import tempfile

from processes import environment, finished

TARGETS = {
    "pandas": "pandas",
    "scikit-learn": "sklearn.ensemble,sklearn.linear_model",
    "django": "django.contrib.admin.sites,django.db.models,django.core.handlers.wsgi",
    "fastapi": "fastapi",
    "generated": "generated",
}
GENERATED = 300
SET_UP = """
import sys
from otelprov.testing import recording
import otelprov.capture.modules.imports as imports
context = recording(sys.argv[1], strict=False)
context.__enter__()
imports.start()
"""
COUNT = "\nimport atexit, sys\natexit.register(lambda: print(len(sys.modules)))\n"


def cpu(code: str, folder: str, env: dict[str, str]) -> tuple[float, int]:
    """CPU milliseconds of a fresh interpreter that runs `code`, and how many modules it had in the end."""
    home = os.path.join(folder, "home")
    shutil.rmtree(home, ignore_errors=True)
    said, seconds = finished([sys.executable, "-c", COUNT + code, home], env, folder)
    return seconds * 1000, int(said.split()[-1])


def project(folder: str) -> None:
    """A project of many small modules: the case that costs most, because each has a span of its own."""
    package = os.path.join(folder, "generated")
    os.mkdir(package)
    lines = [f"import generated.m{number}" for number in range(GENERATED)]
    with open(os.path.join(package, "__init__.py"), "w") as file:
        file.write("\n".join(lines))
    for number in range(GENERATED):
        with open(os.path.join(package, f"m{number}.py"), "w") as file:
            file.write(f"def f{number}(x):\n    return x + {number}\n\n\nclass C{number}:\n    value = {number}\n" * 5)


def main() -> None:
    arguments = sys.argv[1:]
    rounds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 7
    wanted = {name: TARGETS.get(name, name) for name in arguments} if arguments else TARGETS
    print("target         modules  plain ms  recorder  observed  ratio  range        us/module")
    with tempfile.TemporaryDirectory() as folder:
        project(folder)
        for name, modules in wanted.items():
            if name != "generated" and importlib.util.find_spec(modules.partition(".")[0].partition(",")[0]) is None:
                print(f"{name:14} is not installed")
                continue
            measure(name, f"import {modules}\n", folder, rounds)


def measure(name: str, code: str, folder: str, rounds: int) -> None:
    plain = environment(os.path.join(folder, "home"))
    on = {**plain, "OTELPROV_IMPORTS_ROOT": folder}
    off = {**on, "OTELPROV_IMPORTS": "false"}
    found: list[tuple[float, float, float]] = []
    before = modules = 0
    for round_number in range(rounds + 1):
        bare, modules = cpu(code, folder, plain)
        recorder, _ = cpu(SET_UP + code, folder, off)
        observed, _ = cpu(SET_UP + code, folder, on)
        if round_number == 0:
            _, before = cpu("", folder, plain)
        else:
            found.append((bare, recorder, observed))
    ratios = [1 + (observed - recorder) / bare for bare, recorder, observed in found]
    bare, recorder, observed = (statistics.median(row[column] for row in found) for column in range(3))
    each = statistics.median((row[2] - row[1]) * 1000 / (modules - before) for row in found)
    print(
        f"{name:14} {modules - before:7} {bare:9.1f} {recorder:9.1f} {observed:9.1f} {statistics.median(ratios):6.3f}  "
        f"{min(ratios):.2f}-{max(ratios):.2f}    {each:6.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
