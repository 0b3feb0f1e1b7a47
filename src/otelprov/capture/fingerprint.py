# SPDX-License-Identifier: Apache-2.0
"""Versions of files: a content digest of bounded cost, else size and time of change."""

from __future__ import annotations

import hashlib
import os
import stat
import time

from otelprov import config
from otelprov.capture.inside import quietly

_MAX_CACHED = 4096
# A file changed so recently may change again within one tick of the file system's clock.
_RACY_NS = 100_000_000
_digests: dict[tuple[str, int, int, int], str] = {}


def digest_bytes(data: bytes) -> str:
    """`sha256:` and the hex digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def file_version(path: str) -> tuple[str, int]:
    """Version and size in bytes of a file; `("", -1)` where it can't be read.

    Up to OTELPROV_DIGEST_LIMIT bytes the version is the content's digest, above it `stat:size-mtime_ns`.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return "", -1
        key = (path, status.st_ino, status.st_size, status.st_mtime_ns)
        known = _digests.get(key)
        if known is not None:
            return known, status.st_size
        if status.st_size > config.DIGEST_LIMIT.number():
            return f"stat:{status.st_size}-{status.st_mtime_ns}", status.st_size
        with quietly(), open(path, "rb", buffering=0) as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "", -1
    if time.time_ns() - status.st_mtime_ns > _RACY_NS:
        if len(_digests) >= _MAX_CACHED:
            _digests.clear()
        _digests[key] = digest
    return digest, status.st_size
