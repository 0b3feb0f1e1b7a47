# SPDX-License-Identifier: Apache-2.0
"""Calls of the S3 API: which objects they read, write, copy, delete and list, by their parameters and answers.

Getting an object is a read at once, as opening a file is; its body knows where it comes from. Nothing of a call is
recorded but the names of bucket and key, the version, the size and where the store is: no headers, no user data.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

from otelprov.capture.calls import Call
from otelprov.capture.disk.files import read_once
from otelprov.capture.disk.handles import origins_of_data
from otelprov.capture.flow.identity import Origins, Read, remember
from otelprov.capture.io import record_io
from otelprov.capture.naming import object_entity
from otelprov.capture.remote import objects
from otelprov.model.entity import Entity
from otelprov.semconv import (
    AWS_S3_BUCKET,
    AWS_S3_KEY,
    PROVENANCE_OBJECT_VERSION_ID,
    PROVENANCE_OPERATION_DELETE,
    PROVENANCE_OPERATION_LIST,
    PROVENANCE_OPERATION_WRITE,
    SERVER_ADDRESS,
    SERVER_PORT,
)

Parameters = Mapping[str, Any]
Captured = Generator[None, Any, None]
_MAX_UPLOADS = 1000
# By id, what went into the uploads in parts that are under way; None where something unknown did.
_uploads: dict[str, list[Origins | None]] = {}


def bucket_entity(bucket: str, key: str) -> Entity:
    """The entity of an object, whatever the endpoint."""
    return object_entity(f"s3://{bucket}", key)


def describe(client: Any, entity: Entity, version_id: str = "") -> dict[str, Any]:
    """Attributes of an object beside its name and version; the endpoint where it is not that of AWS."""
    described: dict[str, Any] = {
        AWS_S3_BUCKET: entity.namespace.removeprefix("s3://"),
        AWS_S3_KEY: entity.name,
    }
    if version_id:
        described[PROVENANCE_OBJECT_VERSION_ID] = version_id
    endpoint = urlsplit(client.meta.endpoint_url)
    if endpoint.hostname and not endpoint.hostname.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        described[SERVER_ADDRESS] = endpoint.hostname
        if endpoint.port:
            described[SERVER_PORT] = endpoint.port
    return described


def read(call: Call, client: Any, entity: Entity, answer: objects.Answer) -> Origins | None:
    """Record the read of an object of which the store has given this answer."""
    found = read_once(
        entity.at(answer.version),
        call.started,
        scope=call.scope,
        size=answer.size,
        attributes=describe(client, entity, answer.version_id),
    )
    return None if found is None else Origins(frozenset({found}))


def write(call: Call, client: Any, entity: Entity, answer: objects.Answer, sources: Origins | None) -> Read | None:
    """Record the write of an object of which the store has given this answer."""
    return record_io(
        PROVENANCE_OPERATION_WRITE,
        entity.at(answer.version),
        scope=call.scope,
        start=call.started,
        size=answer.size,
        sources=sources,
        attributes=describe(client, entity, answer.version_id),
    )


def copied_from(source: Any) -> Entity | None:
    """The entity of a CopySource, in any of the forms that are allowed."""
    if isinstance(source, dict):
        bucket, key = source.get("Bucket"), source.get("Key")
        return bucket_entity(bucket, key) if isinstance(bucket, str) and isinstance(key, str) else None
    if not isinstance(source, str):
        return None
    bucket, _, key = source.partition("?versionId=")[0].lstrip("/").partition("/")
    return bucket_entity(bucket, key)


def _get(call: Call, client: Any, given: Parameters) -> Captured:
    answer = yield
    # Only now: what is missing among the parameters is found by the call.
    entity = bucket_entity(given["Bucket"], given["Key"])
    # Of a part, the size is that of the part.
    size = None if "Range" in given or "PartNumber" in given else answer.get("ContentLength")
    said = objects.answered(entity, answer.get("ETag"), answer.get("VersionId"), size)
    if call.nested:
        return
    origins = read(call, client, entity, said)
    if origins is not None:
        remember(answer.get("Body"), origins)


def _head(call: Call, client: Any, given: Parameters) -> Captured:
    answer = yield
    entity = bucket_entity(given["Bucket"], given["Key"])
    objects.answered(entity, answer.get("ETag"), answer.get("VersionId"), answer.get("ContentLength"))


def _put(call: Call, client: Any, given: Parameters) -> Captured:
    body = given.get("Body")
    # Afterwards, it may be closed.
    sources = None if call.nested else origins_of_data(body)
    size = len(body) if isinstance(body, (bytes, bytearray)) else None
    answer = yield
    entity = bucket_entity(given["Bucket"], given["Key"])
    said = objects.answered(entity, answer.get("ETag"), answer.get("VersionId"), size)
    if not call.nested:
        write(call, client, entity, said, sources)


def _copy(call: Call, client: Any, given: Parameters) -> Captured:
    # botocore writes its own form of it into the parameters.
    source = copied_from(given.get("CopySource"))
    answer = yield
    entity = bucket_entity(given["Bucket"], given["Key"])
    said = objects.answered(entity, answer.get("CopyObjectResult", {}).get("ETag"), answer.get("VersionId"))
    if call.nested:
        return
    # A copy has the tag of what was copied, unless that was put there in parts.
    before = objects.Answer("", answer.get("CopySourceVersionId") or "", -1, 0)
    origins = None if source is None else read(call, client, source, before)
    write(call, client, entity, said, origins)


def _part(call: Call, client: Any, given: Parameters) -> Captured:
    origins = None if call.nested else origins_of_data(given.get("Body"))
    yield
    _note_part(call, given, origins)


def _part_copy(call: Call, client: Any, given: Parameters) -> Captured:
    source = copied_from(given.get("CopySource"))
    answer = yield
    if source is not None and not call.nested:
        before = objects.Answer("", answer.get("CopySourceVersionId") or "", -1, 0)
        _note_part(call, given, read(call, client, source, before))


def _note_part(call: Call, given: Parameters, origins: Origins | None) -> None:
    if not call.nested:
        if len(_uploads) >= _MAX_UPLOADS:
            _uploads.clear()
        _uploads.setdefault(given["UploadId"], []).append(origins)


def _complete(call: Call, client: Any, given: Parameters) -> Captured:
    answer = yield
    entity = bucket_entity(given["Bucket"], given["Key"])
    parts = _uploads.pop(given["UploadId"], [])
    said = objects.answered(entity, answer.get("ETag"), answer.get("VersionId"))
    if not call.nested:
        known = [origins for origins in parts if origins is not None]
        reads = frozenset[Read]().union(*(origins.reads for origins in known))
        whole = len(known) == len(parts) and all(origins.complete for origins in known)
        write(call, client, entity, said, Origins(reads, whole) if known else None)


def _abort(call: Call, client: Any, given: Parameters) -> Captured:
    yield
    _uploads.pop(given["UploadId"], None)


def _delete(call: Call, client: Any, given: Parameters) -> Captured:
    yield
    if not call.nested:
        _deleted(call, client, given["Bucket"], given["Key"])


def _delete_many(call: Call, client: Any, given: Parameters) -> Captured:
    answer = yield
    if call.nested:
        return
    failed = {error.get("Key") for error in answer.get("Errors", ())}
    for each in given["Delete"]["Objects"]:
        if each["Key"] not in failed:
            _deleted(call, client, given["Bucket"], each["Key"])


def _deleted(call: Call, client: Any, bucket: str, key: str) -> None:
    entity = bucket_entity(bucket, key)
    attributes = describe(client, entity)
    record_io(PROVENANCE_OPERATION_DELETE, entity, scope=call.scope, start=call.started, attributes=attributes)


def _list(call: Call, client: Any, given: Parameters) -> Captured:
    yield
    if not call.nested:
        # Its pages are one listing.
        entity = bucket_entity(given["Bucket"], given.get("Prefix") or "/")
        attributes = describe(client, entity)
        attributes.pop(AWS_S3_KEY)
        operation = PROVENANCE_OPERATION_LIST
        read_once(entity, call.started, scope=call.scope, operation=operation, attributes=attributes)


OPERATIONS: dict[str, Callable[[Call, Any, Parameters], Captured]] = {
    "GetObject": _get,
    "SelectObjectContent": _get,
    "HeadObject": _head,
    "PutObject": _put,
    "CopyObject": _copy,
    "UploadPart": _part,
    "UploadPartCopy": _part_copy,
    "CompleteMultipartUpload": _complete,
    "AbortMultipartUpload": _abort,
    "DeleteObject": _delete,
    "DeleteObjects": _delete_many,
    "ListObjects": _list,
    "ListObjectsV2": _list,
    "ListObjectVersions": _list,
}


def api_call(call: Call) -> Captured:
    """Capture of `_make_api_call` of a client: of S3 alone, and of those operations that touch the objects."""
    client = call.instance
    if client.meta.service_model.service_name == "s3":
        operation = OPERATIONS.get(call.argument("operation_name", 1))
        if operation is not None:
            yield from operation(call, client, call.argument("api_params", 2))
