# SPDX-License-Identifier: Apache-2.0
"""The store: merging, conflicts, positions, and the lists that commands ask for."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from spans import RunSpans, at, make_run

from otelprov import semconv as names
from otelprov.errors import NotFoundError, OtelprovError, UsageError
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "home" / "store.db"))
    yield opened
    opened.close()


def put(store: Store, *runs: RunSpans) -> None:
    for run in runs:
        store.merge(extract(run.spans), derive=derive_run)


def test_files_are_for_the_owner_alone(store: Store) -> None:
    folder = Path(store.path).parent
    put(store, make_run("a.py", ["/a"], ["/b"]))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert len(files) >= 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_second_merge_changes_nothing(store: Store) -> None:
    records = extract(make_run("a.py", ["/a@1"], ["/b@1"]).spans)
    first = store.merge(records, derive=derive_run)
    second = store.merge(records, derive=derive_run)
    assert (first.new, first.known, first.conflicts) == (len(records), 0, 0)
    assert (second.new, second.known, second.conflicts) == (0, len(records), 0)
    assert second.runs == []


def test_of_two_contradicting_facts_the_first_is_kept_and_the_other_noted(store: Store) -> None:
    run = make_run("a.py", ["/a@1"], [])
    put(store, run)
    read = next(span for span in run.spans if span.name.startswith("read"))
    read.attributes[names.PROVENANCE_ENTITY_VERSION] = "sha256:other"
    read.events.clear()
    report = store.merge(extract([read]), derive=derive_run)
    assert (report.new, report.conflicts) == (0, 1)
    assert [use.version for use in store.run("a.py").inputs] == ["sha256:1"]
    with sqlite3.connect(store.path) as connection:
        (content,) = connection.execute("SELECT content FROM conflict").fetchone()
    connection.close()
    assert json.loads(content)["version"] == "sha256:other"


def test_positions_are_kept_with_the_facts_or_not_at_all(store: Store) -> None:
    store.merge(extract([]), positions={"/j/1": 10})
    records = extract(make_run("a.py", ["/a"], ["/b"]).spans)

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        store.merge(records, positions={"/j/1": 99}, derive=fail)  # type: ignore[arg-type]
    assert store.positions() == {"/j/1": 10}
    assert store.runs() == []
    store.merge(records, positions={"/j/1": 99, "/j/2": 5})
    assert store.positions() == {"/j/1": 99, "/j/2": 5}


def test_runs_are_listed_newest_first_and_filtered(store: Store) -> None:
    old, new = RunSpans("old.py"), RunSpans("new.py", start=100)
    old.started(**{names.PROVENANCE_RUN_PARAMS: '{"epochs":"3"}'})
    old.ended(5, "failed")
    new.started(**{names.USER_NAME: "bo", names.PROVENANCE_RUN_PARAMS: '{"epochs":"4"}'})
    put(store, old, new)
    assert [run.name for run in store.runs()] == ["new.py", "old.py"]
    assert [run.name for run in store.runs(limit=1)] == ["new.py"]
    assert [run.name for run in store.runs(status="failed")] == ["old.py"]
    assert [run.name for run in store.runs(name="o*")] == ["old.py"]
    assert [run.name for run in store.runs(user="bo")] == ["new.py"]
    assert [run.name for run in store.runs(since=at(50))] == ["new.py"]
    assert [run.name for run in store.runs(params={"epochs": "3"})] == ["old.py"]
    assert store.runs(params={"epochs": "5"}) == []


def test_a_run_is_found_by_prefix_name_and_last(store: Store) -> None:
    put(store, make_run("a.py", [], ["/a"]), make_run("b.py", [], ["/b"], start=50))
    run_id = store.run("a.py").summary.run_id
    assert store.run(run_id[:6]).summary.name == "a.py"
    assert store.run("last").summary.name == "b.py"
    with pytest.raises(NotFoundError, match="otelprov runs"):
        store.run("0000")


def test_a_prefix_of_two_runs_is_refused(store: Store) -> None:
    for last in "12":
        run = RunSpans(f"{last}.py")
        run.run_id = "abcd" * 7 + f"000{last}"
        run.started()
        put(store, run)
    with pytest.raises(UsageError, match="more digits"):
        store.run("abcd")


def test_the_details_of_a_run(store: Store) -> None:
    run = RunSpans()
    run.started(**{names.PROVENANCE_RUN_TRIGGER: "cli", names.PROCESS_RUNTIME_VERSION: "3.11.7"})
    run.record(
        names.EVENT_PROVENANCE_RUN_ENVIRONMENT,
        {names.PROVENANCE_PACKAGES_LIST: "numpy==2.4.6\npandas==3.1.1", names.VCS_REF_HEAD_REVISION: "abc"},
        0.5,
    )
    run.read("/a.csv", 1, version="sha256:1", **{names.PROVENANCE_ROWS: 10})
    run.step("stage", 1, 2, name="clean")
    run.sql("SELECT ((", 3)
    run.sql("SELECT * FROM t", 3)
    run.record(names.EVENT_PROVENANCE_LOSS, {names.PROVENANCE_LOSS_COUNT: 3, names.PROVENANCE_LOSS_REASON: "full"}, 4)
    run.process_ended(5, **{names.PROVENANCE_COVERAGE_OPENS: 4, names.PROVENANCE_COVERAGE_RECORDED: 3})
    end = run.ended(6, "failed", **{names.ERROR_TYPE: "ValueError", names.PROCESS_EXIT_CODE: 1})
    run.spans.remove(end)
    failing = run.add(
        "run",
        "run train.py",
        {key: value for key, value in end.attributes.items() if key.startswith(("provenance.run", "error", "process"))},
        start=0,
        end=6,
        events=[(names.EVENT_EXCEPTION, {names.EXCEPTION_MESSAGE: "bad", names.EXCEPTION_STACKTRACE: "Traceback"})],
    )
    assert failing in run.spans
    put(store, run)
    detail = store.run("train.py")
    assert detail.packages == ["numpy==2.4.6", "pandas==3.1.1"]
    assert detail.vcs == {names.VCS_REF_HEAD_REVISION: "abc"}
    assert (detail.trigger, detail.summary.error_type, detail.error_message) == ("cli", "ValueError", "bad")
    assert detail.stacktrace == "Traceback"
    assert detail.environment[names.PROCESS_RUNTIME_VERSION] == "3.11.7"
    assert next((use.name, use.rows, use.code) for use in detail.inputs) == ("/a.csv", 10, "/home/ana/train.py:41")
    assert [step.name for step in detail.steps] == ["clean"]
    assert (detail.statements, detail.unparsed_statements) == (2, 1)
    assert detail.losses == {"full": 3}
    assert detail.coverage == {names.PROVENANCE_COVERAGE_OPENS: 4, names.PROVENANCE_COVERAGE_RECORDED: 3}
    assert not detail.summary.complete
    assert [process.root for process in detail.processes] == [True]


def test_modules_of_runs(store: Store) -> None:
    run = RunSpans()
    run.add(
        "import",
        "import pandas",
        {names.PROVENANCE_MODULE_NAME: "pandas", names.PROVENANCE_MODULE_STYLE: "lazy"},
        start=1,
        end=1.5,
        events=[
            (names.EVENT_PROVENANCE_MODULE_LOADED, {names.PROVENANCE_MODULE_NAME: "pandas.io"}),
            (names.EVENT_PROVENANCE_MODULE_LOADED, {names.PROVENANCE_MODULE_NAME: "pandas.core"}),
        ],
    )
    put(store, run)
    found = store.modules(run.run_id)
    assert [(module.name, module.style, module.count) for module in found] == [
        ("pandas", "lazy", 1),
        ("pandas.io", "", 1),
        ("pandas.core", "", 1),
    ]
    assert found[0].duration == 0.5
    assert store.modules_of([run.run_id, "f" * 32]) == found


def test_entities_by_glob_and_by_last_part(store: Store) -> None:
    put(store, make_run("a.py", ["/d/raw.csv@1"], ["/d/out.csv@1", "/d/model.pkl@1"]))
    assert [found.name for found in store.entities("*.csv")] == ["/d/out.csv", "/d/raw.csv"]
    found = store.entities("model.pkl")[0]
    assert (found.name, found.generated, found.used) == ("/d/model.pkl", 1, 0)
    assert len(store.entities(limit=2)) == 2
    assert store.entities("nothing") == []


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but a long enough text\n" * 100)
    with pytest.raises(OtelprovError, match="no store of otelprov"):
        open_store(str(path))
    assert path.read_text().startswith("not a database")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OtelprovError, match="OTELPROV_STORE"):
        open_store(str(tmp_path / "file" / "store.db"))


def test_two_stores_on_one_file(store: Store) -> None:
    other = open_store(store.path)
    put(store, make_run("a.py", [], ["/a"]))
    put(other, make_run("b.py", [], ["/b"]))
    assert {run.name for run in store.runs()} == {run.name for run in other.runs()} == {"a.py", "b.py"}
    other.close()
    assert os.path.exists(store.path)
