# SPDX-License-Identifier: Apache-2.0
"""What becomes of changes on their way into the journal: packed, in order, under their spans, bounded, none lost."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path

from container_changes import MUTATIONS, change, events, made, process_of, sequence, told
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otelprov.capture.declared import step
from otelprov.capture.recorder import current
from otelprov.containers import TrackedDict, observe, pending
from otelprov.containers.actor import tracking_actor
from otelprov.containers.change import Attribute, Element, Slice
from otelprov.containers.pending import MISSING, Extra, drain
from otelprov.containers.values import Large
from otelprov.distro.processor import readable_span
from otelprov.journal.decode import with_events
from otelprov.journal.encode import span_json
from otelprov.model.values import freeze
from otelprov.semconv import names
from otelprov.testing import recording


def test_ten_thousand_changes_of_one_span(tmp_path: Path) -> None:
    tracer = TracerProvider().get_tracer("app")
    with recording(tmp_path) as recorded:
        orders = made()
        before = time.time_ns()
        with tracer.start_as_current_span("request") as span:
            for number in range(10_000):
                if len(pending.queue) >= pending.LIMIT:
                    drain()
                change(orders, f"key{number % 7}", number)
            after = time.time_ns()
    spans = recorded.spans()
    packed = recorded.spans(MUTATIONS)
    assert len(packed) == 100
    assert {len(span.events) for span in packed} == {100}
    assert {span.attributes[names.PROVENANCE_CONTAINER_COUNT] for span in packed} == {100}
    assert {span.parent_id for span in packed} == {f"{span.get_span_context().span_id:016x}"}
    assert {span.trace_id for span in packed} == {f"{span.get_span_context().trace_id:032x}"}
    assert {span.name for span in packed} == {"change orders"}
    found = events(recorded)
    assert [event.attributes[names.PROVENANCE_CONTAINER_CHANGE] for event in found] == list(range(10_000))
    assert sequence(spans) == list(range(1, len(spans) + 10_000 + 1))
    assert [event.attributes[names.PROVENANCE_SEQ] for event in found] == sorted(
        event.attributes[names.PROVENANCE_SEQ] for event in found
    )
    times = [event.time for event in found]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after
    assert [(span.start, span.end) for span in packed] == [
        (span.events[0].time, span.events[-1].time) for span in packed
    ]
    assert told(recorded, "location", "action", "type", "name")[:2] == [
        ("['key0']", "set", "dict", "orders"),
        ("['key1']", "set", "dict", "orders"),
    ]


def test_changes_go_where_they_were_made(tmp_path: Path) -> None:
    tracer = TracerProvider().get_tracer("app")
    with recording(tmp_path) as recorded:
        run = current().run
        orders, carts = made(), made("carts", "list")
        change(orders, "nowhere", 0)
        with tracer.start_as_current_span("a") as a, tracer.start_as_current_span("b") as b:
            in_a, in_b = trace.set_span_in_context(a), trace.set_span_in_context(b)
        for number in range(6):
            token = context.attach((in_a, in_b)[number % 2])
            change((orders, carts)[number % 2], number, number)
            context.detach(token)
        with tracking_actor("nightly-import"):
            change(orders, "x", 1)
            change(carts, 0, 1)
        drain()
    packed = recorded.spans(MUTATIONS)
    by_parent = {span.parent_id: span for span in packed if names.PROVENANCE_ACTOR not in span.attributes}
    ids = [f"{span.get_span_context().span_id:016x}" for span in (a, b)]
    assert set(by_parent) == {*ids, f"{run.span_id:016x}"}
    location = names.PROVENANCE_CONTAINER_LOCATION
    assert [[event.attributes[location] for event in by_parent[one].events] for one in ids] == [
        ["[0]", "[2]", "[4]"],
        ["[1]", "[3]", "[5]"],
    ]
    by_actor = [span for span in packed if names.PROVENANCE_ACTOR in span.attributes]
    assert [(span.name, span.attributes[names.PROVENANCE_ACTOR]) for span in by_actor] == [
        ("change 2 containers", "nightly-import")
    ]
    assert {event.attributes[names.PROVENANCE_ACTOR] for event in by_actor[0].events} == {"nightly-import"}
    # Interleaved as they were, by their numbers.
    in_order = sorted(events(recorded), key=lambda event: event.attributes[names.PROVENANCE_SEQ])
    assert [event.time for event in in_order] == sorted(event.time for event in in_order)
    assert sequence(recorded.spans()) == list(range(1, 9 + 4 + 1))


def test_changes_of_a_step_stand_before_it(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        orders = made()
        with step("clean"):
            change(orders, "a", 1)
            with step("inner"):
                change(orders, "b", 2)
        change(orders, "c", 3)
    first, second, inner, outer, third = recorded.spans()
    assert [inner.name, outer.name] == ["inner", "clean"]
    assert (first.parent_id, first.attributes[names.PROVENANCE_STEP_ID]) == (outer.span_id, outer.span_id)
    assert (second.parent_id, second.attributes[names.PROVENANCE_STEP_ID]) == (inner.span_id, inner.span_id)
    assert names.PROVENANCE_STEP_ID not in third.attributes


def test_threads_are_told(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        orders = made()
        threads = [threading.Thread(target=change, args=(orders, number, number)) for number in range(3)]
        idents = []
        for thread in threads:
            thread.start()
            idents.append(thread.ident)
            thread.join()
        change(orders, 3, 3)
        drain()
    assert [event.attributes[names.THREAD_ID] for event in events(recorded)] == [*idents, threading.get_ident()]


VALUES = [
    *range(-20, 20),
    2**63,
    -(2**63),
    True,
    1.0,
    "1",
    -0.0,
    0.0,
    None,
    b"1",
    1j,
    (1, "1"),
    (True, "1"),
    10**40,
    "",
    "é\ud800",
    float("nan"),
]


def test_digests_tell_equal_from_different_and_no_more(tmp_path: Path) -> None:
    digests = []
    for folder in ("a", "b"):
        with recording(tmp_path / folder) as recorded:
            orders = made()
            for _ in range(2):
                for value in VALUES:
                    change(orders, "k", value, value)
            drain()
        found = told(recorded, "old.type", "old.digest", "new.type", "new.digest")
        assert [(kind, digest) for kind, digest, _, _ in found] == [(kind, digest) for _, _, kind, digest in found]
        assert found[: len(VALUES)] == found[len(VALUES) :]
        assert [kind for kind, *_ in found[: len(VALUES)]] == [type(value).__name__ for value in VALUES]
        digests.append([digest for _, digest, *_ in found[: len(VALUES)]])
    assert len(set(digests[0])) == len(VALUES)
    assert all(digest.startswith("k:") and len(digest) == 18 for digest in digests[0])
    # Neither of another run, nor without the key.
    assert not set(digests[0]) & set(digests[1])
    guesses = {hashlib.blake2b(guess, digest_size=8).hexdigest() for guess in (b"i1", b"1", b"s1", b"i0")}
    assert not {digest.removeprefix("k:") for digest in digests[0]} & guesses


def test_of_other_values_the_type_is_told(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        orders, carts = made(), made("carts", "Cart")
        for value in (list, Path, carts, Large(str, 5000), type):
            change(orders, "k", value)
        change(orders, "k", MISSING, 1, action="delete")
        drain()
    assert told(recorded, "new.type", "new.digest") == [
        ("list", None),
        (f"{Path.__module__}.Path", None),
        ("Cart", None),
        ("str", None),
        ("type", None),
        (None, None),
    ]


def test_locations_are_as_python_writes_them(tmp_path: Path) -> None:
    keys = ["a", "it's", 3, -1, 10**30, 1.5, None, True, ("x", 1), Attribute("total"), Element("total"), Element(5)]
    with recording(tmp_path) as recorded:
        orders = made()
        for _ in range(2):
            for key in [*keys, Slice(1, 4), MISSING, "total"]:
                change(orders, key, 1)
        drain()
    once = ["['a']", '["it\'s"]', "[3]", "[-1]", f"[{10**30}]", "[1.5]", "[None]", "[True]", "[('x', 1)]", ".total"]
    once += ["{'total'}", "{5}", "[1:4]", None, "['total']"]
    assert [location for (location,) in told(recorded, "location")] == once * 2


def test_what_a_container_was_asked_for(tmp_path: Path) -> None:
    code = change.__code__
    with recording(tmp_path) as recorded:
        shop, other, cart = made("shop"), made("other"), made("cart", "list", values=True)
        extra = Extra(
            paths=((shop, ("carts", 7)), (other, ("open",))),
            elements=2,
            frozen_key=freeze(3)[0],
            frozen_old=freeze([1])[0],
            frozen_new=freeze({"price": 2.5})[0],
            cut=True,
            snapshot=freeze([{"price": 2.5}])[0],
            stack="cart.py:12 checkout\ncart.py:40 add",
            code=code,
            lasti=0,
        )
        change(cart, 3, dict, list, extra=extra)
        pending.note((shop, "set", time.time_ns(), "k", MISSING, 1, pending.here(), code, 0))
        drain()
    first, second = [event.attributes for event in events(recorded)]
    assert first[names.PROVENANCE_CONTAINER_ID] == f"{process_of(recorded)}-{cart.number}"
    assert told(recorded, "name", "type", "location", "locations", "count", "key", "old.value", "new.value")[0] == (
        "shop",
        "list",
        "['carts'][7][3]",
        '[["other","[\'open\'][3]"]]',
        2,
        "3",
        "[1]",
        '{"d":[["price",2.5]]}',
    )
    assert told(recorded, "cut", "snapshot", "stack")[0] == (
        True,
        '[{"d":[["price",2.5]]}]',
        "cart.py:12 checkout\ncart.py:40 add",
    )
    for about in (first, second):
        assert about[names.CODE_FILE_PATH] == change.__code__.co_filename
        assert about[names.CODE_FUNCTION_NAME] == "change"
        assert about[names.CODE_LINE_NUMBER] == code.co_firstlineno


def test_large_values_make_more_spans(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        orders = made(values=True)
        frozen = freeze("v" * 60_000)[0]
        for number in range(30):
            change(orders, number, str, extra=Extra(frozen_new=frozen))
        drain()
    packed = recorded.spans(MUTATIONS)
    assert max(map(len, recorded.lines())) < 600_000
    assert [span.attributes[names.PROVENANCE_CONTAINER_COUNT] for span in packed] == [
        len(span.events) for span in packed
    ]
    assert told(recorded, "change", "new.value") == [(number, frozen) for number in range(30)]
    assert sequence(recorded.spans()) == list(range(1, 30 + len(packed) + 1))


def test_an_exporter_of_the_applications_gets_the_events(tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    processor = SimpleSpanProcessor(exporter)
    with recording(tmp_path) as recorded:
        provider = TracerProvider()
        current().forward = lambda span: processor.on_end(readable_span(span, provider.resource))
        orders = made()
        for number in range(150):
            change(orders, f"k{number}", "é\ud83d" if number else 1.5)
        drain()
    exported = exporter.get_finished_spans()
    assert [len(span.events) for span in exported] == [100, 50]
    assert [[(event.name, event.timestamp, dict(event.attributes)) for event in span.events] for span in exported] == [
        [(event.name, event.time, event.attributes) for event in span.events] for span in recorded.spans(MUTATIONS)
    ]


def test_encoded_events_are_those_of_the_encoder(tmp_path: Path) -> None:
    kept = []
    with recording(tmp_path):
        current().forward = kept.append
        orders = made('naïve "quotes"')
        change(orders, 'k"\\', "x", 7)
        change(orders, "total", MISSING, None, extra=Extra(elements=0, stack='a "b"\n', cut=True))
        drain()
        line = current().journal.line(kept[0])
    (span,) = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert json.loads(span_json(kept[0])) == span
    assert [values[names.PROVENANCE_CONTAINER_CHANGE] for _, _, values in with_events(kept[0]).events] == [0, 1]


def test_an_observer_that_is_told_at_once_leaves_the_blocks_whole(tmp_path: Path) -> None:
    seen = []
    with recording(tmp_path) as recorded:
        orders = TrackedDict()
        with observe(orders, lambda change: seen.append(change.number)):
            for number in range(249):
                orders["k"] = number
                assert seen[-1] == number + 1
        others = TrackedDict(a=1)
        drain()
        assert others
    packed = recorded.spans(MUTATIONS)
    # What was made before it is observed, and what is left when it is no longer.
    assert [len(span.events) for span in packed] == [1, 100, 100, 49, 1]
    assert told(recorded, "change") == [*((number,) for number in range(250)), (0,)]
