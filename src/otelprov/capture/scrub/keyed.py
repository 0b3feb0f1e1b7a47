# SPDX-License-Identifier: Apache-2.0
"""Values in free text whose own name, there in the text, says that they are secret."""

from __future__ import annotations

import re

from otelprov.capture.scrub.mark import mark
from otelprov.capture.scrub.text import compiled, cutting, holds
from otelprov.capture.scrub.words import STRONG, secrecy

# Number of the group of bare values.
_BARE = 8
_HEADER = (
    r"(?i)((?<![\w-])(?:(?:proxy-|x-)?authorization|(?:set-)?cookie2?)(?:\\{0,3}[\"'])?\s{0,3}(?:=>|[:=])\s{0,3}"
    r"(?:\[(?!cut)|\()?(?:b?\\{0,3}[\"'])?"
    r"(?:(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ \t]{1,3})?)"
    r"([^\r\n\"'\\]{1,8192})"
)
_HEADER_PAIR = (
    r"(?i)(\(\s{0,3}b?[\"'](?:(?:proxy-|x-)?authorization|(?:set-)?cookie|[\w-]{0,40}(?:token|key|secret|password))[\"']"
    r"\s{0,3},\s{0,3}b?[\"'])([^\"']{1,8192})"
)
# The name of a value and what separates them. The value is looked at on its own, and only where the name is secret:
# else `error: password=x` would be a harmless `error` with all the rest for its value.
_NAMED = r"(?<![\w.-])-{0,2}([A-Za-z_][\w.-]*+)(?:\\{0,3}[\"'\]]){0,2}\s{0,3}(?:=>|:=|==|!=|[=:]|%3[Dd])\s{0,3}"
# Behind a type or in a call; escaped, quoted, or bare.
_VALUE = (
    r"((?:[A-Za-z][\w.\[\]]{0,40}+\s{0,3}=\s{0,3})?(?:[A-Za-z][\w.]{0,60}+\(\s{0,2})?)"
    r"(?:(\\{1,3}[\"'])([^\"'\\]{1,8192})|([bBrRuUfF]{0,2}\"(?:\"\")?)((?:[^\"\\]|\\.){1,8192}+)"
    r"|([bBrRuUfF]{0,2}'(?:'')?)((?:[^'\\]|\\.){1,8192}+)"
    r"|((?:[^\s&;,\"'\\]|,(?!\s|[\w.-]{1,40}[=:])|\\(?![\"'nrt])){1,8192}+))"
)
# Name and value of a variable, both values: {"name": "DB_PASSWORD", "value": "x"}, ("DB_PASSWORD", "x").
_NAME_AND_VALUE = (
    r"((?i:\b(?:name|key)\b)[\"']?\s{0,2}[:=]\s{0,2}[\"']?([A-Za-z_][\w.-]{1,128}+)[\"']?[\s,]{1,40}"
    r"(?i:[\"']?value[\"']?)\s{0,2}[:=]\s{0,2}[\"']?)([^\s\"'][^\"'\r\n]{0,4096})"
)
_NAME_IN_CAPITALS = r"(([\"'])[A-Z][A-Z0-9_]{3,128}+\2\s{0,2},\s{0,2}b?[\"'])([^\"']{1,4096})(?=[\"'](?!\s{0,3}:))"
_LOGIN_PAIR = (
    r"(?i)((?:auth|login|credentials?)\s{0,2}=?\s{0,2}\(\s{0,2}b?[\"'][^\"']{0,256}[\"']\s{0,2},\s{0,2}b?[\"'])"
    r"([^\"']{1,1024})"
)
_OPTION = r"(?<!\S)(--?([A-Za-z][\w.-]*+)[ \t]{1,4}[\"']?)([^\s\"'-][^\s\"']{0,4096})"
_PROSE = (
    r"(?i)(\b(?:password|passphrase|passwd|passcode|pwd|secret|api[ _-]?key|(?:access|auth|bearer|refresh)[ _-]token)"
    r"(?:[ \t](?:is|was|of|set[ \t]to|equals|given|used))?(?:[ \t]?:)?[ \t]{1,3}(?:[\"'`]))([^\"'`\r\n]{1,1024})"
)
_PROSE_BARE = (
    r"(?i)(\b(?:password|passphrase|passwd|passcode|pwd|(?:api|encryption|secret|private|signing)[ _-]?key"
    r"|(?:access|auth|bearer|refresh)[ _-]token)[ \t](?:is|was|set[ \t]to|equals)[ \t]{1,3})"
    r"(?!(?:not|too|in|un|wrong|required|missing|empty"
    r"|expired|set|an?|the|being|null|none)\w*\b)"
    r"([^\s\"',;]{3,1024})"
)
_PROSE_RANDOM = (
    r"(\b(?i:token|password|passwd|passphrase|secret)[ \t]{1,3})"
    r"((?=[^\s\"',;/]{10})(?=\S{0,80}?[a-z])(?=\S{0,80}?[A-Z])(?=\S{0,80}?\d)[^\s\"',;/]{10,1024})"
)
_NETRC = r"(?i)(\blogin\s{1,3}\S{1,128}\s{1,3}(?:password|account)\s{1,3})(\S{1,1024})"
_SCHEME_CREDENTIALS = r"(\b(?:Bearer|bearer|BEARER)\s{1,3})([\w.~+/-]{8,8192}+=*)"
_ELEMENT = r"<([\w:.-]++)(?:\s[^<>]{0,512}+)?>([^<]{1,8192})(?=</)"
# Short, and of letters only: what a parser says about a token, not a token.
_PROSE_WORD = r"[a-z]{1,12}[.,:!]?|[^\w\s]{1,3}"
# Stands for a value that is given elsewhere.
_PLACEHOLDER = r"\?|%s|%\(\w+\)s|\$\d{1,3}|\$\{\w+\}?|\{\w*\}?"
_LITTLE = frozenset(
    {"bearer", "basic", "digest", "negotiate", "true", "false", "none", "null", "nil", "yes", "no", "undefined"}
    | {"***", "****", "str", "string"}
)


def scrub_keyed(text: str, lower: str) -> str:
    """Cut the values in a text that holds a word for a secret; `lower` is the text in lower case."""
    if "authorization" in lower or "cookie" in lower:
        text = cutting(_HEADER, text)
    if "('" in lower or '("' in lower or "(b" in lower:
        text = cutting(_HEADER_PAIR, text)
    if "value" in lower:
        text = compiled(_NAME_AND_VALUE).sub(_named_value, text)
    if "," in text:
        text = compiled(_NAME_IN_CAPITALS).sub(_capitals, text)
        if "(" in text:
            text = cutting(_LOGIN_PAIR, text)
    text = _scrub_assignments(text)
    if " " in text:
        if "-" in text:
            text = compiled(_OPTION).sub(_option, text)
        text = cutting(_PROSE, text)
        text = cutting(_PROSE_RANDOM, text)
        if holds(lower, (" is ", " was ", " set to ", " equals ")):
            text = cutting(_PROSE_BARE, text)
        if "login " in lower:
            text = cutting(_NETRC, text)
        if "bearer " in lower:
            text = cutting(_SCHEME_CREDENTIALS, text)
    if "</" in text:
        text = compiled(_ELEMENT).sub(_element, text)
    return text


def _scrub_assignments(text: str) -> str:
    parts: list[str] = []
    done = 0
    for named in compiled(_NAMED).finditer(text):
        found = secrecy(named[1]) if named.start() >= done else 0
        if named[0] == "secret:" and "arn:" in text:
            # The name of a secret at its keeper.
            continue
        value = compiled(_VALUE).match(text, named.end()) if found else None
        if value is None or value.lastindex is None:
            continue
        secret = value[value.lastindex]
        if value.lastindex == _BARE:
            secret = secret if secret.startswith("[cut") else secret.rstrip(")}]>,")
        if _is_secret(secret, found, named[0], bare=value.lastindex == _BARE):
            start = value.start(value.lastindex)
            parts += (text[done:start], mark(secret))
            done = start + len(secret)
    return "".join(parts) + text[done:] if parts else text


def _is_secret(value: str, found: int, named: str, *, bare: bool) -> bool:
    if not value or value.lower() in _LITTLE or (found != STRONG and value.isdigit()):
        return False
    if not bare:
        return True
    if compiled(_PLACEHOLDER).fullmatch(value) or (value[0] == ":" and named.endswith("= ")):
        return False
    return found == STRONG or compiled(_PROSE_WORD).fullmatch(value) is None


def _named_value(match: re.Match[str]) -> str:
    return match[1] + mark(match[3]) if secrecy(match[2]) else match[0]


def _capitals(match: re.Match[str]) -> str:
    return match[1] + mark(match[3]) if secrecy(match[1].partition(match[2] + ",")[0].strip(match[2])) else match[0]


def _option(match: re.Match[str]) -> str:
    return match[1] + mark(match[3]) if secrecy(match[2]) else match[0]


def _element(match: re.Match[str]) -> str:
    if not secrecy(match[1]):
        return match[0]
    return match[0][: -len(match[2])] + mark(match[2])
