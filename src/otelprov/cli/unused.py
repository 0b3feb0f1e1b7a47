# SPDX-License-Identifier: Apache-2.0
"""Which source files under a folder no run ever loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from otelprov.errors import NotFoundError

# Folders that hold no source of the project, whatever they hold.
_NEVER = {"__pycache__", "node_modules", "site-packages"}


def source_files(root: str) -> Iterator[str]:
    """Yield the real absolute path of every .py file under a folder, sorted, `__init__.py` included.

    Hidden folders, caches and virtual environments are left out. Raises NotFoundError where there is no folder.
    """
    if not os.path.isdir(root):
        raise NotFoundError(
            f"looking for unused files: there is no folder '{root}'; give the one that holds the source"
        )
    for folder, folders, files in os.walk(os.path.realpath(root)):
        folders[:] = sorted(name for name in folders if not _left_out(folder, name))
        yield from (os.path.realpath(os.path.join(folder, name)) for name in sorted(files) if name.endswith(".py"))


def unused_files(root: str, loaded: Iterable[str]) -> tuple[list[str], int]:
    """Return the source files under a folder that are not among the loaded ones, and how many files there are."""
    known = {os.path.realpath(_source_of(path)) for path in loaded if path}
    files = list(dict.fromkeys(source_files(root)))
    return [path for path in files if path not in known], len(files)


def _source_of(path: str) -> str:
    """The source of a compiled file beside it; a file in __pycache__ is named after its source."""
    if not path.endswith(".pyc"):
        return path
    folder, name = os.path.split(path)
    if os.path.basename(folder) == "__pycache__":
        return os.path.join(os.path.dirname(folder), name.partition(".")[0] + ".py")
    return path[:-1]


def _left_out(folder: str, name: str) -> bool:
    return name.startswith(".") or name in _NEVER or os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
