# SPDX-License-Identifier: Apache-2.0
"""Removes journals that nobody needs any more: shipped to the last byte, and their writers dead."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from otelprov.journal.folder import open_journal
from otelprov.journal.journal import SUFFIX
from otelprov.journal.late_end import pending
from otelprov.journal.position import SHIPPED, position_of

# This runs in a call of the observed program: what is not done by then is done at the next look.
_SECONDS = 0.02


def remove_shipped(folder: str, wanted: int) -> int:
    """Remove the oldest journals that may be removed until `wanted` bytes are free; return how many became free."""
    freed = 0
    deadline = time.monotonic() + _SECONDS
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX + SHIPPED))
    except OSError:
        return 0
    for name in names:
        if freed >= wanted or time.monotonic() > deadline:
            break
        freed += _remove(os.path.join(folder, name.removesuffix(SHIPPED)))
    return freed


def _remove(path: str) -> int:
    try:
        fd = open_journal(path)
    except OSError:
        return 0
    try:
        # The lock says that its writer is dead; it also keeps others from ending it late meanwhile.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(fd).st_size
        if not size or position_of(path) < size or pending(path):
            return 0
        os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + SHIPPED)
    except OSError:
        return 0
    else:
        return size
    finally:
        os.close(fd)
