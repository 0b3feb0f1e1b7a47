# SPDX-License-Identifier: Apache-2.0
"""What benchmarks/evaluate.py has found out, as tables and as a list of every mistake."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_programs import EVIDENCE, Program, Score

CERTAIN = ("flow", "statement")


@dataclass
class Truth:
    """How true an answer is: edges, files against those that the kernel saw, and the same of the peers."""

    program: Program
    score: Score
    unlike: bool = False
    files: int = 0
    kernel: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    peers: dict[str, tuple[Score, str, float]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing is missed, nothing is claimed that is not so, and nothing was changed."""
        certain = not any(self.score.false.get(evidence) for evidence in CERTAIN)
        return self.score.recall == 1.0 and certain and not self.differences and not self.unlike


@dataclass
class Cost:
    """What a program took, in seconds of wall clock and of CPU, by way of running it and by round."""

    program: Program
    taken: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)
    processes: int = 0

    def seconds(self, way: str) -> float:
        """The median of the wall clock."""
        return statistics.median(wall for wall, _ in self.taken[way].values())

    def added(self) -> float:
        """The median of the CPU seconds that being observed adds."""
        plain, ours = self.taken["plain"], self.taken["ours"]
        return statistics.median(ours[number][1] - plain[number][1] for number in ours)

    def ratio(self, way: str, column: int) -> str:
        """The median ratio to the plain program and how far the rounds lie apart, of wall (0) or CPU (1)."""
        plain = self.taken["plain"]
        found = [
            both[column] / plain[number][column] for number, both in self.taken.get(way, {}).items() if number in plain
        ]
        if not found:
            return "fails"
        return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def facts(strace: bool) -> None:
    """What the figures were made on."""
    load = os.getloadavg()[0]
    print(
        f"CPython {platform.python_version()}, {platform.system()}, {os.cpu_count()} CPUs, load {load:.1f}, "
        f"{'inotify and strace' if strace else 'inotify'}\n"
    )


def truths(found: Sequence[Truth], *, markdown: bool) -> None:
    """Recall, and precision by evidence, with the edges that it is of."""
    rows = []
    for truth in found:
        cells = [_precision(truth.score, evidence) for evidence in EVIDENCE]
        kernel = " ".join(dict.fromkeys(str(number) for number in truth.kernel.values()))
        changed = "changed" if truth.unlike else "same"
        rows.append([truth.program.name, *_recall(truth.score), *cells, f"{truth.files}/{kernel}", changed])
    whole = joined([truth.score for truth in found])
    rows.append(["all", *_recall(whole), *(_precision(whole, evidence) for evidence in EVIDENCE), "", ""])
    heads = ["program", "true edges", "recall", *EVIDENCE, "files: ours/kernel's", "output"]
    _print(heads, rows, markdown=markdown)


def peers(found: Sequence[Truth], *, markdown: bool) -> None:
    """The same of the peers, with the time that they take at the small size, and how a program failed under them."""
    rows = []
    for truth in found:
        for name, (score, trouble, ratio) in truth.peers.items():
            cells = [truth.program.name, name, *_recall(score), _false(score), f"{ratio:.1f}"]
            rows.append([*cells, trouble[:110].replace("|", "/")])
    for name in found[0].peers if found else ():
        whole = joined([truth.peers[name][0] for truth in found])
        failed = sum(bool(truth.peers[name][1]) for truth in found)
        rows.append(["all", name, *_recall(whole), _false(whole), "", f"{failed} of {len(found)} programs"])
    heads = ["program", "tool", "true edges", "recall", "false edges", "wall ratio, small size", "what went wrong"]
    _print(heads, rows, markdown=markdown)


def mistakes(found: Sequence[Truth]) -> None:
    """Every edge that is missed, every false one that was claimed to be certain, every file that is missed."""
    for truth in found:
        lines = [f"missed {source} -> {target}" for source, target in truth.score.missed]
        for evidence in CERTAIN:
            lines += [f"false by {evidence}: {one} -> {other}" for one, other in truth.score.false.get(evidence, ())]
        lines += truth.differences
        lines += ["its output or exit status is not what it is without us"] if truth.unlike else []
        for line in lines:
            print(f"{truth.program.name}: {line}")
    print(flush=True)


def costs(found: Sequence[Cost], starts: Mapping[str, tuple[float, float]], *, markdown: bool) -> None:
    """Ratios of wall clock and CPU, observed to plain; `starts` are wall and CPU seconds by launcher."""
    rows = []
    for cost in found:
        cells = [cost.program.name, str(cost.processes), f"{cost.seconds('plain'):.1f}"]
        cells += [cost.ratio("ours", 0), cost.ratio("ours", 1), f"{cost.added():.2f}"]
        if "autolineage" in {way for one in found for way in one.taken}:
            cells += [cost.ratio("autolineage", 0), cost.ratio("autolineage", 1)]
        rows.append(cells)
    heads = ["program", "processes", "plain, s", "wall", "CPU", "added CPU, s"]
    heads += ["autolineage, wall", "autolineage, CPU"] if rows and len(rows[0]) > len(heads) else []
    _print(heads, rows, markdown=markdown)
    for launcher, (wall, cpu) in starts.items():
        print(f"A process that does nothing takes {wall:.2f} s longer (CPU {cpu:.2f} s) by {launcher}.")
    print(flush=True)


def joined(scores: Sequence[Score]) -> Score:
    """Several answers taken as one."""
    whole = Score({}, {}, [edge for score in scores for edge in score.missed])
    for score in scores:
        for evidence, number in score.true.items():
            whole.true[evidence] = whole.true.get(evidence, 0) + number
        for evidence, edges in score.false.items():
            whole.false.setdefault(evidence, []).extend(edges)
    return whole


def _recall(score: Score) -> list[str]:
    true = sum(score.true.values())
    return [f"{true}/{true + len(score.missed)}", f"{score.recall:.2f}"]


def _false(score: Score) -> str:
    return str(sum(len(edges) for edges in score.false.values()))


def _precision(score: Score, evidence: str) -> str:
    precision = score.precision(evidence)
    if precision is None:
        return "-"
    true = score.true.get(evidence, 0)
    return f"{precision:.2f} ({true}/{true + len(score.false.get(evidence, ()))})"


def _print(heads: list[str], rows: list[list[str]], *, markdown: bool) -> None:
    if markdown:
        lines = [heads, ["---"] * len(heads), *rows]
        print("\n".join("| " + " | ".join(line) + " |" for line in lines), end="\n\n", flush=True)
        return
    widths = [max(len(line[column]) for line in [heads, *rows]) for column in range(len(heads))]
    for line in [heads, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(flush=True)
