# SPDX-License-Identifier: Apache-2.0
"""Who last produced an entity on this machine, so that a consumer in another process can link to it."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from otelprov import config
from otelprov.model.entity import Entity

_MAX_BYTES = 4096


class Producer(NamedTuple):
    """The span that produced an entity; ids are lower-case hex."""

    run_id: str
    run_name: str
    trace_id: str
    span_id: str
    version: str


def _path(entity: Entity) -> str:
    key = hashlib.sha256(f"{entity.namespace}\0{entity.name}".encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return os.path.join(config.home(), "producers", key[:2], key[2:] + ".json")


def note_producer(entity: Entity, producer: Producer) -> None:
    """Remember the producer of an entity, replacing the one before; raises OSError."""
    import json

    path = _path(entity)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}.{producer.span_id}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, json.dumps(producer._asdict()).encode())
    finally:
        os.close(fd)
    os.replace(temporary, path)


def producer_of(entity: Entity) -> Producer | None:
    """The producer of an entity, where it is known and the version does not speak against it."""
    import json

    try:
        fd = os.open(_path(entity), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
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
    if producer.version and entity.version and producer.version != entity.version:
        return None
    return producer
