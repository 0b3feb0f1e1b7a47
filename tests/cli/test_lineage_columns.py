# SPDX-License-Identifier: Apache-2.0
"""`otelprov lineage` for columns: the tree, the JSON, and what it says of a column that is not there."""

import pytest
from recorded import Program

from otelprov.semconv import names

STATEMENTS = (
    "CREATE TABLE orders (customer TEXT, amount REAL)",
    "INSERT INTO orders VALUES (?, ?)",
    "CREATE TABLE totals AS SELECT customer, sum(amount) AS amount FROM orders GROUP BY customer",
)


@pytest.fixture
def summed(otelprov):
    """The command line of somebody who has run totals.py."""
    program = Program(otelprov.home, 0xC01, "totals.py")
    for text in STATEMENTS:
        values = {
            names.PROVENANCE_OPERATION: names.PROVENANCE_OPERATION_EXECUTE,
            names.PROVENANCE_ENTITY_NAMESPACE: "sqlite:/data/shop.db",
            names.PROVENANCE_ENTITY_NAME: "",
            names.PROVENANCE_ENTITY_TYPE: "database",
            names.DB_SYSTEM_NAME: "sqlite",
            names.DB_NAMESPACE: "/data/shop.db",
            names.DB_QUERY_TEXT: text,
        }
        program.span(text[:6], names.PROVENANCE_KIND_IO, values, 1000)
    program.end()
    return otelprov


def test_a_column_is_a_tree_with_words(summed):
    said = summed("lineage", "+totals#amount")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "totals#amount",
        "├─ orders#amount  (statement, aggregation)",
        "└─ orders#customer  (statement, group by)",
        "3 columns",
    ]


def test_all_columns_of_a_level(summed):
    said = summed("lineage", "orders+", "--level", "column", "--json")
    nodes = {node["id"]: node for node in said.document["nodes"]}
    assert {node["type"] for node in nodes.values()} <= {"column", "table"}
    found = {
        (nodes[edge["source"]]["name"], nodes[edge["target"]]["name"], edge["transformation"])
        for edge in said.document["edges"]
    }
    assert ("orders#amount", "totals#amount", "DIRECT:AGGREGATION") in found
    assert ("orders#customer", "totals#customer", "DIRECT:IDENTITY") in found


@pytest.mark.parametrize("form", ["dot", "mermaid"])
def test_the_other_formats_draw_columns_too(summed, form):
    said = summed("lineage", "+totals#amount", "--format", form)
    assert said.status == 0
    assert said.out.count("orders") == 2


def test_a_column_of_nothing_is_3(summed):
    assert summed("lineage", "+nothing#amount").status == 3
