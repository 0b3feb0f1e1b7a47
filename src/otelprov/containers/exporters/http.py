# SPDX-License-Identifier: Apache-2.0
"""Sends changes to an HTTP endpoint: a POST of a JSON array for each batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from otelprov.containers.exporters.exporter import Exporter, Sent
from otelprov.journal.connection import KeptConnection, retry_after

_MOST_OF_AN_ANSWER = 65_536
_TRY_AGAIN = frozenset({408, 425, 429})


class HttpExporter(Exporter):
    """POSTs changes to `url` as `application/json`, with `headers` of your own, over one kept connection.

    2xx is success. 408, 425, 429, 5xx and what goes wrong on the way are tried again, no sooner than `Retry-After`
    says; anything else is a refusal, and the batch is lost. Redirects are not followed and proxies not used;
    certificates are verified. What timed out may have arrived: container id and number tell the same change.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, timeout: float = 10.0, **kind: Any) -> None:
        """`timeout` in seconds, of each try; `kind` as for every exporter: values, batch, linger, patience."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url: http://… or https://… is expected, not {url!r}")
        if parts.username is not None:
            raise ValueError("url: credentials go into a header, not into the URL")
        super().__init__(**kind)
        self._connection = KeptConnection(url)
        self._headers = {"content-type": "application/json", "user-agent": "otelprov", **(headers or {})}
        self._timeout = timeout

    def send(self, lines: Sequence[str], seconds: float) -> Sent:
        """Send changes as one array."""
        body = f"[{','.join(lines)}]".encode()
        response, _content = self._connection.post(body, self._headers, min(seconds, self._timeout), _MOST_OF_AN_ANSWER)
        if 200 <= response.status < 300:
            return Sent(taken=len(lines))
        why = f"HTTP {response.status} {response.reason}"
        if response.status in _TRY_AGAIN or response.status >= 500:
            return Sent(again=lines, why=why, wait=retry_after(response))
        if 300 <= response.status < 400:
            why += ": redirects are not followed, give the address it leads to"
        return Sent(refused=len(lines), why=why)

    def shut(self) -> None:
        """Close the connection."""
        self._connection.close()
