# SPDX-License-Identifier: Apache-2.0
"""Appends changes to a file, one JSON object a line, and begins a new file when it has grown."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from typing import Any

from otelprov.containers.exporters.exporter import Exporter, Sent

_READ_BY_OWNER = 0o600


class JsonLinesExporter(Exporter):
    """Appends to `path`, which only its owner may read. Several processes may append to one file.

    When it has reached `rotate` bytes it becomes `PATH.1`, the next one `PATH.2`, …, and a new one is begun. Of those
    that are full, the newest `backups` are kept, all of them where it is None.
    A full disk costs what could not be written within `patience` seconds; lines are whole or not there.
    """

    def __init__(
        self, path: str | os.PathLike[str], rotate: int = 100_000_000, backups: int | None = None, **kind: Any
    ) -> None:
        """`kind` as for every exporter: values, batch, linger, patience."""
        if rotate < 1 or (backups is not None and backups < 1):
            raise ValueError(f"rotate {rotate} and backups {backups}: whole numbers above 0 are expected")
        super().__init__(**kind)
        # Also where the program changes its folder.
        self._path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self._rotate, self._backups = rotate, backups
        self._fd = -1

    def send(self, lines: Sequence[str], seconds: float) -> Sent:
        """Append lines."""
        data = memoryview("".join(f"{line}\n" for line in lines).encode("ascii"))
        fd = self._open()
        try:
            # A process that appends to the same file must not see, or be cut off with, half a line of ours.
            before = os.fstat(fd).st_size
            try:
                while data:
                    data = data[os.write(fd, data) :]
            except OSError:
                os.ftruncate(fd, before)
                raise
            if os.fstat(fd).st_size >= self._rotate:
                self._put_aside()
        finally:
            if self._fd >= 0:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        return Sent(taken=len(lines))

    def shut(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> int:
        """Descriptor of the file, locked; another process may have put it aside or removed it."""
        while True:
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._fd = os.open(self._path, flags, _READ_BY_OWNER)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                if os.path.samestat(os.fstat(self._fd), os.stat(self._path, follow_symlinks=False)):
                    return self._fd
            except FileNotFoundError:
                pass
            self.shut()

    def _put_aside(self) -> None:
        folder, name = os.path.split(self._path)
        numbers = sorted(
            int(found[len(name) + 1 :])
            for found in os.listdir(folder)
            if found.startswith(f"{name}.") and found[len(name) + 1 :].isdecimal()
        )
        os.rename(self._path, f"{self._path}.{numbers[-1] + 1 if numbers else 1}")
        if self._backups is not None:
            for number in numbers[: max(0, len(numbers) + 1 - self._backups)]:
                os.unlink(f"{self._path}.{number}")
        self.shut()
