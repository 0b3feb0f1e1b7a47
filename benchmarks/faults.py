# SPDX-License-Identifier: Apache-2.0
"""Runs a fault harness against this distro and adds what it can't see: what arrives later, and the run's state.

Usage: python benchmarks/faults.py HARNESS/run.py [--only a,b,...] [--out FOLDER]

The harness counts what its sink took while the victim lived. A span that is still in the journal is delivered by
the next process or by `otelprov ship`: here by `ship_all`, to a sink of the harness, after the harness has counted.
`later` is how many arrived only then, `kept` how many only the journal has (a sink said that it rejected them), `lost`
what is nowhere. `run` is the state of the run in the store, read from the journals a moment after the victim's end.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from otelprov.journal.ship import ship_all
from otelprov.lineage.intake import take_in_journals
from otelprov.store.sqlite import SqliteStore

HERE = Path(__file__).resolve().parent


def ids_in(sink_output: Path) -> set[str]:
    lines = sink_output.read_text().splitlines() if sink_output.exists() else []
    return {json.loads(line)["id"] for line in lines}


def delivered_later(home: Path, harness: dict[str, Any]) -> set[str]:
    """Span ids that `otelprov ship` delivers, to a well-behaved sink, from what a victim has left behind."""
    with tempfile.TemporaryDirectory() as folder:
        port = harness["free_port"]()
        sink = harness["Sink"](folder, port)
        report = ship_all(f"http://127.0.0.1:{port}", str(home / "journal"))
        sink.kill()
        if report.failed:
            print("shipping afterwards failed:", report.message)
        return ids_in(Path(folder) / "sink.jsonl")


def run_states(home: Path) -> str:
    store = SqliteStore(str(home / "store.db"))
    try:
        take_in_journals(store, str(home / "journal"))
        return " ".join(f"{count}x{state}" for state, count in Counter(run.status for run in store.runs()).items())
    finally:
        store.close()


def recounted(harness: dict[str, Any]) -> Any:
    original = harness["account"]

    def account(folder: str) -> dict[str, Any]:
        counted: dict[str, Any] = original(folder)
        home = Path(folder) / "home"
        lines = (Path(folder) / "oracle").read_text(errors="replace").splitlines()
        ended = {line[2:18] for line in lines if line.startswith("E ")}
        arrived = ids_in(Path(folder) / "sink.jsonl")
        later = (delivered_later(home, harness) & ended) - arrived
        recorded = "".join(path.read_text() for path in (home / "journal").glob("*.jsonl"))
        missing = ended - arrived - later
        kept = {span for span in missing if f'"spanId":"{span}"' in recorded}
        counted["lost"] = len(missing - kept)
        counted["info"] = {**counted["info"], "later": len(later), "kept": len(kept), "run": run_states(home)}
        return counted

    return account


def settings_case(harness: dict[str, Any]) -> Any:
    original = harness["conf_case"]

    def case(letter: str, title: str, extra: dict[str, str]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["OTELPROV_HOME"] = folder
            result: dict[str, Any] = original(letter, title, extra)
            journals = [path.read_text() for path in Path(folder, "journal").glob("*.jsonl")]
        result["received"] = sum(text.count('"name":"op"') for text in journals)
        result["lost"] = result["ended"] - result["received"]
        print(f"{letter}: {title}: app={result['app']!r} said={result['said']} {result['stderr_tail']!r}")
        return result

    return case


def main() -> int:
    script = Path(sys.argv[1]).resolve()
    sys.argv = [str(script), "--setup", "fault_setup:setup", *sys.argv[2:]]
    os.environ["PYTHONPATH"] = str(HERE)
    os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    harness: dict[str, Any] = {"__file__": str(script), "__name__": "harness"}
    # Its last line runs it; what is to be counted differently is put in place before that.
    exec(compile(script.read_text().removesuffix("main()\n"), str(script), "exec"), harness)
    harness["account"] = recounted(harness)
    harness["conf_case"] = settings_case(harness)
    harness["main"]()
    results = Path(harness["A"].out) / "results.json"
    found = json.loads(results.read_text())
    only = {part for part in harness["A"].only.split(",") if part}
    for letter, title, extra in harness["CONF"]:
        if not only or letter in only or letter.rstrip("0123456789") in only:
            found.append(harness["conf_case"](letter, title, extra))
            print(f"{letter:4} ended=10 received={found[-1]['received']} lost={found[-1]['lost']} rc={found[-1]['rc']}")
    results.write_text(json.dumps(found, indent=1, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
