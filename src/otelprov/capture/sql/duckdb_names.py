# SPDX-License-Identifier: Apache-2.0
"""What names mean to a connection of DuckDB: databases, registered objects, variables of the caller."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from otelprov.capture.disk.handles import handle_origins
from otelprov.capture.flow.frames import kind_of, known
from otelprov.capture.flow.identity import Origins, origins_of
from otelprov.capture.naming import absolute_path, is_noise, is_temporary
from otelprov.capture.sql.sql_statements import Database
from otelprov.capture.tables.columns import Columns, columns_of
from otelprov.model.entity import Entity

_MEMORY = ":memory:"
_DEFAULT = ":default:"
_MAX_SOURCES = 4096
_ATTACH = re.compile(
    r"\s*+ATTACH\s++(?:OR\s+REPLACE\s++)?(?:DATABASE\s++)?(?:IF\s+NOT\s+EXISTS\s++)?('(?:[^']|'')*'|\?\d*|\$\w+)"
    r"(?:\s+AS\s+(\"[^\"]*\"|\w+))?(?:\s*\((.*)\))?\s*;?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_DETACH = re.compile(r"\s*+DETACH\s++(?:DATABASE\s++)?(?:IF\s+EXISTS\s++)?(\"[^\"]*\"|\w+)", re.IGNORECASE)
_TYPE = re.compile(r"\bTYPE\s+'?(\w+)", re.IGNORECASE)
_SQLITE_HEADER = b"SQLite format 3\x00"
_memories = itertools.count(1)
_NOISE = Database("", "", Entity("duckdb:", "", "database"), "")
_OWN = ("duckdb", "otelprov", "otelprov_instrumentors")


class Source(NamedTuple):
    """A table in memory that a statement reads by name: what it comes from; or the text of a query in its place."""

    name: str
    origins: Origins | None = None
    columns: Columns | None = None
    text: str = ""


@dataclass(slots=True)
class Names:
    """What a connection knows; connections to the same database made by `cursor` share it."""

    database: Database
    registered: dict[str, Source] = field(default_factory=dict)
    prepared: dict[str, str] = field(default_factory=dict)
    # What the rows of the last relation that was executed come from.
    last: Origins | None = None


_of_connections: weakref.WeakKeyDictionary[Any, Names] = weakref.WeakKeyDictionary()
# By the names that DuckDB gives to objects that relations read.
_sources: OrderedDict[str, Source] = OrderedDict()
_default: Names | None = None


def is_connection(connection: Any) -> bool:
    """Whether an object is a connection of DuckDB."""
    kind = type(connection)
    return kind.__name__ == "DuckDBPyConnection" and kind.__module__ in ("duckdb", "_duckdb")


def connection_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The connection that a method, or a function of the module, was called for."""
    if args and is_connection(args[0]):
        return args[0]
    given = kwargs.get("connection")
    return given if is_connection(given) else sys.modules["duckdb"].default_connection()


def names_of(connection: Any) -> Names | None:
    """What a connection knows; None where its database is noise, and for what is no connection."""
    if not is_connection(connection):
        return None
    found = _of_connections.get(connection)
    if found is None:
        found = _of_connections[connection] = _unseen(connection)
    return found if found.database.system else None


def _unseen(connection: Any) -> Names:
    """Of the default connection, whose object comes and goes; or of one that was opened before anybody looked."""
    global _default
    if connection is not sys.modules["duckdb"].default_connection():
        return Names(_memory())
    if _default is None:
        _default = Names(_memory())
    return _default


def connected(connection: Any, location: Any) -> None:
    """Note which database a connection was opened to."""
    if not is_connection(connection):
        return
    plain = os.fsdecode(location) if isinstance(location, (str, os.PathLike)) else _MEMORY
    if plain == _DEFAULT:
        names_of(connection)
        return
    if plain.startswith(_MEMORY) or not plain:
        database = _memory(plain.removeprefix(_MEMORY))
    else:
        path = absolute_path(plain)
        entity = Entity(f"duckdb:{path}", "", "database", temporary=is_temporary(path or ""))
        noise = path is None or is_noise(path)
        database = _NOISE if noise else Database("duckdb", path or "", entity, os.path.basename(path or ""))
    _of_connections[connection] = Names(database)


def shared(connection: Any, made: Any) -> None:
    """Note that a connection was made from another, to the same database."""
    found = names_of(connection)
    if is_connection(made):
        # What is registered is seen by one connection alone.
        _of_connections[made] = Names(found.database if found is not None else _NOISE)


def _memory(name: str = "") -> Database:
    name = f"{_MEMORY}{name or next(_memories)}"
    return Database("duckdb", name, Entity(f"duckdb:{name}", "", "database", temporary=True), _MEMORY)


def register(connection: Any, name: Any, obj: Any) -> None:
    """Note that statements of a connection can read an object by a name."""
    found = names_of(connection)
    if found is not None and type(name) is str:
        found.registered[name.lower()] = source_of(name, obj)


def unregister(connection: Any, name: Any) -> None:
    """The name means nothing any more."""
    found = names_of(connection)
    if found is not None and type(name) is str:
        found.registered.pop(name.lower(), None)


def source_of(name: str, obj: Any) -> Source:
    """A table in memory as a source; of a relation its query."""
    if is_relation(obj):
        return Source(name, text=str(obj.sql_query()))
    found = known(obj)
    if found is None:
        found = handle_origins(obj) or origins_of(obj)
    return Source(name, found or Origins(complete=False), columns_of(obj))


def is_relation(obj: Any) -> bool:
    """Whether an object is a relation of DuckDB."""
    kind = type(obj)
    return kind.__name__ == "DuckDBPyRelation" and kind.__module__.partition(".")[0] == "duckdb"


def note_source(handle: Any, source: Source) -> None:
    """Note what DuckDB's own name for an object stands for."""
    key = handle.name if type(handle).__name__ == "SourceHandle" else None
    if type(key) is str:
        _sources[key] = source
        if len(_sources) > _MAX_SOURCES:
            _sources.popitem(last=False)


def captured(signature: Any) -> list[tuple[str, Any]]:
    """Names of variables that a statement reads, with DuckDB's handles of them."""
    return list(signature.captured) if type(signature).__name__ == "Signature" else []


def noted_source(key: str) -> Source | None:
    """What a name that DuckDB itself has made up stands for."""
    return _sources.get(key)


def variable(name: str) -> Any:
    """A variable of the program's function that called DuckDB: the only one in whose variables it looks, too."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in _OWN:
        frame = frame.f_back
    found = frame.f_locals.get(name)
    return frame.f_globals.get(name) if found is None else found


def is_table(obj: Any) -> bool:
    """Whether DuckDB can read a variable as a table."""
    if is_relation(obj) or kind_of(type(obj)):
        return True
    library = type(obj).__module__.partition(".")[0]
    return library in ("pandas", "polars", "pyarrow", "numpy") or hasattr(type(obj), "__arrow_c_stream__")


def attach(names: Names, text: str, parameters: tuple[Any, ...] | dict[str, Any]) -> None:
    """Follow ATTACH and DETACH; `text` with its literals."""
    attached = dict(json.loads(names.database.attached or "{}"))
    gone = _DETACH.match(text)
    if gone is not None:
        attached.pop(gone.group(1).strip('"').lower(), None)
    match = _ATTACH.match(text)
    if match is not None:
        place = match.group(1)
        if place[0] == "'":
            place = place[1:-1].replace("''", "'")
        elif type(parameters) is tuple and parameters and type(parameters[0]) is str:
            place = parameters[0]
        kind = _TYPE.search(match.group(3) or "")
        alias = (match.group(2) or "").strip('"') or os.path.basename(place).partition(".")[0]
        namespace = _namespace(place, kind.group(1).lower() if kind else "")
        if namespace and alias:
            attached[alias.lower()] = namespace
    names.database = replace(names.database, attached=json.dumps(attached, sort_keys=True) if attached else "")


def _namespace(place: str, kind: str) -> str:
    if place.startswith(_MEMORY) or not place:
        return f"duckdb:{_MEMORY}{next(_memories)}"
    path = absolute_path(place.removeprefix("sqlite:"))
    if path is None or "://" in place:
        return ""
    if not kind:
        try:
            with open(path, "rb") as file:
                kind = "sqlite" if file.read(16) == _SQLITE_HEADER else "duckdb"
        except OSError:
            kind = "duckdb"
    return f"sqlite:{path}" if kind.startswith("sqlite") else f"duckdb:{path}" if kind == "duckdb" else ""
