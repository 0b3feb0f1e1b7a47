# SPDX-License-Identifier: Apache-2.0
"""URLs and connection strings: who logs in and what is signed is cut, where it leads stays."""

from __future__ import annotations

import functools
import re

from otelprov.capture.scrub.mark import mark
from otelprov.capture.scrub.words import secrecy

_compiled = functools.cache(re.compile)

_SCHEME = r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,30}+:///?)"
_USER = rf"{_SCHEME}([^\s/?#'\"<>]{{1,1024}})@"
# Passwords that were not percent-encoded, so that the path seems to begin inside.
_RAW_PASSWORD = (
    rf"{_SCHEME}(?!\[)([^\s/?#'\"<>:@]{{0,256}}+:(?!\d{{1,5}}(?:[/?#\s'\",)]|$))[^\s'\"<>]{{1,1024}})@(?=[\w.\[-])"
)
_PARAMETER = r"(?:(?<=[?&#;])|^)([\w.%\[\]~-]{1,128})=([^&\s\"'<>#;]{1,8192})"
# user:password@tcp(db:3306)/x and ana:pw@db:5432/x
_BARE_LOGIN = (
    r"(?<![\w./+:@\[-])([\w.+-]{1,64}):([^\s@/'\":,;()]{1,256})@(?!sha\d)(?=[\w.-]{1,255}(?::\d{2,5}(?!\d)|/|\())"
)
_ORACLE_LOGIN = r"(?<![\w./-])([\w$]{1,64}/)([^\s@/'\":]{1,256})@(?=(?://)?[\w.-]{1,255}:\d{2,5})"
_OPEN = r"(?<!\[cut:[0-9a-f]{8}\])@"
_NO_LOGINS = frozenset(
    {"mailto", "npm", "acct", "xmpp", "sip", "pkg", "image", "docker", "tag", "workspace", "yarn", "git"}
)
_LOGIN_ONLY = ("ssh", "git", "sftp", "git+ssh", "svn+ssh", "rsync", "scp", "abfs", "abfss", "wasb", "wasbs")
_PARAMETERS = frozenset(
    {
        "sig",
        "signature",
        "key",
        "code",
        "state",
        "session",
        "sessionid",
        "sid",
        "jwt",
        "ticket",
        "otp",
        "auth",
        "access",
    }
    | {"x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "x-goog-credential"}
    | {"googleaccessid", "awsaccesskeyid", "assertion", "samlresponse", "hmac", "nonce", "hash", "t0ken", "login_hint"}
    | {"code_verifier", "client_assertion", "policy", "key-pair-id", "sv_sig", "magic", "invite", "reset", "apikey"}
)


def scrub_location(text: str) -> str:
    """User info and secret parameters of the URLs in a text; everything else stays."""
    if "@" in text:
        text = _compiled(_USER).sub(_login, text)
        if has_login(text):
            text = _compiled(_RAW_PASSWORD).sub(_login, text)
    return scrub_query(text) if "=" in text else text


def has_login(text: str) -> bool:
    """Whether an `@` is left that does not end what was cut already: most texts have one only."""
    return _compiled(_OPEN).search(text) is not None


def scrub_query(text: str) -> str:
    """Values of secret parameters, in a URL or in a bare query string."""
    return _compiled(_PARAMETER).sub(_parameter, text)


def scrub_logins(text: str) -> str:
    """Logins without a scheme: `user:password@host:port`, `user/password@//host:port`."""
    if not has_login(text):
        return text
    text = _compiled(_BARE_LOGIN).sub(_bare_login, text)
    if "jdbc" in text or "oracle" in text or "sqlplus" in text:
        text = _compiled(_ORACLE_LOGIN).sub(lambda match: f"{match[1]}{mark(match[2])}@", text)
    return text


def _login(match: re.Match[str]) -> str:
    scheme, login = match[1], match[2]
    # A login name alone is a key only where there is no other way to log in; containers of Azure stand there too.
    if ":" not in login and scheme.partition(":")[0].lower() in _LOGIN_ONLY:
        return match[0]
    return f"{scheme}{mark(login)}@"


def _parameter(match: re.Match[str]) -> str:
    name, value = match[1], match[2]
    if name.lower() in _PARAMETERS or secrecy(name):
        return f"{name}={mark(value)}"
    return match[0]


def _bare_login(match: re.Match[str]) -> str:
    if match[1].lower() in _NO_LOGINS:
        return match[0]
    return f"{match[1]}:{mark(match[2])}@"
