# SPDX-License-Identifier: Apache-2.0
"""Places in statements of DuckDB: which literals name a file, which names may be variables, and that no value stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelprov.capture.sql.sql_locations import Location, shapes

# Text, what is left of it, places that are read, places that are written, names of tables.
TABLE = [
    ("FROM 'a.csv'", 'FROM "a.csv"', ["a.csv"], [], []),
    (
        "SELECT x FROM 'dir/a.csv' a JOIN df USING (id)",
        'SELECT x FROM "a.csv" a JOIN df USING (id)',
        ["dir/a.csv"],
        [],
        ["df"],
    ),
    ("COPY (FROM t) TO 'o.csv' (DELIMITER ';')", 'COPY (FROM t) TO "o.csv"  (DELIMITER ?)', [], ["o.csv"], ["t"]),
    ("COPY t (a, b) FROM 'in.csv'", 'COPY t (a, b) FROM "in.csv"', ["in.csv"], [], []),
    ("SELECT * FROM read_csv(['x.csv', 'y.csv'], sep = '|')", 'SELECT * FROM "file"', ["x.csv", "y.csv"], [], []),
    ("SELECT * FROM read_parquet(?), u WHERE a = ?", 'SELECT * FROM "file", u WHERE a = ?', ["?0"], [], ["u"]),
    ("SELECT * FROM read_json($f) WHERE b > 1.5e3", 'SELECT * FROM "file" WHERE b > ?', ["$f"], [], []),
    ("SELECT ['a.csv'] FROM t WHERE c IN ('b.csv', 'c')", "SELECT [?] FROM t WHERE c IN (?, ?)", [], [], ["t"]),
    (
        "WITH df AS (SELECT * FROM df) SELECT * FROM df",
        "WITH df AS (SELECT * FROM df) SELECT * FROM df",
        [],
        [],
        ["df"],
    ),
    ("WITH c AS (SELECT 1) SELECT * FROM c, m.s.t", "WITH c AS (SELECT ?) SELECT * FROM c, m.s.t", [], [], ["m.s.t"]),
    (
        "SELECT extract(year FROM d), trim(LEADING 'x' FROM e) FROM t",
        "SELECT extract(year FROM d), trim(LEADING ? FROM e) FROM t",
        [],
        [],
        ["t"],
    ),
    ("SELECT a IS DISTINCT FROM b FROM t", "SELECT a IS DISTINCT FROM b FROM t", [], [], ["t"]),
    (
        "DELETE FROM t USING 'd.csv' d WHERE t.i = d.i",
        'DELETE FROM t USING "d.csv" d WHERE t.i = d.i',
        ["d.csv"],
        [],
        ["t"],
    ),
    ('INSERT INTO t SELECT * FROM "my file.csv"', 'INSERT INTO t SELECT * FROM "my file.csv"', ["my file.csv"], [], []),
    (
        "SELECT * FROM range(10), 'https://h/d.csv?key=s3cr3t'",
        'SELECT * FROM range(?), "file"',
        ["https://h/d.csv?key=s3cr3t"],
        [],
        [],
    ),
    ("SELECT * FROM (a JOIN 'b.csv' USING (k))", 'SELECT * FROM (a JOIN "b.csv" USING (k))', ["b.csv"], [], ["a"]),
    ("SELECT * FROM t . 's3cr3t'", "SELECT * FROM t . ?", [], [], ["t"]),
    ("SELECT $$it's$$, 'x' -- FROM 'no.csv'\nFROM t", "SELECT ?, ?  FROM t", [], [], ["t"]),
]


@pytest.mark.parametrize(("text", "left", "read", "written", "tables"), TABLE)
def test_places_of_a_statement(text, left, read, written, tables):
    [shape] = shapes(text)
    assert " ".join(shape.text.split()) == " ".join(left.split())
    assert [place for location in shape.locations if not location.written for place in location.places] == read
    assert [place for location in shape.locations if location.written for place in location.places] == written
    assert list(shape.tables) == tables


def test_scripts_and_what_is_about_whole_databases():
    script = "ATTACH 'x''y.db' AS x; CREATE TABLE a AS FROM 'b;c.csv'; ; COPY a TO ?; COPY b TO ?"
    found = shapes(script)
    assert [shape.word for shape in found] == ["ATTACH", "CREATE", "COPY", "COPY"]
    assert found[0].raw == "ATTACH 'x''y.db' AS x"
    assert found[1].locations == (Location("file", ("b;c.csv",)),)
    # Parameters count on through the script.
    assert [shape.locations[0].places for shape in found[2:]] == [("?0",), ("?1",)]


def test_two_files_of_one_name_are_told_apart():
    [shape] = shapes("SELECT * FROM '1/a.csv', '2/a.csv', '1/a.csv'")
    assert [(location.alias, location.places) for location in shape.locations] == [
        ("a.csv", ("1/a.csv",)),
        ("a.csv 2", ("2/a.csv",)),
    ]


_TOKENS = (
    """SELECT FROM JOIN ( ) , [ ] COPY TO WITH AS read_csv USING INSERT INTO t df WHERE = IN ; ? $1 " . -- /* */ $$"""
)
_WORDS = _TOKENS.split(" ")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*_WORDS, "'SECRET'", "'SECRET.csv'"]), max_size=30))
def test_any_text_is_read_and_a_value_never_stays(words):
    text = " ".join(words)
    for shape in shapes(text):
        named = {location.alias for location in shape.locations}
        rest = shape.text
        for alias in named:
            rest = rest.replace(f'"{alias}"', "")
        # What stands in double quotes is a name.
        if '"' not in text:
            assert "SECRET" not in rest


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_too_odd(text):
    shapes(text)
