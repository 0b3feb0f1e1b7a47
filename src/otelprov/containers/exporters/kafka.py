# SPDX-License-Identifier: Apache-2.0
"""Sends changes to a topic of Kafka: one message a change, those of a container in order."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from otelprov.containers.exporters.exporter import Exporter, Sent
from otelprov.errors import UsageError

_TIMEOUT = 10.0
_SECONDS_TO_PURGE = 0.2


class KafkaExporter(Exporter):
    """Sends each change as a message whose key is the id of its container, so that a container has one partition.

    `settings` are those of librdkafka (`security.protocol`, `sasl.username`, `ssl.ca.location`, …). A message counts as
    sent when the brokers have it in all replicas that are in sync; within a connection none is written twice.
    Needs confluent-kafka: `pip install 'otelprov[kafka]'`.
    """

    def __init__(
        self, servers: str | Sequence[str], topic: str, settings: Mapping[str, Any] | None = None, **kind: Any
    ) -> None:
        """`servers` are host:port, one or several; `kind` as for every exporter: values, batch, linger, patience."""
        try:
            # Not by its public name, which instrumentations replace by one that makes spans.
            from confluent_kafka.cimpl import Producer
        except ImportError:
            raise UsageError("a KafkaExporter needs confluent-kafka: pip install 'otelprov[kafka]'") from None
        super().__init__(**kind)
        self._topic = topic
        self._settings = {
            "bootstrap.servers": servers if isinstance(servers, str) else ",".join(servers),
            "enable.idempotence": True,
            "linger.ms": 0,
            "compression.type": "gzip",
            # Its own log goes to stderr, which is the program's.
            "log_level": 0,
            **(settings or {}),
        }
        self._new = Producer
        self._producer: Any = None

    def send(self, lines: Sequence[str], seconds: float) -> Sent:
        """Send messages and wait for what becomes of each."""
        if self._producer is None:
            self._producer = self._new({**self._settings, "error_cb": _ignore, "logger": _Silent()})
        batch = _Batch(lines)
        deadline = time.monotonic() + min(seconds, _TIMEOUT)
        for number, line in enumerate(lines):
            self._produce(batch, number, line, deadline)
        self._producer.flush(max(0.0, deadline - time.monotonic()))
        if batch.open():
            # Those that nobody has answered for: taken back, so that they are not sent twice.
            self._producer.purge()
            self._producer.flush(_SECONDS_TO_PURGE)
        done = batch.result()
        if done.again:
            # A new one asks at once, where this one would wait longer and longer, or has given up for good.
            self.shut()
        return done

    def _produce(self, batch: _Batch, number: int, line: str, deadline: float) -> None:
        key = json.loads(line)["container"]["id"]
        while True:
            try:
                self._producer.produce(self._topic, line, key, on_delivery=batch.outcome_of(number))
            except BufferError:
                if time.monotonic() >= deadline:
                    return
                self._producer.poll(0.05)
            else:
                return

    def shut(self) -> None:
        """Take back what was not sent, and close the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(_SECONDS_TO_PURGE)

    def forget(self) -> None:
        """Leave the connections, and the threads that are not there, to the parent."""
        # Taking it apart would wait for those threads for ever.
        _parents.append(self._producer)
        self._producer = None


_parents: list[Any] = []


class _Batch:
    """What became of each message of a batch."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._errors: dict[int, Any] = {}

    def outcome_of(self, number: int) -> Any:
        def note(error: Any, _message: Any) -> None:
            self._errors[number] = error

        return note

    def open(self) -> bool:
        """Whether there are some of which nothing is known."""
        return len(self._errors) < len(self._lines)

    def result(self) -> Sent:
        """Taken, refused for what is in them, or to be tried again."""
        taken, refused, again, why = 0, 0, [], ""
        for number, line in enumerate(self._lines):
            error = self._errors.get(number, "no answer in time")
            if error is None:
                taken += 1
                continue
            why = str(error)
            if isinstance(error, str) or _may_go_better(error):
                again.append(line)
            else:
                refused += 1
        return Sent(taken, refused, again, why)


def _may_go_better(error: Any) -> bool:
    from confluent_kafka.cimpl import KafkaError

    refusals = (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
    )
    return error.code() not in refusals


def _ignore(_error: Any) -> None:
    """Errors of the connection show in the messages."""


class _Silent:
    """Takes the place of a logger, which else is the program's standard error."""

    def log(self, *_: object) -> None:
        """Say nothing."""
