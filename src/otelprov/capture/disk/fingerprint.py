# SPDX-License-Identifier: Apache-2.0
"""Versions of files, found at once: the content's digest of small ones, size and time of change of all others.

What is too large to be digested in the program's own time is digested in the background; see `digests`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time

from otelprov import config
from otelprov.capture.disk.peek import peek

# Up to here a digest costs no more than handing the file over and telling its digest in a record of its own.
AT_ONCE = 65_536
_MAX_CACHED = 4096
# A file changed so recently may change again within one tick of the file system's clock.
_RACY_NS = 100_000_000

# What tells one state of a file from another: device, inode, size, time of change.
State = tuple[int, int, int, int]
_digests: dict[State, str] = {}
# By path and digest, the `stat:` version that goes with it.
_stat_versions: dict[tuple[str, str], str] = {}


def digest_bytes(data: bytes) -> str:
    """`sha256:` and the hex digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def state_of(status: os.stat_result) -> State:
    """The state of a file; another one where its content may be another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def stat_version(status: os.stat_result) -> str:
    """`stat:size-mtime_ns`."""
    return f"stat:{status.st_size}-{status.st_mtime_ns}"


def is_stat_version(version: str) -> bool:
    """Whether a version says nothing of the content itself."""
    return version.startswith("stat:")


def file_version(path: str) -> tuple[str, int]:
    """Version and size in bytes of a file; `("", -1)` where it can't be read.

    The version is the content's digest where that is quickly had, else `stat:size-mtime_ns`. Of which kind it is
    depends on nothing but the size, so that versions of one file can be compared.
    """
    return _version(path, AT_ONCE)


def digest_version(path: str) -> tuple[str, int]:
    """As `file_version`, with the digest of any file up to OTELPROV_DIGEST_LIMIT: it may take long."""
    return _version(path, -1)


def version_before(path: str) -> str:
    """What tells later, by `is_still`, whether a file has been changed from now on."""
    version = file_version(path)[0]
    if is_stat_version(version):
        changed = int(version.rpartition("-")[2])
        if time.time_ns() - changed < _RACY_NS:
            # The next change might get the same time.
            return digest_version(path)[0]
    return version


def is_still(path: str, before: str, version: str) -> bool:
    """Whether a file, now at a version, is what it was: `before` is from `version_before`, or an older version."""
    if is_stat_version(version) and before and not is_stat_version(before):
        version = digest_version(path)[0]
    return version == before


def stat_beside(path: str, digest: str) -> str:
    """The `stat:` version that a file had when `file_version` gave its digest; empty where that is not known."""
    return _stat_versions.get((path, digest), "")


def _version(path: str, most: int) -> tuple[str, int]:
    """The version of a file, by its content up to `most` bytes, or up to the limit alone where that is negative."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return "", -1
        size = status.st_size
        if (0 <= most < size) or size > config.DIGEST_LIMIT.number():
            return stat_version(status), size
    except OSError:
        return "", -1
    state = state_of(status)
    digest = _digests.get(state) or _digest(path, state)
    if not digest:
        return stat_version(status), size
    if len(_stat_versions) >= _MAX_CACHED:
        _stat_versions.clear()
    _stat_versions[path, digest] = stat_version(status)
    return digest, size


def _digest(path: str, state: State) -> str:
    """The digest of a file in a state; empty where it can't be read, or is in another state by now."""
    try:
        with peek(path) as file:
            if state[2] <= AT_ONCE:
                digest = digest_bytes(file.readall())
            else:
                digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            if state_of(os.fstat(file.fileno())) != state:
                return ""
    except OSError:
        return ""
    if time.time_ns() - state[3] > _RACY_NS:
        if len(_digests) >= _MAX_CACHED:
            _digests.clear()
        _digests[state] = digest
    return digest
