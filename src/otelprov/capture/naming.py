# SPDX-License-Identifier: Apache-2.0
"""Names of entities, the same from every library and process, and the rule that leaves out noise."""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import Any

from otelprov import config
from otelprov.capture.callsite import is_library_file
from otelprov.capture.recorder import current
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
# Through the last one, joblib hands arrays to its workers.
_NOISY_PARTS = (
    *("/__pycache__/", "/.git/", "/.cache/", "/.config/", "/.local/share/otelprov/", "/.venv/"),
    "/joblib_memmapping_folder_",
)
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
_SAME_STORES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "local": "file"}
_STORES = ("s3", "gs", "abfs", "abfss")
_CACHES = ("simplecache", "filecache", "blockcache", "cached")
_ARCHIVES = ("zip", "tar", "libarchive")
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


def is_compiled_code(path: Any) -> bool:
    """Whether what is opened is a module's compiled code, as with every import; asked before anything else is."""
    return type(path) is str and path.endswith(".pyc")


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


@functools.lru_cache(maxsize=8)
def _real_folder(path: str) -> str:
    return os.path.realpath(path)


def is_temporary(path: str) -> bool:
    """Whether a path is, or lies in, something that the `tempfile` module made in this process."""
    if not _temporary:
        return False
    if path in _temporary:
        return True
    folder = os.path.dirname(path)
    import tempfile

    limit = _real_folder(tempfile.gettempdir())
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


def member_entity(archive: Entity, name: str) -> Entity:
    """The entity of a member of an archive, `ARCHIVE!/MEMBER` in the namespace of the archive."""
    inner = name.removeprefix("./").lstrip("/")
    return archive._replace(name=f"{archive.name}!/{inner}", version="", format=format_of(inner))


def location_entity(location: Any) -> Entity | None:
    """The entity of a path or a URL, as data libraries take them; None for buffers, noise and what is neither.

    Of a chain of URLs (`simplecache::s3://bucket/key`, `zip://member::archive.zip`) it is what the chain reads.
    """
    if not isinstance(location, str) or "://" not in location:
        return _chained_entity(location) if isinstance(location, str) and "::" in location else file_entity(location)
    return _chained_entity(location) if "::" in location else _url_entity(location)


def _chained_entity(location: str) -> Entity | None:
    first, _, rest = location.partition("::")
    scheme, _, inner = first.partition("://")
    if scheme in _CACHES:
        return location_entity(rest)
    if scheme in _ARCHIVES:
        archive = location_entity(rest)
        return None if archive is None else member_entity(archive, inner)
    return _url_entity(location) if "://" in location else file_entity(location)


def memory_entity(path: str) -> Entity:
    """The entity of a file of a file system in memory: of this process, and gone with it."""
    recorder = current()
    process = recorder.process_id if recorder is not None else ""
    name = "/" + path.strip("/")
    return Entity(f"memory://{process}", name, "object", format=format_of(name), temporary=True)


def _url_entity(location: str) -> Entity | None:
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    scheme = _SAME_STORES.get(parts.scheme, parts.scheme)
    if scheme == "file":
        # Some libraries take it as it is, some decode it.
        coded = "%" in parts.path and not os.path.lexists(parts.path)
        return file_entity(unquote(parts.path) if coded else parts.path)
    if scheme == "memory":
        return memory_entity(location.partition("://")[2])
    if scheme in _STORES:
        # A key may have a # in it, and rarely a ?. Some libraries take secrets behind the latter.
        bucket, _, key = re.sub(r"\?[^/?]*=.*", "", location.partition("://")[2], flags=re.DOTALL).partition("/")
        user, at, account = bucket.rpartition("@")
        # Azure's containers stand where secrets do elsewhere.
        container = user + at if scheme.startswith("abfs") and ":" not in user else ""
        return object_entity(f"{scheme}://{container}{account}", key)
    # User, password, query and fragment stay out: they are where the secrets are.
    return Entity(f"{parts.scheme}://{host}{port}", parts.path or "/", "endpoint", format=format_of(parts.path))


def object_entity(store: str, key: str, version: str = "") -> Entity:
    """The entity of an object: `store` is `s3://bucket` or its like."""
    return Entity(store, key, "object", version, format_of(key))
