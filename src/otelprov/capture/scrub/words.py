# SPDX-License-Identifier: Apache-2.0
"""Whether the name of a value says that the value is secret."""

from __future__ import annotations

import functools
import itertools
import re

NO, WEAK, STRONG = 0, 1, 2

# Ends of names, letters and digits only: DB_PASSWORD, keyStorePassword and pgpassword are all one.
_STRONG = (
    *("password", "passwd", "passphrase", "passcode", "secret", "secrets", "passwords", "credential", "credentials"),
    *("apikey", "apikeys", "secretkey", "accesskey", "privatekey", "signingkey", "encryptionkey", "accountkey"),
    *("sharedkey", "masterkey", "sharedaccesskey", "sharedaccesssignature", "secretkeybase", "licensekey", "hmackey"),
    *("authkey", "deploykey", "sessionkey", "storagekey", "subscriptionkey", "functionkey", "webhookkey", "appkey"),
    *("authorization", "authtoken", "accesstoken", "refreshtoken", "bearertoken", "sessiontoken", "securitytoken"),
    *("idtoken", "csrftoken", "xsrftoken", "deploytoken", "dbpass", "userpass", "smtppass", "adminpass", "rootpass"),
    *("mysqlpass", "pgpass", "setcookie", "proxyauth", "basicauth", "httpauth", "userpwd", "dbpwd", "clientkey"),
)
_WEAK_ENDS = ("token",)
_WEAK_WORDS = frozenset(
    {"pass", "pwd", "pw", "passw", "auth", "cookie", "cookies", "otp", "jwt", "sid", "sessionid", "sig", "signature"}
    | {"pin", "salt", "mfa", "totp", "psk", "apitoken", "nonce"}
)
# Of tokenizers, which are no secrets: the token that ends a sentence.
_HARMLESS = re.compile(
    r"(?:^|[^a-z])(?:eos|bos|pad|unk|unknown|mask|sep|cls|stop|start|end|special|first|last|unexpected|invalid|csv|this|the|an?)"
    r"[^a-z]*tokens?$"
)
_ANYWHERE = frozenset({"password", "passwd", "passphrase", "secret", "authorization", "cookie", "apikey"})
_SAFE_ENDS = frozenset(
    {
        "length",
        "count",
        "size",
        "type",
        "age",
        "expiry",
        "expires",
        "ttl",
        "policy",
        "arn",
        "name",
        "id",
        "path",
        "file",
    }
    | {"url", "uri", "present", "required", "valid", "strength", "version", "enabled", "algorithm", "status"}
)
_PLAIN_KEYS = frozenset(
    {
        "primary",
        "foreign",
        "sort",
        "partition",
        "cache",
        "public",
        "hkey",
        "index",
        "group",
        "join",
        "routing",
        "message",
    }
)
# What stands behind the word that counts: DB_PASS_PROD, password_v2, PasswordHash.
_ENDING = re.compile(
    r"(?:[_.-](?:prod|production|dev|test|staging|stage|live|ro|rw|old|new|v|primary|secondary|backup|main|default|local"
    r"|hash|value|base64|b64|enc|encrypted|plain|string|text|salt)[0-9]*|(?<=[a-z])(?-i:Hash|Value))+$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@functools.lru_cache(maxsize=2048)
def secrecy(name: str) -> int:
    """NO, WEAK (numbers and switches under that name are harmless) or STRONG."""
    stripped = _ENDING.sub("", name.strip(" _.-0123456789"))
    joined = "".join(character for character in stripped.lower() if character.isalnum())
    if not joined:
        return NO
    if joined.endswith(_STRONG):
        return STRONG
    words = [word.lower() for word in _WORD.findall(stripped)]
    if joined.endswith(_WEAK_ENDS):
        return NO if _HARMLESS.search(stripped.lower()) else WEAK
    last = words[-1] if words else joined
    if last in _WEAK_WORDS:
        return WEAK
    # The way of environment variables: STRIPE_KEY.
    if last == "key" and len(words) > 1 and stripped.isupper() and words[-2] not in _PLAIN_KEYS:
        return WEAK
    return NO


@functools.lru_cache(maxsize=2048)
def attribute_secrecy(name: str) -> int:
    """The same for the name of an attribute, where a word in the middle counts too: `user.password.hash`."""
    found = secrecy(name)
    if found:
        return found
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _SAFE_ENDS:
        return NO
    pairs = {first + second for first, second in itertools.pairwise(words)}
    return STRONG if not _ANYWHERE.isdisjoint(pairs | set(words)) else NO
