# SPDX-License-Identifier: Apache-2.0
"""Names of entities, the same from every library and process, and the rule that leaves out noise."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from otelprov import config
from otelprov.capture.callsite import is_library_file
from otelprov.model.entity import Entity

_FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
    "pq": "parquet",
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "feather": "feather",
    "arrow": "arrow",
    "xlsx": "excel",
    "xls": "excel",
    "pkl": "pickle",
    "pickle": "pickle",
    "joblib": "joblib",
    "h5": "hdf5",
    "hdf5": "hdf5",
    "txt": "text",
    "yaml": "yaml",
    "yml": "yaml",
    "xml": "xml",
    "npy": "npy",
    "npz": "npz",
    "zip": "zip",
    "tar": "tar",
}
_SYSTEM_PREFIXES = ("/proc/", "/sys/", "/dev/", "/run/", "/etc/", "/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/")
_NOISY_PARTS = ("/__pycache__/", "/.git/", "/.cache/", "/.config/", "/.local/share/otelprov/", "/.venv/")
_NOISY_SUFFIXES = (
    ".py",
    ".pyc",
    ".pyi",
    ".pyd",
    ".so",
    ".pth",
    ".dylib",
    ".dll",
    "-journal",
    "-wal",
    "-shm",
    ".egg-link",
)
_PREFIXES = tuple({os.path.realpath(prefix) + os.sep for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)})
_MAX_TEMPORARY = 10_000
_temporary: set[str] = set()


def file_entity(path: Any) -> Entity | None:
    """The entity of a path given to `open` and its kin; None for noise, descriptors and what is no path."""
    found = absolute_path(path)
    return None if found is None else resolved_file_entity(found)


def resolved_file_entity(path: str) -> Entity | None:
    """The entity of an absolute path whose links are resolved already; None for noise."""
    if is_noise(path):
        return None
    return Entity("file", path, "file", format=format_of(path), temporary=is_temporary(path))


def path_text(path: Any) -> str | None:
    """A path as text; None for what no system call would take as one."""
    try:
        plain = os.fsdecode(path)
        # A lone surrogate that stands for no byte.
        if not plain.isascii():
            os.fsencode(plain)
    except (TypeError, ValueError):
        return None
    return plain if plain and "\0" not in plain else None


def absolute_path(path: Any) -> str | None:
    """Absolute path with links resolved, as text; None for descriptors and what is no path."""
    plain = None if isinstance(path, int) else path_text(path)
    return None if plain is None else os.path.realpath(plain)


def is_noise(path: str) -> bool:
    """Whether an absolute path is of no interest: Python's and packages' own files, system files, caches, ours."""
    return _is_noise(path, config.home())


@functools.lru_cache(maxsize=4096)
def _is_noise(path: str, home: str) -> bool:
    if path.startswith(_SYSTEM_PREFIXES) or path.endswith(_NOISY_SUFFIXES):
        return True
    if any(part in path for part in _NOISY_PARTS):
        return True
    own = os.path.realpath(home)
    if path == own or path.startswith(own + os.sep):
        return True
    if is_library_file(path):
        return True
    # An interpreter at /usr is covered above; a virtual environment may lie inside the project.
    return any(path.startswith(prefix) for prefix in _PREFIXES if prefix not in ("/", "/usr/"))


def note_temporary(path: str) -> None:
    """Note a file or folder that the `tempfile` module made."""
    if len(_temporary) < _MAX_TEMPORARY:
        _temporary.add(os.path.realpath(path))


def is_temporary(path: str) -> bool:
    """Whether a path is, or lies in, something that the `tempfile` module made in this process."""
    if not _temporary:
        return False
    if path in _temporary:
        return True
    folder = os.path.dirname(path)
    import tempfile

    limit = os.path.realpath(tempfile.gettempdir())
    while len(folder) > len(limit):
        if folder in _temporary:
            return True
        folder = os.path.dirname(folder)
    return False


def format_of(name: str) -> str:
    """Format by the ending of a name, seeing through compression; empty where it says nothing."""
    stem = os.path.basename(name).lower()
    for compressed in (".gz", ".bz2", ".xz", ".zst"):
        stem = stem.removesuffix(compressed)
    return _FORMATS.get(stem.rpartition(".")[2], "")


def location_entity(location: Any) -> Entity | None:
    """The entity of a path or a URL, as data libraries take them; None for buffers, noise and what is neither."""
    if isinstance(location, str) and "://" in location:
        return _url_entity(location)
    return file_entity(location)


def _url_entity(location: str) -> Entity | None:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme == "file":
        return file_entity(parts.path)
    if parts.scheme in ("s3", "s3a", "gs", "gcs", "abfs"):
        scheme = {"s3a": "s3", "gcs": "gs"}.get(parts.scheme, parts.scheme)
        return Entity(f"{scheme}://{host}", parts.path.lstrip("/"), "object", format=format_of(parts.path))
    # User, password, query and fragment stay out: they are where the secrets are.
    return Entity(f"{parts.scheme}://{host}{port}", parts.path or "/", "endpoint", format=format_of(parts.path))
