# SPDX-License-Identifier: Apache-2.0
"""The selection language: what is understood, and where reading stops at what is not."""

from __future__ import annotations

import pytest

from otelprov.errors import UsageError
from otelprov.lineage.select import Term, parse
from otelprov.store.contract import END_OF_TIME

DAY = 86_400_000_000_000


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("model.pkl", [Term("model.pkl")]),
        ("+model.pkl", [Term("model.pkl", up=None)]),
        ("model.pkl+", [Term("model.pkl", down=None)]),
        ("+model.pkl+", [Term("model.pkl", None, None)]),
        ("2+name+1", [Term("name", 2, 1)]),
        ("0+name", [Term("name", 0, 0)]),
        ("a+ and +b", [Term("a", down=None), Term("b", up=None)]),
        ('+"my file+1"', [Term("my file+1", up=None)]),
        ("/data/c++.txt", [Term("/data/c++.txt")]),
        ("*.parquet+", [Term("*.parquet", down=None)]),
        ("s3://bucket/key", [Term("s3://bucket/key")]),
    ],
)
def test_names_and_hops(text: str, terms: list[Term]) -> None:
    assert list(parse(text).terms) == terms


def test_filters() -> None:
    found = parse("+m tag:pii kind:run since:7d as-of:2026-11-01", now=1_780_000_000)
    assert (found.kind, found.tag) == ("run", "pii")
    assert found.bounds.since == 1_780_000_000 * 10**9 - 7 * DAY
    # The whole day counts.
    assert found.bounds.until == 1_793_577_600 * 10**9 - 1


def test_without_filters_all_times_are_seen() -> None:
    assert (parse("a").bounds.since, parse("a").bounds.until) == (0, END_OF_TIME)


def test_a_moment_may_name_its_zone() -> None:
    assert parse("a as-of:2026-11-01T12:00+02:00").bounds.until == parse("a as-of:2026-11-01T10:00").bounds.until


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a b", 2),
        ("and a", 0),
        ("a and", 5),
        ("a and and b", 6),
        ("+", 0),
        ("", 0),
        ("kind:", 5),
        ("kind:foo", 5),
        ("since:7y", 6),
        ("a as-of:yesterday", 8),
        ("since:1d since:2d", 9),
        ('a "b', 2),
    ],
)
def test_an_error_points_at_its_place(text: str, place: int) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    *_, shown, pointer = str(caught.value).split("\n")
    assert shown == f"  {text}"
    assert pointer == "  " + " " * place + "^"


def test_a_selection_has_a_limit() -> None:
    with pytest.raises(UsageError, match="characters"):
        parse("a" * 10_001)
