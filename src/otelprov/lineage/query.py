# SPDX-License-Identifier: Apache-2.0
"""Answers a selection with a graph: where something comes from, what depends on it, what lies between."""

from __future__ import annotations

from otelprov.errors import NotFoundError, UsageError
from otelprov.lineage.column_query import column_graph
from otelprov.lineage.derive import RANK, derive_run
from otelprov.lineage.drawing import Drawing
from otelprov.lineage.joining import Joiner
from otelprov.lineage.matching import Seed, find_seeds
from otelprov.lineage.select import KINDS, Selection, Term, parse
from otelprov.lineage.walk import Walk
from otelprov.model.graph import Edge, Graph
from otelprov.model.records import GENERATED, USED
from otelprov.store.contract import Bounds, Fact, Store

MAX_NODES = 10_000
LEVELS = ("entity", "run", "column")


def lineage(
    store: Store, selection: str, *, level: str = "entity", hops: int | None = None, limit: int = MAX_NODES
) -> Graph:
    """The graph that a selection names.

    `hops` bounds those names that give no bound of their own. `level="run"` shows runs alone, joined where one used
    what another generated, `level="column"` columns, as does every name with a column behind it (`sales.csv#amount`).
    Raises UsageError for a selection that can't be read, NotFoundError where it names nothing.
    """
    if level not in LEVELS:
        raise UsageError(f"Drawing the lineage: there is no level {level!r}; take {', '.join(LEVELS)}.")
    chosen = parse(selection)
    store.refresh(derive_run)
    if not chosen.terms:
        graph = _all(store, chosen, limit)
    else:
        columns = level == "column" or any(_names_column(store, term, chosen.bounds) for term in chosen.terms)
        graph = _of_term(store, chosen.terms[0], chosen.bounds, hops, limit, columns=columns)
        for term in chosen.terms[1:]:
            graph = _between(graph, _of_term(store, term, chosen.bounds, hops, limit, columns=columns))
    if chosen.tag:
        _keep(graph, {node.id for node in graph.nodes.values() if chosen.tag in node.tags})
    if level == "run":
        graph = _runs_only(graph)
    if chosen.kind:
        kinds = {node.id for node in graph.nodes.values() if chosen.kind in (node.kind, node.type)}
        _keep(graph, kinds)
    if not graph.nodes:
        raise NotFoundError(
            f"Looking for {selection!r}: the store {store.path} knows nothing of it. Was the program run with "
            "`otelprov run`? See `otelprov runs` for what there is."
        )
    return graph


def _names_column(store: Store, term: Term, bounds: Bounds) -> bool:
    return bool(term.name.rpartition("#")[0]) and not find_seeds(store, term.name, bounds, Joiner(store, bounds))


def _of_term(store: Store, term: Term, bounds: Bounds, hops: int | None, limit: int, *, columns: bool = False) -> Graph:
    drawing = Drawing(limit)
    walk = Walk(store, bounds, drawing)
    seeds = find_seeds(store, term.name, bounds, walk.join)
    column = ""
    if not seeds:
        # No entity has this name with all that stands in it: what is behind the mark is a column.
        name, _, column = term.name.rpartition("#")
        seeds = find_seeds(store, name, bounds, walk.join) if name else []
    if not seeds:
        raise NotFoundError(
            f"Looking for {term.name!r}: the store {store.path} has no entity and no run of that name. "
            "A name is a path, a table, the last part of a path, a glob in quotes, an id, or a run."
        )
    up = hops if term.up is None else term.up
    down = hops if term.down is None else term.down
    if columns:
        return column_graph(store, walk.join, seeds, column, up, down, limit)
    for seed in seeds:
        if seed.fact is not None:
            drawing.entity(seed.node, seed.fact)
        else:
            drawing.run(seed.run_id)
    walk.up(_heads(walk, seeds, draw=up != 0), up)
    walk.down(_starts(walk, seeds, draw=down != 0), down)
    graph = drawing.graph(store)
    graph.focus = list(dict.fromkeys(seed.node or seed.run_id for seed in seeds))
    graph.truncated = walk.truncated
    graph.hidden_upstream = len(walk.hidden_up - graph.nodes.keys())
    graph.hidden_downstream = len(walk.hidden_down - graph.nodes.keys())
    graph.missing = list(dict.fromkeys([*graph.missing, *(seed.note for seed in seeds if seed.note)]))
    return graph


def _heads(walk: Walk, seeds: list[Seed], *, draw: bool) -> list[tuple[Fact, int]]:
    """Head facts to walk up from, with their depth; a run's inputs are one hop away from it."""
    found: list[tuple[Fact, int]] = []
    for seed in seeds:
        if seed.fact is not None:
            producer = seed.fact if seed.fact.io.relation == GENERATED else walk.join.producer(seed.fact)
            if producer is not None and producer.head != producer.id:
                producer = next(iter(walk.store.facts([producer.head])), None)
            found += [(producer, 0)] if producer is not None else []
            continue
        for used in walk.store.facts_of_run(seed.run_id, USED, walk.bounds):
            producer, node = walk.join.producer(used), walk.join.node(used)
            if draw:
                walk.drawing.entity(node, producer or used)
                walk.drawing.used(node, used)
                found += [(producer, 1)] if producer is not None and producer.io.run_id != seed.run_id else []
            else:
                walk.hidden_up.add(node)
    return found


def _starts(walk: Walk, seeds: list[Seed], *, draw: bool) -> list[tuple[str, Fact, int]]:
    """Versions to walk down from, with their depth; a run's outputs are one hop away from it."""
    found: list[tuple[str, Fact, int]] = []
    for seed in seeds:
        if seed.fact is not None:
            found.append((seed.node, seed.fact, 0))
            continue
        for made in walk.store.facts_of_run(seed.run_id, GENERATED, walk.bounds):
            if draw:
                walk.drawing.generated(made.node, made)
                if made.head == made.id:
                    walk.drawing.entity(made.node, made)
                    found.append((made.node, made, 1))
            else:
                walk.hidden_down.add(made.node)
    return found


def _all(store: Store, chosen: Selection, limit: int) -> Graph:
    """Everything that the filters leave, with the edges among it; nothing is followed."""
    drawing = Drawing(limit)
    walk = Walk(store, chosen.bounds, drawing)
    runs = [run for run in store.runs(limit=None) if chosen.bounds.since <= run.started <= chosen.bounds.until]
    for run in runs:
        if drawing.full:
            walk.truncated = True
            break
        drawing.run(run.run_id)
        if chosen.kind == "run" or chosen.kind not in ("", *KINDS):
            continue
        _draw_run(walk, run.run_id)
    if chosen.kind not in ("", *KINDS):
        for run in runs:
            _draw_run(walk, run.run_id)
    graph = drawing.graph(store)
    graph.truncated = walk.truncated
    graph.focus = list(graph.nodes)
    return graph


def _draw_run(walk: Walk, run_id: str) -> None:
    for relation in (USED, GENERATED):
        for fact in walk.store.facts_of_run(run_id, relation, walk.bounds):
            node = walk.join.node(fact)
            if walk.drawing.full and node not in walk.drawing.nodes:
                walk.truncated = True
                continue
            walk.drawing.entity(node, fact)
            (walk.drawing.used if relation == USED else walk.drawing.generated)(node, fact)


def _between(one: Graph, other: Graph) -> Graph:
    """What two graphs have in common: for `a+ and +b` the paths from a to b."""
    _keep(one, set(one.nodes) & set(other.nodes))
    known = {(edge.source, edge.target, edge.relation) for edge in one.edges}
    one.edges += [
        edge
        for edge in other.edges
        if edge.source in one.nodes
        and edge.target in one.nodes
        and (edge.source, edge.target, edge.relation) not in known
    ]
    one.focus = [node_id for node_id in dict.fromkeys([*one.focus, *other.focus]) if node_id in one.nodes]
    one.missing = list(dict.fromkeys([*one.missing, *other.missing]))
    one.complete = one.complete and other.complete
    one.truncated = one.truncated or other.truncated
    one.hidden_upstream += other.hidden_upstream
    one.hidden_downstream += other.hidden_downstream
    return one


def _keep(graph: Graph, wanted: set[str]) -> None:
    graph.nodes = {node_id: node for node_id, node in graph.nodes.items() if node_id in wanted}
    graph.edges = [edge for edge in graph.edges if edge.source in wanted and edge.target in wanted]
    graph.focus = [node_id for node_id in graph.focus if node_id in wanted]


def _runs_only(graph: Graph) -> Graph:
    """The runs of a graph; an edge says that the second used what the first generated."""
    makers: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        if edge.relation == "generated":
            makers.setdefault(edge.target, []).append(edge)
    informed: dict[tuple[str, str], Edge] = {}
    for edge in graph.edges:
        if edge.relation != "used":
            continue
        for made in makers.get(edge.source, ()):
            ends = (made.source, edge.target)
            known = informed.get(ends)
            best = min(RANK[edge.evidence], RANK[known.evidence] if known else len(RANK))
            if made.source != edge.target and (known is None or best < RANK[known.evidence]):
                informed[ends] = Edge(
                    *ends, "informed", edge.evidence, edge.run_id, edge.trace_id, edge.span_id, edge.code
                )
    focus = set(graph.focus)
    focus |= {edge.source for edge in graph.edges if edge.relation == "generated" and edge.target in focus}
    graph.nodes = {node_id: node for node_id, node in graph.nodes.items() if node.kind == "run"}
    graph.edges = list(informed.values())
    graph.focus = [node_id for node_id in graph.nodes if node_id in focus]
    return graph
