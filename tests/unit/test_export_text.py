# SPDX-License-Identifier: Apache-2.0
"""Text for people."""

import pytest

from otelprov.export import text
from otelprov.model.graph import Node


def entity(name, namespace="file"):
    return Node(f"{namespace}:{name}", "entity", "file", namespace, name)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name.csv", "plain name.csv"),
        ("größe-数据.csv", "größe-数据.csv"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(raw, shown):
    assert text.printable(raw) == shown


def test_short_names_get_only_as_much_path_as_they_need():
    names = ["/data/a/x.csv", "/data/b/x.csv", "/data/y.csv", "/other/b/x.csv"]
    told = text.telling_names(entity(name) for name in names)
    assert told == {
        ("file", "/data/y.csv"): "y.csv",
        ("file", "/data/a/x.csv"): "a/x.csv",
        ("file", "/data/b/x.csv"): "data/b/x.csv",
        ("file", "/other/b/x.csv"): "other/b/x.csv",
    }


def test_same_name_in_two_namespaces_and_a_name_that_is_the_end_of_another():
    told = text.telling_names([entity("t", "sqlite:/a.db"), entity("t", "sqlite:/b.db"), entity("x/t", "s3://k")])
    assert told["sqlite:/a.db", "t"] == "sqlite:/a.db:t"
    assert len(set(told.values())) == 3


def test_versions_of_one_entity_share_a_name():
    told = text.telling_names([entity("/a/x.csv"), entity("/a/x.csv")])
    assert told == {("file", "/a/x.csv"): "x.csv"}


@pytest.mark.parametrize(
    ("nanoseconds", "said"),
    [
        (0, "0 ms"),
        (12_300_000, "12.3 ms"),
        (1_500_000_000, "1.5 s"),
        (38 * 10**9, "38 s"),
        (250 * 10**9, "4 min 10 s"),
        (7500 * 10**9, "2 h 5 min"),
    ],
)
def test_durations(nanoseconds, said):
    assert text.duration(nanoseconds) == said


def test_times_out_of_range_do_not_fail():
    assert text.moment(0) == "-"
    assert text.moment(2**63) == "-" or text.moment(2**63).startswith("2262")
    assert text.moment(10**30) == "-"


def test_counts_and_sizes():
    assert text.counted(1, "entity") == "1 entity"
    assert text.counted(1200, "entity") == "1,200 entities"
    assert text.size(999) == "999 B"
    assert text.size(12_600_000) == "12.6 MB"


def test_versions_are_short_and_never_the_id_of_a_span():
    assert text.short_version("sha256:" + "9f2c" * 16) == "sha256:9f2c9f2c…"
    assert text.short_version("etag:abc") == "etag:abc"
    assert text.short_version("span:" + "ab" * 16 + "-" + "cd" * 8) == ""
