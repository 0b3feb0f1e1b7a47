# SPDX-License-Identifier: Apache-2.0
"""Times as a user writes them for `--since`."""

import time

import pytest

from otelprov.cli.runs import since_time
from otelprov.errors import UsageError


def test_ago_and_dates():
    assert abs(time.time_ns() - since_time(" 12h ") - 43_200 * 10**9) < 60 * 10**9
    assert since_time("2026-11-20T13:58") == since_time("2026-11-20T14:58+01:00") == 1_795_183_080 * 10**9


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "yesterday", "2026-13-01", "7 d", "7d kind:run"])
def test_anything_else_is_wrong_usage(text):
    with pytest.raises(UsageError):
        since_time(text)
