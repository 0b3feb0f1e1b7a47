# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests, read from the network within limits of time and of memory."""

from __future__ import annotations

import io
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otelprov.ingest.contract import MalformedError
from otelprov.ingest.wire import TooMuchError

PIECE = 64 * 1024


class BusyError(Exception):
    """There is no room for more; the sender shall come again."""


class TimedSocket(io.RawIOBase):
    """What a connection receives: it may be idle for `idle` seconds, and each request has `whole` seconds in all.

    A time-out for each read alone would give a sender of one byte a second for ever. Raises TimeoutError.
    """

    def __init__(self, connection: socket.socket, idle: float, whole: float) -> None:
        self._connection = connection
        self._idle, self._whole = idle, whole
        self._deadline: float | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def begin(self) -> None:
        """A new request: its time begins with its first byte."""
        self._deadline = None

    def end_in(self, seconds: float) -> None:
        """Allow so many seconds from now, whatever was before."""
        self._deadline = time.monotonic() + seconds

    def readinto(self, buffer: Any) -> int:
        """Wait for what comes next, for as long as there is time."""
        left = self._idle if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the sender took too long")
        self._connection.settimeout(left)
        size = self._connection.recv_into(buffer)
        if self._deadline is None:
            self._deadline = time.monotonic() + self._whole
        # Answers have a time of their own.
        self._connection.settimeout(self._idle)
        return size


class Budget:
    """Bytes of bodies that may be in memory at the same time, counted as they come, not as they are announced."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    @contextmanager
    def body(self, stream: io.BufferedIOBase, length: int) -> Iterator[bytearray]:
        """Read a body and hold its room while the block runs. Raises BusyError, and ConnectionError when cut off."""
        body = bytearray()
        try:
            while len(body) < length:
                piece = stream.read1(min(length - len(body), PIECE))
                if not piece:
                    raise ConnectionError("the sender went away")
                with self._lock:
                    if self._left < len(piece):
                        raise BusyError
                    self._left -= len(piece)
                body += piece
            yield body
        finally:
            with self._lock:
                self._left += len(body)


def unpacked(body: bytes | bytearray, limit: int) -> bytes:
    """Unpack gzip up to `limit` bytes. Raises TooMuchError past it, and MalformedError for what is no gzip."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedError(f"the gzip is broken: {error}") from None
    if len(data) > limit:
        raise TooMuchError(f"the request unpacks to over {limit} bytes: send smaller batches")
    if not unpacker.eof:
        raise MalformedError("the gzip ends too early")
    if unpacker.unused_data:
        # To take the first part alone would lose the others without a word.
        raise MalformedError("there is something behind the end of the gzip")
    return data
