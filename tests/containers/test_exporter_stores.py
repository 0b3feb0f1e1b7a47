# SPDX-License-Identifier: Apache-2.0
"""The exporters to S3 and Kafka against a real server and a real broker, and against none."""

import json
import sys

import pytest
from backend_processes import free_port
from kafka_broker import kafka_broker  # noqa: F401
from observer_plots import nobody_stays  # noqa: F401

from otelprov.containers import JsonLinesExporter, KafkaExporter, S3Exporter, observe, track, tracking
from otelprov.testing import recording
from otelprov_instrumentors.botocore import BotocoreInstrumentor
from otelprov_instrumentors.files import FilesInstrumentor

# S3


def objects(server, bucket, prefix):
    client = server.client()
    listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode() for one in listed]


def test_objects_of_lines_in_a_bucket_that_are_not_captured(tmp_path, s3_server):
    cart = track([], "cart")
    instrumentors = (BotocoreInstrumentor(), FilesInstrumentor())
    with recording(tmp_path) as recorded:
        for instrumentor in instrumentors:
            instrumentor.instrument()
        try:
            with (
                S3Exporter(s3_server.bucket, "changes/", client=s3_server.settings, batch=10, linger=0.1) as exporter,
                JsonLinesExporter(tmp_path / "c.jsonl") as lines,
                observe(cart, exporter),
                observe(cart, lines),
            ):
                for number in range(1, 26):
                    cart.append(number)
            assert (exporter.sent, exporter.lost, lines.sent) == (25, 0, 25)
        finally:
            for instrumentor in instrumentors:
                instrumentor.uninstrument()
    found = objects(s3_server, s3_server.bucket, "changes/")
    assert len(found) >= 3
    assert sorted(json.loads(line)["number"] for body in found for line in body.splitlines()) == list(range(1, 26))
    assert recorded.io() == []


def test_a_bucket_that_is_not_there_and_a_server_that_is_not_there(s3_server):
    cart, seen = track([], "cart"), []
    away = {**s3_server.settings, "endpoint_url": f"http://127.0.0.1:{free_port()}"}
    with (
        S3Exporter("no-such-bucket", client=s3_server.settings, linger=0) as refused,
        S3Exporter(s3_server.bucket, client=away, linger=0, patience=0.3) as alone,
        observe(cart, refused),
        observe(cart, alone),
        observe(cart, seen.append),
    ):
        for number in range(5):
            cart.append(number)
        assert refused.flush(10)
        assert alone.flush(10)
        assert (refused.sent, refused.lost, alone.sent, alone.lost) == (0, 5, 0, 5)
        assert "NoSuchBucket" in refused.last_error
        assert "EndpointConnectionError" in alone.last_error
    assert len(seen) == len(cart) == 5


# Kafka


def test_messages_in_a_topic_keyed_by_container(kafka_broker):
    cart, orders = track([], "cart"), track({}, "orders")
    with KafkaExporter(kafka_broker.servers, "changes", values=True) as exporter, observe(None, exporter):
        for number in range(1, 51):
            cart.append(number)
            orders["n"] = number
    assert (exporter.sent, exporter.lost) == (100, 0)
    found = kafka_broker.messages("changes", 100)
    for container in (cart, orders):
        key = tracking(container).id
        own = [json.loads(value) for of, value in found if of == key]
        assert [change["new"]["value"] for change in own] == list(range(1, 51))


def test_a_broker_that_is_killed_costs_what_it_did_not_take(kafka_broker):
    cart, seen = track([], "cart"), []
    with (
        KafkaExporter(kafka_broker.servers, "killed", patience=0.5, linger=0) as exporter,
        observe(cart, exporter),
        observe(cart, seen.append),
    ):
        for number in range(1, 21):
            cart.append(number)
        assert exporter.flush(20)
        assert (exporter.sent, exporter.lost) == (20, 0)
        kafka_broker.kill()
        for number in range(21, 31):
            cart.append(number)
        assert exporter.flush(20)
        assert (exporter.sent, exporter.losses) == (20, {"exporter_failed": 10})
        kafka_broker.start()
        exporter._patience = 30.0
        for number in range(31, 41):
            cart.append(number)
        assert exporter.flush(30)
        assert (exporter.sent, exporter.lost) == (30, 10)
    found = [json.loads(value)["number"] for _key, value in kafka_broker.messages("killed", 30)]
    assert found == [*range(1, 21), *range(31, 41)]
    assert len(seen) == len(cart) == 40


def test_without_their_clients_the_exporters_say_what_to_install(monkeypatch):
    for module in ("boto3", "confluent_kafka.cimpl"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Exception, match=r"pip install 'otelprov\[s3\]'"):
        S3Exporter("bucket")
    with pytest.raises(Exception, match=r"pip install 'otelprov\[kafka\]'"):
        KafkaExporter("127.0.0.1:1", "topic")
