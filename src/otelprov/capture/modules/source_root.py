# SPDX-License-Identifier: Apache-2.0
"""Which folder is the program's own source, and whether a file belongs to it, to Python or to an installed package."""

from __future__ import annotations

import enum
import os
import sys

from otelprov import config
from otelprov.capture.modules.distributions import site_folder

_MARKERS = (".git", "pyproject.toml")
_STDLIB = os.path.dirname(os.path.abspath(os.__file__))


class Kind(enum.Enum):
    """Whose file a module is."""

    PROJECT = "project"
    PACKAGE = "package"
    PYTHON = "python"


def find_root() -> str:
    """OTELPROV_IMPORTS_ROOT, else the project: upwards from the script (or the working directory) to a marker.

    A marker is `.git` or `pyproject.toml`; without one, the folder that the search began in. Absolute, links resolved.
    """
    chosen = config.IMPORTS_ROOT.text()
    if chosen:
        return os.path.realpath(os.path.expanduser(chosen))
    script = main_file()
    begin = os.getcwd() if not script or _is_installed(script) else os.path.dirname(script)
    begin = folder = os.path.realpath(begin)
    while True:
        if any(os.path.exists(os.path.join(folder, marker)) for marker in _MARKERS):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return begin
        folder = above


def main_file() -> str:
    """Absolute path of the file that runs as `__main__`; empty where there is none, or none yet."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if not isinstance(path, str):
        # Before the script has begun, while `site` runs, its name is all there is.
        path = sys.argv[0] if getattr(sys, "argv", None) else ""
        if path in ("", "-c", "-m") or not os.path.isfile(path):
            return ""
    return os.path.realpath(path)


def _is_installed(script: str) -> bool:
    if site_folder(script):
        return True
    # The folder of commands, such as the server that runs the project's code; and Python's own programs.
    folders = (os.path.dirname(sys.executable), _STDLIB)
    return script.startswith(tuple(os.path.realpath(folder) + os.sep for folder in folders))


class SourceRoot:
    """Sorts files by whose they are; `path` is the folder whose modules are recorded one by one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._project = os.path.join(path, "")
        self._python = tuple({folder + os.sep for folder in (_STDLIB, os.path.realpath(_STDLIB))})
        self._folders: dict[str, Kind] = {}

    def kind_of(self, origin: str) -> Kind:
        """Whose a module's file is, by its absolute path."""
        folder = os.path.dirname(origin)
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._kind_of_folder(os.path.join(folder, ""))
        return known

    def _kind_of_folder(self, folder: str) -> Kind:
        if site_folder(folder):
            return Kind.PACKAGE
        if folder.startswith(self._python):
            return Kind.PYTHON
        # An application may be reached through a link as well as by its real path.
        real = os.path.join(os.path.realpath(folder), "")
        return Kind.PROJECT if real.startswith(self._project) and not site_folder(real) else Kind.PACKAGE
