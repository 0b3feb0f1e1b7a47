# SPDX-License-Identifier: Apache-2.0
"""The observers that are ready to be used: in a list, on an event loop, in a log, as a metric."""

import asyncio
import logging
import urllib.request

import pytest
from backend_processes import free_port, wait_until
from observer_plots import nobody_stays  # noqa: F401
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, start_http_server

from otelprov.containers import (
    AsyncQueue,
    Collector,
    LogObserver,
    MetricsCounter,
    Observer,
    observe,
    track,
    tracking_actor,
)
from otelprov.containers.tracker import FAST


def test_a_collector_has_what_was_changed_up_to_now_and_leaves_the_fast_way_alone():
    cart = track([], "cart")
    seen = Collector(capacity=3)
    with observe(cart, seen) as found:
        assert cart._tracking.way == FAST
        for number in range(5):
            cart.append(number)
        assert [change.new for change in seen] == [2, 3, 4]
        assert (len(seen), seen.forgotten, found.delivered) == (3, 2, 5)
        seen.clear()
        cart.append(9)
        assert ([change.new for change in seen], seen.forgotten) == ([9], 0)


def test_an_observer_off_the_usual_way_is_called_within_a_moment():
    class Late(Observer):
        def __init__(self):
            self.seen = []

        def __call__(self, change):
            self.seen.append(change.new)

    late, cart = Late(), track([], "cart")
    with observe(cart, late):
        cart.append(1)
        wait_until(lambda: late.seen == [1], "the change", 5.0)
        cart.append(2)
    # What was changed before the end is delivered before the end.
    assert late.seen == [1, 2]


def test_a_coroutine_function_is_awaited_on_its_loop_one_change_at_a_time():
    async def main():
        cart = track([], "cart")
        running, seen, loops = [], [], set()

        async def save(change):
            running.append(change.new)
            assert len(running) == 1
            await asyncio.sleep(0)
            running.remove(change.new)
            loops.add(asyncio.get_running_loop())
            if change.new == 2:
                raise ValueError("no")
            seen.append(change.new)

        with observe(cart, save, where=lambda change: change.new != 4) as found:
            for number in range(6):
                await asyncio.to_thread(cart.append, number)
            while found.delivered < 4:
                await asyncio.sleep(0.01)
            assert seen == [0, 1, 3, 5]
            assert (found.failed, found.skipped, found.dropped) == (1, 1, 0)
            assert loops == {asyncio.get_running_loop()}

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_queue_of_a_loop_is_bounded_and_says_what_was_dropped():
    async def main():
        cart = track([], "cart")
        changes = AsyncQueue(capacity=2)
        with observe(cart, changes, capacity=3, overflow="drop_newest") as found:
            for number in range(10):
                cart.append(number)
            got = [(await changes.get()).new for _ in range(3)]
            assert got == [0, 1, 2]
            assert (found.delivered, found.dropped, changes.qsize()) == (3, 7, 0)
            cart.append("next")
            async for change in changes:
                assert change.new == "next"
                break
            with pytest.raises(asyncio.QueueEmpty):
                changes.get_nowait()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_loop_that_is_closed_costs_only_its_own_observer():
    cart, seen = track([], "cart"), []

    async def begin():
        async def save(_change):
            pass

        return observe(cart, save)

    found = asyncio.run(begin())
    with observe(cart, seen.append):
        cart.append(1)
        assert len(seen) == 1
        wait_until(lambda: found.dropped == 1, "the drop", 5.0)


def test_a_log_of_changes_says_what_where_and_who_but_no_values(caplog):
    orders = track({}, "orders")
    with caplog.at_level(logging.INFO, "otelprov.containers"), observe(orders, LogObserver()), tracking_actor("ana"):
        orders["total"] = 1234567
    assert [record.getMessage() for record in caplog.records] == ["set orders['total'] by ana"]
    assert caplog.records[0].change.new == 1234567


def test_counts_are_scraped_by_prometheus_and_series_are_bounded():
    registry = CollectorRegistry()
    provider = MeterProvider([PrometheusMetricReader(registry=registry)])
    port = free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        counter = MetricsCounter(provider, most_series=3)
        cart = track([], "cart")
        orders = [track({}, f"orders-{number}") for number in range(5)]
        with observe(None, counter):
            for number in range(7):
                cart.append(number)
            cart.clear()
            for order in orders:
                order["a"] = 1
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.startswith("provenance_container")]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        provider.shutdown()
    series = {}
    for line in lines:
        labels, _, value = line.rpartition(" ")
        named = dict(part.split("=") for part in labels.partition("{")[2].rstrip("}").split(","))
        place = tuple(named[f"provenance_container_{part}"].strip('"') for part in ("name", "type", "action"))
        series[place] = float(value)
    assert series == {
        ("cart", "list", "append"): 7.0,
        ("cart", "list", "clear"): 1.0,
        ("orders-0", "dict", "set"): 1.0,
        ("(others)", "dict", "set"): 4.0,
    }
