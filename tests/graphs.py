# SPDX-License-Identifier: Apache-2.0
"""Makers of graphs for tests, in the shape in which the lineage query answers."""

from otelprov.model.graph import Edge, Graph, Node

# 2026-11-20 13:58:00 UTC
T0 = 1_795_183_080 * 10**9
MINUTE = 60 * 10**9


def entity(name, version="", time=0):
    return Node(f"entity:{name}@{version}", "entity", "file", "file", name, version, time=time)


def run(name, number, time=T0, status="completed", **details):
    run_id = f"{number:032x}"
    return Node(
        run_id, "run", "run", "", name, status=status, time=time, details={"ended": time + 38 * 10**9, **details}
    )


def step(run_node, inputs, outputs, evidence="flow"):
    """Edges of a run that makes each output from all inputs."""
    number = int(run_node.id, 16)

    def edge(source, target, relation, shown, place):
        return Edge(
            source.id,
            target.id,
            relation,
            shown,
            run_node.id,
            f"{number:032x}",
            f"{(number >> 112) * 1000 + place:016x}",
        )

    used = [edge(source, run_node, "used", "order", place) for place, source in enumerate(inputs, 1)]
    made = [edge(run_node, target, "generated", "order", place) for place, target in enumerate(outputs, 400)]
    derived = [edge(source, target, "derived", evidence, 1) for source in inputs for target in outputs]
    return [*used, *made, *derived]


def graph(nodes, edges, focus=(), **more):
    return Graph({node.id: node for node in nodes}, list(edges), [node.id for node in focus], **more)


def training():
    """raw.csv to features.parquet to model.pkl, with params.yaml."""
    raw = entity("/data/raw.csv", "sha256:" + "1" * 64)
    features = entity("/data/features.parquet", "sha256:41aa" + "2" * 60, T0 + MINUTE)
    params = entity("/data/params.yaml", "sha256:02be" + "3" * 60)
    model = entity("/data/model.pkl", "sha256:9f2c" + "4" * 60, T0 + 5 * MINUTE)
    featurize = run("featurize", 0x7C1D << 112, T0)
    train = run("train", 0x7C1E << 112, T0 + 3 * MINUTE, revision="a1b2c3d4e5f6", dirty=True)
    edges = [*step(featurize, [raw], [features]), *step(train, [features, params], [model], "order")]
    return graph([raw, features, params, model, featurize, train], edges, [model])
