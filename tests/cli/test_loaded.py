# SPDX-License-Identifier: Apache-2.0
"""The import tree, the summary by distribution, and unused files."""

import os

import pytest

from otelprov.cli.loaded import OWN_CODE, import_tree, loaded_modules, summary
from otelprov.cli.unused import source_files, unused_files
from otelprov.errors import NotFoundError
from otelprov.model.records import ModuleRecord


def record(name, importer="", start=0, duration=0.1, purl="", count=1, error="", process="p"):
    file = f"/src/{name.replace('.', '/')}.py"
    style = "top-level"
    return ModuleRecord(
        "r", process, "t", name, 0, name, importer, style, "", file, purl, count, duration, start, start, error
    )


def tree(*records):
    children = import_tree(loaded_modules(records))
    return {importer: [module.name for module in modules] for importer, modules in children.items() if modules}


def test_modules_stand_below_who_imported_them_in_the_order_of_loading():
    found = tree(record("b", "a", 2), record("a", "__main__", 1), record("c", "a", 3), record("d", "b", 4))
    assert found == {"": ["a"], "a": ["b", "c"], "b": ["d"]}


def test_importers_in_a_circle_are_cut_once_and_nothing_is_lost():
    found = tree(record("a", "b", 1), record("b", "c", 2), record("c", "a", 3), record("x", "x", 4))
    assert found == {"": ["x", "a"], "a": ["c"], "c": ["b"]}


def test_many_in_a_chain_are_no_recursion():
    modules = [record(f"m{place}", f"m{place - 1}", place) for place in range(5000)]
    assert sum(len(names) for names in tree(*modules).values()) == 5000


def test_two_processes_that_load_the_same_module_are_one_entry():
    modules = loaded_modules([record("a", start=5, process="q"), record("a", start=1, error="ImportError")])
    assert [(module.name, module.start, module.error) for module in modules] == [("a", 5, "")]


def test_the_summary_counts_time_once_per_distribution():
    pandas, numpy = "pkg:pypi/pandas@3.0.1", "pkg:pypi/numpy@2.4.6"
    rows = summary(
        loaded_modules(
            [
                record("app", "__main__", 1, 1.0),
                record("pandas", "app", 2, 0.8, pandas, 500),
                record("pandas.extra", "pandas", 3, 0.3, pandas, 55),
                record("numpy", "pandas", 4, 0.2, numpy, 100),
            ]
        )
    )
    assert [(row.name, row.version, row.modules, round(row.seconds, 3)) for row in rows] == [
        (OWN_CODE, "", 1, 1.0),
        ("pandas", "3.0.1", 555, 0.8),
        ("numpy", "2.4.6", 100, 0.2),
    ]
    assert rows[2].importers == ["pandas"]


@pytest.fixture
def project(tmp_path):
    for name in (
        "pkg/__init__.py",
        "pkg/used.py",
        "pkg/never.py",
        "pkg/sub/__init__.py",
        "pkg/data.csv",
        ".hidden/x.py",
        "pkg/__pycache__/used.cpython-311.py",
        "venv/lib/y.py",
        "main.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    return tmp_path


def test_unused_files_are_exactly_those_that_were_not_loaded(project):
    loaded = [str(project / "pkg/__init__.py"), str(project / "pkg/used.py"), str(project / "main.py"), ""]
    files, total = unused_files(str(project), loaded)
    assert [os.path.relpath(path, project.resolve()) for path in files] == ["pkg/never.py", "pkg/sub/__init__.py"]
    assert total == 5


def test_a_link_to_a_loaded_file_is_loaded_and_a_compiled_file_stands_for_its_source(project):
    (project / "link").symlink_to(project / "pkg")
    loaded = [str(project / "link/used.py"), str(project / "pkg/__pycache__/never.cpython-311.pyc")]
    files, _ = unused_files(str(project), loaded)
    names = {os.path.basename(path) for path in files}
    assert "used.py" not in names
    assert "never.py" not in names
    assert len(list(source_files(str(project)))) == 5


def test_a_root_that_is_not_there_is_not_found():
    with pytest.raises(NotFoundError, match="no folder"):
        list(source_files("/nowhere/at/all"))
