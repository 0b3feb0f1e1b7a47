# SPDX-License-Identifier: Apache-2.0
"""runs, show, lineage and imports on what real journals say, with no server and nothing prepared."""

import json

import pytest
import recorded
from observed import Observed
from recorded import T0, Program

from otelprov.semconv import names


@pytest.fixture
def trained(otelprov):
    """The command line of somebody who has run featurize.py and train.py."""
    recorded.training(otelprov.home)
    return otelprov


def test_lineage_of_a_model_is_one_command(trained):
    said = trained("lineage", "+model.pkl")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("model.pkl  sha256:9f2c4444…  2026-11-20 14:0")
    assert lines[1].startswith("└─ train.py  run 7c1e0000  2026-11-20 14:01  ok  ")
    assert lines[1].endswith("code a1b2c3d+dirty")
    by_name = {word: line for line in lines[2:-1] for word in line.split() if word[-4:] in {"yaml", "quet", ".csv"}}
    assert "(order)" in by_name["params.yaml"]
    assert "(order)" in by_name["features.parquet"]
    assert "(flow)" in by_name["raw.csv"]
    assert by_name["raw.csv"].index("raw.csv") > by_name["features.parquet"].index("features.parquet")
    assert lines[-1] == "2 runs, 4 entities"


def test_lineage_downstream(trained):
    said = trained("lineage", "raw.csv+")
    assert said.status == 0
    assert said.out.index("raw.csv") < said.out.index("featurize.py") < said.out.index("model.pkl")


def test_lineage_formats_agree(trained):
    graph = trained("lineage", "+model.pkl", "--json").document
    assert graph == trained("lineage", "+model.pkl", "--format", "json").document
    assert graph["complete"] is True
    shown = {node["name"] for node in graph["nodes"] if node["kind"] == "entity"}
    assert shown == {"/data/model.pkl", "/data/features.parquet", "/data/params.yaml", "/data/raw.csv"}
    dot = trained("lineage", "+model.pkl", "--format", "dot").out
    mermaid = trained("lineage", "+model.pkl", "--format", "mermaid").out
    edges = {(edge["source"], edge["target"]) for edge in graph["edges"]}
    assert len(edges) == len({line.rpartition(" [")[0] for line in dot.splitlines() if " -> " in line})
    assert mermaid.startswith("flowchart LR\n")


def test_lineage_between_runs(trained):
    said = trained("lineage", "+model.pkl", "--level", "run", "--json")
    kinds = {node["kind"] for node in said.document["nodes"]}
    assert "run" in kinds
    assert trained("lineage", "+model.pkl", "--level", "run").out.count("run 7c1") == 2


def test_lineage_of_nothing_is_3_and_says_what_to_do(trained):
    said = trained("lineage", "+nothing-of-this-name")
    assert said.status == 3
    assert said.out == ""
    assert "nothing-of-this-name" in said.err


def test_a_selection_written_wrongly_is_2(trained):
    assert trained("lineage", "+").status == 2


def test_what_is_not_there_is_said(otelprov):
    program = Program(otelprov.home, 0xAB01, "lost.py")
    program.write("/data/out.csv", "sha256:" + "5" * 64)
    program._seq += 3
    program.end()
    said = otelprov("lineage", "+out.csv")
    assert said.status == 0
    assert said.out.splitlines()[-1].startswith("incomplete: ")


def test_runs_newest_first_and_filtered(trained):
    said = trained("runs")
    assert [line.split()[0] for line in said.out.splitlines()] == ["RUN", "7c1e0000", "7c1d0000"]
    assert "completed" in said.out
    ids = [run["run_id"][:4] for run in trained("runs", "--json").document["runs"]]
    assert ids == ["7c1e", "7c1d"]
    for words, expected in [
        (["--name", "feat*"], ["7c1d"]),
        (["--param", "epochs=3"], ["7c1e"]),
        (["--param", "epochs=4"], []),
        (["--user", "ana"], ["7c1e", "7c1d"]),
        (["--user", "eve"], []),
        (["--status", "failed"], []),
        (["--since", "2026-11-20T14:00"], ["7c1e"]),
        (["--limit", "1"], ["7c1e"]),
    ]:
        document = trained("runs", *words, "--json").document
        assert [run["run_id"][:4] for run in document["runs"]] == expected, words
        assert document["truncated"] is ("--limit" in words)


@pytest.mark.parametrize("words", [["--since", "yesterday"], ["--param", "epochs"], ["--status", "sleeping"]])
def test_filters_written_wrongly_are_2(otelprov, words):
    said = otelprov("runs", *words)
    assert said.status == 2
    assert said.out == ""


def test_no_runs_is_fine_and_said_on_stderr(otelprov):
    said = otelprov("runs")
    assert (said.status, said.out) == (0, "")
    assert "no run is recorded yet" in said.err
    assert otelprov("runs", "--json").document["runs"] == []


def test_show_tells_code_packages_inputs_and_outputs(trained):
    said = trained("show", "7c1e", "--packages")
    assert said.status == 0
    for part in ("train.py  run 7c1e", "completed", "epochs=3", "a1b2c3d4e5f6+dirty", "scikit-learn==1.8.0"):
        assert part in said.out
    inputs, _, outputs = said.out.partition("inputs (2)")[2].partition("outputs (1)")
    assert "/data/params.yaml" in inputs
    assert "/data/model.pkl" in outputs
    document = trained("show", "last", "--json").document
    assert document["run"]["run_id"].startswith("7c1e")
    assert [use["name"] for use in document["run"]["outputs"]] == ["/data/model.pkl"]


def test_show_of_a_run_that_is_not_there(trained):
    said = trained("show", "ffff")
    assert (said.status, said.out) == (3, "")
    assert trained("show", "7c1").status in {2, 3}


def test_show_a_failure_with_its_reason(otelprov):
    program = Program(otelprov.home, 0xBAD0, "broken.py")
    program.event("exception", {"exception.type": "ValueError", "exception.message": "bad \x1b[31m input"})
    program.end("failed", **{names.PROCESS_EXIT_CODE: 1, names.ERROR_TYPE: "ValueError"})
    said = otelprov("show", "bad0")
    assert "failed" in said.out
    assert "exit status 1" in said.out
    assert "\x1b" not in said.out


def test_imports_as_a_tree(trained):
    said = trained("imports", "7c1e")
    assert said.out.splitlines() == [
        "train.py  run 7c1e0000",
        "└─ sales.features  500 ms",
        "   └─ pandas  3.0.1  555 modules  400 ms",
        "556 modules: 1 of its own, the others from 1 library",
    ]
    summary = trained("imports", "7c1e", "--summary").out.splitlines()
    assert [line.split()[0] for line in summary] == ["DISTRIBUTION", "(own", "pandas"]
    document = trained("imports", "7c1e", "--summary", "--json").document
    assert [entry["name"] for entry in document["distributions"]] == ["(own code)", "pandas"]
    assert len(trained("imports", "7c1e", "--json").document["modules"]) == 2


def test_unused_files_of_all_runs_and_of_one(otelprov, tmp_path):
    root = tmp_path / "src"
    for name in ("a.py", "b.py", "c.py", "main.py", "pkg/__init__.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    for number, name in ((1, "a"), (2, "b")):
        program = Program(otelprov.home, 0xE000 + number, f"run{number}.py", T0 + number)
        program.imported(name, "__main__", str(root / f"{name}.py"))
        program.imported("pkg", "__main__", str(root / "pkg/__init__.py"))
        program.end()
    said = otelprov("imports", "unused", "--root", str(root))
    assert said.status == 1
    assert said.out.splitlines() == [str(root / "c.py"), str(root / "main.py")]
    assert said.err == "2 of 5 files not loaded by 2 runs\n"
    one = otelprov("imports", "unused", "--root", str(root), "--run", "e001", "--json")
    assert [path.rpartition("/")[2] for path in one.document["unused"]] == ["b.py", "c.py", "main.py"]
    assert otelprov("imports", "unused", "--root", str(root / "pkg")).status == 0
    assert otelprov("imports", "unused", "--root", str(tmp_path / "none")).status == 3


def test_a_module_that_failed_to_load_is_not_loaded(otelprov, tmp_path):
    observed = Observed(tmp_path)
    observed.home = otelprov.home
    root = observed.folder.resolve()
    for name, text in {
        "fine.py": "",
        "broken.py": "import fine\nraise RuntimeError('not here')\n",
        "later.py": "import os\nif 'READY' not in os.environ:\n    raise ImportError('not yet')\n",
        "main.py": "for name in ('broken', 'later'):\n    try: __import__(name)\n    except Exception: pass\n",
    }.items():
        observed.write(name, text)
    observed.script("main.py")
    unused = otelprov("imports", "unused", "--root", str(root))
    assert unused.out.splitlines() == [str(root / "broken.py"), str(root / "later.py")]
    assert "failed: RuntimeError" in otelprov("imports", "last").out
    # What another run loaded is loaded.
    observed.script("main.py", READY="1")
    assert otelprov("imports", "unused", "--root", str(root)).out.splitlines() == [str(root / "broken.py")]


def test_unused_files_without_any_run(otelprov, tmp_path):
    said = otelprov("imports", "unused", "--root", str(tmp_path))
    assert said.status == 3
    assert "otelprov run" in said.err


def test_asking_again_takes_nothing_in_twice(trained):
    first = trained("lineage", "+model.pkl", "--json").out
    assert trained("lineage", "+model.pkl", "--json").out == first
    program = Program(trained.home, 0xC0DE, "later.py", T0 + 10**12)
    program.read("/data/model.pkl", "sha256:9f2c" + "4" * 60)
    program.write("/data/scores.csv")
    program.end()
    assert "model.pkl" in trained("lineage", "+scores.csv").out
    again = trained("lineage", "+model.pkl", "--json").document
    assert (again["nodes"], again["edges"]) == (json.loads(first)["nodes"], json.loads(first)["edges"])
    assert again["hidden"] == {"upstream": 0, "downstream": 1}
