# SPDX-License-Identifier: Apache-2.0
"""SQL statements in spans, ours and others', to the tables that they use and generate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otelprov.lineage import sql
from otelprov.lineage.reading import flag, number, text
from otelprov.lineage.table_places import Place, Places, apart, in_memory
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
    PROVENANCE_FLOW_COMPLETE,
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


def is_statement(attributes: Mapping[str, Any]) -> bool:
    """Whether a span of others is a SQL statement that belongs to a run; in the old vocabulary or the new one."""
    if DB_QUERY_TEXT not in attributes and DB_STATEMENT not in attributes:
        return False
    return PROVENANCE_RUN_ID in attributes


def read_statement(span: Span, attributes: Mapping[str, Any], records: Records, told: Sequence[IoRecord] = ()) -> None:
    """Read a statement span; `told` is what its events say that it moves. A statement that failed moved nothing."""
    statement = text(attributes, DB_QUERY_TEXT) or text(attributes, DB_STATEMENT)
    system = (text(attributes, DB_SYSTEM_NAME) or text(attributes, DB_SYSTEM)).lower()
    database = text(attributes, DB_NAMESPACE) or text(attributes, DB_NAME)
    namespace = text(attributes, PROVENANCE_ENTITY_NAMESPACE) or _namespace(attributes, system, database)
    if not statement or not namespace or attributes.get(ERROR_TYPE) or span.status == 2:
        return
    process = text(attributes, PROVENANCE_PROCESS_ID)
    namespace = apart(namespace, process)
    parsed = sql.parse(statement, system or "sqlite")
    aliases = {alias.lower(): fact.type for fact in told for alias in fact.alias.split("\n") if alias}
    context = {
        # Tables in memory of which only the name is known.
        "variables": [alias for alias, kind in aliases.items() if kind == "variable"],
        "attached": text(attributes, PROVENANCE_DATABASE_ATTACHED),
        "database": database,
        "temporary": flag(attributes, PROVENANCE_ENTITY_TEMPORARY) or in_memory(namespace),
    }
    record = StatementRecord(
        run_id=text(attributes, PROVENANCE_RUN_ID),
        process_id=process,
        trace_id=span.trace_id,
        span_id=span.span_id,
        text=statement,
        system=system,
        namespace=namespace,
        parser=parsed.parser,
        start=span.start,
        seq=number(attributes, PROVENANCE_SEQ, 0),
        context=json.dumps({key: value for key, value in context.items() if value}),
        facts=[fact for fact in told if fact.type != "variable"],
    )
    if parsed.parser:
        places = Places(record, {*parsed.inputs, *parsed.outputs})
        for relation, found in ((USED, parsed.inputs), (GENERATED, parsed.outputs)):
            own = [places.of(name) for name in found if name.lower() not in aliases]
            _take(record, span, attributes, relation, dict.fromkeys(own), parsed)
    elif not told:
        # Nobody could take it apart: the database as a whole was read, and written unless it is plainly a query.
        whole = Place(namespace, "", bool(context["temporary"]))
        _take(record, span, attributes, USED, [whole], parsed)
        if not statement.lstrip(" \t\r\n(").upper().startswith(("SELECT", "VALUES")):
            _take(record, span, attributes, GENERATED, [whole], parsed)
    records.statements.append(record)


def _namespace(attributes: Mapping[str, Any], system: str, database: str) -> str:
    if system in ("sqlite", "duckdb"):
        return f"{system}:{database}" if database else ""
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
    places: Iterable[Place],
    parsed: sql.Statement,
) -> None:
    found = list(places)
    complete = attributes.get(PROVENANCE_FLOW_COMPLETE)
    # Where something else went in, of which nothing is known, the statement does not name all that there is.
    open_ended = complete is not None and not flag(attributes, PROVENANCE_FLOW_COMPLETE)
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
                flow_complete=relation == GENERATED and flag(attributes, PROVENANCE_FLOW_COMPLETE),
                evidence="" if open_ended else PROVENANCE_EVIDENCE_STATEMENT,
                source_trace="",
                source_span="",
            )
        )
