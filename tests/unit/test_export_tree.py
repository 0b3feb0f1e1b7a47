# SPDX-License-Identifier: Apache-2.0
"""The tree that `otelprov lineage` draws."""

import time

import graphs
import pytest

from otelprov.export import tree


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def drawn(graph, **options):
    return "\n".join(tree.draw(graph, **options))


def test_where_a_model_comes_from():
    assert drawn(graphs.training()) == (
        "model.pkl  sha256:9f2c4444…  2026-11-20 14:03\n"
        "└─ train  run 7c1e0000  2026-11-20 14:01  ok  38 s  code a1b2c3d+dirty\n"
        "   ├─ params.yaml  sha256:02be3333…  (order)\n"
        "   └─ features.parquet  sha256:41aa2222…  2026-11-20 13:59  (order)\n"
        "      └─ featurize  run 7c1d0000  2026-11-20 13:58  ok  38 s\n"
        "         └─ raw.csv  sha256:11111111…  (flow)\n"
        "2 runs, 4 entities"
    )


def test_what_came_from_it():
    graph = graphs.training()
    graph.focus = [next(node.id for node in graph.nodes.values() if node.name == "/data/raw.csv")]
    assert drawn(graph) == (
        "what came from it:\n"
        "raw.csv  sha256:11111111…\n"
        "└─ featurize  run 7c1d0000  2026-11-20 13:58  ok  38 s\n"
        "   └─ features.parquet  sha256:41aa2222…  2026-11-20 13:59  (flow)\n"
        "      └─ train  run 7c1e0000  2026-11-20 14:01  ok  38 s  code a1b2c3d+dirty\n"
        "         └─ model.pkl  sha256:9f2c4444…  2026-11-20 14:03  (order)\n"
        "2 runs, 4 entities"
    )


def test_an_input_that_did_not_go_into_the_output_is_not_shown_below_it():
    a, b, x, y = (graphs.entity(f"/d/{name}") for name in "abxy")
    run = graphs.run("split", 1)
    edges = [*graphs.step(run, [a], [x]), *graphs.step(run, [b], [y])]
    lines = drawn(graphs.graph([a, b, x, y, run], edges, [x])).splitlines()
    assert [line.split()[1] for line in lines[1:-1]] == ["split", "a"]


def test_a_run_asked_for_shows_all_its_inputs_and_outputs():
    graph = graphs.training()
    graph.focus = [next(node.id for node in graph.nodes.values() if node.name == "train")]
    text = drawn(graph)
    assert text.startswith("train  run 7c1e0000")
    assert "params.yaml" in text
    assert "model.pkl" in text.partition("what came from it:")[2]


def test_repeated_subtrees_are_shown_once():
    source = graphs.entity("/d/source")
    middle = graphs.entity("/d/middle", time=graphs.T0)
    left, right, end = (
        graphs.entity(f"/d/{name}", time=graphs.T0 + place) for place, name in enumerate(("l", "r", "end"))
    )
    runs = [graphs.run(name, number) for number, name in enumerate(("a", "b", "c", "d"), 1)]
    edges = [
        *graphs.step(runs[0], [source], [middle]),
        *graphs.step(runs[1], [middle], [left]),
        *graphs.step(runs[2], [middle], [right]),
        *graphs.step(runs[3], [left, right], [end]),
    ]
    lines = drawn(graphs.graph([source, middle, left, right, end, *runs], edges, [end])).splitlines()
    assert sum("source" in line for line in lines) == 1
    assert [line.endswith("↑ see above") for line in lines if "middle" in line] == [False, True]


def test_a_circle_ends():
    a, b = graphs.entity("/d/a"), graphs.entity("/d/b")
    there, back = graphs.run("there", 1), graphs.run("back", 2)
    lines = drawn(graphs.graph([a, b, there, back], [*graphs.step(there, [a], [b]), *graphs.step(back, [b], [a])], [a]))
    assert lines.count("\n") < 16
    assert "↑ see above" in lines


def test_a_very_deep_chain_is_drawn_in_linear_size():
    chain = [graphs.entity(f"/d/{place}", time=place) for place in range(20_000)]
    runs = [graphs.run("next", place, place) for place in range(1, 20_000)]
    edges = [edge for place, run in enumerate(runs) for edge in graphs.step(run, [chain[place]], [chain[place + 1]])]
    lines = list(tree.draw(graphs.graph([*chain, *runs], edges, [chain[-1]])))
    assert len(lines) == 40_000
    assert max(map(len, lines)) < 300


def test_many_like_siblings_fold_into_a_count_unless_all_are_wanted():
    parts = [graphs.entity(f"/d/part-{place:03}.csv") for place in range(120)]
    other, whole, run = graphs.entity("/d/notes.txt"), graphs.entity("/d/whole.csv"), graphs.run("join", 1)
    graph = graphs.graph([*parts, other, whole, run], graphs.step(run, [*parts, other], [whole]), [whole])
    folded = drawn(graph)
    assert "120 files  part-000.csv … part-119.csv  (flow)" in folded
    assert "notes.txt" in folded
    assert folded.count("\n") == 4
    assert drawn(graph, fold=False).count("part-") == 120


def test_what_is_missing_is_said():
    graph = graphs.training()
    graph.complete = False
    graph.missing = ["run 7c1e: 3 records never arrived", "\x1b[2Jevil"]
    graph.hidden_upstream = 12
    lines = drawn(graph).splitlines()
    assert lines[-3:] == [
        "incomplete: run 7c1e: 3 records never arrived",
        "incomplete: \\x1b[2Jevil",
        "not shown: 12 more upstream",
    ]


def test_names_cannot_steer_the_terminal():
    evil = graphs.entity("/d/\x1b]0;owned\x07.csv", "\x1b[1m:" + "x" * 40)
    run = graphs.run("\x1b[8mhidden", 1, revision="\x1b[0m")
    graph = graphs.graph([evil, run], graphs.step(run, [], [evil]), [evil])
    assert "\x1b" not in drawn(graph)
    assert "\x07" not in drawn(graph)


def test_many_runs_of_one_name_fold_with_all_that_they_made():
    source = graphs.entity("/d/source.csv")
    outputs = [graphs.entity(f"/d/{place}.out", time=graphs.T0 + place) for place in range(6)]
    runs = [graphs.run("score", place + 1, graphs.T0 + place) for place in range(6)]
    edges = [edge for run, out in zip(runs, outputs, strict=True) for edge in graphs.step(run, [source], [out])]
    lines = drawn(graphs.graph([source, *outputs, *runs], edges, [source])).splitlines()
    assert lines[2].startswith("└─ 6 runs of score  ")
    assert lines[3:] == ["   └─ 6 files  0.out … 5.out  (flow)", "6 runs, 7 entities"]


def test_runs_alone():
    first, second = graphs.run("a", 1), graphs.run("b", 2)
    edge = graphs.Edge(first.id, second.id, "informed", "order", second.id, "", "")
    lines = drawn(graphs.graph([first, second], [edge], [second])).splitlines()
    assert [line.split()[0] for line in lines] == ["b", "└─", "2"]
