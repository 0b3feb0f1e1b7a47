# SPDX-License-Identifier: Apache-2.0
"""What kind of value stands under the name of an attribute, and so which rules it is scrubbed by."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from otelprov import semconv as names
from otelprov.capture.scrub.chosen import has_rules

# SAFE is made by us or counted; NAME is the name of a thing, where words mean nothing, and NAMES are many of them as
# JSON; CUT goes whole. Of SECRET only switches stay, of LIKELY also numbers: their own names say so.
SAFE, NAME, NAMES, TEXT, URL, QUERY, STATEMENT, HEADER, COMMAND, CUT, SECRET, LIKELY = range(12)

_NAMES = (
    *(names.PROVENANCE_ENTITY_NAMESPACE, names.PROVENANCE_ENTITY_NAME, names.CODE_FILE_PATH, names.CODE_FUNCTION_NAME),
    *(names.DB_NAMESPACE, names.DB_NAME, names.DB_COLLECTION_NAME, names.PROVENANCE_DATABASE_ATTACHED),
    *(
        names.PROVENANCE_RUN_CODE_FILE,
        names.PROCESS_EXECUTABLE_PATH,
        names.PROCESS_WORKING_DIRECTORY,
        names.ARTIFACT_PURL,
    ),
    *(names.PROVENANCE_MODULE_NAME, names.PROVENANCE_MODULE_IMPORTER, names.PROVENANCE_IMPORT_ROOT, names.HTTP_ROUTE),
    *(names.VCS_REF_HEAD_NAME, names.ERROR_TYPE, names.EXCEPTION_TYPE, names.SERVER_ADDRESS, names.NET_PEER_NAME),
    *("code.filepath", "code.namespace", "code.function", "db.sql.table", "file.path", "file.name", "file.directory"),
    *("peer.service", "rpc.service", "rpc.method", "messaging.destination.name", "aws.s3.bucket", "aws.s3.key"),
    *("db.cassandra.table", "db.mongodb.collection", "cloud.resource_id", "host.image.name", "container.image.name"),
)
_SAFE_TEXTS = (
    *(names.PROVENANCE_PACKAGES_LIST, names.VCS_REF_HEAD_REVISION, names.HOST_NAME, names.OS_TYPE, names.USER_NAME),
    *(
        names.PROCESS_RUNTIME_NAME,
        names.PROCESS_RUNTIME_VERSION,
        names.PROCESS_RUNTIME_DESCRIPTION,
        names.CODE_LINE_NUMBER,
    ),
    *(
        names.DB_SYSTEM_NAME,
        names.DB_SYSTEM,
        names.DB_OPERATION_NAME,
        names.HTTP_REQUEST_METHOD,
        names.SERVICE_INSTANCE_ID,
    ),
    *(
        names.TELEMETRY_DISTRO_NAME,
        names.TELEMETRY_DISTRO_VERSION,
        names.TELEMETRY_SDK_NAME,
        names.TELEMETRY_SDK_LANGUAGE,
    ),
    *(
        names.TELEMETRY_SDK_VERSION,
        names.FILE_SIZE,
        names.PROCESS_PID,
        names.PROCESS_PARENT_PID,
        names.PROCESS_EXIT_CODE,
    ),
)
# Ours that hold what a user wrote; all others of ours are ids, digests, counts and words of a list.
_OWN_TEXTS = (
    *(names.PROVENANCE_RUN_NAME, names.PROVENANCE_RUN_PARAMS, names.PROVENANCE_ORIGIN_RUN_NAME),
    *(names.PROVENANCE_LOSS_REASON, names.PROVENANCE_RUN_ACTOR, names.PROVENANCE_VCS_DIFF_TEXT),
    names.PROVENANCE_ENVIRONMENT_VARIABLES,
    *(names.PROVENANCE_CONTAINER_NAME, names.PROVENANCE_CONTAINER_LOCATION, names.PROVENANCE_CONTAINER_LOCATIONS),
    *(names.PROVENANCE_CONTAINER_KEY, names.PROVENANCE_CONTAINER_OLD_VALUE, names.PROVENANCE_CONTAINER_NEW_VALUE),
    *(names.PROVENANCE_CONTAINER_SNAPSHOT, names.PROVENANCE_CONTAINER_STACK, names.PROVENANCE_ACTOR),
)
_URLS = (
    "url.full",
    "url.original",
    "http.url",
    "http.target",
    "http.referer",
    "http.referrer",
    names.VCS_REPOSITORY_URL_FULL,
)
_OF_LIST: dict[str, int] = {
    **dict.fromkeys(
        (
            value
            for key, value in vars(names).items()
            if key.startswith("PROVENANCE_") and value.startswith("provenance.")
        ),
        SAFE,
    ),
    **dict.fromkeys(_SAFE_TEXTS, SAFE),
    **dict.fromkeys(_NAMES, NAME),
    **dict.fromkeys((names.PROVENANCE_COLUMN_NAMES, names.PROVENANCE_COLUMN_EDGES), NAMES),
    names.PROVENANCE_ENTITY_ALIAS: NAME,
    names.PROVENANCE_CONTAINER_TYPE: NAME,
    names.PROVENANCE_CONTAINER_OLD_TYPE: NAME,
    names.PROVENANCE_CONTAINER_NEW_TYPE: NAME,
    **dict.fromkeys(_OWN_TEXTS, TEXT),
    **dict.fromkeys(_URLS, URL),
    names.PROVENANCE_RUN_COMMAND: COMMAND,
    "process.command_line": COMMAND,
    "process.command_args": COMMAND,
    "url.query": QUERY,
    names.DB_QUERY_TEXT: STATEMENT,
    names.DB_STATEMENT: STATEMENT,
    names.EXCEPTION_MESSAGE: TEXT,
    names.EXCEPTION_STACKTRACE: TEXT,
}
_HEADERS = (
    *("http.request.header.", "http.response.header.", "rpc.request.metadata.", "rpc.response.metadata."),
    *("rpc.grpc.request.metadata.", "rpc.grpc.response.metadata.", "messaging.header."),
)
_SAFE_HEADERS = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "cache-control"}
    | {"connection", "content-encoding", "content-language", "content-length", "content-range", "content-type", "date"}
    | {
        "etag",
        "expires",
        "host",
        "if-modified-since",
        "if-none-match",
        "last-modified",
        "origin",
        "range",
        "retry-after",
    }
    | {"server", "traceparent", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "x-request-id", "date"}
    | {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-correlation-id", "content-disposition", "pragma"}
)
_LINK_HEADERS = frozenset({"referer", "location", "content-location", "link"})
# Values of the user's: bodies, parameters of statements, the environment.
_VALUES = ("db.query.parameter.", "db.operation.parameter.", "process.environment_variable.", "messaging.message.body.")
_BODIES = (
    "http.request.body",
    "http.response.body",
    "messaging.message.body",
    "db.statement.parameters",
    "graphql.variables",
)


# The list, and what came up beside it: one look-up for each attribute of each span.
_met: dict[str, int] = {}
_MOST_MET = 4096


def met() -> Mapping[str, int]:
    """Names whose kind is known already; none of them where rules of the user's may say otherwise."""
    return {} if has_rules() else _met


def kind_of(name: str) -> int:
    """The kind of an attribute's value, by the attribute's name."""
    if len(name) > 256:
        return CUT
    if has_rules():
        return _kind_by_user(name)
    known = _met.get(name)
    if known is None:
        known = _kind(name)
        if len(_met) < _MOST_MET:
            _met[name] = known
    return known


@functools.lru_cache(maxsize=4096)
def _kind_by_user(name: str) -> int:
    from otelprov.capture.scrub.rules import says

    wanted = says(name)
    return (SAFE if wanted == "keep" else CUT) if wanted else _kind(name)


def _kind(name: str) -> int:
    known = _OF_LIST.get(name)
    if known is None:
        known = _kind_by_rule(name.lower())
        if known == TEXT:
            known = _secrecy(name)
    return known


def _kind_by_rule(name: str) -> int:
    for prefix in _HEADERS:
        if name.startswith(prefix):
            header = name[len(prefix) :].replace("_", "-")
            return TEXT if header in _SAFE_HEADERS else URL if header in _LINK_HEADERS else CUT
    if ".header." in name:
        return TEXT if name.rpartition(".")[2].replace("_", "-") in _SAFE_HEADERS else CUT
    if name.startswith(_VALUES) or name in _BODIES:
        return CUT
    return TEXT


def _secrecy(name: str) -> int:
    # Only for names that the list does not know.
    from otelprov.capture.scrub.words import STRONG, attribute_secrecy

    found = attribute_secrecy(name)
    return TEXT if not found else SECRET if found == STRONG else LIKELY


def is_listed(name: str) -> bool:
    """Whether an attribute has a kind of its own, so that words in its name mean nothing."""
    return name in _OF_LIST
