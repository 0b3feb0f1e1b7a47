# SPDX-License-Identifier: Apache-2.0
"""A graph as a Mermaid flowchart, which code hosts draw inside Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from otelprov.export.dot import labelled_edges
from otelprov.export.text import printable, short_name, short_version
from otelprov.model.graph import Graph, Node

# Characters with a meaning inside a quoted Mermaid label, as its entity codes.
_CODES = {
    "#": "#35;",
    '"': "#quot;",
    "<": "#lt;",
    ">": "#gt;",
    "&": "#amp;",
    "`": "#96;",
    "\\": "#92;",
    "[": "#91;",
    "]": "#93;",
    "{": "#123;",
    "}": "#125;",
    "|": "#124;",
    "*": "#42;",
    "_": "#95;",
}
_SHAPES = {"entity": ('[("', '")]'), "run": ('["', '"]'), "step": ('["', '"]'), "agent": ('(["', '"])')}


def draw(graph: Graph) -> Iterator[str]:
    """Yield the lines of a flowchart, data flowing from left to right, in a stable order."""
    yield "flowchart LR"
    ordered = sorted(graph.nodes.values(), key=lambda node: (node.time, node.id))
    names = {node.id: f"n{place}" for place, node in enumerate(ordered)}
    for node in ordered:
        opening, closing = _SHAPES.get(node.kind, _SHAPES["run"])
        yield f"  {names[node.id]}{opening}{_label(node)}{closing}"
    for source, target, label in labelled_edges(graph):
        arrow = "-->" if label in {"used", "generated"} else "-.->"
        yield f"  {names[source]} {arrow}|{_coded(label)}| {names[target]}"
    focus = [names[node_id] for node_id in graph.focus if node_id in names]
    if focus:
        yield "  classDef focus stroke-width:3px"
        yield f"  class {','.join(focus)} focus"
    if not graph.complete:
        for reason in graph.missing or ["something is missing"]:
            yield f"  %% incomplete: {printable(reason)}"


def _label(node: Node) -> str:
    if node.kind != "entity":
        return _coded(printable(node.name)) + (f"<br/>{_coded(printable(node.status))}" if node.status else "")
    version = short_version(node.version)
    return _coded(printable(short_name(node))) + (f"<br/>{_coded(version)}" if version else "")


def _coded(text: str) -> str:
    return "".join(_CODES.get(sign, sign) for sign in text)
