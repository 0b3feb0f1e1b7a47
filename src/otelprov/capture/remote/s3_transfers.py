# SPDX-License-Identifier: Apache-2.0
"""Transfers between S3 and local files or open files: one action each, in whatever number of threads and parts."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.disk import files, moves
from otelprov.capture.disk.fingerprint import file_version
from otelprov.capture.disk.handles import origins_of_data, remember_written
from otelprov.capture.flow.identity import Origins, origins_of
from otelprov.capture.naming import absolute_path
from otelprov.capture.remote import objects, s3
from otelprov.model.entity import Entity

Captured = Generator[None, Any, None]


def _answer(entity: Entity, started: int, size: int = -1) -> objects.Answer:
    # The calls below have heard the store's answers.
    said = objects.answer_since(entity, started)
    return said if size < 0 else said._replace(size=size)


def uploading(call: Call) -> Captured:
    """A file that is put into a bucket: `upload_file(client, filename, bucket, key, …)`."""
    path = absolute_path(call.argument("Filename", 1))
    yield
    source = moves.regular(path)
    read = files.record_read(source, call.started) if source is not None else None
    sources = Origins(frozenset({read})) if read is not None else None
    entity = s3.bucket_entity(call.argument("Bucket", 2), call.argument("Key", 3))
    size = file_version(path)[1] if path is not None else -1
    s3.write(call, call.instance, entity, _answer(entity, call.started, size), sources)


def uploading_from(call: Call) -> Captured:
    """An open file that is put into a bucket: `upload_fileobj(client, fileobj, bucket, key, …)`."""
    # Afterwards, it may be closed.
    sources = origins_of_data(call.argument("Fileobj", 1))
    yield
    entity = s3.bucket_entity(call.argument("Bucket", 2), call.argument("Key", 3))
    s3.write(call, call.instance, entity, _answer(entity, call.started), sources)


def downloading(call: Call) -> Captured:
    """An object that is put into a file: `download_file(client, bucket, key, filename, …)`."""
    yield
    origins = _read(call)
    made = moves.regular(absolute_path(call.argument("Filename", 3)))
    if made is not None:
        moves.written(made, call.started, origins)


def downloading_into(call: Call) -> Captured:
    """An object that is put into an open file: `download_fileobj(client, bucket, key, fileobj, …)`."""
    yield
    origins, target = _read(call), call.argument("Fileobj", 3)
    if origins is not None:
        remember_written(target, origins)
        objects.note_read(target, origins)


def _read(call: Call) -> Origins | None:
    entity = s3.bucket_entity(call.argument("Bucket", 1), call.argument("Key", 2))
    return s3.read(call, call.instance, entity, _answer(entity, call.started))


def copying(call: Call) -> Captured:
    """An object that is copied in whatever number of parts: `copy(client, source, bucket, key, …)`."""
    yield
    source = s3.copied_from(call.argument("CopySource", 1))
    entity = s3.bucket_entity(call.argument("Bucket", 2), call.argument("Key", 3))
    origins = None
    if source is not None:
        client = call.argument("SourceClient", 6) or call.instance
        origins = s3.read(call, client, source, _answer(source, call.started))
    s3.write(call, call.instance, entity, _answer(entity, call.started), origins)


def body_read(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow what was read of an object at once, as bytes that nothing can refer to weakly."""
    _note_body(args[0], args[1] if len(args) > 1 else kwargs.get("amt"), result)


def body_awaited(call: Call) -> Captured:
    """As `body_read`, for bodies whose `read` is awaited."""
    result = yield
    _note_body(call.instance, call.argument("amt", 1), result)


def _note_body(body: Any, amount: Any, result: Any) -> None:
    origins = origins_of(body) if amount is None else None
    if origins is not None:
        objects.note_read(result, origins)
