# SPDX-License-Identifier: Apache-2.0
"""The exporter to HTTP against a real server: what arrives, what is tried again, and what is lost, exactly."""

import time

import pytest
from backend_processes import wait_until
from http_sink import listening
from observer_plots import nobody_stays, numbers  # noqa: F401

from otelprov.capture.recorder import current
from otelprov.containers import HttpExporter, observe, track
from otelprov.testing import recording


def test_posts_arrive_with_headers_in_order():
    cart = track([], "cart")
    with listening() as sink:
        with (
            HttpExporter(f"{sink.url}?a=b", {"authorization": "Bearer t"}, batch=10) as exporter,
            observe(cart, exporter),
        ):
            for number in range(1, 36):
                cart.append(number)
        assert numbers(sink.taken) == list(range(1, 36))
        assert (exporter.sent, exporter.lost) == (35, 0)
        assert len(sink.requests) >= 4
        path, headers = sink.requests[0]
        assert path == "/changes?a=b"
        assert (headers["authorization"], headers["content-type"]) == ("Bearer t", "application/json")


def test_what_is_not_taken_is_tried_again_no_sooner_than_asked():
    cart = track([], "cart")
    with listening() as sink:
        sink.answer(429, retry_after="0.6")
        sink.answer(503)
        with HttpExporter(sink.url, linger=0) as exporter, observe(cart, exporter):
            cart.append(1)
            assert exporter.flush(10)
        assert (numbers(sink.taken), exporter.sent, exporter.lost) == ([1], 1, 0)
        assert exporter.last_error == "HTTP 503 Service Unavailable"
    first, second, third = sink.times
    assert second - first >= 0.6
    assert third - second < 5.0


@pytest.mark.parametrize("status", [400, 401, 404, 307])
def test_a_refusal_is_a_loss_at_once_and_redirects_are_refusals(tmp_path, status):
    cart, seen = track([], "cart"), []
    with recording(tmp_path) as recorded, listening() as sink, listening() as elsewhere:
        sink.answer(status, location=elsewhere.url)
        with HttpExporter(sink.url, linger=0) as exporter, observe(cart, exporter), observe(cart, seen.append):
            cart.append(1)
            assert exporter.flush(10)
            assert (exporter.sent, exporter.losses) == (0, {"exporter_failed": 1})
            cart.append(2)
            assert exporter.flush(10)
        assert (numbers(sink.taken), exporter.sent, len(seen)) == ([2], 1, 2)
        assert elsewhere.requests == []
        current()._declare_losses()
    told = [event for span in recorded.spans() for event in span.events if event.name == "provenance.loss"]
    assert [event.attributes["provenance.loss.reason"] for event in told] == ["exporter_failed"]


def test_a_server_that_is_too_slow_is_left_after_the_timeout():
    cart = track([], "cart")
    with listening() as sink:
        sink.answer(None)
        began = time.monotonic()
        with HttpExporter(sink.url, timeout=0.2, linger=0) as exporter, observe(cart, exporter):
            cart.append(1)
            assert time.monotonic() - began < 0.15, "the program waited"
            assert exporter.flush(10)
        assert (numbers(sink.taken), exporter.sent, exporter.lost) == ([1], 1, 0)


def test_a_server_that_goes_away_and_comes_back_costs_nothing_and_one_that_does_not_is_counted():
    cart, seen = track([], "cart"), []
    with listening() as sink:
        port = int(sink.url.split(":")[2].split("/")[0])
        with (
            HttpExporter(sink.url, linger=0, patience=0.6) as exporter,
            observe(cart, exporter, capacity=20, overflow="drop_newest") as found,
            observe(cart, seen.append),
        ):
            cart.append(1)
            assert exporter.flush(10)
            sink.stop()
            cart.append(2)
            wait_until(lambda: exporter.last_error, "the failure")
            sink.start(port)
            assert exporter.flush(10)
            assert (numbers(sink.taken), exporter.sent, exporter.lost) == ([1, 2], 2, 0)
            sink.stop()
            for number in range(3, 103):
                cart.append(number)
                if number == 3:
                    wait_until(lambda: not found.waiting, "the first of them to be fetched")
            assert exporter.flush(10)
            assert exporter.sent + exporter.lost == 102
            # What was under way and the 20 that waited found nobody, the others found no room.
            assert exporter.sent == 2
            assert exporter.losses["exporter_failed"] >= 21
            assert exporter.losses["observer_overflow"] == found.dropped > 0
        assert len(seen) == len(cart) == 102


def test_who_blocks_waits_for_room_but_not_for_ever():
    cart = track([], "cart")
    with listening() as sink:
        with (
            HttpExporter(sink.url, linger=0, batch=10) as exporter,
            observe(cart, exporter, capacity=10, overflow="block"),
        ):
            for number in range(300):
                cart.append(number)
            assert exporter.flush(10)
            assert (exporter.sent, exporter.lost) == (300, 0)
            sink.answer(None)
            for number in range(50):
                cart.append(number)
            began = time.monotonic()
            from otelprov.containers import pending

            pending.drain()
            assert 0.4 < time.monotonic() - began < 2.0
            began = time.monotonic()
            for number in range(20):
                cart.append(number)
                pending.drain()
            assert time.monotonic() - began < 0.4, "waited for what does not move"
            # Those under way, and those of a full queue, are not lost.
            assert 45 <= exporter.losses["observer_overflow"] <= 60
            sink.let_go.set()
        assert exporter.sent + exporter.lost == 370


def test_certificates_are_verified():
    cart = track([], "cart")
    with listening(tls=True) as sink:
        with HttpExporter(sink.url, patience=0) as exporter, observe(cart, exporter):
            cart.append(1)
            assert exporter.flush(10)
        assert "CERTIFICATE_VERIFY_FAILED" in exporter.last_error
        assert (sink.requests, exporter.lost) == ([], 1)


@pytest.mark.parametrize("url", ["ftp://h/", "http:///x", "http://user:pw@127.0.0.1/", "changes"])
def test_an_address_that_can_not_work_is_refused(url):
    with pytest.raises(ValueError, match="url: "):
        HttpExporter(url)
