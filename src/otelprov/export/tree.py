# SPDX-License-Identifier: Apache-2.0
"""A graph as an indented tree for the terminal: what was asked for on top, where it comes from below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from otelprov.export.branches import branches
from otelprov.export.text import counted, duration, moment, printable, short_name, short_version
from otelprov.model.graph import EVIDENCE_ORDER, Edge, Graph, Node

FOLD_FROM = 5

Style = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class _Item:
    """One line: a node, or like nodes folded into one; `within` are the entities whose making a run is shown for."""

    ids: tuple[str, ...]
    evidence: str = ""
    within: tuple[str, ...] = ()
    how: str = ""


def draw(graph: Graph, *, fold: bool = True, style: Style | None = None) -> Iterator[str]:
    """Yield the lines of the tree.

    Each node of the focus heads a tree of what it comes from, then one of what came from it. A subtree is drawn once.
    Five or more like siblings are folded into one line unless `fold` is false. `style(text, role)` may colour;
    roles are name, faint, good, bad and note.
    """
    drawing = _Drawing(graph, fold, style or (lambda text, role: text))
    yield from drawing.lines()
    yield from _closing(graph, drawing.style)


class _Drawing:
    def __init__(self, graph: Graph, fold: bool, style: Style) -> None:
        self.graph = graph
        self.fold = fold
        self.style = style
        self.into: dict[str, list[Edge]] = {}
        self.out_of: dict[str, list[Edge]] = {}
        for edge in graph.edges:
            if edge.source in graph.nodes and edge.target in graph.nodes:
                self.into.setdefault(edge.target, []).append(edge)
                self.out_of.setdefault(edge.source, []).append(edge)
        self.generated = {edge.target for edge in graph.edges if edge.relation == "generated"}
        derived = [edge for edge in graph.edges if edge.relation == "derived"]
        self.explained = {(edge.run_id, end) for edge in derived for end in (edge.source, edge.target)}

    def lines(self) -> Iterator[str]:
        heads = [node_id for node_id in self.graph.focus if node_id in self.graph.nodes]
        if not heads:
            heads = [node_id for node_id in self.graph.nodes if node_id not in self.out_of]
        drawn: set[str] = set()
        for head in heads:
            if head not in drawn and (head in self.into or head not in self.out_of):
                yield from self._tree(head, upstream=True, drawn=drawn)
        later: set[str] = set()
        for head in heads:
            beyond = {edge.target for edge in self.out_of.get(head, ())} - drawn
            if beyond and head not in later:
                if drawn or later:
                    yield ""
                yield self.style("what came from it:" if len(heads) == 1 else "what came from:", "note")
                yield from self._tree(head, upstream=False, drawn=later)

    def _tree(self, head: str, *, upstream: bool, drawn: set[str]) -> Iterator[str]:
        def expand(item: _Item) -> tuple[str, list[_Item]]:
            children = self._children(item, upstream)
            keys = {self._key(item, node_id) for node_id in item.ids}
            repeated = bool(children) and keys <= drawn
            drawn.update(keys)
            if repeated:
                return self._line(item) + self.style("  ↑ see above", "faint"), []
            return self._line(item), children

        return branches(_Item((head,)), expand)

    def _key(self, item: _Item, node_id: str) -> str:
        return node_id + "\0" + "\0".join(item.within) if item.within else node_id

    def _children(self, item: _Item, upstream: bool) -> list[_Item]:
        index = self.into if upstream else self.out_of
        edges = [edge for node_id in item.ids for edge in index.get(node_id, ())]
        if self._is_run(item.ids[0]):
            return self._grouped(self._of_run(item, edges, upstream), upstream)
        runs = {self._far(edge, upstream) for edge in edges if edge.relation != "derived"}
        runs = {node_id for node_id in runs if self._is_run(node_id)}
        run_ids = {self._run_id(node_id) for node_id in runs}
        items = [_Item((node_id,), within=item.ids) for node_id in runs]
        direct = [edge for edge in edges if not self._is_run(self._far(edge, upstream)) and edge.run_id not in run_ids]
        items += self._by_far_end(direct, upstream)
        return self._grouped(items, upstream)

    def _of_run(self, item: _Item, edges: list[Edge], upstream: bool) -> list[_Item]:
        """What runs made an entity from; for a run asked for by itself, all that it used."""
        if not item.within:
            direct = [edge for edge in edges if edge.relation != "derived" or self._is_run(self._far(edge, upstream))]
            return self._by_far_end(direct, upstream)
        run_ids = {self._run_id(node_id) for node_id in item.ids}
        index = self.into if upstream else self.out_of
        shown = [
            edge
            for node_id in item.within
            for edge in index.get(node_id, ())
            if edge.relation == "derived" and edge.run_id in run_ids and not self._is_run(self._far(edge, upstream))
        ]
        # Where inputs are too many, or nothing better is known, run and entity are joined and no derivation says more.
        shown += [
            edge
            for edge in edges
            if edge.relation != "derived" and (edge.run_id, self._far(edge, upstream)) not in self.explained
        ]
        return self._by_far_end(shown, upstream)

    def _by_far_end(self, edges: list[Edge], upstream: bool) -> list[_Item]:
        best: dict[str, tuple[str, str]] = {}
        for edge in edges:
            far = self._far(edge, upstream)
            evidence = edge.evidence if edge.relation == "derived" else ""
            if far not in best or _strength(evidence) < _strength(best[far][0]):
                best[far] = evidence, edge.transformation
        return [_Item((far,), evidence, how=how) for far, (evidence, how) in best.items()]

    def _grouped(self, items: list[_Item], upstream: bool) -> list[_Item]:
        items.sort(key=lambda item: self._order(item.ids[0]))
        if not self.fold or len(items) < FOLD_FROM:
            return items
        alike: dict[tuple[str, ...], list[_Item]] = {}
        for item in items:
            alike.setdefault(self._likeness(item, upstream), []).append(item)
        grouped: list[_Item] = []
        for group in alike.values():
            if len(group) < FOLD_FROM:
                grouped += group
            else:
                first = group[0]
                grouped.append(_Item(tuple(item.ids[0] for item in group), first.evidence, first.within, first.how))
        return sorted(grouped, key=lambda item: self._order(item.ids[0]))

    def _likeness(self, item: _Item, upstream: bool) -> tuple[str, ...]:
        node = self.graph.nodes[item.ids[0]]
        if node.kind != "entity":
            return (node.kind, node.name)
        folder, _, last = node.name.rpartition("/")
        index = self.into if upstream else self.out_of
        makers = sorted({self._far(edge, upstream) for edge in index.get(node.id, ()) if edge.relation != "derived"})
        return (node.type, node.namespace, folder, last.rpartition(".")[2], item.evidence, item.how, *makers)

    def _order(self, node_id: str) -> tuple[int, str, str]:
        node = self.graph.nodes[node_id]
        return (node.time, node.name, node.id)

    def _far(self, edge: Edge, upstream: bool) -> str:
        return edge.source if upstream else edge.target

    def _is_run(self, node_id: str) -> bool:
        return self.graph.nodes[node_id].kind in {"run", "step"}

    def _run_id(self, node_id: str) -> str:
        node = self.graph.nodes[node_id]
        return str(node.details.get("run_id", "")) or node.id.removeprefix("run:")

    def _line(self, item: _Item) -> str:
        node = self.graph.nodes[item.ids[0]]
        words = [*self._folded(item)] if len(item.ids) > 1 else [*self._entity_or_run(node)]
        if item.evidence:
            words.append(self.style(f"({', '.join(filter(None, (item.evidence, _word(item.how))))})", "faint"))
        return "  ".join(word for word in words if word)

    def _folded(self, item: _Item) -> Iterator[str]:
        nodes = [self.graph.nodes[node_id] for node_id in item.ids]
        if nodes[0].kind != "entity":
            yield f"{len(nodes)} runs of {self.style(printable(nodes[0].name), 'name')}"
            yield f"{moment(nodes[0].time)} to {moment(nodes[-1].time)}"
            return
        first, last = (self.style(printable(short_name(node)), "name") for node in (nodes[0], nodes[-1]))
        yield counted(len(nodes), nodes[0].type or "entity")
        yield f"{first} … {last}"

    def _entity_or_run(self, node: Node) -> Iterator[str]:
        if node.kind == "entity":
            yield self.style(printable(short_name(node)), "name")
            yield self.style(short_version(node.version), "faint")
            # The time of what no run made is only when it was read.
            if node.time and node.id in self.generated:
                yield moment(node.time)
            if node.tags:
                yield " ".join("#" + printable(tag) for tag in node.tags)
            same = node.details.get("same_content")
            if isinstance(same, list) and node.id not in self.generated:
                # Where it may come from, if nobody is known to have written it.
                names = ", ".join(printable(str(name).rpartition("/")[2]) for name in same)
                yield self.style(f"same content as {names}", "faint")
            return
        yield self.style(printable(node.name or node.id), "name")
        yield f"{node.kind} {printable(self._run_id(node.id)[:8])}"
        if node.time:
            yield moment(node.time)
        yield self._status(node.status)
        ended = node.details.get("ended")
        if isinstance(ended, int) and ended > node.time > 0:
            yield duration(ended - node.time)
        yield code_version(node)

    def _status(self, status: str) -> str:
        if not status:
            return ""
        return self.style("ok", "good") if status == "completed" else self.style(printable(status), "bad")


def code_version(node: Node) -> str:
    """What code a run ran: its commit, else the digest of the code itself; empty where neither is known."""
    revision, digest = str(node.details.get("revision") or ""), str(node.details.get("code_digest") or "")
    if revision:
        return f"code {printable(revision[:7])}" + ("+dirty" if node.details.get("dirty") else "")
    return f"code {short_version(digest).rstrip('…')}" if digest else ""


def _word(transformation: str) -> str:
    """How a column comes from another, in one word: `aggregation` of `DIRECT:AGGREGATION`."""
    return printable(transformation.rpartition(":")[2].lower().replace("_", " "))


def _strength(evidence: str) -> int:
    return EVIDENCE_ORDER.index(evidence) if evidence in EVIDENCE_ORDER else len(EVIDENCE_ORDER)


def _closing(graph: Graph, style: Style) -> Iterator[str]:
    kinds = [node.kind for node in graph.nodes.values()]
    columns = [node.type for node in graph.nodes.values()].count("column")
    if columns:
        others = kinds.count("entity") - columns
        yield counted(columns, "column") + (f", {counted(others, 'entity')}" if others else "")
    else:
        yield f"{counted(kinds.count('run'), 'run')}, {counted(kinds.count('entity'), 'entity')}"
    if not graph.complete:
        for reason in graph.missing or ["some of what was recorded has not arrived"]:
            yield style(f"incomplete: {printable(reason)}", "bad")
    sides = [(graph.hidden_upstream, "upstream"), (graph.hidden_downstream, "downstream")]
    hidden = ", ".join(f"{count:,} more {side}" for count, side in sides if count)
    if hidden or graph.truncated:
        yield style(f"not shown: {hidden or 'more than fits'}", "note")
