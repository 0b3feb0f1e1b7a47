# SPDX-License-Identifier: Apache-2.0
"""Bytes of a file or a pipe, unpacked while they are read and never more of them in memory than is allowed."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any, BinaryIO, cast

from otelprov.errors import UsageError
from otelprov.ingest.contract import MalformedError

# Largest line or message, in bytes.
MAX_DOCUMENT = 64 * 2**20
# Telemetry packs well, but not like this: past so much, a file that grew by more than this factor is a bomb.
_BOMB_SIZE = 256 * 2**20
_BOMB_FACTOR = 1000
_CHUNK = 256 * 1024
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

NEEDS_ZSTD = "it is packed with zstd, which needs: pip install zstandard"


class _Rejoined(io.RawIOBase):
    """Bytes that were looked at, followed by the rest; counts what went through."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = head
        # One read at a time: `read` would go on until it met what is broken, and lose what came before that.
        self._read = getattr(rest, "read1", rest.read)
        self.passed = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._head:
            data, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        else:
            data = self._read(len(buffer))
        buffer[: len(data)] = data
        self.passed += len(data)
        return len(data)


class ByteStream:
    """The unpacked bytes of `raw`; `packed` says how they were packed, `offset` how many have been read.

    Whatever is wrong with the packing is raised as MalformedError, after everything before it could be read.
    """

    def __init__(self, raw: BinaryIO, offset: int = 0) -> None:
        self.offset = offset
        self.packed = ""
        head = _up_to(raw, 4)
        self._in = _Rejoined(head, raw)
        inner: Any = self._in
        if head.startswith(_GZIP):
            self.packed = "gzip"
            inner = gzip.GzipFile(fileobj=cast("BinaryIO", io.BufferedReader(self._in, _CHUNK)))
        elif head == _ZSTD:
            self.packed = "zstd"
            inner = _zstd_reader(io.BufferedReader(self._in, _CHUNK))
        self.head = self._guarded(lambda: _up_to(inner, 64))
        self._out = io.BufferedReader(_Rejoined(self.head, inner), _CHUNK)
        self._returned = b""

    def line(self) -> tuple[bytes, bool]:
        """The next line with its end, and whether it was whole; `b""` at the end.

        Of a line over `MAX_DOCUMENT` nothing but its first bytes are given back, and the rest is passed over.
        """
        if self._returned:
            data, self._returned = self._returned, b""
        else:
            data = self._guarded(lambda: self._out.readline(MAX_DOCUMENT + 1))
        self._advance(len(data))
        if len(data) <= MAX_DOCUMENT:
            return data, True
        piece = data
        while piece and not piece.endswith(b"\n"):
            piece = self._guarded(lambda: self._out.readline(_CHUNK))
            self._advance(len(piece))
        return data[:64], False

    def put_back(self, line: bytes) -> None:
        """Give back a whole line: `line` gives it again."""
        self._returned = line
        self.offset -= len(line)

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        data = self._guarded(lambda: self._out.read(size))
        self._advance(len(data))
        return data

    def _advance(self, size: int) -> None:
        self.offset += size
        if self.packed and self.offset > _BOMB_SIZE and self.offset > _BOMB_FACTOR * self._in.passed:
            raise MalformedError(f"unpacks to more than {_BOMB_FACTOR} times its size; the rest was not read")

    def _guarded(self, read: Any) -> bytes:
        try:
            return cast("bytes", read())
        except EOFError:
            raise MalformedError(f"{self.packed} data ends too early at byte {self.offset} of its content") from None
        except (OSError, zlib.error) as error:
            raise MalformedError(f"can't be read past byte {self.offset} of its content: {error}") from None
        except Exception as error:
            # zstandard's own error class is known only where it is installed.
            if type(error).__name__ != "ZstdError":
                raise
            raise MalformedError(f"can't be read past byte {self.offset} of its content: {error}") from None


def unpack(data: bytes) -> bytes:
    """Unpack one message in memory, up to `MAX_DOCUMENT`. Raises MalformedError."""
    if not data.startswith((_GZIP, _ZSTD)):
        return data
    stream = ByteStream(io.BytesIO(data))
    unpacked = stream.read(MAX_DOCUMENT + 1)
    if len(unpacked) > MAX_DOCUMENT:
        raise MalformedError(f"unpacks to over {MAX_DOCUMENT} bytes")
    return unpacked


def _up_to(raw: Any, size: int) -> bytes:
    """Up to `size` bytes, however few come at a time."""
    data = b""
    while len(data) < size and (piece := raw.read(size - len(data))):
        data += piece
    return data


def _zstd_reader(raw: Any) -> Any:
    try:
        import zstandard
    except ImportError:
        raise UsageError(f"Can't read this source: {NEEDS_ZSTD}") from None
    return zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(raw, read_across_frames=True)
