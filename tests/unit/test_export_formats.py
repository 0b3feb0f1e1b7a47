# SPDX-License-Identifier: Apache-2.0
"""DOT and Mermaid."""

import re

import graphs
import pytest

from otelprov.export import dot, mermaid

HOSTILE = 'x"];evil[label="\\ <script>`|{}\x1b[2J\nend'


def test_dot_has_each_node_and_each_edge_once():
    text = "\n".join(dot.draw(graphs.training()))
    assert text.startswith("digraph lineage {\n  rankdir=LR;")
    assert text.endswith("\n}")
    assert text.count("[label=") - text.count("->") == 6
    # Two runs with one and two inputs and one output each, and the three derivations.
    assert text.count(" -> ") == 8
    assert "penwidth=2" in text


def test_mermaid_has_each_node_and_each_edge_once():
    lines = list(mermaid.draw(graphs.training()))
    assert lines[0] == "flowchart LR"
    assert sum(bool(re.match(r'  n\d+\[(\(|")', line)) for line in lines) == 6
    assert sum("-->" in line for line in lines) == 5
    assert sum("-.->" in line for line in lines) == 3
    assert lines[-1].endswith(" focus")


@pytest.mark.parametrize("draw", [dot.draw, mermaid.draw])
def test_the_order_of_the_graph_does_not_matter(draw):
    graph = graphs.training()
    text = list(draw(graph))
    graph.edges.reverse()
    graph.nodes = dict(reversed(graph.nodes.items()))
    assert list(draw(graph)) == text


@pytest.mark.parametrize("draw", [dot.draw, mermaid.draw])
def test_a_name_cannot_break_out_of_its_label(draw):
    node = graphs.entity(HOSTILE)
    node.id = HOSTILE
    lines = list(draw(graphs.graph([node], [], [node])))
    text = "\n".join(lines)
    assert "\x1b" not in text
    label = next(line for line in lines if "evil" in line)
    if draw is dot.draw:
        # Quotes inside the two quoted strings (id and label) are all escaped.
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', label)) == 4
    else:
        assert "<script>" not in text
        assert label.count('"') == 2


def test_an_incomplete_graph_says_so():
    graph = graphs.training()
    graph.complete, graph.missing = False, ["two records"]
    assert "incomplete: two records" in "\n".join(dot.draw(graph))
    assert "%% incomplete: two records" in list(mermaid.draw(graph))[-1]
