# SPDX-License-Identifier: Apache-2.0
"""Who last produced an entity on this machine, so that a consumer in another process can link to it."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from typing import NamedTuple

from otelprov import config
from otelprov.capture import background
from otelprov.capture.inside import quietly
from otelprov.model.entity import Entity

_MAX_BYTES = 4096
_MAX_WAITING = 10_000
_TELL_EVERY = 0.5


class Producer(NamedTuple):
    """The span that produced an entity; ids are lower-case hex."""

    run_id: str
    run_name: str
    trace_id: str
    span_id: str
    version: str


def _path(entity: Entity) -> str:
    return _path_of(config.home(), entity.namespace, entity.name)


@functools.lru_cache(maxsize=1024)
def _path_of(home: str, namespace: str, name: str) -> str:
    key = hashlib.sha256(f"{namespace}\0{name}".encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return os.path.join(home, "producers", key[:2], key[2:] + ".json")


# By path, what this process knows and others do not yet.
_waiting: dict[str, Producer] = {}
_telling = threading.RLock()


def note_producer(entity: Entity, producer: Producer) -> None:
    """Remember the producer of an entity, replacing the one before; other processes are told a little later."""
    if not _waiting:
        background.every("producers", _TELL_EVERY, tell)
        background.at_stop("producers", _tell_last)
    if len(_waiting) < _MAX_WAITING:
        _waiting[_path(entity)] = producer


def tell() -> None:
    """Tell other processes now: before one is started, and before this one ends."""
    if not _waiting:
        return
    with quietly(), _telling:
        while _waiting:
            try:
                _write(*_waiting.popitem())
            except (OSError, KeyError):
                # Links are a convenience that no lineage depends on: a full or read-only disk costs only them.
                continue


def _tell_last(_deadline: float) -> None:
    tell()


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def _write(path: str, producer: Producer) -> None:
    import json

    content = json.dumps(producer._asdict()).encode()
    try:
        # The first one is put there itself: whoever reads it before it is whole finds that it says nothing.
        _put(path, content)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        _put(path, content)
    except FileExistsError:
        temporary = f"{path}.{os.getpid()}.{producer.span_id}"
        _put(temporary, content)
        os.replace(temporary, path)


def _put(path: str, content: bytes) -> None:
    fd = os.open(path, _NEW, 0o600)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def producer_of(entity: Entity) -> Producer | None:
    """The producer of an entity, where it is known and the version does not speak against it."""
    path = _path(entity)
    producer = _waiting.get(path) or _read(path)
    if producer is not None and producer.version and entity.version and producer.version != entity.version:
        return None
    return producer


def _read(path: str) -> Producer | None:
    import json

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        document = json.loads(os.read(fd, _MAX_BYTES))
        producer = Producer(**{key: str(document[key]) for key in Producer._fields})
        int(producer.trace_id, 16), int(producer.span_id, 16)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        os.close(fd)
    return producer


def _forget() -> None:
    global _telling
    _telling = threading.RLock()
    _waiting.clear()


# Told before, or by the parent.
os.register_at_fork(before=tell, after_in_child=_forget)
