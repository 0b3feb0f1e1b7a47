# SPDX-License-Identifier: Apache-2.0
"""Changes on their way into the journal when something is in the way: nothing recorded, no room, signals, threads."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import pytest
from container_changes import MUTATIONS, change, events, losses, made, process_of, sequence, told

from otelprov.capture.recorder import current
from otelprov.capture.scrub import chosen, rules
from otelprov.containers import pending
from otelprov.containers.pending import MISSING, drain
from otelprov.semconv import names
from otelprov.testing import recording


def test_nothing_needs_to_be_recorded(tmp_path: Path) -> None:
    orders = made()
    assert current() is None
    change(orders, "before", 1)
    drain()
    with recording(tmp_path) as recorded:
        change(orders, "while", 2)
    change(orders, "after", 3)
    drain()
    # The numbers go on, so that it shows that there was something before.
    assert told(recorded, "location", "change") == [("['while']", 1)]
    assert [entry[3] for entry in orders.kept] == ["before", "while", "after"]


def test_a_container_of_another_recording_has_another_id(tmp_path: Path) -> None:
    orders = made()
    ids = []
    for folder in ("a", "b"):
        with recording(tmp_path / folder) as recorded:
            change(orders, "k", 1)
        ids += told(recorded, "id")
        assert ids[-1] == (f"{process_of(recorded)}-{orders.number}",)
    assert ids[0] != ids[1]


def test_what_finds_no_room_is_counted_change_by_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_JOURNAL_LIMIT", "500000")
    with recording(tmp_path) as recorded:
        orders = made()
        for number in range(2_000):
            change(orders, number, number)
            if number % 1000 == 999:
                drain()
        current().journal.losses._pause = 0.0
        # More valuable than changes: it still finds room, and with it the declaration.
        current().record("heartbeat", names.EVENT_PROVENANCE_RUN_HEARTBEAT, {names.PROVENANCE_PROCESS_RECORDS: 0})
    kept = len(events(recorded))
    assert 100 < kept < 1_000
    assert losses(recorded) == {"journal_limit_mutations": 2_000 - kept}
    numbers = [number for (number,) in told(recorded, "change")]
    assert numbers == sorted(set(numbers))


def test_changes_that_can_not_be_packed_are_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(tmp_path, strict=False) as recorded:
        monkeypatch.delenv("OTELPROV_TESTING", raising=False)
        orders = made()
        change(orders, "good", 1)
        drain()
        change(orders, "good", 2)
        pending.note((orders, "set", "no time", "bad", MISSING, 1, "nowhere", 1, 2, 3, 4, 5))
        drain()
        change(orders, "good", 3)
        drain()
        current().record("heartbeat", names.EVENT_PROVENANCE_RUN_HEARTBEAT, {names.PROVENANCE_PROCESS_RECORDS: 0})
    assert told(recorded, "change") == [(0,), (3,)]
    assert losses(recorded) == {"changes_not_packed": 2}


class Interrupted(BaseException):
    """What a signal handler of the program's raises."""


def test_a_signal_handler_that_raises_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It may also come in a finaliser of whoever, out of which nothing can be raised.
    monkeypatch.setattr(sys, "unraisablehook", lambda _unraisable: None)
    armed = False
    raised = 0

    def interrupt(*_: object) -> None:
        nonlocal raised
        if armed:
            raised += 1
            raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    with recording(tmp_path) as recorded:
        orders, others = made(history=None), made("others")
        signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
        try:
            for number in range(20_000):
                change((orders, others)[number % 3 == 2], number, number)
                if number % 500 == 499:
                    try:
                        try:
                            armed = True
                            drain()
                        finally:
                            armed = False
                    except Interrupted:
                        armed = False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        drain()
    assert raised > 10
    # A span that was interrupted while it was written may stand there twice.
    spans = {span.span_id: span for span in recorded.spans(MUTATIONS)}
    found = sorted((event for span in spans.values() for event in span.events), key=lambda event: event.time)
    locations = [event.attributes[names.PROVENANCE_CONTAINER_LOCATION] for event in found]
    assert locations == [f"[{number}]" for number in range(20_000)]
    assert losses(recorded) == {}
    of_orders = [event for event in found if event.attributes[names.PROVENANCE_CONTAINER_NAME] == "orders"]
    assert [event.attributes[names.PROVENANCE_CONTAINER_CHANGE] for event in of_orders] == list(range(len(of_orders)))
    assert [entry[3] for entry in orders.kept] == [number for number in range(20_000) if number % 3 != 2]
    assert sequence(list(spans.values())) == list(range(1, 20_000 + len(spans) + 1))


def test_threads_that_change_at_once(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        orders = made()

        def work() -> None:
            for number in range(3_000):
                if len(pending.queue) >= pending.LIMIT:
                    drain()
                change(orders, "k", number)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        drain()
    numbers = sorted(number for (number,) in told(recorded, "change"))
    assert numbers == list(range(12_000))
    assert sequence(recorded.spans()) == list(range(1, 12_000 + len(recorded.spans()) + 1))


def test_rules_of_the_users_hold_for_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"cut_names": ["provenance.container.location"]}))
    monkeypatch.setenv("OTELPROV_SCRUB_RULES", str(path))
    chosen.has_rules.cache_clear()
    rules.loaded.cache_clear()
    try:
        with recording(tmp_path) as recorded:
            change(made(), "customer-4711", 1)
            drain()
    finally:
        monkeypatch.undo()
        chosen.has_rules.cache_clear()
        rules.loaded.cache_clear()
    ((location, action),) = told(recorded, "location", "action")
    assert action == "set"
    assert location.startswith("[cut")
