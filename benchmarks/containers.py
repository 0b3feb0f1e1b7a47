# SPDX-License-Identifier: Apache-2.0
"""What a change of a tracked container costs: beside plain ones, and beside pydatatracker, traitlets and pydantic.

Usage: make bench-containers ARGS="[--rounds N] [--growth N]"

The process is observed as any other, with its journal in a temporary folder, so that what is measured is what a program
pays. In each round every way runs once, in turn, and the ratio is taken inside the round; the median of the rounds is
shown. CPU time of the thread that makes the changes, the collector of cycles off unless it says otherwise. Making a
change and handing it on are measured apart: the first is paid on the spot, the second by whoever fills the queue, by a
background thread, or at the end of a step. So the queue has room for all changes of a round while they are timed.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from container_operations import (
    KEYS,
    Make,
    N,
    Plain,
    attribute_set,
    dict_delete,
    dict_set,
    dict_update,
    hand_on,
    list_append,
    list_extend,
    list_set,
    list_sort,
    nested_set,
    set_add,
)
from container_peers import install, other_trackers
from processes import BIN, NO_WEB, environment


def main() -> int:
    options = _options()
    if options.inside:
        _measure(options)
        return 0
    peers = "" if options.no_peers else str(install(Path(sys.prefix)))
    with tempfile.TemporaryDirectory() as home:
        settings = {"OTELPROV_JOURNAL_LIMIT": str(8 << 30), "OTEL_TRACES_EXPORTER": "none", **NO_WEB}
        paths = os.pathsep.join(filter(None, [peers, os.environ.get("PYTHONPATH", "")]))
        launcher = [str(BIN / "otelprov"), "run", "--", sys.executable, __file__, "--inside"]
        sizes = ["--rounds", str(options.rounds), "--growth", str(options.growth)]
        sizes += ["--no-peers"] if options.no_peers else []
        return subprocess.run(
            [*launcher, *sizes], env=environment(home, PYTHONPATH=paths, **settings), check=False
        ).returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--growth", type=int, default=500_000, help="the largest number of changes of one container")
    parser.add_argument("--no-peers", action="store_true", help="otelprov and plain containers alone")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> None:
    from otelprov.capture.recorder import current
    from otelprov.containers import pending, recording, tracker

    assert current() is not None, "this process is not observed"
    most = recording.LIMIT
    pending.LIMIT = recording.LIMIT = tracker.LIMIT = 2 * N
    load = round(os.getloadavg()[0], 1)
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {load}, {options.rounds} rounds of {N}\n")
    _operations(options.rounds, peers=not options.no_peers)
    _handing_on(options.rounds)
    pending.LIMIT = recording.LIMIT = tracker.LIMIT = 20 * N
    _memory()
    pending.LIMIT = recording.LIMIT = tracker.LIMIT = most
    _growth(options.growth)
    pending.LIMIT = recording.LIMIT = tracker.LIMIT = 2 * N
    # Last: observers bring threads.
    _options_one_by_one(options.rounds)


def _operations(rounds: int, *, peers: bool) -> None:
    from otelprov.containers import TrackedDict, TrackedList, TrackedObject, TrackedSet, track

    class Ours(TrackedObject):
        def __init__(self) -> None:
            super().__init__()
            self.x = 0

    theirs, objects = other_trackers() if peers else ({}, {})

    def sited(content: Any) -> Callable[[], Any]:
        return lambda: track(content.copy(), site=True)

    tables: list[tuple[str, int, dict[str, Make]]] = []
    for title, count, operation, plain, ours, other in (
        ("dict: set, 100 keys in turn", N, dict_set, dict, TrackedDict, theirs.get("dict")),
        ("dict: delete", N, dict_delete, dict, TrackedDict, None),
        ("dict: update by 10 keys, a key", N, dict_update, dict, TrackedDict, theirs.get("dict")),
        ("list: append", N, list_append, list, TrackedList, theirs.get("list")),
        ("list: set an index", N, list_set, list, TrackedList, theirs.get("list")),
        ("list: extend by 10, an element", N, list_extend, list, TrackedList, theirs.get("list")),
        ("list: sort 100, a sort", 50, list_sort, list, TrackedList, theirs.get("list")),
        ("set: add", N, set_add, set, TrackedSet, None),
        ("object: set an attribute", N, attribute_set, Plain, Ours, None),
    ):
        ways: dict[str, Make] = {"plain": operation(plain), "otelprov": operation(ours)}
        if operation in (dict_set, list_append):
            ways["otelprov, with call site"] = operation(sited(plain()))
        if other is not None:
            ways["pydatatracker"] = operation(other)
        if operation is attribute_set:
            ways |= {name: operation(make) for name, make in objects.items()}
        tables.append((title, count, ways))
    for title, count, ways in tables:
        _table(title, _compare(ways, count, rounds))
    title, count, ways = tables[0]
    ours_alone = {name: way for name, way in ways.items() if name != "pydatatracker"}
    _table(
        f"{title}, collector of cycles on: changes are handed on, too",
        _compare(ours_alone, count, rounds, collect=True),
    )


def _options_one_by_one(rounds: int) -> None:
    from otelprov.containers import Collector, observe, track, tracking_actor

    def tracked(**options: Any) -> Callable[[], Any]:
        return lambda: track({}, **options)

    def by_an_actor() -> Callable[[], object]:
        run = dict_set(tracked())()

        def inside() -> None:
            with tracking_actor("benchmark"):
                run()

        return inside

    def watched(observer: Callable[[], Any]) -> Make:
        def prepare() -> Callable[[], object]:
            container = track({})
            subscription = observe(container, observer())
            run = dict_set(lambda: container)()

            def until_delivered() -> None:
                run()
                subscription.close()

            return until_delivered

        return prepare

    ways: dict[str, Make] = {
        "plain": dict_set(dict),
        "no option": dict_set(tracked()),
        "actor": by_an_actor,
        "history=0": dict_set(tracked(history=0)),
        "site": dict_set(tracked(site=True)),
        "values": dict_set(tracked(values=True)),
        "stack": dict_set(tracked(stack=True)),
        "snapshot, of 100 keys": dict_set(tracked(snapshot=True)),
        "observed by a collector, all handed on": watched(lambda: Collector(capacity=N)),
        "observed by a function, all handed on": watched(lambda: lambda _change: None),
        "nested": nested_set(lambda content: track(content, nested=True)),
    }
    _table("each option: dict set (nested: d['a']['b']['c'])", _compare(ways, N, rounds))


def _compare(ways: dict[str, Make], count: int, rounds: int, *, collect: bool = False) -> dict[str, list[float]]:
    """Nanoseconds an operation of each way, round by round; the first round only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, prepare in ways.items():
            run = prepare()
            hand_on()
            gc.collect()
            if not collect:
                gc.disable()
            try:
                before = time.thread_time_ns()
                run()
                spent = time.thread_time_ns() - before
            finally:
                gc.enable()
            if number:
                taken[name].append(spent / count)
    hand_on()
    return taken


def _table(title: str, taken: dict[str, list[float]]) -> None:
    print(f"{title:56s} {'ns':>10s} {'ratio':>8s}  lowest to highest")
    plain = next(iter(taken.values()))
    for name, values in taken.items():
        ratios = sorted(own / base for own, base in zip(values, plain, strict=True))
        middle, spread = statistics.median(ratios), f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
        print(f"  {name:54s} {statistics.median(values):10,.0f} {middle:8.2f}  {spread}")
    print(flush=True)


def _handing_on(rounds: int) -> None:
    from otelprov.containers import track

    print("handing on: numbered, remembered, encoded, scrubbed, in the journal        us a change")
    distinct = [f"customer {number}" for number in range(N * (rounds + 1))]
    for title, options, keys in (
        ("100 keys", {}, None),
        ("keys that are all different", {}, distinct),
        ("100 keys, with call site", {"site": True}, None),
        ("100 keys, with values", {"values": True}, None),
    ):
        taken = []
        container = track({}, **options)
        for number in range(rounds + 1):
            mine = KEYS * (N // len(KEYS)) if keys is None else keys[number * N : (number + 1) * N]
            gc.disable()
            for place, key in enumerate(mine):
                container[key] = place
            before = time.thread_time_ns()
            hand_on()
            taken.append((time.thread_time_ns() - before) / len(mine) / 1000)
            gc.enable()
        print(f"  {title:54s} {statistics.median(taken[1:]):28.2f}")
    print(flush=True)


def _memory() -> None:
    from otelprov.containers import track

    print("memory of a change that waits, or that the history remembers                  bytes")
    for title, options in (("no option", {}), ("with call site", {"site": True})):
        container = track(dict.fromkeys(KEYS, 0), **options)
        hand_on()
        gc.disable()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        number, count = 1_000_000, 10 * N
        for key in KEYS * (count // len(KEYS)):
            container[key] = number
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        gc.enable()
        print(f"  {title:54s} {held / count:28.0f}")
    print(flush=True)


def _growth(largest: int) -> None:
    """All there is to pay for a change, handing on included, at sizes far apart; and memory, which must not grow."""
    import resource

    from otelprov.containers import track

    print("changes of one container, handed on as they come           us a change    largest memory, MiB")
    first = 0.0
    # The short ones end between two visits of our thread, or do not: many of them, and the one in the middle.
    for count, times in ((5_000, 21), (largest, 1), (5_000, 21), (largest, 1)):
        taken = []
        for _ in range(times):
            container = track({})
            hand_on()
            gc.collect()
            before = time.thread_time_ns()
            for number in range(count):
                container[KEYS[number % 100]] = number
            hand_on()
            taken.append((time.thread_time_ns() - before) / count / 1000)
        spent = statistics.median(taken)
        first = first or spent
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {count:10,d} {spent:50.2f}    {most:10.0f}    {spent / first:.2f} of the first")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
