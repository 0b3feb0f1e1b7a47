# SPDX-License-Identifier: Apache-2.0
"""SQL statements in spans, ours and others', to the tables that they use and generate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from otelprov.lineage import sql, sqlite_names
from otelprov.lineage.reading import flag, number, text
from otelprov.model.records import GENERATED, USED, IoRecord, Records, StatementRecord
from otelprov.model.span import Span
from otelprov.semconv import (
    CODE_FILE_PATH,
    CODE_LINE_NUMBER,
    DB_NAME,
    DB_NAMESPACE,
    DB_QUERY_TEXT,
    DB_STATEMENT,
    DB_SYSTEM,
    DB_SYSTEM_NAME,
    ERROR_TYPE,
    NET_PEER_NAME,
    NET_PEER_PORT,
    PROVENANCE_DATABASE_ATTACHED,
    PROVENANCE_ENTITY_NAMESPACE,
    PROVENANCE_ENTITY_TEMPORARY,
    PROVENANCE_EVIDENCE_STATEMENT,
    PROVENANCE_OPERATION_EXECUTE,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_ROWS,
    PROVENANCE_RUN_ID,
    PROVENANCE_SEQ,
    PROVENANCE_STEP_ID,
    SERVER_ADDRESS,
    SERVER_PORT,
)

_SCHEMES = {"postgresql": "postgres", "microsoft.sql_server": "mssql"}
_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "microsoft.sql_server": 1433}
# Systems in whose names the database comes before schema and table.
_WITH_DATABASE = frozenset({"postgresql", "mssql", "microsoft.sql_server", "redshift", "mysql", "mariadb"})


def is_statement(attributes: Mapping[str, Any]) -> bool:
    """Whether a span of others is a SQL statement that belongs to a run; in the old vocabulary or the new one."""
    if DB_QUERY_TEXT not in attributes and DB_STATEMENT not in attributes:
        return False
    return PROVENANCE_RUN_ID in attributes


def read_statement(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    """Read a statement span. A statement that failed moved nothing."""
    statement = text(attributes, DB_QUERY_TEXT) or text(attributes, DB_STATEMENT)
    system = (text(attributes, DB_SYSTEM_NAME) or text(attributes, DB_SYSTEM)).lower()
    database = text(attributes, DB_NAMESPACE) or text(attributes, DB_NAME)
    namespace = text(attributes, PROVENANCE_ENTITY_NAMESPACE) or _namespace(attributes, system, database)
    if not statement or not namespace or attributes.get(ERROR_TYPE) or span.status == 2:
        return
    namespace = _apart(namespace, attributes)
    parsed = sql.parse(statement, system or "sqlite")
    record = StatementRecord(
        run_id=text(attributes, PROVENANCE_RUN_ID),
        process_id=text(attributes, PROVENANCE_PROCESS_ID),
        trace_id=span.trace_id,
        span_id=span.span_id,
        text=statement,
        system=system,
        namespace=namespace,
        parser=parsed.parser,
        start=span.start,
    )
    if parsed.parser:
        places = _Places(attributes, system, database, namespace, parsed)
        _take(record, span, attributes, USED, map(places.of, parsed.inputs), parsed)
        _take(record, span, attributes, GENERATED, map(places.of, parsed.outputs), parsed)
    else:
        # Nobody could take it apart: the database as a whole was read, and written unless it is plainly a query.
        whole = _Place(namespace, "", _is_temporary(namespace, attributes))
        _take(record, span, attributes, USED, [whole], parsed)
        if not statement.lstrip(" \t\r\n(").upper().startswith(("SELECT", "VALUES")):
            _take(record, span, attributes, GENERATED, [whole], parsed)
    records.statements.append(record)


class _Place(NamedTuple):
    namespace: str
    name: str
    temporary: bool


class _Places:
    """Where the tables of one statement lie."""

    def __init__(
        self, attributes: Mapping[str, Any], system: str, database: str, namespace: str, parsed: sql.Statement
    ) -> None:
        self._attributes = attributes
        self._namespace = namespace
        self._prefix = f"{database}." if system in _WITH_DATABASE and database else ""
        self._beside = {*parsed.inputs, *parsed.outputs}
        self._attached = sqlite_names.attached_databases(text(attributes, PROVENANCE_DATABASE_ATTACHED))

    def of(self, name: str) -> _Place:
        """The place of a table as the statement names it, with its database unless that is written out."""
        path, table, temporary = sqlite_names.locate(name, self._attached, self._beside)
        if path:
            namespace = _apart(f"sqlite:{path}", self._attributes)
            return _Place(namespace, table, _in_memory(namespace))
        temporary = temporary or _is_temporary(self._namespace, self._attributes)
        return _Place(self._namespace, table if table.startswith(self._prefix) else self._prefix + table, temporary)


def _namespace(attributes: Mapping[str, Any], system: str, database: str) -> str:
    if system == "sqlite":
        return f"sqlite:{database}" if database else ""
    address = text(attributes, SERVER_ADDRESS) or text(attributes, NET_PEER_NAME)
    if not system or not address:
        return ""
    port = number(attributes, SERVER_PORT, 0) or number(attributes, NET_PEER_PORT, 0) or _DEFAULT_PORTS.get(system, 0)
    return f"{_SCHEMES.get(system, system)}://{address}" + (f":{port}" if port else "")


def _take(
    record: StatementRecord,
    span: Span,
    attributes: Mapping[str, Any],
    relation: str,
    places: Iterable[_Place],
    parsed: sql.Statement,
) -> None:
    found = list(places)
    for place in found:
        record.facts.append(
            IoRecord(
                run_id=record.run_id,
                process_id=record.process_id,
                trace_id=span.trace_id,
                span_id=span.span_id,
                relation=relation,
                namespace=place.namespace,
                name=place.name,
                type="table" if parsed.parser else "database",
                version="",
                format="",
                temporary=place.temporary,
                operation=PROVENANCE_OPERATION_EXECUTE,
                accumulates=relation == GENERATED and parsed.accumulates,
                parent_id=span.parent_id,
                step_id=text(attributes, PROVENANCE_STEP_ID),
                start=span.start,
                end=max(span.end, span.start),
                seq=number(attributes, PROVENANCE_SEQ, 0),
                code_file=text(attributes, CODE_FILE_PATH),
                code_line=number(attributes, CODE_LINE_NUMBER, 0),
                # Rows belong to the table only where there is one.
                rows=number(attributes, PROVENANCE_ROWS) if len(found) == 1 else -1,
                columns=-1,
                size=-1,
                flow_complete=False,
                evidence=PROVENANCE_EVIDENCE_STATEMENT,
                source_trace="",
                source_span="",
            )
        )


def _is_temporary(namespace: str, attributes: Mapping[str, Any]) -> bool:
    return flag(attributes, PROVENANCE_ENTITY_TEMPORARY) or _in_memory(namespace)


def _apart(namespace: str, attributes: Mapping[str, Any]) -> str:
    """Every process has a memory of its own, under the same name."""
    return f"{namespace}#{text(attributes, PROVENANCE_PROCESS_ID)}" if _in_memory(namespace) else namespace


def _in_memory(namespace: str) -> bool:
    return namespace.startswith("sqlite:") and (":memory:" in namespace or "mode=memory" in namespace)
