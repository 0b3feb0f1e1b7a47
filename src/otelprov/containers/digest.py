# SPDX-License-Identifier: Apache-2.0
"""Keyed digests of plain values: equal values of a run have equal ones, and nobody without the key can guess them."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from otelprov.capture.scrub.mark import derived_key
from otelprov.model.values import freeze

_BYTES = 8
_MOST = 16_384
_MOST_ROWS = 2_048
_LONGEST_REMEMBERED = 128
_LARGEST_REMEMBERED = 2**63


class Digests:
    """Digests of one run, or of one process where no key can be kept; `ints` and `texts` are those made lately."""

    def __init__(self, run_id: str) -> None:
        key = derived_key(run_id) or os.urandom(32)
        self._keyed = hashlib.blake2b(key=key, digest_size=_BYTES)
        self._keyed_row = hashlib.blake2b(key=key, digest_size=8 * _BYTES)
        self._rows: dict[int, str] = {}
        self.ints: dict[int, str] = {}
        self.texts: dict[str, str] = {}

    def of_int(self, value: int) -> str:
        """Of an exact int, of any size: 16 hex digits."""
        if not -_LARGEST_REMEMBERED < value < _LARGEST_REMEMBERED:
            return self._of(b"i%x" % value)
        # Neighbours share one long digest, each a piece of it: counters are what is counted most.
        row = self._rows.get(value >> 3)
        if row is None:
            keyed = self._keyed_row.copy()
            keyed.update(b"i%x" % (value >> 3))
            if len(self._rows) >= _MOST_ROWS:
                self._rows.clear()
            row = self._rows[value >> 3] = keyed.hexdigest()
        place = (value & 7) * 2 * _BYTES
        told = row[place : place + 2 * _BYTES]
        if len(self.ints) >= _MOST:
            self.ints.clear()
        self.ints[value] = told
        return told

    def of_text(self, value: str) -> str:
        """Of a str."""
        told = self._of(b"s" + value.encode("utf-8", "surrogatepass"))
        if len(value) <= _LONGEST_REMEMBERED:
            if len(self.texts) >= _MOST:
                self.texts.clear()
            self.texts[value] = told
        return told

    def of_other(self, value: Any) -> str:
        """Of another plain value; empty where it is not told in full."""
        frozen, cut = freeze(value)
        return "" if cut else self._of(b"v" + frozen.encode())

    def _of(self, content: bytes) -> str:
        keyed = self._keyed.copy()
        keyed.update(content)
        return keyed.hexdigest()
