# SPDX-License-Identifier: Apache-2.0
"""Which installed distribution, in which version, a module's file belongs to."""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import NamedTuple
from urllib.parse import quote

from otelprov.capture.modules.import_spec import loaded_spec

_SITE_FOLDERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
# Saves a search through all lists of files for what very many programs load.
_WELL_KNOWN = {
    "_distutils_hack": "setuptools",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "jose": "python-jose",
    # A namespace of many distributions; these two have other names than their packages.
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.semconv": "opentelemetry-semantic-conventions",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_MAX_NAMESPACE_DEPTH = 4
_MAX_LISTING = 1_048_576
_SEPARATORS = re.compile(r"[-_.]+")


class Distribution(NamedTuple):
    """An installed distribution; `version` and `purl` are empty where nothing says what a module belongs to."""

    name: str
    version: str = ""
    purl: str = ""


class _Site:
    """The metadata folders of one folder of installed packages, by normalised name of distribution."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.metadata: dict[str, str] = {}
        self.unmatched: list[str] = []


_sites: dict[str, _Site] = {}
_known: dict[tuple[str, str], Distribution] = {}


def distribution_of(module: str, origin: str) -> Distribution:
    """The distribution of a module by its dotted name and its file; named after the top-level package where unknown."""
    top = module.partition(".")[0]
    site = site_folder(origin)
    key = top
    if module != top and is_namespace(top):
        key = ".".join(module.split(".")[:_MAX_NAMESPACE_DEPTH])
    found = _known.get((site, key))
    if found is None:
        found = _known[site, key] = _find(key, site)
    return found


def site_folder(path: str) -> str:
    """The folder of installed packages that a file lies in; empty where it lies in none."""
    for part in _SITE_FOLDERS:
        at = path.rfind(part)
        if at >= 0:
            return path[: at + len(part) - 1]
    return ""


def is_namespace(top: str) -> bool:
    """Whether a loaded top-level package is a namespace, which several distributions may share."""
    spec = loaded_spec(top)
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None


def _find(key: str, folder: str) -> Distribution:
    # A module outside of all of them may be an editable install, whose metadata lies in any.
    folders = [folder] if folder else [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    sites = [_site(path) for path in folders]
    parts = key.split(".")
    for depth in range(len(parts), 0, -1):
        wanted = _WELL_KNOWN.get(".".join(parts[:depth])) or _normalised("-".join(parts[:depth]))
        for site in sites:
            if wanted in site.metadata:
                return _described(site.metadata[wanted])
    path = key.replace(".", "/")
    while path:
        for site in sites:
            for entry in site.unmatched:
                if _holds(os.path.join(site.folder, entry), path):
                    return _described(entry)
        path = path.rpartition("/")[0]
    # A second module of a distribution whose first is named like itself.
    for site in sites:
        for entry in site.metadata.values():
            if parts[0] in _listing(os.path.join(site.folder, entry, "top_level.txt")).split():
                return _described(entry)
    return Distribution(parts[0])


def _site(folder: str) -> _Site:
    known = _sites.get(folder)
    if known is not None:
        return known
    site = _Site(folder)
    try:
        entries = os.listdir(folder)
    except OSError:
        entries = []
    modules = {
        _normalised(entry.partition(".")[0]) for entry in entries if "." not in entry or entry.endswith((".py", ".so"))
    }
    for entry in entries:
        if _is_metadata(entry):
            name = _normalised(_split(entry)[0])
            site.metadata[name] = entry
            if name not in modules:
                # Its modules have other names: the only ones whose list of files is worth reading.
                site.unmatched.append(entry)
    _sites[folder] = site
    return site


def _is_metadata(entry: str) -> bool:
    return entry.endswith((".dist-info", ".egg-info"))


def _normalised(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def _split(entry: str) -> tuple[str, str]:
    name, _, version = entry.rpartition(".")[0].partition("-")
    return name, version.partition("-py")[0]


def _described(entry: str) -> Distribution:
    name, version = _split(entry)
    name = _normalised(name)
    purl = f"pkg:pypi/{quote(name)}@{quote(version, safe='')}" if version else f"pkg:pypi/{quote(name)}"
    return Distribution(name, version, purl)


def _holds(metadata: str, path: str) -> bool:
    """Whether a distribution's metadata folder lists a package or module of that path."""
    if "/" not in path and path in _listing(os.path.join(metadata, "top_level.txt")).split():
        return True
    record = _listing(os.path.join(metadata, "RECORD"))
    return any(f"\n{path}{ending}" in record for ending in ("/", ".py,", ".cpython", ".abi3", ".so,"))


# Where many packages share a namespace, the same lists are asked for again and again.
@functools.lru_cache(maxsize=32)
def _listing(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "\n" + file.read(_MAX_LISTING)
    except OSError:
        return ""
