# SPDX-License-Identifier: Apache-2.0
"""What the capture of reads and writes costs a program: the same code observed and not observed, in turns.

Usage: python benchmarks/data.py [ROUNDS] [CASE ...]

`plain` is the time of the measured part alone, without start-up and imports, of a program that knows nothing of us;
`wall` and `CPU` are the medians over the rounds of the ratios, observed by `opentelemetry-instrument`, to it. `process`
is that ratio for the CPU time of the whole process, start-up, digests and the end included. CPU is of all threads.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from processes import BIN, NO_WEB, environment, finished

FRAME = "frame = pandas.DataFrame({'key': numpy.arange(ROWS) % 97, 'a': numpy.arange(ROWS) * 0.5, 'b': 1})"


class Case(NamedTuple):
    """What is done before the clock starts, and what is measured."""

    before: str
    measured: str


def _csv(megabytes: int) -> Case:
    return Case("import pandas", f"pandas.read_csv('{megabytes}.csv')")


CASES = {
    "read_csv of 1 MB": _csv(1),
    "read_csv of 10 MB": _csv(10),
    "read_csv of 100 MB": _csv(100),
    "to_parquet of 10 MB": Case(
        f"import numpy, pandas, pyarrow.parquet; ROWS = 500_000; {FRAME}", "frame.to_parquet('out.parquet')"
    ),
    "to_csv of 10 MB": Case(f"import numpy, pandas; ROWS = 500_000; {FRAME}", "frame.to_csv('out.csv')"),
    "1,000 small frame operations": Case(
        "import pandas; frame = pandas.read_csv('small.csv')",
        "for _ in range(250):\n    b = frame[frame['a'] > 1]; c = b.assign(d=b['a'] * 2); d = c.merge(frame, on='key');"
        " e = d.groupby('key').sum()",
    ),
    "10,000 opens of small files": Case(
        "", "for number in range(10_000):\n    with open(f'small/{number}') as file: file.read()"
    ),
    "10,000 opens of one file": Case("", "for _ in range(10_000):\n    with open('small.csv') as file: file.read()"),
    "1,000 JSON files read and written": Case(
        "import json",
        "for number in range(1_000):\n"
        "    with open(f'json/{number}') as file: document = json.load(file)\n"
        "    with open(f'json/{number}.out', 'w') as file: json.dump(document, file)",
    ),
}
PROGRAM = """\
import time
{before}
wall, cpu = time.perf_counter(), time.process_time()
{measured}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def make(folder: Path, names: list[str]) -> None:
    """The files that the cases read."""
    for megabytes in (1, 10, 100):
        if f"read_csv of {megabytes} MB" in names:
            lines = (f"{n % 97},{n * 0.25},{n},name {n % 1000}\n" for n in range(megabytes * 38_000))
            with open(folder / f"{megabytes}.csv", "w") as file:
                file.write("key,a,b,name\n")
                file.writelines(lines)
    (folder / "small.csv").write_text("key,a\n" + "".join(f"{n % 7},{n}\n" for n in range(50)))
    for name, count, content in (("small", 10_000, "x" * 100), ("json", 1_000, '{"a": [1, 2, 3], "b": {"c": "d"}}')):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / str(number)).write_text(content)


def once(command: list[str], folder: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """Wall and CPU seconds of the measured part, and CPU seconds of the whole process."""
    said, process = finished(command, env, folder)
    wall, cpu = map(float, said.split())
    return wall, cpu, process


def measure(name: str, folder: Path, rounds: int) -> None:
    """Run one case in turns, and print its line."""
    script = folder / "measured.py"
    script.write_text(PROGRAM.format(**CASES[name]._asdict()))
    home = folder / "home"
    plain = environment(home, OMP_NUM_THREADS="1")
    observed = {**plain, **NO_WEB}
    command = [str(BIN / "python"), str(script)]
    found: list[tuple[tuple[float, float, float], tuple[float, float, float]]] = []
    for number in range(rounds + 1):
        shutil.rmtree(home, ignore_errors=True)
        pair = {}
        # Each comes first every other time.
        for on in (False, True) if number % 2 else (True, False):
            launched = [str(BIN / "opentelemetry-instrument"), *command] if on else command
            pair[on] = once(launched, folder, observed if on else plain)
        if number:
            found.append((pair[False], pair[True]))
    ratios = [[observed[part] / plain[part] for plain, observed in found] for part in range(3)]
    wall, cpu, process = (statistics.median(part) for part in ratios)
    print(
        f"{name:34} {statistics.median(plain[0] for plain, _ in found) * 1000:9.1f} {wall:6.2f}x "
        f"{min(ratios[0]):6.2f}-{max(ratios[0]):.2f} {cpu:6.2f}x {process:8.2f}x",
        flush=True,
    )


def main() -> int:
    arguments = sys.argv[1:]
    rounds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 7
    names = [name for name in CASES if not arguments or any(part in name for part in arguments)]
    began = time.monotonic()
    print(f"{'':34} {'plain ms':>9} {'wall':>7} {'range':>11} {'CPU':>7} {'process':>9}")
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), names)
        for name in names:
            measure(name, Path(folder), rounds)
    print(f"{rounds} rounds, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
