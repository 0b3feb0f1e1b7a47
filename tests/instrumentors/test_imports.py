# SPDX-License-Identifier: Apache-2.0
"""The observation of imports, in fresh interpreters: what is told of a load, and that the program sees none of it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from otelprov.semconv import (
    ARTIFACT_PURL,
    CODE_FILE_PATH,
    ERROR_TYPE,
    PROVENANCE_KIND_IMPORT,
    PROVENANCE_MODULE_COUNT,
    PROVENANCE_MODULE_DIGEST,
    PROVENANCE_MODULE_IMPORTER,
    PROVENANCE_MODULE_NAME,
    PROVENANCE_MODULE_STYLE,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_SEQ,
)
from otelprov.testing import Recorded

# Stands in for the launcher: what runs before the program's first line, in each of its processes.
SITE = """
import os
from otelprov.testing import recording
context = recording(os.environ["OTELPROV_HOME"], strict=False)
context.__enter__()
from otelprov.capture.recorder import current
os.register_at_fork(after_in_child=lambda: current().after_fork_in_child())
from otelprov_instrumentors.imports import ImportsInstrumentor
ImportsInstrumentor().instrument()
"""


class Project:
    """A project in a folder of its own, whose programs run in fresh interpreters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.site = folder / "site"
        self.home = folder / "home"
        self.recorded = Recorded(self.home)
        self.write("pyproject.toml", "")
        self.site.mkdir()
        (self.site / "sitecustomize.py").write_text(SITE)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environment(self, *, observed: bool = True, **settings: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "PYTHON"))}
        if observed:
            kept |= {"PYTHONPATH": str(self.site), "OTELPROV_HOME": str(self.home), "OTELPROV_TESTING": "1"}
        return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | settings

    def run(self, *arguments: str, observed: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(observed=observed, **settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str, **settings: str) -> str:
        done = self.run(*arguments, **settings)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert self.recorded.problems() == []
        return done.stdout

    def spans(self) -> dict[str, dict]:
        """Attributes of import spans, by name of module."""
        return {span.attributes[PROVENANCE_MODULE_NAME]: span.attributes for span in self.all_spans()}

    def all_spans(self) -> list:
        return self.recorded.spans(PROVENANCE_KIND_IMPORT)

    def told(self) -> list[dict]:
        """Attributes of all that was told to be loaded, as spans or as events."""
        found = []
        for span in self.all_spans():
            found += [span.attributes, *(event.attributes for event in span.events)]
        return [module for module in found if ERROR_TYPE not in module]

    def files(self) -> list[str]:
        """Files told, relative to the project, in order of seq, with repetitions."""
        told = sorted(self.told(), key=lambda module: module[PROVENANCE_SEQ])
        return [os.path.relpath(module[CODE_FILE_PATH], self.folder) for module in told if CODE_FILE_PATH in module]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_modules_are_told_with_importer_style_time_and_digest(project: Project) -> None:
    project.write("app.py", "import shop.cart\n\ndef f():\n    import shop.lazy\n\nf()\n")
    project.write("shop/__init__.py", "")
    project.write("shop/cart.py", "import importlib\nfrom . import price\nimportlib.import_module('shop.named')\n")
    project.write("shop/price.py", "import time\ntime.sleep(0.02)\n__import__('shop.called')\nimport json\n")
    for name in ("lazy", "named", "called"):
        project.write(f"shop/{name}.py", f"name = {name!r}\n")
    project.ok("app.py")

    spans = project.spans()
    found = {
        name: (values.get(PROVENANCE_MODULE_IMPORTER), values[PROVENANCE_MODULE_STYLE])
        for name, values in spans.items()
        if CODE_FILE_PATH in values
    }
    assert found == {
        "__main__": (None, "top-level"),
        "shop": ("__main__", "top-level"),
        "shop.called": ("shop.price", "dynamic"),
        "shop.price": ("shop.cart", "top-level"),
        "shop.named": ("shop.cart", "dynamic"),
        "shop.cart": ("__main__", "top-level"),
        "shop.lazy": ("__main__", "lazy"),
    }
    lazy = project.folder / "shop" / "lazy.py"
    assert spans["shop.lazy"][CODE_FILE_PATH] == str(lazy.resolve())
    assert spans["shop.lazy"][PROVENANCE_MODULE_DIGEST] == "sha256:" + hashlib.sha256(lazy.read_bytes()).hexdigest()

    by_name = {span.name: span for span in project.all_spans()}
    cart, price, called = (by_name[f"import shop.{name}"] for name in ("cart", "price", "called"))
    assert price.parent_id == cart.span_id
    assert called.parent_id == price.span_id
    assert cart.start <= price.start <= called.start <= called.end <= price.end <= cart.end
    assert price.end - price.start >= 20_000_000
    assert {span.trace_id for span in project.all_spans()} == {cart.trace_id}
    # The standard library is off by default.
    assert not any(name.startswith(("json", "time", "importlib")) for name in spans)


def test_every_project_file_is_told_exactly_once(project: Project) -> None:
    project.write("pkg/__init__.py", "from . import a\n")
    project.write("pkg/a.py", "value = 1\n")
    project.write("pkg/space/inner.py", "value = 2\n")
    project.write("plugin.py", "value = 3\n")
    project.write("executed.py", "import wrapt\nimport yaml\nvalue = 4\n")
    project.write("late.py", "value = 5\n")
    with zipfile.ZipFile(project.folder / "packed.zip", "w") as archive:
        archive.writestr("zipped.py", "value = 6\n")
    project.write(
        "pkg/__main__.py",
        "import importlib, importlib.util, runpy, sys\n"
        "import pkg.a, pkg.space.inner\n"
        "importlib.reload(pkg.a)\n"
        "def load(name, path):\n"
        "    spec = importlib.util.spec_from_file_location(name, path)\n"
        "    module = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n"
        "    return module\n"
        "assert load('one', 'plugin.py').value == load('two', 'plugin.py').value == 3\n"
        "assert runpy.run_path('executed.py')['value'] == 4\n"
        "spec = importlib.util.find_spec('late')\n"
        "spec.loader = importlib.util.LazyLoader(spec.loader)\n"
        "late = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(late)\n"
        "assert late.value == 5\n"
        "sys.path.insert(0, 'packed.zip')\n"
        "import zipped\n"
        "assert zipped.value == 6\n"
        "sys.modules['late'] = late\n",
    )
    project.ok("-m", "pkg")
    assert sorted(project.files()) == [
        "executed.py",
        "late.py",
        "packed.zip/zipped.py",
        "pkg/__init__.py",
        "pkg/__main__.py",
        "pkg/a.py",
        "pkg/space/inner.py",
        "plugin.py",
    ]
    assert project.spans()["one"][PROVENANCE_MODULE_STYLE] == "dynamic"


def test_a_reloaded_module_is_told_again_only_when_its_content_changed(project: Project) -> None:
    project.write("mod.py", "value = 1\n")
    project.write(
        "app.py",
        "import importlib, mod\n"
        "importlib.reload(mod)\n"
        "open('mod.py', 'w').write('value = 22\\n')\n"
        "assert importlib.reload(mod).value == 22\n",
    )
    project.ok("app.py")
    assert project.files() == ["app.py", "mod.py", "mod.py"]
    digests = [module[PROVENANCE_MODULE_DIGEST] for module in project.told() if module[PROVENANCE_MODULE_NAME] == "mod"]
    assert len(set(digests)) == 2


def test_packages_are_rolled_up_by_distribution_with_version(project: Project) -> None:
    site = project.folder / ".venv" / "lib" / "site-packages"
    for path, text in {
        "big/__init__.py": "from . import a, b\nimport oddly_named\nimport json.tool\n",
        "big/a.py": "import shared.part.deep\n",
        "big/b.py": "",
        "big-2.1.dist-info/RECORD": "big/__init__.py,,\n",
        "oddly_named.py": "",
        "Other_Name-3.0+local.1.dist-info/RECORD": "oddly_named.py,sha256=x,1\n",
        "shared/part/__init__.py": "",
        "shared/part/deep.py": "",
        "shared_part-0.5.dist-info/METADATA": "",
        "bare.py": "",
    }.items():
        project.write(str(site.relative_to(project.folder) / path), text)
    project.write("app.py", f"import sys; sys.path.append({str(site)!r})\nimport big, bare\n")
    project.ok("app.py")
    spans = project.spans()
    rolled = {
        name: (values.get(ARTIFACT_PURL), values[PROVENANCE_MODULE_COUNT], values[PROVENANCE_MODULE_IMPORTER])
        for name, values in spans.items()
        if name in ("big", "oddly_named", "shared.part", "bare")
    }
    assert rolled == {
        # Three of its own, and the second one of shared-part, which has a span for its first.
        "big": ("pkg:pypi/big@2.1", 4, "__main__"),
        "oddly_named": ("pkg:pypi/other-name@3.0%2Blocal.1", 1, "big"),
        "shared.part": ("pkg:pypi/shared-part@0.5", 1, "big.a"),
        "bare": (None, 1, "__main__"),
    }
    assert project.files() == ["app.py"]


def test_no_trace_explodes(project: Project) -> None:
    site = project.folder / "site-packages"
    project.write("site-packages/many-1.0.dist-info/METADATA", "")
    project.write("site-packages/many/__init__.py", "")
    for number in range(60):
        project.write(f"site-packages/many/m{number}.py", "")
    for number in range(250):
        project.write(f"own/m{number}.py", "")
    project.write(
        "app.py",
        "import sys, importlib\n"
        "import otelprov.capture.imports as imports\n"
        "imports.stop()\n"
        "for number in range(250): importlib.import_module(f'own.m{number}')\n"
        "imports.start()\n"
        f"sys.path.append({str(site)!r})\n"
        "for number in range(60): importlib.import_module(f'many.m{number}')\n",
    )
    project.ok("app.py")
    assert len(project.all_spans()) < 20
    assert max(len(span.events) for span in project.all_spans()) <= 99
    own = [module for module in project.told() if module[PROVENANCE_MODULE_NAME].startswith("own.")]
    assert len({module[CODE_FILE_PATH] for module in own}) == len(own) == 250
    assert {module[PROVENANCE_MODULE_STYLE] for module in own} == {"preloaded"}
    counts = [
        module[PROVENANCE_MODULE_COUNT] for module in project.told() if module.get(ARTIFACT_PURL) == "pkg:pypi/many@1.0"
    ]
    assert sum(counts) == 61


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


def test_nothing_depends_on_a_clean_end(project: Project) -> None:
    project.write("app.py", "import mod, wrapt, yaml\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    project.write("mod.py", "")
    done = project.run("app.py")
    assert done.returncode == -signal.SIGKILL
    assert project.files() == ["app.py", "mod.py"]
    assert any(str(module.get(ARTIFACT_PURL)).startswith("pkg:pypi/pyyaml@") for module in project.told())


def test_threads_importing_at_once(project: Project) -> None:
    for number in range(40):
        project.write(f"par/m{number}.py", f"import par.n{number % 7}\n")
    for number in range(7):
        project.write(f"par/n{number}.py", "import time\ntime.sleep(0.001)\n")
    project.write(
        "app.py",
        "import importlib, threading\n"
        "import otelprov.capture.imports as imports\n"
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


def test_switched_off_nothing_is_installed(project: Project) -> None:
    project.write(
        "app.py",
        "import importlib._bootstrap as b, sys, mod\n"
        "import otelprov.capture.imports as imports\n"
        "assert 'importlib' in b._ModuleLockManager.__module__, b._ModuleLockManager\n"
        "assert imports.loaded_files() == [] == imports.loaded_modules()\n",
    )
    project.write("mod.py", "")
    project.ok("app.py", OTELPROV_IMPORTS="false")
    assert project.all_spans() == []


def test_start_and_stop_restore_the_import_system(project: Project) -> None:
    project.write(
        "app.py",
        "import importlib._bootstrap as b, importlib._bootstrap_external as e\n"
        "import otelprov.capture.imports as imports\n"
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


def test_the_root_is_a_setting_and_the_standard_library_an_option(project: Project) -> None:
    project.write("inside/mod.py", "import colorsys\n")
    project.write("outside.py", "")
    project.write("app.py", "import inside.mod, outside\n")
    project.ok("app.py", OTELPROV_IMPORTS_ROOT=str(project.folder / "inside"), OTELPROV_IMPORTS_STDLIB="true")
    assert project.files() == ["inside/mod.py"]
    spans = project.spans()
    assert spans["colorsys"][PROVENANCE_MODULE_IMPORTER] == "inside.mod"
    assert spans["outside"][PROVENANCE_MODULE_COUNT] == 1
    assert CODE_FILE_PATH not in spans["outside"]


def test_a_summary_at_exit(project: Project) -> None:
    project.write("app.py", "import mod\n")
    project.write("mod.py", "")
    assert project.run("app.py").stderr == ""
    lines = project.run("app.py", OTELPROV_IMPORTS_SUMMARY="true").stderr.splitlines()
    assert f"loaded 2 files of {project.folder.resolve()}" in lines[0]
    assert "otelprov.imports: file mod.py" in lines
    assert any(line.startswith("otelprov.imports: module mod (top-level by __main__, ") for line in lines)


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


def test_a_module_that_failed_is_told_once_it_loads(project: Project) -> None:
    project.write("flaky.py", "import sys\nif not hasattr(sys, 'ready'): raise ImportError('not yet')\n")
    project.write(
        "app.py",
        "import sys\n"
        "import otelprov.capture.imports as imports\n"
        "try:\n    import flaky\nexcept ImportError:\n    pass\n"
        "assert [m.name for m in imports.loaded_modules() if m.file] == ['__main__']\n"
        "sys.ready = True\n"
        "import flaky\n"
        "assert [m.name for m in imports.loaded_modules() if m.file] == ['__main__', 'flaky']\n",
    )
    project.ok("app.py")
    assert project.files() == ["app.py", "flaky.py"]


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


def test_the_project_is_found_upwards_from_the_script(project: Project) -> None:
    project.write("library.py", "")
    script = project.write(
        "scripts/deep/app.py", f"import sys; sys.path.append({str(project.folder)!r})\nimport library\n"
    )
    elsewhere = project.folder.parent / "elsewhere"
    elsewhere.mkdir()
    project.folder, folder = elsewhere, project.folder
    project.ok(str(script))
    project.folder = folder
    assert project.files() == ["scripts/deep/app.py", "library.py"]


def test_it_can_be_embedded_where_nothing_is_recorded(project: Project) -> None:
    project.write("mod.py", "")
    project.write(
        "app.py",
        "from otelprov.capture import imports\n"
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
