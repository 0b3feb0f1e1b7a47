# SPDX-License-Identifier: Apache-2.0
"""Where secrets turn up: texts of thirteen channels with a place for a secret, filled by the generator."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from secret_values import SHAPED, Secrets

SEED = 20_240


class Item(NamedTuple):
    """`where` is an attribute, or `argv`, `name`, `event`, `status`; `half` is 0 (tuned on) or 1 (held out)."""

    channel: str
    where: str
    text: str
    secret: str
    half: int


# {s} is the secret. The template decides the half, so that the held-out half has forms that the other has not.
TEMPLATES: dict[str, list[tuple[str, str]]] = {
    "environment": [
        ("app.env", "DB_PASSWORD={s}"),
        ("app.env", "export AWS_SECRET_ACCESS_KEY={s}"),
        ("app.env", 'declare -x API_TOKEN="{s}"'),
        ("app.env", "environ({{'HOME': '/home/ana', 'PGPASSWORD': '{s}', 'LANG': 'C'}})"),
        ("app.env", "STRIPE_KEY={s} PATH=/usr/bin"),
        ("app.env", "KeyError in os.environ: SECRET_KEY_BASE={s}"),
        ("process.environment_variable.MY_SETTING", "{s}"),
        ("app.env", "MYSQL_ROOT_PASSWORD: {s}"),
        ("app.env", "-e POSTGRES_PASSWORD={s} -e TZ=UTC"),
        ("app.env", "SENTRY_AUTH_TOKEN={s}\nLANG=C\n"),
        ("app.env", "$env:CLIENT_SECRET = '{s}'"),
        ("app.env", "set GITLAB_TOKEN={s}"),
        ("app.env", "DB_PASS_PROD={s}"),
        ("app.env", "DATABASE_PASSWORD_RO: {s}"),
        ("app.env", "('API_TOKEN', '{s}')"),
    ],
    "argv": [
        ("argv", "train.py --password {s}"),
        ("argv", "train.py --api-key={s} --epochs 3"),
        ("argv", "curl -u ana:{s} https://example.org"),
        ("argv", "mysql -uroot -p{s} shop"),
        ("argv", "sshpass -p {s} ssh host"),
        ("argv", "redis-cli -h cache -a {s} ping"),
        ("argv", "env PGPASSWORD={s} psql"),
        ("argv", "java -Djavax.net.ssl.keyStorePassword={s} -jar x.jar"),
        ("argv", "wget --http-password={s} https://example.org/x"),
        ("argv", "x.py --db-url postgres://ana:{s}@db/x"),
        ("argv", "curl -H 'Authorization: Bearer {s}' https://example.org"),
        ("argv", "docker login -u ana -p {s}"),
        ("argv", "x.py --client_secret {s} run"),
        ("argv", "x.py --set auth.token={s}"),
    ],
    "url": [
        ("url.full", "https://ana:{s}@example.org/x"),
        ("url.full", "https://{s}@example.org/x.git"),
        ("http.url", "https://example.org/a?x=1&access_token={s}&y=2"),
        ("url.full", "https://example.org/cb#access_token={s}&token_type=bearer"),
        ("app.note", "opening ftp://ana:{s}@files.example.org/in now"),
        ("url.full", "https://bucket.s3.example.org/k?X-Amz-Date=1&X-Amz-Signature={s}"),
        ("url.full", "https://acc.blob.example.org/c/b?sv=2022&sig={s}&se=1"),
        ("provenance.entity.name", "https://ana:{s}@example.org/x.csv"),
        ("app.note", "see <https://ana:{s}@example.org/x>"),
        ("http.target", "/login?user=ana&password={s}"),
        ("url.full", "wss://example.org/socket?jwt={s}"),
        ("http.url", "https://maps.example.org/api?address=x&key={s}"),
    ],
    "dsn": [
        ("app.dsn", "postgresql+psycopg2://ana:{s}@db.example.org:5432/shop?sslmode=require"),
        ("app.dsn", "host=db user=ana password={s} dbname=x"),
        ("app.dsn", "Server=db;Database=x;User Id=ana;Password={s};Encrypt=yes"),
        ("app.dsn", "ana:{s}@tcp(127.0.0.1:3306)/shop"),
        ("app.dsn", "mongodb+srv://ana:{s}@c0.example.org/x?retryWrites=true"),
        ("app.dsn", "jdbc:oracle:thin:scott/{s}@//db:1521/x"),
        ("app.dsn", "jdbc:mysql://db/x?user=ana&password={s}"),
        ("app.dsn", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={s};EndpointSuffix=x"),
        ("app.dsn", "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={s}"),
        ("app.dsn", "amqp://ana:{s}@mq:5672/%2f"),
        ("app.dsn", "rediss://:{s}@cache:6380/0"),
        ("app.dsn", "DRIVER={{ODBC Driver 18}};SERVER=db;UID=ana;PWD={s}"),
    ],
    "sql": [
        ("db.query.text", "INSERT INTO users (name, password) VALUES ('ana', '{s}')"),
        ("db.statement", "SELECT * FROM users WHERE password = '{s}'"),
        ("db.query.text", "CREATE USER ana IDENTIFIED BY '{s}'"),
        ("db.statement", "ALTER ROLE ana WITH PASSWORD '{s}'"),
        ("db.statement", "UPDATE users SET hash = $${s}$$ WHERE id = 1"),
        ("db.query.text", 'INSERT INTO t VALUES (1, "{s}")'),
        ("db.statement", "SELECT 1 -- key {s}"),
        ("db.statement", "SELECT 1 /* {s} */"),
        ("db.query.text", "SET PASSWORD FOR 'ana' = '{s}'"),
        ("app.note", "near: INSERT INTO users VALUES (1, '{s}')"),
        ("db.statement", "SELECT dblink('host=x password={s}', 'select 1')"),
        ("db.query.parameter.0", "{s}"),
    ],
    "http header": [
        ("http.request.header.authorization", "Bearer {s}"),
        ("http.request.header.cookie", "sid={s}; theme=dark"),
        ("http.response.header.set_cookie", "session={s}; Path=/; HttpOnly"),
        ("http.request.header.x-api-key", "{s}"),
        ("app.note", "Authorization: Bearer {s}"),
        ("app.note", "{{'Authorization': 'Token {s}', 'Accept': '*/*'}}"),
        ("app.note", "Cookie: a=1; sid={s}"),
        ("app.note", "[(b'authorization', b'Bearer {s}'), (b'accept', b'*/*')]"),
        ("app.note", "> X-Auth-Token: {s}\n> Accept: */*"),
        ("app.note", "Proxy-Authorization: Negotiate {s}"),
        ("http.request.header.x-tenant", "{s}"),
        ("app.note", "headers={{'X-Api-Key': '{s}'}}"),
    ],
    "query string": [
        ("url.query", "a=1&token={s}"),
        ("url.query", "password={s}&user=ana"),
        ("url.query", "code={s}&state=abc"),
        ("app.note", "GET /x?api_key={s} HTTP/1.1"),
        ("url.query", "X-Amz-Security-Token={s}"),
        ("http.target", "/hook?signature={s}"),
        ("app.note", "/x?client_id=a&client_secret={s}"),
        ("url.query", "refresh_token={s}&grant_type=refresh_token"),
        ("url.query", "q=hello&auth={s}"),
        ("app.note", "GET /download?file=a.csv&sig={s} 200"),
        ("url.query", "otp={s}"),
        ("url.query", "user[password]={s}&user[name]=ana"),
    ],
    "git remote": [
        ("vcs.repository.url.full", "https://{s}@git.example.org/x/y.git"),
        ("vcs.repository.url.full", "https://ana:{s}@git.example.org/x/y.git"),
        ("vcs.repository.url.full", "https://oauth2:{s}@git.example.org/x/y.git"),
        ("vcs.repository.url.full", "https://x-access-token:{s}@git.example.org/x"),
        ("app.note", "origin\thttps://{s}:x-oauth-basic@git.example.org/x.git (fetch)"),
        ("app.note", "fatal: unable to access 'https://ana:{s}@git.example.org/x.git/': 403"),
        ("app.note", "pip install git+https://{s}@git.example.org/x.git@main"),
        ("app.note", "remote = https://gitlab-ci-token:{s}@git.example.org/x.git"),
        ("vcs.repository.url.full", "ssh://ana:{s}@git.example.org/x.git"),
        ("vcs.repository.url.full", "http://ana:{s}@git.example.org:3000/x.git"),
    ],
    "exception text": [
        ("exception.message", "cannot log in with password '{s}'"),
        ("exception.message", "FATAL: connection to postgres://ana:{s}@db/x failed"),
        ("exception.stacktrace", 'File "a.py", line 1, in f\n    connect(password="{s}")\nValueError: no'),
        ("exception.message", "invalid api_key: {s}"),
        ("exception.message", "401 for Bearer {s}"),
        ("exception.stacktrace", "ValueError: Config(user='ana', secret='{s}', port=1)"),
        (
            "exception.message",
            "(sqlite3.IntegrityError) failed [SQL: INSERT INTO u VALUES (?, ?)]\n[parameters: ('ana', '{s}')]",
        ),
        ("exception.message", "duplicate key\nDETAIL:  Key (token)=({s}) already exists."),
        ("exception.message", "DETAIL:  Failing row contains (1, ana, {s})."),
        ("exception.message", "the password is {s}"),
        ("exception.message", "the encryption key is {s}"),
        ("exception.message", "error: password={s}"),
        ("exception.stacktrace", "get(url, auth=('ana', '{s}'))"),
        ("exception.message", 'failed: x --token="{s}" --verbose'),
        ("exception.message", "1 validation error: password: SecretStr('{s}')"),
        ("exception.message", "access token '{s}' has expired"),
        ("exception.stacktrace", "    token = '{s}'\nRuntimeError: bad"),
        ("exception.message", "Login failed: user=ana,password={s},host=db"),
    ],
    "json text": [
        ("app.json", '{{"user": "ana", "password": "{s}"}}'),
        ("app.json", '{{"auth": {{"access_token": "{s}", "expires_in": 3600}}}}'),
        ("app.json", r'"{{\"client_secret\": \"{s}\"}}"'),
        ("app.json", '{{"apiKey":"{s}"}}'),
        ("provenance.run.params", '{{"db_password":"{s}","lr":0.1}}'),
        ("app.json", '{{"private_key": "{s}"}}'),
        ("app.json", "{{'refresh_token': '{s}'}}"),
        ("app.json", '{{"Credentials": {{"SecretAccessKey": "{s}"}}}}'),
        ("app.json", '{{"headers": {{"authorization": "Bearer {s}"}}}}'),
        ("app.json", "password: {s}\nuser: ana\n"),
        ("app.json", "db:\n  passwd: '{s}'\n"),
        ("app.json", "<config><password>{s}</password></config>"),
        ("app.json", '{{"name": "DB_PASSWORD", "value": "{s}"}}'),
        ("app.json", "- name: API_TOKEN\n  value: {s}\n"),
        ("app.json", '<add key="Password" value="{s}"/>'),
        ("app.json", "my_password_v2={s}"),
    ],
}
_PEM = (
    "RSA PRIVATE KEY",
    "PRIVATE KEY",
    "EC PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
)
_PEM_TEMPLATES = ["{s}", "key:\n{s}\nend", "{{'key': '''{s}'''}}", "loading\n  {s}"]
_SHAPED_TEMPLATES = ["{s}", "using {s} for all", "got '{s}' there", "x={s};", "https://example.org/x/{s}/y"]
_NAMED = [
    ("name", "GET https://ana:{s}@example.org/x"),
    ("name", "login password={s}"),
    ("event", "retry with token={s}"),
    ("event", "GET /x?api_key={s}"),
    ("status", "refused: postgres://ana:{s}@db/x"),
    ("status", "Authorization: Bearer {s}"),
    ("status", "password={s} is wrong"),
    ("event", "Bearer {s}"),
    ("name", "mysql --password {s}"),
    ("user.password", "{s}"),
    ("app.api_key", "{s}"),
    ("service.auth.token", "{s}"),
    ("app.client-secret", "{s}"),
    ("db.password.old", "{s}"),
]
_LOGINS = ("url", "dsn", "git remote", "query string")
_PER_TEMPLATE = 3


def items() -> list[Item]:
    """The whole corpus, the same at every call."""
    secrets = Secrets(SEED)
    found: list[Item] = []
    for channel, templates in TEMPLATES.items():
        for where, template in templates:
            for _ in range(_PER_TEMPLATE):
                # What a URL can't hold as it is would be percent-encoded there.
                plain = channel in _LOGINS or "://" in template or "?" in template
                secret = secrets.login_value() if plain else secrets.any_value()
                found.append(_item(channel, where, template, secret))
    found += _blocks(secrets)
    for kind in SHAPED:
        for template in _SHAPED_TEMPLATES:
            found.append(_item("token shapes", "app.note", template, secrets.shaped(kind), kind))
    for maker in (secrets.sendgrid, secrets.telegram, secrets.jwt):
        for template in _SHAPED_TEMPLATES:
            found.append(_item("token shapes", "app.note", template, maker(), maker.__name__))
    for where, template in _NAMED:
        for _ in range(_PER_TEMPLATE):
            found.append(_item("names, events, status", where, template, secrets.login_value()))
    return found


def _blocks(secrets: Secrets) -> Iterator[Item]:
    for kind in _PEM:
        for template in _PEM_TEMPLATES:
            block, secret = secrets.pem(kind)
            yield _item("pem", "app.note", template.replace("{s}", block), secret, template + kind)
            escaped = block.replace("\n", "\\n")
            yield _item("pem", "app.json", '{"key": "' + escaped + '"}', secret, template + kind)


def _item(channel: str, where: str, template: str, secret: str, of: str = "") -> Item:
    text = template if secret in template else template.format(s=secret)
    return Item(channel, where, text, secret, zlib.crc32((of or where + template).encode()) & 1)
