# SPDX-License-Identifier: Apache-2.0
"""Puts changes into a bucket of S3, or of what speaks as it does: an object of JSON lines for each batch."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from otelprov.containers.exporters.exporter import Exporter, Sent
from otelprov.errors import UsageError

# What tells that the next try may go better, besides every 5xx.
_TRY_AGAIN = frozenset({408, 425, 429})
_TIMEOUT = 10.0


class S3Exporter(Exporter):
    """Puts objects `PREFIX/2026-11-21/163000.123456-PID-RANDOM.jsonl` of up to `batch` changes into a bucket.

    Credentials and region come from where boto3 finds them, or from `client`, arguments of `boto3.client("s3", …)`
    such as `endpoint_url`. A bucket that is not there, or not ours to write to, is a refusal: the batch is lost.
    Needs boto3: `pip install 'otelprov[s3]'`.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        client: dict[str, Any] | None = None,
        batch: int = 10_000,
        linger: float = 5.0,
        **kind: Any,
    ) -> None:
        """`kind` as for every exporter: values, patience."""
        try:
            import boto3
            import botocore.config
        except ImportError:
            raise UsageError("an S3Exporter needs boto3: pip install 'otelprov[s3]'") from None
        super().__init__(batch=batch, linger=linger, **kind)
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._arguments = dict(client or {})
        # Tried again by us, who know how much time there is.
        self._arguments.setdefault(
            "config",
            botocore.config.Config(
                connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"mode": "standard", "total_max_attempts": 1}
            ),
        )
        # A session of its own, as the one that boto3 has for everybody is not made for several threads.
        self._make = boto3.session.Session
        self._client: Any = None
        # Of a batch, so that one that is tried again does not become two objects.
        self._key, self._first = "", ""

    def send(self, lines: Sequence[str], seconds: float) -> Sent:
        """Put an object."""
        import botocore.exceptions

        if self._client is None:
            self._client = self._make().client("s3", **self._arguments)
        if self._first != lines[0] or not self._key:
            self._first, self._key = lines[0], self._new_key()
        body = "".join(f"{line}\n" for line in lines).encode("ascii")
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body, ContentType="application/x-ndjson")
        except botocore.exceptions.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if 400 <= status < 500 and status not in _TRY_AGAIN:
                return Sent(refused=len(lines), why=str(error))
            raise
        self._key = ""
        return Sent(taken=len(lines))

    def shut(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def forget(self) -> None:
        """Leave the connections to the parent."""
        self._client = None

    def _new_key(self) -> str:
        now = time.time_ns()
        when = time.strftime("%Y-%m-%d/%H%M%S", time.gmtime(now // 1_000_000_000))
        name = f"{when}.{now // 1000 % 1_000_000:06d}-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        return f"{self._prefix}/{name}" if self._prefix else name
