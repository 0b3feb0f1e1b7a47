# SPDX-License-Identifier: Apache-2.0
"""The public names, frozen; and that importing the package costs nothing."""

from __future__ import annotations

import subprocess
import sys

import otelprov

PUBLIC = [
    "TrackedDict",
    "TrackedList",
    "TrackedObject",
    "TrackedSet",
    "__version__",
    "begin",
    "enabled",
    "loaded_files",
    "loaded_modules",
    "start",
    "step",
    "stop",
    "track",
    "tracked",
    "tracking",
    "tracking_actor",
]


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert otelprov.__all__ == PUBLIC == dir(otelprov)
    for name in PUBLIC:
        assert getattr(otelprov, name) is not None


def test_importing_the_package_imports_nothing_else_of_it_nor_of_opentelemetry() -> None:
    source = (
        "import sys, otelprov\nprint(sorted(n for n in sys.modules if n.startswith(('otelprov.', 'opentelemetry'))))"
    )
    # -S -E: no .pth file and no environment has a part in it.
    folder = otelprov.__file__.rsplit("/", 2)[0]
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path.insert(0, {folder!r})\n{source}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
