# SPDX-License-Identifier: Apache-2.0
"""Secrets in the public formats of their issuers, from a seeded generator: none is real, none stands in a file."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + string.digits
_URLSAFE = _ALNUM + "-_"
_WORDS = ("correct", "horse", "battery", "staple", "sunny", "winter", "maple", "orbit", "velvet", "cobalt")

# Prefix in two parts, alphabet, length. In parts, so that no scanner of secrets takes this file for one.
_SHAPES: dict[str, tuple[str, str, str, int]] = {
    "github": ("gh", "p_", _ALNUM, 36),
    "github_fine": ("github", "_pat_", _ALNUM, 82),
    "gitlab": ("gl", "pat-", _URLSAFE, 20),
    "aws_id": ("AK", "IA", _UPPER, 16),
    "slack": ("xo", "xb-", string.digits, 24),
    "openai": ("sk", "-proj-", _URLSAFE, 48),
    "stripe": ("sk", "_live_", _ALNUM, 24),
    "google": ("AI", "za", _URLSAFE, 35),
    "npm": ("np", "m_", _ALNUM, 36),
    "pypi": ("py", "pi-AgEIcHlwaS5vcmc", _URLSAFE, 120),
    "huggingface": ("h", "f_", _ALNUM, 34),
    "digitalocean": ("dop", "_v1_", _HEX, 64),
    "databricks": ("da", "pi", _HEX, 32),
    "shopify": ("shp", "at_", _HEX, 32),
    "vault": ("hv", "s.", _URLSAFE, 90),
    "docker": ("dckr", "_pat_", _URLSAFE, 27),
    "google_oauth": ("ya", "29.", _URLSAFE, 100),
    "doppler": ("dp.", "pt.", _ALNUM, 43),
}


class Secrets:
    """Makes secrets; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def _some(self, alphabet: str, length: int) -> str:
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def shaped(self, kind: str) -> str:
        """A token with a shape of its own."""
        first, second, alphabet, length = _SHAPES[kind]
        return first + second + self._some(alphabet, length)

    def sendgrid(self) -> str:
        return "S" + "G." + self._some(_ALNUM, 22) + "." + self._some(_ALNUM, 43)

    def telegram(self) -> str:
        return self._some("123456789", 9) + ":A" + "A" + self._some(_URLSAFE, 33)

    def jwt(self) -> str:
        def part(text: str) -> str:
            return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

        return (
            f"{part('{' + chr(34) + 'alg' + chr(34) + ':1}')}.{part(self._some(_ALNUM, 30))}.{self._some(_URLSAFE, 43)}"
        )

    def password(self) -> str:
        """What a person makes up: letters, digits, a sign that URLs and shells leave alone."""
        return (
            self.random.choice(_WORDS).title()
            + self._some(string.digits, 4)
            + self.random.choice("!_~.+")
            + self._some(_ALNUM, 6)
        )

    def passphrase(self) -> str:
        """Words without digits."""
        return "-".join(self.random.sample(_WORDS, 4))

    def hexadecimal(self) -> str:
        return self._some(_HEX, 40)

    def base64(self) -> str:
        """As keys of storage accounts are written."""
        return base64.b64encode(self.random.randbytes(48)).decode() + "=="

    def any_value(self) -> str:
        """A secret without a shape: only where it stands tells what it is."""
        makers: list[Callable[[], str]] = [self.password, self.passphrase, self.hexadecimal, self.base64]
        return self.random.choice(makers)()

    def login_value(self) -> str:
        """A secret that may stand in a URL as it is."""
        return self.random.choice([self.password, self.passphrase, self.hexadecimal])()

    def pem(self, kind: str) -> tuple[str, str]:
        """A block with a private key, and the key in it."""
        lines = [base64.b64encode(self.random.randbytes(48)).decode() for _ in range(6)]
        return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"]), lines[3]


SHAPED = tuple(_SHAPES)
