# SPDX-License-Identifier: Apache-2.0
"""Exporters of changes, besides the journal and OTLP: files of JSON lines, HTTP, S3, Kafka."""

from __future__ import annotations

from otelprov.containers.exporters.exporter import Exporter, Sent
from otelprov.containers.exporters.http import HttpExporter
from otelprov.containers.exporters.jsonl import JsonLinesExporter
from otelprov.containers.exporters.kafka import KafkaExporter
from otelprov.containers.exporters.s3 import S3Exporter
from otelprov.containers.exporters.shape import change_json

__all__ = [
    "Exporter",
    "HttpExporter",
    "JsonLinesExporter",
    "KafkaExporter",
    "S3Exporter",
    "Sent",
    "change_json",
]
