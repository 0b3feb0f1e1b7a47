# SPDX-License-Identifier: Apache-2.0
"""The table of docs/faults.md: what two set-ups did in each case of a fault harness.

Usage: python benchmarks/faults_table.py STOCK/results.json OURS/results.json

Of several runs of a case the worst figures count. `lost` is what is nowhere in the end; `exit` the seconds from the
program's last own statement, or from the signal, to the end of its process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def by_case(path: str) -> dict[str, list[dict[str, Any]]]:
    cases: dict[str, list[dict[str, Any]]] = {}
    for result in json.loads(Path(path).read_text()):
        cases.setdefault(result["letter"], []).append(result)
    return cases


def worst(results: list[dict[str, Any]], key: str) -> float:
    return max((result.get(key) or 0 for result in results), default=0)


def told(results: list[dict[str, Any]]) -> str:
    """lost, exit, and what else happened to the program."""
    lost = f"{worst(results, 'lost'):,} of {worst(results, 'ended'):,}"
    end = "" if results[0].get("exit_s") is None else f"{worst(results, 'exit_s'):.2f}"
    hung = any(result.get("timed_out") or result.get("info", {}).get("hung") == "True" for result in results)
    harm = [f"{worst(results, 'leaked')} exceptions"] if worst(results, "leaked") else []
    harm += ["hung"] if hung else []
    harm += [f"{worst(results, 'dup')} twice"] if worst(results, "dup") else []
    return f"{lost} | {end} | {', '.join(harm)}"


def main() -> int:
    """Print the table."""
    stock, ours = by_case(sys.argv[1]), by_case(sys.argv[2])
    print("| case | SDK: lost | exit s | harm | otelprov: lost | exit s | harm | run |")
    print("|---|---|---|---|---|---|---|---|")
    for letter, results in ours.items():
        run = results[-1].get("info", {}).get("run", "")
        title = f"{letter}: {results[0]['title']}".replace("|", "\\|")
        print(f"| {title} | {told(stock.get(letter, []) or [{}])} | {told(results)} | {run} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
