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
_LONGEST_REMEMBERED = 128


class Digests:
    """Digests of one run, or of one process where no key can be kept; `ints` and `texts` are those made lately."""

    def __init__(self, run_id: str) -> None:
        self._keyed = hashlib.blake2b(key=derived_key(run_id) or os.urandom(32), digest_size=_BYTES)
        self.ints: dict[int, str] = {}
        self.texts: dict[str, str] = {}

    def of_int(self, value: int) -> str:
        """Of an exact int, of any size: 16 hex digits."""
        keyed = self._keyed.copy()
        keyed.update(b"i%x" % value)
        told = keyed.hexdigest()
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
