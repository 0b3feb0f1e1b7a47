# SPDX-License-Identifier: Apache-2.0
"""A graph in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from otelprov.export.text import printable, short_name, short_version
from otelprov.model.graph import Graph, Node

_SHAPES = {"entity": "note", "run": "box", "step": "box", "agent": "ellipse"}


def draw(graph: Graph) -> Iterator[str]:
    """Yield the lines of a `digraph`, data flowing from left to right, in a stable order."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    yield '  node [fontname="sans-serif"];'
    for node in sorted(graph.nodes.values(), key=lambda node: (node.time, node.id)):
        shape = _SHAPES.get(node.kind, "box")
        focus = ", penwidth=2" if node.id in graph.focus else ""
        yield f"  {_quoted(node.id)} [label={_quoted(_label(node))}, shape={shape}{focus}];"
    for source, target, label in labelled_edges(graph):
        dashed = "" if label in {"used", "generated"} else ", style=dashed"
        yield f"  {_quoted(source)} -> {_quoted(target)} [label={_quoted(label)}{dashed}];"
    if not graph.complete:
        yield f"  label={_quoted('incomplete: ' + '; '.join(graph.missing or ['something is missing']))};"
    yield "}"


def labelled_edges(graph: Graph) -> list[tuple[str, str, str]]:
    """Each pair of joined nodes with what joins them, once per label and sorted: source, target, label."""
    known = graph.nodes.keys()
    return sorted(
        {
            (edge.source, edge.target, edge.evidence if edge.relation == "derived" else edge.relation)
            for edge in graph.edges
            if edge.source in known and edge.target in known
        }
    )


def _label(node: Node) -> str:
    detail = short_version(node.version) if node.kind == "entity" else node.status
    name = printable(short_name(node) if node.kind == "entity" else node.name)
    return f"{name}\n{detail}" if detail else name


def _quoted(text: str) -> str:
    # The line break is ours; whatever else a terminal would obey is written out before the quoting.
    lines = (printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'
