# SPDX-License-Identifier: Apache-2.0
"""Times as a user writes them."""

import time

import pytest

from otelprov.cli.runs import since_time
from otelprov.errors import UsageError

NOW = 1_795_183_080 * 10**9


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("12h", 43_200), ("7d", 604_800), (" 2w ", 1_209_600)]
)
def test_ago(text, seconds):
    assert since_time(text, NOW) == NOW - seconds * 10**9


def test_dates_are_local_unless_they_say_otherwise(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert since_time("2026-11-20T14:58", NOW) == NOW
        assert since_time("2026-11-20T13:58Z", NOW) == NOW
    finally:
        monkeypatch.undo()
        time.tzset()


def test_longer_ago_than_the_epoch_is_the_epoch():
    assert since_time("999999w", NOW) == 0


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "yesterday", "2026-13-01", "7 d", "1e3d"])
def test_anything_else_is_wrong_usage(text):
    with pytest.raises(UsageError):
        since_time(text, NOW)
