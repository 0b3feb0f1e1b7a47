# SPDX-License-Identifier: Apache-2.0
"""Secrets are cut from texts and command lines; names of files, tables and options stay."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelprov.capture.scrub import MAX_LENGTH, scrub_argv, scrub_text

SECRET = "hunter2" + "x" * 30
TEXTS = {
    "postgres://ana:" + SECRET + "@db:5432/x": "postgres://[cut]@db:5432/x",
    "redis://:" + SECRET + "@cache/0 is down": "redis://[cut]@cache/0 is down",
    "password=" + SECRET: "password=[cut]",
    '{"api_key": "' + SECRET + '"}': '{"api_key": "[cut]"}',
    "https://s.example/a?x=1&sig=" + SECRET: "https://s.example/a?x=1&sig=[cut]",
    "ghp_" + "a1" * 18: "[cut]",
    "AKIA" + "A1B2C3D4E5F6G7H8": "[cut]",
    "Authorization: Bearer " + SECRET: "Authorization: [cut] [cut]",
    "-----BEGIN RSA PRIVATE KEY-----\n" + SECRET + "\n-----END RSA PRIVATE KEY-----": "[cut]",
}
HARMLESS = [
    "/data/password_resets.csv",
    "s3://bucket/curated/sessions/tokens.parquet",
    "user_sessions",
    "sessions.user_id -> users.id",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "train.py --epochs 3 --author ana",
    "https://example.org/keys/list",
    "KeyError: 'auth_method'",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_secret_is_cut(text: str) -> None:
    assert SECRET not in scrub_text(text)
    if not text.startswith("Authorization"):
        assert scrub_text(text) == TEXTS[text]


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_name_stays(text: str) -> None:
    assert scrub_text(text) == text


def test_values_of_secret_options_are_cut() -> None:
    given_ = ["x.py", "--password", SECRET, "--api-key=" + SECRET, "--token", "--verbose", "--author", "ana", "--pass"]
    expected = ["x.py", "--password", "[cut]", "--api-key=[cut]", "--token", "--verbose", "--author", "ana", "--pass"]
    assert scrub_argv(given_) == expected


@given(st.text(max_size=300))
def test_any_text_comes_back_bounded(text: str) -> None:
    assert isinstance(scrub_text(text), str)


@pytest.mark.parametrize("evil", ["a" * 10_000_000, "password" * 100_000, "x://" * 100_000, "-----BEGIN " * 50_000])
def test_a_huge_or_evil_text_is_cut_short_and_takes_no_time(evil: str) -> None:
    started = time.process_time()
    assert len(scrub_text(evil)) < MAX_LENGTH + 100
    assert time.process_time() - started < 2.0
