# SPDX-License-Identifier: Apache-2.0
"""A real Kafka for tests: one broker of its own in KRaft mode, on ports and in a folder of the test."""

from __future__ import annotations

import base64
import functools
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from backend_processes import GUARD, ROOT, free_port, wait_until

# Little of everything: it lives for seconds and holds next to nothing.
_JAVA = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
"""


@functools.cache
def _jars() -> str:
    tool = subprocess.run([sys.executable, str(ROOT / "tools" / "kafka.py")], capture_output=True, text=True)
    if tool.returncode != 0:
        pytest.fail(f"tools/kafka.py could not fetch Kafka:\n{tool.stderr}", pytrace=False)
    return f"{tool.stdout.strip()}/*"


class Broker:
    """A broker that can be killed and started again, on the same port and with what it had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port, controller = free_port(), free_port()
        self.servers = f"127.0.0.1:{self._port}"
        self._settings = folder / "server.properties"
        self._settings.write_text(_SETTINGS.format(port=self._port, controller=controller, folder=folder))
        self.process: subprocess.Popen[bytes] | None = None
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._settings)]
        formatted = subprocess.run(["java", *_JAVA, _QUIET, "-cp", _jars(), *tool], capture_output=True, text=True)
        assert formatted.returncode == 0, formatted.stderr

    def start(self) -> Broker:
        command = ["/usr/bin/env", "java", *_JAVA, _QUIET, "-cp", _jars(), "kafka.Kafka", str(self._settings)]
        with (self.folder / "broker.log").open("ab") as log:
            guarded = [sys.executable, "-ISc", GUARD, str(os.getpid()), *command]
            self.process = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._listens, f"the broker, see {self.folder / 'broker.log'}", 60.0)
        return self

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def messages(self, topic: str, number: int) -> list[tuple[str, str]]:
        """Key and value of the messages of a topic, from its beginning; waits until there are so many."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "tests", "enable.auto.commit": False})
        try:
            consumer.assign([TopicPartition(topic, 0, 0)])
            found: list[tuple[str, str]] = []

            def enough() -> bool:
                for message in consumer.consume(1000, 0.1):
                    if message.error() is None:
                        found.append((message.key().decode(), message.value().decode()))
                return len(found) >= number

            wait_until(enough, f"{number} messages of {topic}")
            return found
        finally:
            consumer.close()

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "broker.log").read_text()[-4000:]
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker, one for the module."""
    broker = Broker(tmp_path_factory.mktemp("kafka")).start()
    try:
        yield broker
    finally:
        broker.kill()
