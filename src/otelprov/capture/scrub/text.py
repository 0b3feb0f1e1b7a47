# SPDX-License-Identifier: Apache-2.0
"""Secrets in free text: messages, stacks, code, command lines, headers and JSON, each by its own signs."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable

from otelprov import config

CUT = "[cut]"
MAX_LENGTH = 16_384
# A secret that the end of a shortened text would cut in two is not known any more.
_MAX_TAIL = 1_024

_compiled = functools.cache(re.compile)

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
# Number of the group of bare values.
_BARE = 8
_PEM = r"(?s)-----BEGIN [A-Z0-9 ]{1,60}+-----.{0,65536}?(?:-----END [A-Z0-9 ]{1,60}+-----|\Z)"
_HEADER = (
    r"(?i)((?<![\w-])(?:(?:proxy-|x-)?authorization|(?:set-)?cookie2?)(?:\\{0,3}[\"'])?\s{0,3}(?:=>|[:=])\s{0,3}(?:\[(?!cut)|\()?"
    r"(?:b?\\{0,3}[\"'])?(?:(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ \t]{1,3})?)"
    r"([^\r\n\"'\\]{1,8192})"
)
_HEADER_PAIR = (
    r"(?i)(\(\s{0,3}b?[\"'](?:(?:proxy-|x-)?authorization|(?:set-)?cookie|[\w-]{0,40}(?:token|key|secret|password))[\"']\s{0,3},"
    r"\s{0,3}b?[\"'])([^\"']{1,8192})"
)
# The name of a value and what separates them. The value is looked at on its own, and only where the name is secret:
# else `error: password=x` would be a harmless `error` with all the rest for its value.
_NAMED = r"(?<![\w.-])([A-Za-z_][\w.-]*+)(?:\\{0,3}[\"'\]]){0,2}\s{0,3}(?:=>|:=|==|!=|[=:])\s{0,3}"
# Behind a type or in a call; escaped, quoted, or bare.
_VALUE = (
    r"((?:[A-Za-z][\w.\[\]]{0,40}+\s{0,3}=\s{0,3})?(?:[A-Za-z][\w.]{0,60}+\(\s{0,2})?)"
    r"(?:(\\{1,3}[\"'])([^\"'\\]{1,8192})|([bBrRuUfF]{0,2}\"(?:\"\")?)((?:[^\"\\]|\\.){1,8192}+)"
    r"|([bBrRuUfF]{0,2}'(?:'')?)((?:[^'\\]|\\.){1,8192}+)"
    r"|((?:[^\s&;,\"'\\]|,(?!\s|[\w.-]{1,40}[=:])|\\(?![\"'nrt])){1,8192}+))"
)
_OPTION = r"(?<!\S)(--?([A-Za-z][\w.-]*+)[ \t]{1,4}[\"']?)([^\s\"'-][^\s\"']{0,4096})"
_PROSE = (
    r"(?i)(\b(?:password|passphrase|passwd|passcode|pwd|secret|api[ _-]?key|(?:access|auth|bearer|refresh)[ _-]token)"
    r"(?:[ \t](?:is|was|of|set[ \t]to|equals|given|used))?(?:[ \t]?:)?[ \t]{1,3}(?:[\"'`]))([^\"'`\r\n]{1,1024})"
)
_PROSE_BARE = (
    r"(?i)(\b(?:password|passphrase|passwd|passcode|pwd|api[ _-]?key|(?:access|auth|bearer|refresh)[ _-]token)"
    r"[ \t](?:is|was|set[ \t]to|equals)[ \t]{1,3})(?!(?:not|too|in|un|wrong|required|missing|empty"
    r"|expired|set|an?|the|being|null|none)\w*\b)"
    r"([^\s\"',;]{3,1024})"
)
_NETRC = r"(?i)(\blogin\s{1,3}\S{1,128}\s{1,3}(?:password|account)\s{1,3})(\S{1,1024})"
_SCHEME_CREDENTIALS = r"(\b(?:Bearer|bearer|BEARER)\s{1,3})([\w.~+/-]{8,8192}+=*)"
_BASIC_CREDENTIALS = r"(\b(?:Basic|basic)\s{1,3})((?=[A-Za-z0-9+/]*+[A-Z0-9+/=])[A-Za-z0-9+/]{12,8192}+=*)"
_ELEMENT = r"<([\w:.-]++)(?:\s[^<>]{0,512}+)?>([^<]{1,8192})(?=</)"
_PARAMETERS = r"(\[parameters: )([^\r\n]{1,8192})(?=\])"
_FAILING_ROW = r"((?:Failing row contains|Key \([^()]{1,256}\)=) ?\()([^\r\n]{1,4096})(?=\))"
_STATEMENT = (
    r"(?i)\b(?:insert\s+into|replace\s+into|update\s+[\w.\"`\[\]]+\s+set|delete\s+from|select\s[^\r\n]{0,400}?\sfrom\s|values\s*\(|identified\s+by"
    r"|(?:create|alter)\s+(?:user|role|login)\s|set\s+password|copy\s+\w+\s+from)[^\r\n]*+"
)
_LITERAL = r"'((?:[^']|'')*+)'"
_ROW_LITERAL = r"(?<=[(,=])(\s{0,3}\\?\")([^\"\\]{1,4096})(?=\\?\")"
# Short, and of letters only: what a parser says about a token, not a token.
_PROSE_WORD = r"[a-z]{1,12}[.,:!]?|[^\w\s]{1,3}"
# Stands for a value that is given elsewhere.
_PLACEHOLDER = r"\?|%s|%\(\w+\)s|\$\d{1,3}|\$\{\w+\}?|\{\w*\}?"
_LITTLE = frozenset(
    {
        "bearer",
        "basic",
        "digest",
        "negotiate",
        "true",
        "false",
        "none",
        "null",
        "nil",
        "yes",
        "no",
        "undefined",
        "***",
        "****",
        "str",
        "string",
    }
)


def scrub_text(text: str) -> str:
    """Cut what is secret in a text of any kind; never raises, and comes back within MAX_LENGTH and a little."""
    try:
        return _scrubbed(text)
    except Exception:
        return CUT


def _scrubbed(text: str) -> str:
    if len(text) < 16 and text.isalnum():
        return text
    ending = ""
    if len(text) > MAX_LENGTH:
        text, ending = _shortened(text)
    text = _scrub_structures(text)
    if len(text) >= _SHORTEST_SHAPE and any(len(word) >= _SHORTEST_SHAPE for word in text.split()):
        text = _scrub_shapes(text)
    if config.SCRUB_RULES.variable in os.environ:
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


def _cutting(pattern: str, text: str) -> str:
    return _compiled(pattern).sub(_cut_second, text)


def _scrub_pem(text: str) -> str:
    if "-----BEGIN " in text:
        text = _compiled(_PEM).sub(lambda match: match[0] if "PUBLIC KEY" in match[0][:60] else _mark(match[0]), text)
    if "-----END " in text:
        head, _end, tail = text.partition("-----END ")
        body = head.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n\\ ")
        # The beginning of a long text may have been taken away.
        if len(head) - len(body) >= 40 and "PUBLIC KEY" not in tail[:40]:
            text = body + _mark(head[len(body) :]) + _end + tail
    return text


def _scrub_urls(text: str) -> str:
    from otelprov.capture.scrub.urls import scrub_location

    return scrub_location(text)


def _scrub_logins(text: str) -> str:
    from otelprov.capture.scrub.urls import scrub_logins

    return scrub_logins(text)


def _scrub_assignments(text: str) -> str:
    from otelprov.capture.scrub.words import secrecy

    parts: list[str] = []
    done = 0
    for named in _compiled(_NAMED).finditer(text):
        found = secrecy(named[1]) if named.start() >= done else 0
        if named[0] == "secret:" and "arn:" in text:
            # The name of a secret at its keeper.
            continue
        value = _compiled(_VALUE).match(text, named.end()) if found else None
        if value is None or value.lastindex is None:
            continue
        secret = value[value.lastindex]
        if value.lastindex == _BARE:
            secret = secret if secret.startswith("[cut") else secret.rstrip(")}]>,")
        if _is_secret(secret, found, named[0], bare=value.lastindex == _BARE):
            start = value.start(value.lastindex)
            parts += (text[done:start], _mark(secret))
            done = start + len(secret)
    return "".join(parts) + text[done:] if parts else text


def _is_secret(value: str, found: int, named: str, *, bare: bool) -> bool:
    from otelprov.capture.scrub.words import STRONG

    if not value or value.lower() in _LITTLE or (found != STRONG and value.isdigit()):
        return False
    if not bare:
        return True
    if _compiled(_PLACEHOLDER).fullmatch(value) or (value[0] == ":" and named.endswith("= ")):
        return False
    return found == STRONG or _compiled(_PROSE_WORD).fullmatch(value) is None


def _option(match: re.Match[str]) -> str:
    from otelprov.capture.scrub.words import secrecy

    return match[1] + _mark(match[3]) if secrecy(match[2]) else match[0]


def _element(match: re.Match[str]) -> str:
    from otelprov.capture.scrub.words import secrecy

    if not secrecy(match[1]):
        return match[0]
    return match[0][: -len(match[2])] + _mark(match[2])


def _statement(match: re.Match[str]) -> str:
    statement = _compiled(_LITERAL).sub("'?'", match[0])
    if "values" in statement.lower():
        # MySQL and SQLite take double quotes for strings.
        head, word, rows = _compiled(r"(?i)\A(.*?)(\bvalues\b)(.*)\Z").match(statement + " values").groups()  # type: ignore[union-attr]
        statement = (head + word + _compiled(_ROW_LITERAL).sub(r"\1?", rows)).removesuffix(" values")
    return statement


def _scrub_shapes(text: str) -> str:
    from otelprov.capture.scrub.shapes import SHAPES

    for hint, pattern in SHAPES:
        if hint in text:
            text = _compiled(pattern).sub(_cut_whole, text)
    return text


def _scrub_structures(text: str) -> str:
    # One look for a sign is cheaper than one try of a pattern, and most texts have none of the signs.
    lower = text.lower()
    colon, equals, space = ":" in text, "=" in text, " " in text
    if "-----" in text:
        text = _scrub_pem(text)
    if (colon and "://" in text) or (equals and ("?" in text or "&" in text or "#" in text)):
        text = _scrub_urls(text)
    if "@" in text and (colon or "/" in text):
        text = _scrub_logins(text)
    if space:
        text = _scrub_rows(text, lower)
    if (space or colon or equals or "'" in text or '"' in text or "<" in text) and _holds(lower, _KEYWORDS):
        text = _scrub_keyed(text, lower)
    return text


def _holds(lower: str, hints: Iterable[str]) -> bool:
    for hint in hints:  # noqa: SIM110 - a generator costs more than all of the looking
        if hint in lower:
            return True
    return False


def _scrub_rows(text: str, lower: str) -> str:
    if "[parameters:" in lower:
        text = _cutting(_PARAMETERS, text)
    if "failing row" in lower or "key (" in lower:
        text = _cutting(_FAILING_ROW, text)
    if _holds(lower, _STATEMENT_HINTS):
        text = _compiled(_STATEMENT).sub(_statement, text)
    if "basic " in lower:
        text = _cutting(_BASIC_CREDENTIALS, text)
    return text


def _scrub_keyed(text: str, lower: str) -> str:
    if "authorization" in lower or "cookie" in lower:
        text = _cutting(_HEADER, text)
    if "('" in lower or '("' in lower or "(b" in lower:
        text = _cutting(_HEADER_PAIR, text)
    text = _scrub_assignments(text)
    if " " in text:
        if "-" in text:
            text = _compiled(_OPTION).sub(_option, text)
        text = _cutting(_PROSE, text)
        if _holds(lower, (" is ", " was ", " set to ", " equals ")):
            text = _cutting(_PROSE_BARE, text)
        if "login " in lower:
            text = _cutting(_NETRC, text)
        if "bearer " in lower:
            text = _cutting(_SCHEME_CREDENTIALS, text)
    if "</" in text:
        text = _compiled(_ELEMENT).sub(_element, text)
    return text
