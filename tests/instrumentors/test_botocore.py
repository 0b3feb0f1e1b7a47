# SPDX-License-Identifier: Apache-2.0
"""Objects of a real S3 server: read, written, copied, deleted and listed, with what went into them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import boto3
import botocore.exceptions
import pandas
import pytest
from boto3.s3.transfer import TransferConfig
from file_plots import digest, make, recorded, sources  # noqa: F401

from otelprov.semconv import names
from otelprov_instrumentors.botocore import BotocoreInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor

ROWS = "day,amount\n" + "".join(f"{day},{day * 3}\n" for day in range(40))
MEGABYTE = 1 << 20


@pytest.fixture
def client(recorded, s3_server):
    """A client, observed; it knows a bucket, in which other tests may have been before."""
    instrumentors = (BotocoreInstrumentor(), PandasInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument()
    # Transfers are methods that a client gets when it is made.
    made = s3_server.client()
    made.bucket = s3_server.bucket
    yield made
    for instrumentor in instrumentors:
        instrumentor.uninstrument()


def described(span):
    attributes = span.attributes
    return span.name, attributes[names.PROVENANCE_ENTITY_NAMESPACE], attributes[names.PROVENANCE_ENTITY_NAME]


def test_put_and_get_name_bucket_key_etag_size_and_endpoint(recorded, client, s3_server):
    answer = client.put_object(Bucket=client.bucket, Key="a/orders.csv", Body=ROWS.encode())
    client.get_object(Bucket=client.bucket, Key="a/orders.csv")["Body"].close()
    write, read = recorded.io()
    for span, name in ((write, "write orders.csv"), (read, "read orders.csv")):
        assert described(span) == (name, f"s3://{client.bucket}", "a/orders.csv")
        attributes = span.attributes
        assert attributes[names.PROVENANCE_ENTITY_VERSION] == "etag:" + answer["ETag"].strip('"')
        assert attributes[names.PROVENANCE_ENTITY_TYPE] == "object"
        assert attributes[names.PROVENANCE_ENTITY_FORMAT] == "csv"
        assert attributes[names.FILE_SIZE] == len(ROWS)
        assert (attributes[names.AWS_S3_BUCKET], attributes[names.AWS_S3_KEY]) == (client.bucket, "a/orders.csv")
        assert f"http://{attributes[names.SERVER_ADDRESS]}:{attributes[names.SERVER_PORT]}" == s3_server.url
        assert attributes[names.CODE_FILE_PATH] == __file__
    assert read.attributes[names.PROVENANCE_ORIGIN_SPAN_ID] == write.span_id


def test_a_bucket_that_keeps_versions_tells_them(recorded, client, s3_server):
    bucket = s3_server.versions
    first = client.put_object(Bucket=bucket, Key="k", Body=b"one")
    client.put_object(Bucket=bucket, Key="k", Body=b"two")
    client.get_object(Bucket=bucket, Key="k", VersionId=first["VersionId"])
    versions = [span.attributes[names.PROVENANCE_OBJECT_VERSION_ID] for span in recorded.io()]
    assert len(set(versions)) == 2
    assert versions[0] == versions[2] == first["VersionId"]
    tags = [span.attributes[names.PROVENANCE_ENTITY_VERSION] for span in recorded.io()]
    assert tags[0] == tags[2] != tags[1]


def test_a_frame_read_from_a_body_and_put_as_bytes_is_followed(recorded, client):
    client.put_object(Bucket=client.bucket, Key="in.csv", Body=ROWS.encode())
    client.put_object(Bucket=client.bucket, Key="other.csv", Body=b"unused" * 20)
    client.get_object(Bucket=client.bucket, Key="other.csv")["Body"].read()
    frame = pandas.read_csv(client.get_object(Bucket=client.bucket, Key="in.csv")["Body"])
    buffer = io.BytesIO()
    frame[frame.amount > 9].to_parquet(buffer)
    client.put_object(Bucket=client.bucket, Key="out.parquet", Body=buffer.getvalue())
    buffer.seek(0)
    client.put_object(Bucket=client.bucket, Key="again.parquet", Body=buffer)
    client.put_object(Bucket=client.bucket, Key="out.csv", Body=frame.to_csv())
    for write in recorded.io()[-3:]:
        assert sources(write) == ["in.csv"], write.name
        assert write.attributes[names.PROVENANCE_FLOW_COMPLETE] is True


def test_bytes_of_a_body_are_known_again_in_a_buffer_and_in_a_file(recorded, client):
    client.put_object(Bucket=client.bucket, Key="in.csv", Body=ROWS.encode())
    content = client.get_object(Bucket=client.bucket, Key="in.csv")["Body"].read()
    pandas.read_csv(io.BytesIO(content)).to_csv("from-buffer.csv")
    pandas.read_csv(io.StringIO(content.decode())).to_csv("from-text.csv")
    Path("copy.csv").write_bytes(content)
    Path("other.csv").write_bytes(content[:-1])
    found = {span.name: sources(span) for span in recorded.io()[2:]}
    assert found == {
        "write from-buffer.csv": ["in.csv"],
        "write from-text.csv": ["in.csv"],
        "write copy.csv": ["in.csv"],
        "write other.csv": [],
    }


@pytest.mark.parametrize("size", [100, 12 * MEGABYTE], ids=["at-once", "in-parts"])
@pytest.mark.parametrize("threads", [True, False], ids=["threads", "one-thread"])
def test_a_transfer_is_one_read_and_one_write(recorded, client, size, threads):
    make("in.bin", "x" * size)
    config = TransferConfig(use_threads=threads)
    client.upload_file("in.bin", client.bucket, "up.bin", Config=config)
    read, write = recorded.io()
    assert (read.name, write.name, sources(write)) == ("read in.bin", "write up.bin", ["in.bin"])
    assert write.attributes[names.FILE_SIZE] == size
    tag = client.head_object(Bucket=client.bucket, Key="up.bin")["ETag"].strip('"')
    assert ("-" in tag) is (size > MEGABYTE)
    assert write.attributes[names.PROVENANCE_ENTITY_VERSION] == f"etag:{tag}"
    client.download_file(client.bucket, "up.bin", "out.bin", Config=config)
    got, saved = recorded.io()[2:]
    assert (got.name, saved.name, sources(saved)) == ("read up.bin", "write out.bin", ["up.bin"])
    assert got.attributes[names.PROVENANCE_ENTITY_VERSION] == f"etag:{tag}"
    assert Path("out.bin").stat().st_size == size


def test_transfers_of_open_files_and_buffers(recorded, client):
    make("in.csv", ROWS)
    with open("in.csv", "rb") as file:
        client.upload_fileobj(file, client.bucket, "up.csv")
    assert sources(recorded.io()[-1]) == ["in.csv"]
    with open("out.csv", "wb") as file:
        client.download_fileobj(client.bucket, "up.csv", file)
    assert (recorded.io()[-1].name, sources(recorded.io()[-1])) == ("write out.csv", ["up.csv"])
    buffer = io.BytesIO()
    client.download_fileobj(client.bucket, "up.csv", buffer)
    buffer.seek(0)
    pandas.read_csv(buffer).to_csv("frame.csv")
    assert (recorded.io()[-1].name, sources(recorded.io()[-1])) == ("write frame.csv", ["up.csv"])


def test_resources_are_the_same_calls(recorded, client, s3_server):
    bucket = boto3.resource("s3", **s3_server.settings).Bucket(client.bucket)
    make("in.csv", ROWS)
    bucket.upload_file("in.csv", "a")
    bucket.Object("a").get()["Body"].read()
    bucket.copy({"Bucket": client.bucket, "Key": "a"}, "b")
    bucket.Object("b").delete()
    assert recorded.names() == ["read in.csv", "write a", "read a", "read a", "write b", "delete b"]


def test_copies_come_from_what_they_copy(recorded, client):
    client.put_object(Bucket=client.bucket, Key="a b+c", Body=ROWS.encode())
    target = {"Bucket": client.bucket, "Key": "copied"}
    client.copy_object(**target, CopySource={"Bucket": client.bucket, "Key": "a b+c"})
    client.copy_object(**target, CopySource=f"{client.bucket}/a b+c")
    client.copy({"Bucket": client.bucket, "Key": "a b+c"}, client.bucket, "copied")
    copies = recorded.io()[1:]
    assert [span.name for span in copies] == ["read a b+c", "write copied"] * 3
    for write in copies[1::2]:
        assert sources(write) == ["a b+c"]
        assert write.attributes[names.PROVENANCE_ENTITY_VERSION].startswith("etag:")


def test_an_upload_in_parts_comes_from_all_of_them(recorded, client):
    place = {"Bucket": client.bucket, "Key": "big.bin"}
    make("in.bin", "x" * 6 * MEGABYTE)
    client.put_object(Bucket=client.bucket, Key="part", Body=b"y" * 6 * MEGABYTE)
    upload = client.create_multipart_upload(**place)["UploadId"]
    with open("in.bin", "rb") as file:
        tags = [client.upload_part(**place, UploadId=upload, PartNumber=1, Body=file)["ETag"]]
    source = {"Bucket": client.bucket, "Key": "part"}
    copied = client.upload_part_copy(**place, UploadId=upload, PartNumber=2, CopySource=source)
    tags.append(copied["CopyPartResult"]["ETag"])
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    write = recorded.io()[-1]
    assert (write.name, sources(write)) == ("write big.bin", ["in.bin", "part"])
    assert write.attributes[names.PROVENANCE_FLOW_COMPLETE] is True
    upload = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"z")
    client.abort_multipart_upload(**place, UploadId=upload)
    assert recorded.io()[-1].span_id == write.span_id


def test_deletes_and_listings(recorded, client):
    for key in ("p/a", "p/b", "p/c"):
        client.put_object(Bucket=client.bucket, Key=key, Body=b"x")
    pages = client.get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=client.bucket, Prefix="p/", PaginationConfig={"PageSize": 1})
    assert len(list(found)) >= 3
    client.delete_object(Bucket=client.bucket, Key="p/a")
    client.delete_objects(Bucket=client.bucket, Delete={"Objects": [{"Key": "p/b"}, {"Key": "p/c"}]})
    client.head_bucket(Bucket=client.bucket)
    assert recorded.names()[3:] == ["list p", "delete a", "delete b", "delete c"]


def test_what_fails_is_the_clients_own_error_and_no_record(recorded, client):
    for attempt in (
        lambda: client.get_object(Bucket=client.bucket, Key="missing"),
        lambda: client.head_object(Bucket=client.bucket, Key="missing"),
        lambda: client.put_object(Bucket="no-such-bucket-here", Key="k", Body=b"x"),
        lambda: client.download_file(client.bucket, "missing", "here"),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            attempt()
        assert type(caught.value) is type(_error_without_us(attempt))
    with pytest.raises(botocore.exceptions.ParamValidationError, match="Missing required parameter"):
        client.get_object(Bucket=client.bucket)
    with pytest.raises(TypeError):
        client.get_object("positional")
    assert recorded.names() == []


def _error_without_us(attempt):
    instrumentor = BotocoreInstrumentor()
    instrumentor.uninstrument()
    try:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            attempt()
    finally:
        instrumentor.instrument()
    return caught.value


def test_no_secret_of_a_signed_url_is_recorded(recorded, client):
    client.put_object(Bucket=client.bucket, Key="in.csv", Body=ROWS.encode(), Metadata={"token": "meta-5d1f00ab"})
    url = client.generate_presigned_url("get_object", Params={"Bucket": client.bucket, "Key": "in.csv"})
    pandas.read_csv(url).to_csv("out.csv")
    name = f"/{client.bucket}/in.csv"
    assert [described(span)[2] for span in recorded.io()[1:2]] == [name]
    written = b"".join(recorded.lines())
    signature = url.partition("Signature=")[2].partition("&")[0]
    assert len(signature) > 8
    for secret in (signature, "meta-5d1f00ab", "test-secret"):
        assert secret.encode() not in written


def test_bodies_and_answers_are_the_real_ones(recorded, client):
    client.put_object(Bucket=client.bucket, Key="k", Body=ROWS.encode())
    answer = client.get_object(Bucket=client.bucket, Key="k")
    assert type(answer) is dict
    assert type(answer["Body"]).__module__.startswith("botocore.")
    assert b"\n".join(answer["Body"].iter_lines()).decode() == ROWS.rstrip("\n")
    ranged = client.get_object(Bucket=client.bucket, Key="k", Range="bytes=0-3")
    assert ranged["Body"].read(2) + ranged["Body"].read() == b"day,"
    assert json.loads(json.dumps({"n": answer["ContentLength"]})) == {"n": len(ROWS)}
