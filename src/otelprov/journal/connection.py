# SPDX-License-Identifier: Apache-2.0
"""One kept HTTP connection for POST requests: no redirects, no proxies, certificates verified."""

from __future__ import annotations

import email.utils
import http.client
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

_LONGEST_WAIT = 300.0


class KeptConnection:
    """A connection to the host of an http or https URL, made when it is needed; used by one thread at a time."""

    def __init__(self, url: str, context: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        self._parts = urlsplit(url)
        self._context = context
        self._connection: http.client.HTTPConnection | None = None

    def post(
        self, body: bytes, headers: Mapping[str, str], seconds: float, most: int
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer to a POST and the first bytes of what is in it; raises OSError, HTTPException, ValueError."""
        target = self._parts.path or "/"
        if self._parts.query:
            target = f"{target}?{self._parts.query}"
        try:
            connection = self._connect(seconds)
            connection.request("POST", target, body, dict(headers))
            response = connection.getresponse()
            content = response.read(most)
        except BaseException:
            self.close()
            raise
        if response.will_close or not response.isclosed():
            self.close()
        return response, content

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=self._context())
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=seconds)
        self._connection.timeout = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)
        return self._connection


def retry_after(response: http.client.HTTPResponse) -> float:
    """How many seconds an answer asks us to wait, as a number or a date: 300 at most, 0 where it does not."""
    said = response.getheader("retry-after") or ""
    try:
        seconds = float(said or 0)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    # What is no number at all is not less than anything.
    return max(0.0, min(seconds, _LONGEST_WAIT)) if seconds == seconds else 0.0
