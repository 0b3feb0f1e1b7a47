# SPDX-License-Identifier: Apache-2.0
"""Lineage drawn as traces."""

import graphs
import pytest

from otelprov.export.jaeger import derived_traces


def decoded(traces):
    """Spans with their service, as (service, span) pairs, per trace."""
    found = []
    for trace in traces:
        spans = [
            (group["resource"]["attributes"][0]["value"]["stringValue"], span)
            for group in trace.resource_spans()
            for span in group["scopeSpans"][0]["spans"]
        ]
        found.append(spans)
    return found


def pairs(spans):
    """Service pairs, parent to child, as a backend computes its dependencies."""
    services = {span["spanId"]: service for service, span in spans}
    return {(services[span["parentSpanId"]], service) for service, span in spans if "parentSpanId" in span}


def value(span, key):
    return next((item["value"] for item in span["attributes"] if item["key"] == key), None)


def test_one_trace_per_run_from_the_sources_to_the_outputs():
    first, second = decoded(derived_traces(graphs.training()))
    assert pairs(first) == {("data:raw.csv", "job:featurize"), ("job:featurize", "data:features.parquet")}
    assert pairs(second) == {
        ("data:raw.csv", "job:featurize"),
        ("job:featurize", "data:features.parquet"),
        ("data:features.parquet", "job:train"),
        ("data:params.yaml", "job:train"),
        ("job:train", "data:model.pkl"),
    }
    assert {service for service, span in second if "parentSpanId" not in span} == {"data:raw.csv", "data:params.yaml"}


def test_every_span_says_that_it_is_derived_and_never_what_kind_of_evidence_it_is():
    for spans in decoded(derived_traces(graphs.training())):
        for _, span in spans:
            assert value(span, "provenance.derived") == {"boolValue": True}
            assert value(span, "provenance.kind") is None


def test_spans_carry_times_attributes_and_the_evidence():
    spans = dict(decoded(derived_traces(graphs.training()))[1])
    job, model = spans["job:train"], spans["data:model.pkl"]
    assert int(job["startTimeUnixNano"]) == graphs.T0 + 3 * graphs.MINUTE
    assert int(job["endTimeUnixNano"]) - int(job["startTimeUnixNano"]) == 38 * 10**9
    assert value(job, "provenance.run.id") == {"stringValue": f"{0x7C1E << 112:032x}"}
    assert value(model, "provenance.entity.name") == {"stringValue": "/data/model.pkl"}
    linked = {"traceId": f"{0x7C1E << 112:032x}", "spanId": f"{0x7C1E * 1000 + 400:016x}", "flags": 256}
    assert model["links"] == [linked]


def test_the_same_graph_in_another_order_gives_the_same_spans():
    graph = graphs.training()
    first = [trace.resource_spans() for trace in derived_traces(graph)]
    graph.edges.reverse()
    graph.nodes = dict(reversed(graph.nodes.items()))
    assert [trace.resource_spans() for trace in derived_traces(graph)] == first


def test_ids_are_unique_and_not_zero():
    spans = [span for spans in decoded(derived_traces(graphs.training())) for _, span in spans]
    ids = {(span["traceId"], span["spanId"]) for span in spans}
    assert len(ids) == len(spans)
    assert all(int(trace, 16) and int(span, 16) for trace, span in ids)


def test_two_entities_of_one_short_name_are_two_services():
    a, b, out, run = (
        *(graphs.entity(name) for name in ("/x/in.csv", "/y/in.csv", "/z/out.csv")),
        graphs.run("join", 1),
    )
    (spans,) = decoded(derived_traces(graphs.graph([a, b, out, run], graphs.step(run, [a, b], [out]))))
    assert pairs(spans) == {("data:x/in.csv", "job:join"), ("data:y/in.csv", "job:join"), ("job:join", "data:out.csv")}


def test_names_differ_from_those_outside_the_selection_too():
    graph = graphs.training()
    other = graphs.entity("/elsewhere/model.pkl")
    spans = decoded(derived_traces(graph, known=[other]))[1]
    assert ("job:train", "data:data/model.pkl") in pairs(spans)


def test_a_run_with_more_edges_than_fit_goes_on_in_further_traces():
    inputs = [graphs.entity(f"/d/in-{place}") for place in range(1500)]
    outputs = [graphs.entity(f"/d/out-{place}") for place in range(1500)]
    run = graphs.run("wide", 1)
    traces = list(
        derived_traces(
            graphs.graph(
                [*inputs, *outputs, run], graphs.step(run, inputs, outputs[:1]) + graphs.step(run, [], outputs)
            )
        )
    )
    assert all(trace.count() <= 1000 for trace in traces)
    assert len({trace.trace_id for trace in traces}) == len(traces) > 2
    found = set().union(*(pairs(spans) for spans in decoded(traces)))
    assert len(found) == 3000


def ladder(rungs):
    """Layers of two entities, each made from both of the layer before: 2^n paths, 4n edges."""
    layers = [[graphs.entity(f"/d/{place}{side}", time=place + 1) for side in "lr"] for place in range(rungs)]
    nodes, edges = [node for layer in layers for node in layer], []
    for place in range(1, rungs):
        run = graphs.run(f"run{place}", place, place + 1)
        nodes.append(run)
        edges += graphs.step(run, layers[place - 1], layers[place])
    return graphs.graph(nodes, edges)


def test_a_diamond_of_many_paths_stays_linear_in_edges():
    traces = list(derived_traces(ladder(60)))
    last = traces[-1]
    # 59 runs with two inputs and two outputs each, and two sources.
    assert last.count() == 59 * 4 + 2
    assert len(pairs(decoded([last])[0])) == 59 * 4


def test_upstream_that_does_not_fit_is_cut_at_the_far_end_and_counted():
    traces = list(derived_traces(ladder(60), limit=100))
    assert max(trace.count() for trace in traces) <= 100
    last = traces[-1]
    assert last.left_out > 0
    services = {service for service, _ in decoded([last])[0]}
    assert {"job:run59", "job:run58", "data:59l"} <= services
    assert "job:run1" not in services
    everything = set().union(*(pairs(spans) for spans in decoded(traces)))
    assert len(everything) == 59 * 4


def test_a_circle_is_drawn_whole():
    a, b = graphs.entity("/d/a"), graphs.entity("/d/b")
    there, back = graphs.run("there", 1), graphs.run("back", 2)
    traces = derived_traces(
        graphs.graph([a, b, there, back], [*graphs.step(there, [a], [b]), *graphs.step(back, [b], [a])])
    )
    for spans in decoded(traces):
        assert len(pairs(spans)) == 4


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_went_wrong_is_an_error(status):
    out, run = graphs.entity("/d/out"), graphs.run("bad", 1, status=status)
    (spans,) = decoded(derived_traces(graphs.graph([out, run], graphs.step(run, [], [out]))))
    assert dict(spans)["job:bad"]["status"] == {"message": status, "code": 2}
