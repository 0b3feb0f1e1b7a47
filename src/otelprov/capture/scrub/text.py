# SPDX-License-Identifier: Apache-2.0
"""Secrets in free text: messages, stacks, code, command lines, headers and JSON, each by its own signs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from types import ModuleType

from otelprov.capture.scrub.chosen import has_rules
from otelprov.interrupts import let_through

CUT = "[cut]"
MAX_LENGTH = 16_384
# A secret that the end of a shortened text would cut in two is not known any more.
_MAX_TAIL = 1_024

compiled = functools.cache(re.compile)

_KEYWORDS = (
    *("pass", "secret", "token", "key", "credential", "auth", "pwd", "cookie", "signature", "sid", "jwt"),
    *("salt", "otp", "psk", "pin", "sig", "pw", "nonce", "mfa", "bearer"),
)
_STATEMENT_HINTS = (
    "insert",
    "replace",
    "update",
    "delete",
    "select",
    "values",
    "identified",
    " user ",
    " role ",
    " login ",
    "copy ",
    "set pass",
)
_SHORTEST_SHAPE = 20
_PEM = r"(?s)-----BEGIN [A-Z0-9 ]{1,60}+-----.{0,65536}?(?:-----END [A-Z0-9 ]{1,60}+-----|\Z)"
_BASIC_CREDENTIALS = r"(\b(?:Basic|basic)\s{1,3})((?=[A-Za-z0-9+/]*+[A-Z0-9+/=])[A-Za-z0-9+/]{12,8192}+=*)"
_PARAMETERS = r"(\[parameters: )([^\r\n]{1,8192})(?=\])"
_FAILING_ROW = r"((?:Failing row contains|Key \([^()]{1,256}\)=) ?\()([^\r\n]{1,4096})(?=\))"
_STATEMENT = (
    r"(?i)\b(?:insert\s+into|replace\s+into|update\s+[\w.\"`\[\]]+\s+set|delete\s+from|select\s[^\r\n]{0,400}?\sfrom\s|values\s*\(|identified\s+by"
    r"|(?:create|alter)\s+(?:user|role|login)\s|set\s+password|copy\s+\w+\s+from)[^\r\n]*+"
)
_LITERAL = r"'((?:[^']|'')*+)'"
_ROW_LITERAL = r"(?<=[(,=])(\s{0,3}\\?\")([^\"\\]{1,4096})(?=\\?\")"


def scrub_text(text: str, longest: int = MAX_LENGTH) -> str:
    """Cut what is secret in a text of any kind; never raises, and comes back within `longest` and a little."""
    try:
        return _scrubbed(text, longest)
    except Exception as error:
        let_through(error)
        return CUT


def _scrubbed(text: str, longest: int) -> str:
    if len(text) < 16 and text.isalnum():
        return text
    ending = ""
    if len(text) > longest:
        text, ending = _shortened(text)
    text = _scrub_structures(text)
    if len(text) >= _SHORTEST_SHAPE and any(len(word) >= _SHORTEST_SHAPE for word in text.replace("=", " ").split()):
        text = _scrub_shapes(text)
    if has_rules():
        from otelprov.capture.scrub.rules import loaded

        for pattern in loaded().cut_patterns:
            text = pattern.sub(_cut_whole, text)
    return text + ending


def _shortened(text: str) -> tuple[str, str]:
    import hashlib

    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    kept = text[:MAX_LENGTH]
    place = max(kept.rfind(" ", MAX_LENGTH - _MAX_TAIL), kept.rfind("\n", MAX_LENGTH - _MAX_TAIL))
    kept = kept[: place if place > 0 else MAX_LENGTH - _MAX_TAIL]
    return kept, f"… [cut, {len(text)} characters, sha256:{digest}]"


def _mark(secret: str) -> str:
    # Most texts hold no secret, so this is not loaded with the program.
    from otelprov.capture.scrub.mark import mark

    return mark(secret)


def _cut_whole(match: re.Match[str]) -> str:
    return _mark(match[0])


def _cut_second(match: re.Match[str]) -> str:
    return match[1] + _mark(match[2])


def cutting(pattern: str, text: str) -> str:
    """Cut what the second group of a pattern matches."""
    return compiled(pattern).sub(_cut_second, text)


def _scrub_pem(text: str) -> str:
    if "-----BEGIN " in text:
        text = compiled(_PEM).sub(lambda match: match[0] if "PUBLIC KEY" in match[0][:60] else _mark(match[0]), text)
    if "-----END " in text:
        head, _end, tail = text.partition("-----END ")
        body = head.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n\\ ")
        # The beginning of a long text may have been taken away.
        if len(head) - len(body) >= 40 and "PUBLIC KEY" not in tail[:40]:
            text = body + _mark(head[len(body) :]) + _end + tail
    return text


@functools.cache
def _urls() -> ModuleType:
    # Loaded when it is first needed; an import statement would cost as much as a pattern each time.
    from otelprov.capture.scrub import urls

    return urls


def _statement(match: re.Match[str]) -> str:
    statement = compiled(_LITERAL).sub("'?'", match[0])
    if "values" in statement.lower():
        # MySQL and SQLite take double quotes for strings.
        head, word, rows = compiled(r"(?i)\A(.*?)(\bvalues\b)(.*)\Z").match(statement + " values").groups()  # type: ignore[union-attr]
        statement = (head + word + compiled(_ROW_LITERAL).sub(r"\1?", rows)).removesuffix(" values")
    return statement


def _scrub_shapes(text: str) -> str:
    from otelprov.capture.scrub.shapes import SHAPES

    for hint, pattern in SHAPES:
        if hint in text:
            text = compiled(pattern).sub(_cut_whole, text)
    return text


def _scrub_structures(text: str) -> str:
    # One look for a sign is cheaper than one try of a pattern, and most texts have none of the signs.
    lower = text.lower()
    colon, equals, space = ":" in text, "=" in text, " " in text
    if "-----" in text:
        text = _scrub_pem(text)
    if (colon and "://" in text) or (equals and ("?" in text or "&" in text or "#" in text)):
        text = _urls().scrub_location(text)
    if "@" in text and (colon or "/" in text):
        text = _urls().scrub_logins(text)
    if space:
        text = _scrub_rows(text, lower)
    if (space or colon or equals or "'" in text or '"' in text or "%" in text or "<" in text) and holds(
        lower, _KEYWORDS
    ):
        from otelprov.capture.scrub.keyed import scrub_keyed

        text = scrub_keyed(text, lower)
    return text


def holds(lower: str, hints: Iterable[str]) -> bool:
    """Whether a text holds one of the hints."""
    for hint in hints:  # noqa: SIM110 - a generator costs more than all of the looking
        if hint in lower:
            return True
    return False


def _scrub_rows(text: str, lower: str) -> str:
    if "[parameters:" in lower:
        text = cutting(_PARAMETERS, text)
    if "failing row" in lower or "key (" in lower:
        text = cutting(_FAILING_ROW, text)
    if holds(lower, _STATEMENT_HINTS):
        text = compiled(_STATEMENT).sub(_statement, text)
    if "basic " in lower:
        text = cutting(_BASIC_CREDENTIALS, text)
    return text
