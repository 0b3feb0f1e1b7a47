# SPDX-License-Identifier: Apache-2.0
"""Cuts secrets out of command lines, URLs and messages before anything is durable; fails closed."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

CUT = "[cut]"
MAX_LENGTH = 8_192

_SENSITIVE = r"(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|credential|auth|private[-_]?key)"
_SENSITIVE_HINTS = ("pass", "secret", "token", "key", "credential", "auth")

_TOKEN_HINTS = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-", "gldt-", "akia", "asia"),
    *("xox", "sk-", "npm_", "pypi-", "aiza", "eyj", "eyk", "bearer", "basic"),
)

# Pattern, what stands in its place, and what a text must hold (lower case) for the pattern to be worth trying: start-up
# of every observed program goes through here, and a pattern costs more to compile than to try.
_RULES = (
    (
        r"(?s)-----BEGIN [A-Z ]{0,40}(?:PRIVATE KEY|CERTIFICATE)[A-Z ]{0,20}-----.{0,65536}?"
        r"(?:-----END [A-Z ]{1,60}-----|\Z)",
        CUT,
        ("-----begin",),
    ),
    (r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^/\s@'\"]{1,512}@", rf"\1{CUT}@", ("://",)),
    (
        r"\bgh[pousr]_[A-Za-z0-9]{20,255}\b|\bgithub_pat_\w{20,255}\b|\bgl(?:pat|ptt|dt)-[\w-]{16,255}\b"
        r"|\bA(?:KIA|SIA)[A-Z0-9]{16}\b|\bxox[abeprs]-[\w-]{10,255}\b|\bsk-[\w-]{16,255}\b|\bnpm_[A-Za-z0-9]{30,64}\b"
        r"|\bpypi-[\w-]{40,255}\b|\bAIza[\w-]{30,64}\b|\bey[JK][\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{8,1024}"
        r"|\bBearer\s[\w.~+/-]{8,4096}=*|\bBasic\s[A-Za-z0-9+/]{8,4096}=*",
        CUT,
        _TOKEN_HINTS,
    ),
    (
        rf"(?i)\b([\w.-]{{0,64}}{_SENSITIVE}s?)([\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?)([^\s\"'&,;]{{1,4096}})",
        rf"\1\2{CUT}",
        _SENSITIVE_HINTS,
    ),
    (r"(?i)([?&](?:sig|signature|x-amz-[a-z-]+|key|code|state)=)[^&\s\"']{1,4096}", rf"\1{CUT}", ("?", "&")),
)

_compiled = functools.cache(re.compile)


def scrub_text(text: str) -> str:
    """Cut user info of URLs, assignments to secret names, and everything of a known token's shape."""
    try:
        if len(text) > MAX_LENGTH:
            text = text[:MAX_LENGTH] + f"… [cut, {len(text)} characters]"
        lower = text.lower()
        for pattern, replacement, hints in _RULES:
            if any(hint in lower for hint in hints):
                text = _compiled(pattern).sub(replacement, text)
    except Exception:
        return CUT
    return text


def scrub_argv(arguments: Sequence[str]) -> list[str]:
    """Cut the values of arguments whose names say that they are secret, and secrets in all others."""
    scrubbed: list[str] = []
    cut_next = False
    for argument in arguments:
        if cut_next and not argument.startswith("-"):
            scrubbed.append(CUT)
            cut_next = False
            continue
        name, separator, _value = argument.partition("=")
        secret = _is_secret_option(name)
        cut_next = secret and not separator
        scrubbed.append(f"{name}={CUT}" if secret and separator else scrub_text(argument))
    return scrubbed


def _is_secret_option(name: str) -> bool:
    if not name.startswith("-") or not any(hint in name.lower() for hint in _SENSITIVE_HINTS):
        return False
    return _compiled(rf"(?i)(?:^|[-_.]){_SENSITIVE}s?$").search(name.lstrip("-")) is not None
