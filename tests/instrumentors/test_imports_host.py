# SPDX-License-Identifier: Apache-2.0
"""The observation of imports changes nothing for the program, in threads, children, servers and other hooks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from import_plots import Project, project  # noqa: F401

from otelprov.semconv import (
    ARTIFACT_PURL,
    CODE_FILE_PATH,
    ERROR_TYPE,
    PROVENANCE_MODULE_COUNT,
    PROVENANCE_MODULE_IMPORTER,
    PROVENANCE_MODULE_STYLE,
    PROVENANCE_PROCESS_ID,
)

FAILING = """
import sys, traceback, warnings, importlib
def attempt(action):
    try:
        action()
    except BaseException:
        traceback.print_exc()
def statement():
    import broken.raises
def missing():
    import broken.missing
def chained():
    import broken.chained
def syntax():
    import broken.syntax
def direct():
    import importlib.util
    spec = importlib.util.spec_from_file_location("direct", "broken/raises.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
for action in (statement, missing, chained, syntax, direct, lambda: importlib.import_module("broken.raises")):
    attempt(action)
    print(sorted(name for name in sys.modules if name.startswith("broken")))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import broken.warns
print([(str(w.message), w.filename, w.lineno) for w in caught])
def depth():
    import broken.depth as d
    return d.depth
print(depth())
import broken.depth as d
import inspect, pkgutil, importlib.resources
print(inspect.getsource(d), type(d.__loader__), type(d.__spec__.loader), vars(d.__spec__).keys(), d.__spec__.origin)
print([module.name for module in pkgutil.iter_modules(["broken"])])
print(importlib.resources.files("broken").joinpath("raises.py").read_text())
print([name for name in sys.modules if name.startswith("broken")])
method = importlib.machinery.SourceFileLoader.exec_module
print(method.__name__, method.__qualname__, method.__module__, method.__doc__, inspect.signature(method))
"""


def test_the_program_sees_no_difference(project: Project) -> None:
    project.write("app.py", FAILING)
    project.write("broken/__init__.py", "")
    project.write("broken/raises.py", "import broken.fine\nraise ImportError('no')\n")
    project.write("broken/fine.py", "")
    project.write("broken/chained.py", "import broken.inner\n")
    project.write("broken/inner.py", "def f():\n    raise ValueError('deep')\nf()\n")
    project.write("broken/syntax.py", "def (:\n")
    project.write("broken/warns.py", "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n")
    project.write(
        "broken/depth.py",
        "import sys\nframe, depth = sys._getframe(), 0\nwhile frame: depth, frame = depth + 1, frame.f_back\n",
    )
    plain = project.run("app.py", observed=False)
    observed = project.run("app.py")
    assert plain.returncode == observed.returncode == 0, observed.stderr
    assert "ValueError: deep" in plain.stderr
    assert observed.stderr == plain.stderr
    assert observed.stdout == plain.stdout

    failed = {name: values[ERROR_TYPE] for name, values in project.spans().items() if ERROR_TYPE in values}
    assert failed["broken.raises"] == "ImportError"
    assert failed["broken.inner"] == failed["broken.chained"] == "ValueError"
    assert sorted(set(project.files())) == sorted(project.files())
    assert "broken/raises.py" not in project.files()
    assert "broken/fine.py" in project.files()
    known = {span.span_id for span in project.all_spans()}
    roots = {span.parent_id for span in project.all_spans()} - known
    assert len(roots) == 1, "a span hangs under one that was never told"


def test_threads_importing_at_once(project: Project) -> None:
    for number in range(40):
        project.write(f"par/m{number}.py", f"import par.n{number % 7}\n")
    for number in range(7):
        project.write(f"par/n{number}.py", "import time\ntime.sleep(0.001)\n")
    project.write(
        "app.py",
        "import importlib, threading\n"
        "import otelprov.capture.modules.imports as imports\n"
        "def work(step):\n"
        "    for number in range(40):\n"
        "        importlib.import_module(f'par.m{number * step % 41 - 1}') if number else None\n"
        "        imports.loaded_files().append('mine'); imports.loaded_modules().clear()\n"
        "threads = [threading.Thread(target=work, args=(step,)) for step in (1, 3, 5, 7, 11, 13)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "files = imports.loaded_files()\n"
        "assert len(files) == len(set(files)) == 48 and 'mine' not in files, len(files)\n",
    )
    project.write("par/m-1.py", "")
    project.ok("app.py")
    assert len(project.files()) == len(set(project.files())) == 48


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_tell_what_they_load_themselves(project: Project, method: str) -> None:
    project.write("work.py", "import shared\ndef work(x):\n    import only_child\n    return x + only_child.one\n")
    project.write("shared.py", "")
    project.write("only_child.py", "one = 1\n")
    project.write(
        "app.py",
        "import multiprocessing, work\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        "        print(pool.map(work.work, [1, 2, 3, 4], chunksize=1))\n"
        "        pool.close(); pool.join()\n",
    )
    assert project.ok("app.py").strip() == "[2, 3, 4, 5]"
    by_process: dict[str, list[str]] = {}
    for span in project.all_spans():
        for values in (span.attributes, *(event.attributes for event in span.events)):
            if CODE_FILE_PATH in values:
                process = span.attributes[PROVENANCE_PROCESS_ID]
                by_process.setdefault(process, []).append(os.path.basename(values[CODE_FILE_PATH]))
    for files in by_process.values():
        assert len(files) == len(set(files)), files
    parents = [files for files in by_process.values() if "only_child.py" not in files]
    children = [files for files in by_process.values() if "only_child.py" in files]
    assert ["app.py", "shared.py", "work.py"] in [sorted(files) for files in parents]
    assert children
    for files in children:
        expected = ["only_child.py"] if method == "fork" else ["app.py", "only_child.py", "shared.py", "work.py"]
        assert sorted(files) == expected


def test_start_and_stop_restore_the_import_system(project: Project) -> None:
    project.write(
        "app.py",
        "import importlib._bootstrap as b, importlib._bootstrap_external as e\n"
        "import otelprov.capture.modules.imports as imports\n"
        "imports.stop()\n"
        "plain = b._ModuleLockManager, e._LoaderBasics.exec_module\n"
        "import unseen\n"
        "assert imports.start() and imports.start()\n"
        "import seen\n"
        "modules = imports.loaded_modules()\n"
        "imports.stop(); imports.stop()\n"
        "assert plain == (b._ModuleLockManager, e._LoaderBasics.exec_module)\n"
        "import after\n"
        "assert modules == imports.loaded_modules()\n"
        "print({m.name: m.style for m in modules if m.file})\n",
    )
    for name in ("unseen", "seen", "after"):
        project.write(f"{name}.py", "")
    assert "{'__main__': 'preloaded', 'unseen': 'preloaded', 'seen': 'top-level'}" in project.ok("app.py")


def test_post_import_hooks_and_replaced_modules_work_beside_it(project: Project) -> None:
    project.write(
        "app.py",
        "import wrapt, sys\n"
        "heard = []\n"
        "wrapt.register_post_import_hook(lambda module: heard.append(module.__name__), 'hooked')\n"
        "import hooked, replaced\n"
        "assert heard == ['hooked'] and replaced.anything == 'anything'\n",
    )
    project.write("hooked.py", "")
    project.write(
        "replaced.py",
        "import sys\n"
        "class Lazy:\n"
        "    def __getattr__(self, name):\n"
        "        if name.startswith('__') or name == '_initializing': raise RuntimeError('touched')\n"
        "        return name\n"
        "sys.modules[__name__] = Lazy()\n",
    )
    project.ok("app.py")
    assert project.files() == ["app.py", "hooked.py", "replaced.py"]


def test_under_the_real_launcher(project: Project) -> None:
    project.write("app.py", "import mod, yaml\n")
    project.write("mod.py", "")
    settings = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    done = subprocess.run(
        [launcher, sys.executable, "app.py"],
        cwd=project.folder,
        env=project.environment(**settings) | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert project.files() == ["app.py", "mod.py"]
    assert project.recorded.problems() == []


def test_a_package_is_counted_once_however_many_threads_wait_for_it(project: Project) -> None:
    site = project.folder / "site-packages"
    project.write("site-packages/slow-1.0.dist-info/METADATA", "")
    project.write("site-packages/slow/__init__.py", "import time\ntime.sleep(0.2)\nfrom . import one, two\n")
    project.write("site-packages/slow/one.py", "import slow.two\n")
    project.write("site-packages/slow/two.py", "import slow.one, slow\n")
    project.write(
        "app.py",
        "import sys, threading\n"
        f"sys.path.append({str(site)!r})\n"
        "threads = [threading.Thread(target=__import__, args=('slow',)) for _ in range(8)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n",
    )
    project.ok("app.py")
    told = [module for module in project.told() if module.get(ARTIFACT_PURL) == "pkg:pypi/slow@1.0"]
    assert [module[PROVENANCE_MODULE_COUNT] for module in told] == [3]


def test_a_fork_in_the_middle_of_an_import(project: Project) -> None:
    project.write("app.py", "import forks\nimport after\n")
    project.write("forks.py", "import os\npid = os.fork()\nimport inner\nif pid: os.waitpid(pid, 0)\n")
    project.write("inner.py", "")
    project.write("after.py", "")
    project.ok("app.py")
    spans = project.all_spans()
    assert len({span.span_id for span in spans}) == len(spans)
    by_process: dict[str, dict] = {}
    for span in spans:
        by_process.setdefault(span.attributes[PROVENANCE_PROCESS_ID], {})[span.name] = span
    assert len(by_process) == 2
    for named in by_process.values():
        assert {"import forks", "import inner", "import after"} <= set(named)
        assert named["import inner"].parent_id == named["import forks"].span_id


def test_it_can_be_embedded_where_nothing_is_recorded(project: Project) -> None:
    project.write("mod.py", "")
    project.write(
        "app.py",
        "from otelprov.capture.modules import imports\n"
        "assert imports.start()\n"
        "import mod\n"
        "imports.stop()\n"
        "print([path.rpartition('/')[2] for path in imports.loaded_files()])\n",
    )
    done = project.run("app.py", observed=False)
    assert done.stdout == "['app.py', 'mod.py']\n", done.stderr
    assert not project.home.exists()


def wait_for(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "service:app"),
        ("-m", "uvicorn", "--reload", "--port", "0", "--interface", "wsgi", "service:app"),
    ],
    ids=["gunicorn", "uvicorn"],
)
def test_servers_tell_of_their_application(project: Project, command: tuple[str, ...]) -> None:
    project.write("service.py", "import settings\ndef app(environ, start_response):\n    return []\n")
    project.write("settings.py", "")
    server = subprocess.Popen(
        [sys.executable, *command],
        cwd=project.folder,
        env=project.environment() | {"OTELPROV_TESTING": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    workers = 2 if "gunicorn" in command else 1
    try:
        wait_for(lambda: project.files().count("service.py") == workers)
        assert sorted(project.files()) == ["service.py"] * workers + ["settings.py"] * workers
        spans = project.spans()
        assert spans["service"][PROVENANCE_MODULE_STYLE] == "dynamic"
        assert spans["service"][PROVENANCE_MODULE_IMPORTER].startswith(command[1])
    finally:
        server.send_signal(signal.SIGINT if command[1] == "uvicorn" else signal.SIGTERM)
        server.wait(timeout=20)
