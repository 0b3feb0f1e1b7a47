# SPDX-License-Identifier: Apache-2.0
"""Digests of what is too large to be digested in the program's own time: taken in the background, told when known.

A read or a write is recorded at once, with size and time of change as its version. The digest follows in a record that
names that version, and whoever reads the records puts the two together. It is told only where the file is still what it
was: the same device, inode, size and time of change before the first byte was read and after the last.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections import Counter, deque
from typing import NamedTuple

from otelprov import config
from otelprov.capture import background
from otelprov.capture.disk.fingerprint import State, stat_version, state_of
from otelprov.capture.disk.peek import peek
from otelprov.capture.recorder import Pending, current
from otelprov.semconv import (
    EVENT_PROVENANCE_ENTITY_DIGESTED,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_NAMESPACE,
    PROVENANCE_ENTITY_STAT,
    PROVENANCE_ENTITY_VERSION,
)

_CHUNK = 1 << 20
_MAX_WAITING = 10_000
_MAX_REMEMBERED = 10_000
_EVENTS = 100
# Digests may take so much CPU time: a little for a short program, and a share of the time that a long one has run.
_FREE_SECONDS = 0.1
_SHARE = 0.02
# So long at a time; then the other things that are done in the background have their turn.
_TURN = 0.2
_TELL_EVERY = 1.0

# Why a version stays one of size and time.
TOO_LARGE, TOO_MANY, CHANGED, GONE, UNREADABLE, ENDED = (
    *("too large", "too many", "changed", "gone", "unreadable"),
    "the process ended",
)


class _Wanted(NamedTuple):
    path: str
    version: str
    state: State


class _Digests:
    """What is waiting, known and told in one process; a forked child begins with an empty one."""

    def __init__(self) -> None:
        self.waiting: deque[_Wanted] = deque()
        self.asked: set[tuple[str, str]] = set()
        self.known: dict[State, str] = {}
        # Renamed or removed before it was their turn: their state may come back under another name.
        self.orphans: list[_Wanted] = []
        self.found: list[Pending] = []
        self.missing: Counter[str] = Counter()
        self.told = 0
        self.spent = 0.0
        self.began = time.monotonic()
        self.last_told = self.began
        # time.monotonic() at which to leave it, 0.0 while the process lives.
        self.deadline = 0.0
        # Held by whoever is digesting.
        self.working = threading.Lock()


_all = _Digests()


def want(path: str, version: str) -> None:
    """Have a file digested that was at this `stat:` version a moment ago; does nothing the second time."""
    this = _all
    if (path, version) in this.asked:
        return
    if len(this.asked) >= _MAX_REMEMBERED:
        this.asked.clear()
    this.asked.add((path, version))
    try:
        status = os.stat(path)
    except OSError:
        this.missing[GONE] += 1
        return
    if stat_version(status) != version:
        this.missing[CHANGED] += 1
    elif status.st_size > config.DIGEST_LIMIT.number():
        this.missing[TOO_LARGE] += 1
    elif len(this.waiting) >= _MAX_WAITING:
        this.missing[TOO_MANY] += 1
    else:
        this.waiting.append(_Wanted(path, version, state_of(status)))
        if len(this.waiting) == 1:
            background.once("digests", work)
            background.every("digests", _TELL_EVERY, work)


def work() -> None:
    """Digest what is waiting, for a while; in the background."""
    this = _all
    with this.working:
        turn = time.monotonic() + _TURN
        while this.waiting and not this.deadline and time.monotonic() < turn and not _is_too_dear(this):
            _take(this)
        if not this.deadline and time.monotonic() - this.last_told >= _TELL_EVERY:
            _tell(this)


def finish(seconds: float) -> None:
    """Before the end: digest what is still waiting, as far as the time goes, and tell everything that is known."""
    this = _all
    this.deadline = time.monotonic() + seconds
    # The thread in the background leaves what it is at: it sees the deadline.
    if not this.working.acquire(timeout=seconds):
        this.missing[ENDED] += len(this.waiting)
        return
    try:
        while this.waiting and time.monotonic() < this.deadline:
            _take(this)
        this.missing[ENDED] += len(this.waiting)
        this.missing[GONE] += len(this.orphans)
        this.waiting.clear()
        this.orphans.clear()
        _tell(this)
    finally:
        this.deadline = 0.0
        this.working.release()


def counts() -> tuple[int, dict[str, int]]:
    """How many digests were told, and how many were not, by reason."""
    return _all.told, {reason: number for reason, number in sorted(_all.missing.items()) if number}


def _is_too_dear(this: _Digests) -> bool:
    return this.spent > _FREE_SECONDS + _SHARE * (time.monotonic() - this.began)


def _take(this: _Digests) -> None:
    try:
        wanted = this.waiting.popleft()
    except IndexError:
        return
    digest = this.known.get(wanted.state)
    if digest is None:
        started = time.thread_time()
        digest = _digest(this, wanted)
        this.spent += time.thread_time() - started
        if digest is None:
            return
        if len(this.known) >= _MAX_REMEMBERED:
            this.known.clear()
        this.known[wanted.state] = digest
    _note(this, wanted, digest)
    for orphan in [orphan for orphan in this.orphans if orphan.state == wanted.state]:
        this.orphans.remove(orphan)
        _note(this, orphan, digest)


def _note(this: _Digests, wanted: _Wanted, digest: str) -> None:
    details = {
        PROVENANCE_ENTITY_NAMESPACE: "file",
        PROVENANCE_ENTITY_NAME: wanted.path,
        PROVENANCE_ENTITY_STAT: wanted.version,
        PROVENANCE_ENTITY_VERSION: digest,
    }
    this.found.append((EVENT_PROVENANCE_ENTITY_DIGESTED, details))
    if len(this.found) >= _EVENTS:
        _tell(this)


def _tell(this: _Digests) -> None:
    this.last_told = time.monotonic()
    recorder = current()
    found, this.found = this.found, []
    if recorder is not None and found:
        this.told += len(found)
        recorder.record_all("digests", found)


def _digest(this: _Digests, wanted: _Wanted) -> str | None:
    """The digest of a file; None, with the reason noted, where it is not what it was."""
    try:
        with peek(wanted.path) as file:
            if state_of(os.fstat(file.fileno())) == wanted.state:
                digest = _hash(this, file)
                if digest is None:
                    this.missing[ENDED] += 1
                    return None
                if state_of(os.fstat(file.fileno())) == wanted.state:
                    return digest
    except FileNotFoundError:
        this.orphans.append(wanted)
        if len(this.orphans) > _EVENTS:
            this.orphans.pop(0)
            this.missing[GONE] += 1
        return None
    except OSError:
        this.missing[UNREADABLE] += 1
        return None
    this.missing[CHANGED] += 1
    return None


def _hash(this: _Digests, file: io.FileIO) -> str | None:
    hashed = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while size := file.readinto(buffer):
        hashed.update(view[:size])
        if this.deadline and time.monotonic() > this.deadline:
            return None
    return f"sha256:{hashed.hexdigest()}"


def _forget() -> None:
    global _all
    _all = _Digests()


# What the parent has seen, the parent will tell.
os.register_at_fork(after_in_child=_forget)
