# SPDX-License-Identifier: Apache-2.0
"""Cuts secrets out of command lines, URLs and messages before anything is durable; fails closed."""

from __future__ import annotations

import re
from collections.abc import Sequence

CUT = "[cut]"
MAX_LENGTH = 8_192

_SENSITIVE = r"(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|credential|auth|private[-_]?key)"
_SECRET_NAME = re.compile(rf"(?i)(?:^|[-_.]){_SENSITIVE}s?$")
_USER_INFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^/\s@'\"]{1,512}@")
_ASSIGNMENT = re.compile(
    rf"(?i)\b([\w.-]{{0,64}}{_SENSITIVE}s?)([\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?)([^\s\"'&,;]{{1,4096}})"
)
_QUERY = re.compile(r"(?i)([?&](?:sig|signature|x-amz-[a-z-]+|key|code|state)=)[^&\s\"']{1,4096}")
_SHAPES = re.compile(
    r"\bgh[pousr]_[A-Za-z0-9]{20,255}\b|\bgithub_pat_\w{20,255}\b|\bgl(?:pat|ptt|dt)-[\w-]{16,255}\b"
    r"|\bA(?:KIA|SIA)[A-Z0-9]{16}\b|\bxox[abeprs]-[\w-]{10,255}\b|\bsk-[\w-]{16,255}\b|\bnpm_[A-Za-z0-9]{30,64}\b"
    r"|\bpypi-[\w-]{40,255}\b|\bAIza[\w-]{30,64}\b|\bey[JK][\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{8,1024}"
    r"|\bBearer\s[\w.~+/-]{8,4096}=*|\bBasic\s[A-Za-z0-9+/]{8,4096}=*"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z ]{0,40}(?:PRIVATE KEY|CERTIFICATE)[A-Z ]{0,20}-----.{0,65536}?(?:-----END [A-Z ]{1,60}-----|\Z)",
    re.DOTALL,
)


def scrub_text(text: str) -> str:
    """Cut user info of URLs, assignments to secret names, and everything of a known token's shape."""
    try:
        if len(text) > MAX_LENGTH:
            text = text[:MAX_LENGTH] + f"… [cut, {len(text)} characters]"
        text = _PEM.sub(CUT, text)
        text = _USER_INFO.sub(rf"\1{CUT}@", text)
        text = _SHAPES.sub(CUT, text)
        text = _ASSIGNMENT.sub(rf"\1\2{CUT}", text)
        return _QUERY.sub(rf"\1{CUT}", text)
    except Exception:
        return CUT


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
        secret = argument.startswith("-") and _SECRET_NAME.search(name.lstrip("-")) is not None
        cut_next = secret and not separator
        scrubbed.append(f"{name}={CUT}" if secret and separator else scrub_text(argument))
    return scrubbed
