# SPDX-License-Identifier: Apache-2.0
"""`otelprov publish`: draw the lineage into a Jaeger as traces."""

from __future__ import annotations

import click

from otelprov.cli.output import json_option, note, write_json, write_lines
from otelprov.cli.stored import describe_runs, up_to_date_store
from otelprov.errors import NotFoundError
from otelprov.export.deliver import deliver, endpoint_at
from otelprov.export.jaeger import derived_traces
from otelprov.export.text import counted
from otelprov.model.graph import Graph
from otelprov.semconv import names

_EVERYTHING = "since:1970-01-01"
_MOST_NODES = 1_000_000


@click.command()
@click.option("--to", "url", required=True, metavar="URL", help="OTLP/HTTP endpoint, such as http://localhost:4318.")
@click.argument("selection", required=False)
@json_option
def publish(url: str, selection: str | None, as_json: bool) -> None:
    """Draw the lineage into a Jaeger as traces.

    \b
    Example:
      otelprov publish --to http://localhost:4318
      otelprov publish --to http://localhost:4318 +model.pkl

    Each run becomes a trace from the sources of its inputs to its outputs. Its services are data:NAME and
    job:NAME, so that Jaeger's System Architecture page draws the lineage of all of them. The spans carry
    provenance.derived=true, link to the spans that are the evidence, and have the same ids each time:
    publishing again adds nothing. Without SELECTION, everything is drawn.
    """
    from otelprov.lineage.query import lineage

    endpoint = endpoint_at(url)
    with up_to_date_store() as store:
        # Names must not depend on what is selected, or one thing would have two services.
        if not store.runs(limit=1):
            raise NotFoundError("publishing the lineage: no run is recorded yet; record one: otelprov run -- CMD")
        whole = lineage(store, _EVERYTHING, limit=_MOST_NODES)
        graph = lineage(store, selection, limit=_MOST_NODES) if selection else whole
        describe_runs(store, graph)
    running = _without_running(graph)
    traces = list(derived_traces(graph, known=whole.nodes.values()))
    deliver(traces, endpoint)
    spans = sum(trace.count() for trace in traces)
    if running:
        note(f"not drawn yet: {counted(running, 'run')} still running")
    left_out = sum(1 for trace in traces if trace.left_out)
    if left_out:
        note(f"{counted(left_out, 'trace')} can't hold all that is upstream; it is drawn in the traces of those runs")
    if as_json:
        write_json({"endpoint": endpoint.url, "traces": len(traces), "spans": spans, "running": running})
    else:
        write_lines([f"published {counted(len(traces), 'trace')}, {counted(spans, 'span')}"])


def _without_running(graph: Graph) -> int:
    """Take out the runs that have not ended: their spans would change after they are sent, and can't."""
    running = [node.id for node in graph.nodes.values() if node.status == names.PROVENANCE_RUN_STATUS_RUNNING]
    for node_id in running:
        del graph.nodes[node_id]
    return len(running)
