# SPDX-License-Identifier: Apache-2.0
"""Where the tables that a statement names lie: in its own database, in an attached one, or in memory for a while."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from otelprov.lineage import sqlite_names
from otelprov.model.records import StatementRecord

# Systems in whose names the database comes before schema and table.
_WITH_DATABASE = frozenset({"postgresql", "mssql", "microsoft.sql_server", "redshift", "mysql", "mariadb"})


class Place(NamedTuple):
    """An entity that a statement names."""

    namespace: str
    name: str
    temporary: bool


class Places:
    """Where the tables of one statement lie; `beside` are all tables that it names.

    `inside` is the namespace in which tables of plain names lie, where that is not the statement's own.
    """

    def __init__(self, statement: StatementRecord, beside: Collection[str], inside: str = "") -> None:
        context = _context(statement.context)
        self._system = statement.system
        self._process = statement.process_id
        self._namespace = statement.namespace
        self._database = str(context.get("database") or "")
        self._prefix = f"{self._database}." if self._system in _WITH_DATABASE and self._database else ""
        self._temporary = bool(context.get("temporary"))
        self._beside = beside
        self._inside = inside
        variables = context.get("variables")
        self._variables = set(variables) if isinstance(variables, list) else set()
        self._attached = sqlite_names.attached_databases(str(context.get("attached") or ""))

    def of(self, name: str) -> Place:
        """The place of a table as the statement names it, with its database unless that is written out."""
        if self._inside and "." not in name:
            return Place(self._inside, name, in_memory(self._inside))
        if self._system == "duckdb":
            name = self._of_duckdb(name)
        path, table, temporary = sqlite_names.locate(name, self._attached, self._beside)
        if path:
            table = table.removeprefix("main.")
            namespace = apart(path if path.startswith(("duckdb:", "sqlite:")) else f"sqlite:{path}", self._process)
            return Place(namespace, table, in_memory(namespace))
        temporary = temporary or self._temporary or table.startswith("#")
        return Place(self._namespace, table if table.startswith(self._prefix) else self._prefix + table, temporary)

    def is_variable(self, name: str) -> bool:
        """Whether a name is that of a table in memory of which nothing else is known."""
        return name.lower() in self._variables

    def result(self) -> Place:
        """The place of the rows that a query gives back."""
        return Place(self._namespace, "", True)

    def _of_duckdb(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        own = os.path.basename(self._database).partition(".")[0] if not in_memory(self._namespace) else "memory"
        if dot and first.lower() == own.lower() and first.lower() not in self._attached:
            name = rest
        return name[5:] if name.lower().startswith("main.") else name


def apart(namespace: str, process_id: str) -> str:
    """Every process has a memory of its own, under the same name."""
    return f"{namespace}#{process_id}" if in_memory(namespace) else namespace


def in_memory(namespace: str) -> bool:
    """Whether a namespace is that of a database that lives in the memory of a process."""
    return namespace.startswith(("sqlite:", "duckdb:")) and (":memory:" in namespace or "mode=memory" in namespace)


def _context(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
