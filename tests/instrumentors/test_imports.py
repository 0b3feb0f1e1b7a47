# SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
"""The observation of imports, in fresh interpreters: what is told of a load, and that the program sees none of it."""

from __future__ import annotations

import hashlib
import signal
import zipfile

from import_plots import Project, project  # noqa: F401

from otelprov.semconv import (
    ARTIFACT_PURL,
    CODE_FILE_PATH,
    PROVENANCE_MODULE_COUNT,
    PROVENANCE_MODULE_DIGEST,
    PROVENANCE_MODULE_IMPORTER,
    PROVENANCE_MODULE_NAME,
    PROVENANCE_MODULE_STYLE,
)


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
        "import otelprov.capture.modules.imports as imports\n"
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


def test_nothing_depends_on_a_clean_end(project: Project) -> None:
    project.write("app.py", "import mod, wrapt, yaml\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    project.write("mod.py", "")
    done = project.run("app.py")
    assert done.returncode == -signal.SIGKILL
    assert project.files() == ["app.py", "mod.py"]
    assert any(str(module.get(ARTIFACT_PURL)).startswith("pkg:pypi/pyyaml@") for module in project.told())


def test_switched_off_nothing_is_installed(project: Project) -> None:
    project.write(
        "app.py",
        "import importlib._bootstrap as b, sys, mod\n"
        "import otelprov.capture.modules.imports as imports\n"
        "assert 'importlib' in b._ModuleLockManager.__module__, b._ModuleLockManager\n"
        "assert imports.loaded_files() == [] == imports.loaded_modules()\n",
    )
    project.write("mod.py", "")
    project.ok("app.py", OTELPROV_IMPORTS="false")
    assert project.all_spans() == []


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


def test_a_module_that_failed_is_told_once_it_loads(project: Project) -> None:
    project.write("flaky.py", "import sys\nif not hasattr(sys, 'ready'): raise ImportError('not yet')\n")
    project.write(
        "app.py",
        "import sys\n"
        "import otelprov.capture.modules.imports as imports\n"
        "try:\n    import flaky\nexcept ImportError:\n    pass\n"
        "assert [m.name for m in imports.loaded_modules() if m.file] == ['__main__']\n"
        "sys.ready = True\n"
        "import flaky\n"
        "assert [m.name for m in imports.loaded_modules() if m.file] == ['__main__', 'flaky']\n",
    )
    project.ok("app.py")
    assert project.files() == ["app.py", "flaky.py"]


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
