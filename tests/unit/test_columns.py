# SPDX-License-Identifier: Apache-2.0
"""Columns in telemetry: bounded, scrubbed name by name, and never guessed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from otelprov.capture.flow.identity import Origins, Read
from otelprov.capture.io import record_io
from otelprov.capture.tables import columns
from otelprov.capture.tables.columns import ColumnEdge, ColumnSource, edges_of, forget_columns, remember_columns
from otelprov.model.entity import Entity
from otelprov.semconv import names
from otelprov.testing import recording

A_CSV, B_CSV = Entity("file", "/data/a.csv"), Entity("file", "/data/b.csv")


class Table:
    """Stands for a table of some library; all that matters is that it can be referred to weakly."""


class Shouting(str):
    """A name with a mind of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("nobody asked you")


def read_and_write(recorded: Any, edges: list[tuple[str, str, str]]) -> list[Any]:
    read = record_io("read", A_CSV, scope="otelprov.test", start=time.time_ns(), columns=["day", "amount"])
    assert read is not None
    told = [ColumnEdge(output, read, column, how) for output, column, how in edges]
    sources = Origins(frozenset({read}))
    record_io("write", B_CSV, scope="otelprov.test", start=time.time_ns(), sources=sources, column_edges=told)
    return list(recorded.io())


def test_names_and_edges_are_told(tmp_path):
    with recording(tmp_path) as recorded:
        edges = [("total", "amount", columns.AGGREGATION), (columns.EVERY, "day", columns.GROUP_BY)]
        read, write = read_and_write(recorded, edges)
    assert read.attributes[names.PROVENANCE_COLUMNS] == 2
    assert json.loads(read.attributes[names.PROVENANCE_COLUMN_NAMES]) == ["day", "amount"]
    told = write.events[1].attributes
    assert json.loads(told[names.PROVENANCE_COLUMN_EDGES]) == [
        ["total", "amount", "DIRECT:AGGREGATION"],
        ["", "day", "INDIRECT:GROUP_BY"],
    ]
    assert names.PROVENANCE_COLUMN_LEFT_OUT not in told


@pytest.mark.parametrize("given", [[f"c{number}" for number in range(10_000)], ["x" * 150] * 1000, ["a", "b" * 1000]])
def test_a_list_that_was_cut_says_so(given):
    told = columns.count_and_names(given)
    kept = json.loads(told[names.PROVENANCE_COLUMN_NAMES])
    assert told[names.PROVENANCE_COLUMNS] == len(given) > len(kept)
    assert len(told[names.PROVENANCE_COLUMN_NAMES]) <= columns.MAX_TEXT + 10


def test_names_that_are_no_text_are_not_asked_what_they_are():
    told = columns.count_and_names(["a", 1, 2.5, ("x", "y"), Shouting("b"), None])
    assert json.loads(told[names.PROVENANCE_COLUMN_NAMES]) == ["a", "1"]
    assert told[names.PROVENANCE_COLUMNS] == 6


def test_edges_that_were_cut_are_counted(tmp_path):
    with recording(tmp_path) as recorded:
        _, write = read_and_write(recorded, [(f"o{number}", "day", "DIRECT") for number in range(5_000)])
    told = write.events[1].attributes
    kept = json.loads(told[names.PROVENANCE_COLUMN_EDGES])
    assert len(kept) + told[names.PROVENANCE_COLUMN_LEFT_OUT] == 5_000
    assert 0 < len(kept) <= columns.MAX_EDGES


def test_names_of_columns_pass_the_gate_and_secrets_in_them_do_not(tmp_path):
    harmless = ["PASSWORD", "USER_ID", "api_key", "value", "token", "Größe", "a,b", 'q"t', "x\ny", "secret", "id"]
    with recording(tmp_path) as recorded:
        secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
        record_io("read", A_CSV, scope="otelprov.test", start=1, columns=[*harmless, secret])
        [span] = recorded.io()
    told = json.loads(span.attributes[names.PROVENANCE_COLUMN_NAMES])
    assert told[:-1] == harmless
    assert secret not in told[-1]


def test_columns_of_tables_in_memory_are_handed_on_until_they_are_changed():
    read, table, other = Read(A_CSV, 1, 2), Table(), Table()
    remember_columns(table, read)
    assert edges_of(table, ["x", 5, "y"]) == [
        ColumnEdge("x", read, "x", columns.IDENTITY),
        ColumnEdge("y", read, "y", columns.IDENTITY),
    ]
    remember_columns(other, {"z": [ColumnSource(read, "x", columns.TRANSFORMATION)]})
    assert edges_of(other, ["z", "w"]) == [ColumnEdge("z", read, "x", columns.TRANSFORMATION)]
    forget_columns(table)
    assert edges_of(table, ["x"]) == []
    assert edges_of(object(), ["x"]) == []


def test_no_table_is_kept_alive_and_none_is_taken_for_another():
    read = Read(A_CSV, 1, 2)
    before = len(columns._followed)
    for _ in range(10_000):
        table = Table()
        assert columns.columns_of(table) is None
        remember_columns(table, read)
    del table
    assert len(columns._followed) == before
