# SPDX-License-Identifier: Apache-2.0
"""Observers: who is called when, where and how often, and that one that fails harms nobody."""

import gc
import threading
import weakref

import pytest
from backend_processes import wait_until
from instrumented import instrumented
from observer_plots import nobody_stays, shown  # noqa: F401

from otelprov.capture import background
from otelprov.containers import (
    Collector,
    TrackedDict,
    observe,
    pending,
    track,
    tracking,
    tracking_actor,
)
from otelprov.containers.observers import delivery
from otelprov.containers.tracker import ALWAYS, FAST
from otelprov.testing import recording
from otelprov_instrumentors.files import FilesInstrumentor


def test_called_right_after_each_change_in_the_thread_that_made_it():
    orders = track({}, "orders")
    seen = []
    with observe(orders, lambda change: seen.append((change.new, dict(orders), threading.get_ident()))) as found:
        orders["a"] = 1
        assert seen == [(1, {"a": 1}, threading.get_ident())]
        other = threading.Thread(target=orders.__setitem__, args=("b", 2))
        other.start()
        other.join()
        assert seen[1] == (2, {"a": 1, "b": 2}, other.ident)
    orders["c"] = 3
    assert (len(seen), found.delivered, found.dropped, found.failed, found.closed) == (2, 2, 0, 0, True)


def test_many_threads_each_get_their_own_changes_and_none_is_missing():
    orders = track({}, "orders")
    right, wrong = [], []

    def check(change):
        (right if change.thread_id == threading.get_ident() else wrong).append(change.number)

    def work(name):
        for number in range(300):
            orders[name] = number

    with observe(orders, check) as found:
        workers = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        wait_until(lambda: len(right) + len(wrong) == 2400, "all changes")
    assert sorted(right + wrong) == list(range(1, 2401))
    # A thread that another one held up for too long leaves its changes to that.
    assert len(wrong) <= 120
    assert (found.delivered, found.dropped) == (2400, 0)


def test_a_thread_delivers_its_changes_itself_also_where_another_hands_them_on():
    orders, seen = track({}, "orders"), []
    with observe(orders, lambda _: seen.append(threading.get_ident())):
        worker = threading.Thread(target=orders.__setitem__, args=("a", 1))
        with pending._handing_on:
            worker.start()
            while not pending.queue:
                pass
            pending._hand_on()
        worker.join()
        assert seen == [worker.ident]


def test_what_an_observer_does_in_our_thread_is_the_programs(tmp_path):
    def observer() -> None:
        (tmp_path / "told.txt").write_text("x")

    done = threading.Event()

    def deliver() -> None:
        (tmp_path / "ours.txt").write_text("x")
        delivery._as_the_program(observer)
        (tmp_path / "ours again.txt").write_text("x")
        done.set()

    with instrumented(FilesInstrumentor), recording(tmp_path / "home") as recorded:
        background.start()
        background.once("delivering", deliver)
        assert done.wait(10)
    assert recorded.names() == ["write told.txt"]


def test_what_a_thread_leaves_behind_is_delivered_by_another():
    orders, seen = track({}, "orders"), []
    with observe(orders, lambda change: seen.append(change.new)) as found:
        worker = threading.Thread(target=orders.__setitem__, args=("a", 1))
        with pending._handing_on:
            worker.start()
            # It has waited for its turn, and gone.
            worker.join()
        assert seen == []
        wait_until(lambda: found.delivered == 1, "the change", 5.0)
    assert seen == [1]


def test_who_has_the_higher_priority_is_called_first():
    order = []
    cart = track([], "cart")
    with (
        observe(cart, lambda _: order.append("low"), priority=-1),
        observe(cart, lambda _: order.append("first of equals")),
        observe(cart, lambda _: order.append("second of equals")),
        observe(None, lambda _: order.append("high"), priority=7),
    ):
        cart.append(1)
    assert order == ["high", "first of equals", "second of equals", "low"]


def test_filters():
    orders = track({}, "orders")
    by_action, by_place, by_actor, by_where = Collector(), Collector(), Collector(), Collector()
    with (
        observe(orders, by_action, actions=["delete", "pop"]),
        observe(orders, by_place, location="['item?']"),
        observe(orders, by_actor, actor="night*"),
        observe(orders, by_where, where=lambda change: change.new == 3) as found,
    ):
        orders["item1"] = 1
        with tracking_actor("nightly"):
            orders["item22"] = 2
        orders["x"] = 3
        del orders["x"]
        orders.pop("item22")
    assert shown(by_action) == ["delete orders['x']", "pop orders['item22']"]
    assert shown(by_place) == ["set orders['item1']"]
    assert shown(by_actor) == ["set orders['item22']"]
    assert shown(by_where) == ["set orders['x']"]
    assert (found.delivered, found.skipped) == (1, 4)


def test_by_name_also_those_made_later_and_nobody_else_pays():
    before, other = track({}, "orders-1"), track({}, "users")
    seen = []
    with observe("orders*", seen.append):
        after = track({}, "orders-2")
        later = track({}, "users-2")
        before["a"] = after["b"] = other["c"] = later["d"] = 1
        assert [shown(seen), len(seen)] == [["set orders-1['a']", "set orders-2['b']"], 2]
        assert other._tracking.way == later._tracking.way == FAST
        assert before._tracking.way == after._tracking.way == ALWAYS
    after["e"] = 2
    assert len(seen) == 2
    assert before._tracking.way == after._tracking.way == track({})._tracking.way == FAST


def test_every_container_and_the_handle_of_one():
    every, one = Collector(), Collector()
    cart = track([], "cart")
    two = Collector()
    with observe(None, every), observe(tracking(cart), one), tracking(cart).observe(two, actions="append"):
        cart.append(1)
        TrackedDict(a=1)["b"] = 2
    assert [change.action for change in every] == ["append", "set"]
    assert shown(one) == shown(two) == ["append cart"]


def test_who_observes_the_outermost_container_sees_what_changes_inside_once():
    cart = track({"items": [{"price": 1}]}, "cart", nested=True)
    seen, every = [], []
    with observe(cart, seen.append), observe(None, every.append):
        cart["items"][0]["price"] = 2
        assert shown(seen) == shown(every) == ["set cart['items'][0]['price']"]
        cart["same"] = cart["items"]
        cart["items"].append(3)
        assert len(seen) == len(every) == 3


def test_what_an_observer_changes_is_delivered_after_it():
    log, order = track([], "log"), track({}, "order")
    events = []

    def note(change):
        events.append(f"begin {change.new}")
        if change.new < 3:
            order["n"] = change.new + 1
        events.append(f"end {change.new}")

    with observe(order, note), observe(log, events.append):
        order["n"] = 1
    assert events == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]


def test_observers_that_keep_each_other_busy_are_stopped_with_a_count(caplog):
    ping, pong = track([], "ping"), track([], "pong")
    with (
        observe(ping, lambda _: pong.append(1), name="to pong") as first,
        observe(pong, lambda _: ping.append(1), name="to ping") as second,
    ):
        ping.append(0)
        assert first.delivered + second.delivered == delivery.MOST_GENERATIONS
        assert first.dropped + second.dropped == 1
        assert [record.getMessage().split(":")[0] for record in caplog.records] == [
            "observer to pong gets changes that observers made, 100 generations on"
        ]
        ping.append(0)
        assert first.delivered + second.delivered == 2 * delivery.MOST_GENERATIONS


def test_an_observer_that_fails_harms_nobody(caplog):
    orders = track({}, "orders")
    seen = []

    def fail(_change):
        raise ValueError("no")

    with observe(orders, fail, priority=1) as failing, observe(orders, seen.append):
        for number in range(130):
            orders["n"] = number
        assert (failing.failed, failing.delivered, failing.dropped, failing.suspended) == (100, 0, 30, True)
        assert repr(failing.last_error) == "ValueError('no')"
        assert failing.last_error.__traceback__ is None
        failing.resume()
        orders["n"] = -1
        assert failing.failed == 101
    assert orders == {"n": -1}
    assert [change.new for change in seen] == [*range(130), -1]
    told = [record.getMessage() for record in caplog.records if record.name == "otelprov"]
    assert [message.split(" fail")[1].split(":")[0] for message in told] == [
        "ed",
        "ed 100 times in a row and is suspended",
    ]


def test_an_interrupt_in_an_observer_is_the_programs():
    orders = track({}, "orders")

    def interrupt(change):
        if change.new == 1:
            raise KeyboardInterrupt

    seen = []
    with observe(orders, interrupt, priority=1) as found, observe(orders, seen.append):
        with pytest.raises(KeyboardInterrupt):
            orders["a"] = 1
        orders["a"] = 2
        assert [change.new for change in seen] == [1, 2]
        assert (found.delivered, found.failed) == (1, 1)
    assert orders == {"a": 2}


@pytest.mark.parametrize(
    ("overflow", "kept"), [("drop_oldest", [0, 8, 9, 10]), ("drop_newest", [0, 1, 2, 3])], ids=["oldest", "newest"]
)
def test_what_does_not_fit_is_dropped_as_declared_and_told(tmp_path, overflow, kept):
    source, target = track({}, "source"), track({}, "target")
    seen = []

    def many(change):
        seen.append(change.new)
        if change.new == 0:
            for number in range(1, 11):
                target["n"] = number

    with recording(tmp_path) as recorded:
        with observe(None, many, capacity=3, overflow=overflow, location="['n']") as found:
            source["n"] = 0
            assert seen == kept
            assert (found.delivered, found.dropped) == (4, 7)
        # Told with the next record, at the latest at the end of the process.
        from otelprov.capture.recorder import current

        current()._declare_losses()
    told = [event for span in recorded.spans() for event in span.events if event.name == "provenance.loss"]
    assert sum(event.attributes["provenance.loss.count"] for event in told) == 7
    assert {event.attributes["provenance.loss.reason"] for event in told} == {"observer_overflow"}


def test_observing_keeps_nothing_alive():
    class Thing:
        pass

    thing, orders = Thing(), track({}, "orders")
    seen = Collector()
    found = observe(orders, seen)
    orders["x"] = thing
    gone = weakref.ref(thing), weakref.ref(orders)
    assert len(seen) == 1
    del thing, orders
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert seen.changes[0].new is Thing
    found.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"target": {}}, "target: a tracked container"),
        ({"callback": 3}, "callback: something to call"),
        ({"capacity": 0}, "capacity: a whole number from 1"),
        ({"overflow": "wait"}, "overflow: one of drop_oldest, drop_newest, block"),
        ({"overflow": "block"}, "'block' is for exporters"),
        ({"priority": "high"}, "priority: a whole number"),
        ({"actions": [1]}, "actions: names of operations"),
        ({"location": ""}, "location: a pattern has"),
        ({"where": 1}, "where: something to call"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises((TypeError, ValueError), match=said):
        observe(**{"target": None, "callback": print, **arguments})


def test_a_coroutine_function_needs_a_loop():
    async def save(_change):
        pass

    with pytest.raises(RuntimeError, match="belongs to an event loop"):
        observe(None, save)
