# SPDX-License-Identifier: Apache-2.0
"""What stands in the place of a secret: a keyed hash, so that equal secrets can be told without being known."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable

from otelprov import config
from otelprov.capture.inside import quietly
from otelprov.capture.scrub.chosen import has_rules

KEY_FILE = "scrub.key"
BARE = "[cut]"
_KEY_BYTES = 32
_MARK = re.compile(r"(?:\w{1,16} )?\[cut(?::[0-9a-f]{8})?\]")


def mark(secret: str) -> str:
    """`[cut:1a2b3c4d]`, eight hex digits of HMAC-SHA-256; `[cut]` where there is no key and none can be made.

    Marks, empty texts and what a rule of the user's keeps come back as they are.
    """
    if not secret or ("[cut" in secret and _MARK.fullmatch(secret)):
        return secret
    if has_rules():
        from otelprov.capture.scrub.rules import kept

        if kept(secret):
            return secret
    key = _key(config.HOME.text())
    if not key:
        return BARE
    return f"[cut:{_hmac()(key, secret.encode('utf-8', 'surrogatepass'), 'sha256')[:4].hex()}]"


def derived_key(purpose: str) -> bytes:
    """A key for keyed digests, 32 bytes, different for each purpose; empty where there is none and none can be made."""
    key = _key(config.HOME.text())
    return _hmac()(key, purpose.encode(), "sha256") if key else b""


@functools.cache
def _hmac() -> Callable[[bytes, bytes, str], bytes]:
    # Most programs never need it.
    import hmac

    return hmac.digest


@functools.lru_cache(maxsize=4)
def _key(_chosen: str) -> bytes:
    with quietly():
        home = config.home()
        path = os.path.join(home, KEY_FILE)
        try:
            return _read(path)
        except FileNotFoundError:
            pass
        except OSError:
            return b""
        try:
            return _make(home, path)
        except OSError:
            return b""


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        # A key that others can read or that another has laid there keeps no secret.
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return b""
        key = os.read(fd, _KEY_BYTES)
    finally:
        os.close(fd)
    return key if len(key) == _KEY_BYTES else b""


def _make(home: str, path: str) -> bytes:
    os.makedirs(home, mode=0o700, exist_ok=True)
    draft = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.write(fd, os.urandom(_KEY_BYTES))
        finally:
            os.close(fd)
        try:
            # Whole or not at all, and the first of several processes wins.
            os.link(draft, path)
        except FileExistsError:
            return _read(path)
        return _read(path)
    finally:
        os.unlink(draft)
