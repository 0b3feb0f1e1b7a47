# SPDX-License-Identifier: Apache-2.0
"""Names and texts that sound secret and are not: each must come through whole."""

from __future__ import annotations

_ENTITY = "provenance.entity.name"
_TABLES = (
    *("user_sessions", "password_resets", "auth_tokens", "api_keys", "secrets", "public.tokens", "credentials"),
    *("shop.public.password_history", "token_usage", "cookie_consents", "signatures", "pin_codes", "private_keys"),
    *("oauth_access_tokens", "session_keys", "key_value_store", "salts", "passwords", "passport_scans", "pwd_policy"),
)
_PATHS = (
    *("data/password_resets.csv", "/data/curated/sessions/part-0.parquet", "/srv/secret_santa/list.csv", "tokens.txt"),
    *("/home/ana/keys/public.csv", "/data/token=abc/part-0.parquet", "/data/key=1/secret=2/x.parquet", "auth.log.gz"),
    *(
        "/data/sk-learn-model-2024-final-version.pkl",
        "/models/tokenizer.json",
        "/data/api_key=none.csv",
        "cookies.sqlite",
    ),
    *("/data/password: a list.txt", "/data/a@b/c.csv", "/data/user:pw@host/x.csv", "/data/Bearer of news.txt"),
    *("/data/what?token=1.csv", "/data/AKIA.csv", "/data/credential_stuffing/2024.csv", "/data/eyJ.csv"),
)
_URLS = (
    *("s3://bucket/curated/sessions/2024/part-0.parquet", "s3://bucket/password_resets/tokens.csv", "gs://b/secret/x"),
    *(
        "https://example.org/keys/list",
        "https://example.org:8080/a@b",
        "https://example.org/@ana/post",
        "file:///data/x.csv",
    ),
    *("postgres://db.example.org:5432", "sqlite:/data/auth.db", "abfs://container@account.example.org/x.csv"),
    *("https://[::1]:8080/tokens", "https://example.org/password-reset/help", "hdfs://nn:8020/user/ana/tokens"),
)
_REVISIONS = (
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "0af7651916cd43dd8448eb211c80319c",
    "b7ad6b7169203331",
    "stat:123456-1700000000000000000",
    "550e8400-e29b-41d4-a716-446655440000",
    "v1.2.3-rc.1+build.5",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
)
_PURLS = (
    *("pkg:pypi/keyring@25.0.0", "pkg:pypi/pyjwt@2.9.0", "pkg:npm/%40auth/core@0.34.2", "pkg:pypi/passlib@1.7.4"),
    *(
        "pkg:pypi/python-jose@3.3.0?extra=cryptography",
        "pkg:docker/nginx@sha256:9f86d081884c7d65",
        "pkg:pypi/tokenizers@0.20",
    ),
)
_CODE = (
    *("secrets.token_hex", "app.auth.tokens", "PasswordHasher.verify", "keyring.backends", "/srv/app/auth/token.py"),
    *("jwt.decode", "get_secret_value", "passlib.hash", "/usr/lib/python3/secrets.py", "SessionMiddleware.__call__"),
)
_TEXTS = (
    *(
        "read password_resets.csv",
        "write s3://bucket/curated/sessions/tokens.parquet",
        "SELECT user_sessions",
        "import secrets",
    ),
    *("sessions.user_id -> users.id", "POST /auth/token", "GET /users/{user_id}/sessions", "KeyError: 'password'"),
    *(
        "KeyError: 'auth_method'",
        "train.py --epochs 3 --author ana",
        "max_tokens=4096",
        "num_tokens: 512",
        "pad_token=<pad>",
    ),
    *(
        "password authentication failed for user ana",
        "token expired",
        "column api_key does not exist",
        "no such table: tokens",
    ),
    *(
        "the password was wrong",
        "password is required",
        "unexpected token: }",
        "invalid token: <",
        "primary_key=user_id",
    ),
    *(
        "token_count=17 total_tokens=99",
        "key=user_id",
        "sort_key: created",
        "author=ana",
        "bypass=true",
        "compass=north",
    ),
    *(
        "ssh://git@example.org/x/y.git",
        "git@example.org:x/y.git",
        "mailto:ana@example.org",
        "nginx:1.25@sha256:9f86d0818",
    ),
    *(
        "password=None",
        "token=null",
        "secret: false",
        "password=${DB_PASSWORD}",
        "WHERE token = :token",
        "password = %s",
    ),
    *("Basic authentication is used", "the bearer of news", "missing required argument: 'token'", "session closed"),
    *("12:30:15 INFO auth ok", "a.py:12:5: E501 line too long", "keyboard=qwerty", "monkey: banana", "turkey=istanbul"),
    *(
        "secret_santa=2024",
        "passport=X",
        "passenger: ana",
        "tokenizer=bert-base-uncased",
        "keys: [a, b]",
        "auth_method=oauth",
    ),
)
_STATEMENTS = (
    "SELECT password, token FROM user_sessions WHERE user_id = ?",
    "INSERT INTO password_resets (user_id, token) VALUES (?, ?)",
    'SELECT "token" FROM "auth"."sessions" s JOIN users u ON s."user_id" = u."id"',
    "CREATE TABLE api_keys (id integer, secret text, cookie text)",
    "DELETE FROM auth_tokens",
    "UPDATE users SET password = ? WHERE id = ?",
)
_OTHER = (
    *(("db.collection.name", name) for name in ("user_sessions", "tokens", "password_history")),
    *(("db.namespace", name) for name in ("auth", "shop|secrets", "/data/auth.db")),
    *(("gen_ai.request.max_tokens", 4096), ("gen_ai.usage.input_tokens", 12), ("llm.token.count", 7)),
    *(("http.request.header.content-type", "application/json"), ("http.request.header.user-agent", "curl/8.5 (token)")),
    *(("url.query", "page=2&sort=key"), ("url.full", "https://example.org/tokens?page=2&per_page=50")),
    *(
        ("vcs.repository.url.full", "https://example.org/x/auth-tokens.git"),
        ("vcs.ref.head.name", "feature/password=reset"),
    ),
    *(("service.name", "token-service"), ("messaging.destination.name", "password-resets"), ("session.active", True)),
    *(("aws.secretsmanager.secret.arn", "arn:aws:secretsmanager:eu-1:1:secret:db-Ab12"), ("provenance.columns", 7)),
    *(
        ("process.command_line", "python train.py --tokens-csv a.csv --key-column id"),
        ("code.function.name", "reset_password"),
    ),
)


def names() -> list[tuple[str, object]]:
    """Name of an attribute (or `name` for the span's own name) and a value that must stay as it is."""
    named: list[tuple[str, object]] = [(_ENTITY, value) for value in (*_TABLES, *_PATHS, *_URLS)]
    named += [("provenance.entity.namespace", value) for value in _URLS]
    named += [("provenance.entity.version", value) for value in _REVISIONS]
    named += [("app.version", value) for value in _REVISIONS]
    named += [("artifact.purl", value) for value in _PURLS]
    named += [("code.function.name", value) for value in _CODE]
    named += [("app.note", value) for value in (*_TABLES, *_TEXTS, *_CODE)]
    named += [("name", value) for value in _TEXTS]
    named += [("db.query.text", value) for value in _STATEMENTS]
    return [*named, *_OTHER]
