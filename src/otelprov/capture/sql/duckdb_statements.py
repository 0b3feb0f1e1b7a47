# SPDX-License-Identifier: Apache-2.0
"""Records what statements of DuckDB read and write besides tables of their database: files, and tables in memory."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from otelprov.capture.disk.fingerprint import file_version
from otelprov.capture.flow.identity import Origins, Read, happened
from otelprov.capture.io import describe
from otelprov.capture.sql import duckdb_names
from otelprov.capture.sql.duckdb_names import Names, Source
from otelprov.capture.sql.sql_locations import Location, Shape, shapes
from otelprov.capture.sql.sql_statements import Moved, record_statement
from otelprov.capture.tables.columns import Columns, edge_attributes
from otelprov.capture.tables.sources import expanded
from otelprov.capture.tables.targets import states
from otelprov.model.entity import Entity
from otelprov.semconv import (
    EVENT_PROVENANCE_ENTITY_GENERATED,
    EVENT_PROVENANCE_ENTITY_USED,
    PROVENANCE_ENTITY_ALIAS,
    PROVENANCE_EVIDENCE,
    PROVENANCE_EVIDENCE_FLOW,
    PROVENANCE_EVIDENCE_STATEMENT,
    PROVENANCE_SOURCE_SPAN_ID,
    PROVENANCE_SOURCE_TRACE_ID,
)

SCOPE = "otelprov.duckdb"
# Events of one span; what is more goes into further spans of the same statement.
_MAX_EVENTS = 90
_MAX_TEXT = 100_000
_MAX_DEPTH = 5
# What moves no data; catalogues are told apart by the processor.
_MOVES_NOTHING = (
    "SET RESET PRAGMA BEGIN START COMMIT ROLLBACK ABORT END CHECKPOINT FORCE INSTALL LOAD USE EXPLAIN ANALYZE VACUUM "
    "CALL DESCRIBE SHOW COMMENT DEALLOCATE ATTACH DETACH PREPARE EXPORT IMPORT"
)
_LEFT_OUT = frozenset(_MOVES_NOTHING.split())
_READING = frozenset({"SELECT", "FROM", "WITH", "VALUES", "PIVOT", "UNPIVOT", "SUMMARIZE"})
_OWN_NAME = re.compile(r"\"?(__duckdb_source_\w+)\"?")
# Aliases that DuckDB makes up at random.
_OWN_ALIAS = re.compile(
    r'"?\b((?:unnamed_relation|df|arrow|inner|left|right|outer|semi|anti|cross|asof)_[0-9a-f]{16})\b"?', re.IGNORECASE
)
_CREATED = re.compile(
    r'\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)',
    re.IGNORECASE,
)
_OWN_FILE = "DUCKDB_INTERNAL_OBJECTSTORE://"
_FOLDER = re.compile(r"\s*+(EXPORT|IMPORT)\s++DATABASE\s++(?:\w+\s++TO\s++)?'((?:[^']|'')*)'", re.IGNORECASE)
_PREPARE = re.compile(r"\s*+PREPARE\s++(\w+)\s++(?:\([^)]*\)\s*+)?AS\s++(.*)\Z", re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(r"\s*+EXECUTE\s++(\w+)", re.IGNORECASE)
_LOADED = re.compile(r"COPY\s++(\S+(?:\s*+\([^)]*\))?)\s++FROM\s++'((?:[^']|'')*)'", re.IGNORECASE)
_MAX_SCRIPT = 1_000_000

_UNKNOWN = Entity("memory", "", "variable", temporary=True)

Event = tuple[str, tuple[tuple[str, Any], ...]]


class Running:
    """A script that is about to run: what it reads is looked up now, what it has written when it is done."""

    def __init__(self, connection: Any, text: Any, parameters: Any = None, *, started: int = 0) -> None:
        self._names = duckdb_names.names_of(connection)
        self._connection = connection
        self._started = started or time.time_ns()
        self._parameters = parameters
        self._statements: list[tuple[Shape, list[Event], bool]] = []
        # Files of folders that will be written to, as they were.
        self._before: dict[str, dict[str, tuple[int, int, int]]] = {}
        self._text = text if type(text) is str and len(text) <= _MAX_TEXT else ""
        if self._names is not None and self._text:
            self._expand(self._names)

    def _expand(self, names: Names) -> None:
        text = self._text
        prepared = _PREPARE.match(text)
        if prepared is not None:
            names.prepared[prepared.group(1).lower()] = prepared.group(2)
            return
        executed = _EXECUTE.match(text)
        if executed is not None:
            text = names.prepared.get(executed.group(1).lower(), "")
        given: dict[str, Source] = {}
        made: set[str] = set()
        text = _with_stable_names(_with_sources(text, given))
        for shape in shapes(text):
            moves = shape.word not in _LEFT_OUT
            events, complete = self._inputs(names, shape, given, made) if moves else ([], True)
            # From here on a table of the script, and no variable.
            made.update(name.lower() for name in _CREATED.findall(shape.text))
            self._statements.append((shape, events, complete))

    def drop_last(self) -> None:
        """The last statement of the script does not run now."""
        self._statements = self._statements[:-1]

    def _inputs(self, names: Names, shape: Shape, given: dict[str, Source], made: set[str]) -> tuple[list[Event], bool]:
        events: list[Event] = []
        complete = True
        for location in shape.locations:
            if location.written:
                self._note_folders(location)
                continue
            found, whole = self._files(location)
            events += found
            complete = complete and whole
        for name in shape.tables:
            known = "." in name or name.lower() in made
            source = given.get(name) or (None if known else self._memory(names, name))
            if source is not None:
                found, whole = self._of_source(names, source, name)
                events += found
                complete = complete and whole
        return events, complete

    def _memory(self, names: Names, name: str) -> Source | None:
        source = names.registered.get(name.lower())
        if source is not None:
            return source
        found = duckdb_names.variable(name)
        if found is None or not duckdb_names.is_table(found) or self._is_catalogued(name):
            return None
        return duckdb_names.source_of(name, found)

    def _is_catalogued(self, name: str) -> bool:
        # A table of the database comes before a variable.
        ask = getattr(self._connection, "_table_kind", None)
        try:
            return ask is not None and ask(name) != "none"
        except sys.modules["duckdb"].Error:
            # A closed connection: the statement will fail, too.
            return True

    def _of_source(self, names: Names | None, source: Source, alias: str, depth: int = 0) -> tuple[list[Event], bool]:
        if not source.text:
            found, whole = _flows(source.origins or Origins(complete=False), alias, source.columns)
            # Said even where nothing is known of it, so that it is not taken for a table.
            return found or [_event(EVENT_PROVENANCE_ENTITY_USED, _UNKNOWN, alias)], whole
        # A relation under the name of a variable, as statements run by `execute` read it.
        events: list[Event] = []
        complete = depth < _MAX_DEPTH
        given: dict[str, Source] = {}
        for shape in shapes(_with_sources(source.text, given)) if complete else ():
            for location in shape.locations:
                found, whole = self._files(location, alias)
                events += [_blurred(event) for event in found]
                complete = complete and whole
            for name in shape.tables:
                inner = given.get(name) or (names.registered.get(name.lower()) if names is not None else None)
                if inner is not None:
                    found, whole = self._of_source(names, inner, alias, depth + 1)
                    events += found
                    complete = complete and whole
        return events, complete

    def _note_folders(self, location: Location) -> None:
        for place in self._places(location):
            if type(place) is str and os.path.isdir(place):
                self._before[place] = states(place)

    def _places(self, location: Location) -> Iterator[str | None]:
        for place in location.places:
            if place[:1] not in "?$" or (place[:1] == "$" and "/" in place):
                yield place
                continue
            given = _argument(self._parameters, place)
            yield from given if type(given) in (list, tuple) else (given,)

    def _files(self, location: Location, alias: str = "") -> tuple[list[Event], bool]:
        events: list[Event] = []
        complete = True
        for place in self._places(location):
            if type(place) is not str:
                complete = False
            elif place.startswith(_OWN_FILE):
                source = duckdb_names.noted_source(place)
                origins = source.origins if source is not None else None
                found, whole = self._of_source(self._names, Source("file", origins), alias or location.alias)
                events += found
                complete = complete and whole
            else:
                for entity in expanded([os.path.expanduser(place)]):
                    if entity is None or (entity.type == "file" and not os.path.exists(entity.name)):
                        continue
                    events.append(_event(EVENT_PROVENANCE_ENTITY_USED, entity, alias or location.alias))
        return events, complete

    def ran(self) -> Origins | None:
        """Record the statements, after they have run; what the rows of the last one come from."""
        names = self._names
        if names is None:
            return None
        found: Origins | None = None
        for shape, events, complete in self._statements:
            end = time.time_ns()
            if shape.raw:
                duckdb_names.attach(names, shape.raw, _plain(self._parameters))
                self._folder(names, shape.raw, end)
            if shape.word in _LEFT_OUT:
                continue
            written: list[Event] = []
            for location in shape.locations:
                if location.written:
                    for place in self._places(location):
                        written += self._outputs(place, location.alias)
            reading = shape.word in _READING
            if reading and not events and not shape.tables:
                continue
            origins = self._record(names, shape.text, written, events, complete, end)
            found = origins if reading else None
            # The next one comes after it.
            self._started = time.time_ns()
        return found

    def _outputs(self, place: str | None, alias: str) -> list[Event]:
        if type(place) is not str:
            return []
        found = expanded([os.path.expanduser(place)], patterns=False)
        before = self._before.get(place)
        if before is not None:
            now = states(place)
            changed = {os.path.realpath(path) for path, state in now.items() if before.get(path) != state}
            found = [entity for entity in found if entity is not None and entity.name in changed]
        return [_event(EVENT_PROVENANCE_ENTITY_GENERATED, entity, alias) for entity in found[:_MAX_EVENTS] if entity]

    def _record(
        self, names: Names, text: str, written: list[Event], events: list[Event], complete: bool, end: int
    ) -> Origins:
        # In a statement all of whose inputs are known nothing else can have gone into the output.
        if complete:
            events = [_stated(event) for event in events]
        room = max(_MAX_EVENTS - len(written), 1)
        reads: set[Read] = set()
        name = _short_name(written[:1] or events[:1])
        for position in range(0, max(len(events), 1), room):
            moved = Moved((*written[:_MAX_EVENTS], *events[position : position + room]), complete, name)
            read = record_statement(
                names.database,
                text,
                scope=SCOPE,
                start=self._started,
                end=end if len(events) > room else 0,
                moved=moved,
            )
            reads |= {read} if read is not None else set()
        return Origins(frozenset(reads), complete)

    def _folder(self, names: Names, text: str, end: int) -> None:
        """EXPORT and IMPORT, which DuckDB itself does by the statements in the folder's script."""
        match = _FOLDER.match(text)
        if match is None:
            return
        path = os.path.join(match.group(2).replace("''", "'"), "load.sql")
        try:
            with open(path, encoding="utf-8") as file:
                script = file.read(_MAX_SCRIPT)
        except (OSError, ValueError):
            return
        exported = match.group(1).upper() == "EXPORT"
        for table, place in _LOADED.findall(script):
            place = place.replace("''", "'")
            entity = next(iter(expanded([place])), None)
            if entity is None:
                continue
            alias = os.path.basename(place)
            event = EVENT_PROVENANCE_ENTITY_GENERATED if exported else EVENT_PROVENANCE_ENTITY_USED
            text = f'COPY {table} {"TO" if exported else "FROM"} "{alias}"'
            moved = [_event(event, entity, alias)]
            self._record(names, text, moved if exported else [], [] if exported else moved, True, end)


def appended(connection: Any, table: Any, obj: Any, started: int, **options: Any) -> None:
    """Record that the rows of a table in memory were put into a table of the database."""
    names = duckdb_names.names_of(connection)
    if names is None or type(table) is not str:
        return
    running = Running(connection, "", started=started)
    events, complete = running._of_source(names, duckdb_names.source_of("frame", obj), "frame")
    by_name = " BY NAME" if options.get("by_name") is True else ""
    # It is recorded, and not run.
    text = f"INSERT INTO {table}{by_name} SELECT * FROM frame"  # noqa: S608
    running._record(names, text, [], events, complete, time.time_ns())


def _with_sources(text: str, given: dict[str, Source], depth: int = 0) -> str:
    """A text with plain names in place of those that DuckDB makes up, and with the queries of relations inside."""

    def replaced(match: re.Match[str]) -> str:
        source = duckdb_names.noted_source(match.group(1))
        if source is None:
            # Of an object that nobody has seen.
            source = Source("frame", Origins(complete=False))
        if source.text and depth < _MAX_DEPTH and len(source.text) < _MAX_TEXT:
            return f"({_with_sources(source.text, given, depth + 1)})"
        number = 1
        base = f"{source.name}_source"
        while f"{base}{number}" in given and given[f"{base}{number}"] is not source:
            number += 1
        given[f"{base}{number}"] = source
        return f'"{base}{number}"'

    return _OWN_NAME.sub(replaced, text) if "__duckdb_source_" in text else text


def _with_stable_names(text: str) -> str:
    """A text in which equal statements are equal, whatever aliases DuckDB has made up for them."""
    names: dict[str, str] = {}
    return _OWN_ALIAS.sub(lambda match: names.setdefault(match.group(1).lower(), f"r{len(names) + 1}"), text)


def _event(name: str, entity: Entity, alias: str, **more: Any) -> Event:
    size = -1
    if entity.type == "file":
        version, size = file_version(entity.name)
        entity = entity.at(version)
    return name, tuple(sorted({**describe(entity, size), PROVENANCE_ENTITY_ALIAS: alias, **more}.items()))


def _blurred(event: Event) -> Event:
    """The event of a file below a query that is not taken apart: any of its columns may be behind that of the query."""
    name, pairs = event
    return name, (*pairs, *edge_attributes([("*", "", "DIRECT")]).items())


def _stated(event: Event) -> Event:
    name, pairs = event
    if any(key == PROVENANCE_EVIDENCE for key, _ in pairs):
        return event
    return name, (*pairs, (PROVENANCE_EVIDENCE, PROVENANCE_EVIDENCE_STATEMENT))


def _flows(origins: Origins, alias: str, columns: Columns | None) -> tuple[list[Event], bool]:
    events: list[Event] = []
    # Of a lazy frame, what it has read by now.
    origins = happened(origins)
    for read in sorted(origins.reads, key=lambda read: (read.entity.namespace, read.entity.name, read.span_id)):
        pairs = {
            **describe(read.entity),
            PROVENANCE_ENTITY_ALIAS: alias,
            PROVENANCE_EVIDENCE: PROVENANCE_EVIDENCE_FLOW,
            PROVENANCE_SOURCE_TRACE_ID: f"{read.trace_id:032x}",
            PROVENANCE_SOURCE_SPAN_ID: f"{read.span_id:016x}",
            **edge_attributes(list(_edges(read, columns))),
        }
        events.append((EVENT_PROVENANCE_ENTITY_USED, tuple(sorted(pairs.items()))))
    return events, origins.complete


def _edges(read: Read, columns: Columns | None) -> Iterable[tuple[str, str, str]]:
    if columns is None:
        return
    if isinstance(columns, Read):
        if columns == read:
            yield "*", "*", "DIRECT:IDENTITY"
        return
    for name, sources in columns.items():
        for source in sources:
            if source.read == read:
                yield name, source.column, source.transformation


def _short_name(events: list[Event]) -> str:
    return next((str(dict(pairs)[PROVENANCE_ENTITY_ALIAS]) for _, pairs in events), "")


def _argument(parameters: Any, place: str) -> Any:
    if place[0] == "$":
        return parameters.get(place[1:]) if type(parameters) is dict else None
    at = int(place[1:])
    return parameters[at] if type(parameters) in (list, tuple) and at < len(parameters) else None


def _plain(parameters: Any) -> tuple[Any, ...] | dict[str, Any]:
    if type(parameters) is dict:
        return parameters
    return tuple(parameters) if type(parameters) in (list, tuple) else ()
