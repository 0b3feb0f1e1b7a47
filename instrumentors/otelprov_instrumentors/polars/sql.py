# SPDX-License-Identifier: Apache-2.0
"""Queries over frames: they come from the tables and the files that they name."""

from __future__ import annotations

import re
import weakref
from collections.abc import Generator
from typing import Any

from otelprov.capture.calls import Call
from otelprov.capture.flow.frames import add, known
from otelprov.capture.flow.identity import Origins
from otelprov.capture.flow.planned import Execution, planned
from otelprov.capture.tables.sources import given
from otelprov_instrumentors.polars.lazy import may_be_pruned

_UNKNOWN = Origins(complete=False)
_FUNCTIONS = {"read_csv": "csv", "read_parquet": "parquet", "read_ipc": "arrow", "read_json": "jsonl"}
_CALLED = re.compile(r"\b(read_\w+)\s*\(\s*'((?:[^']|'')*)'", re.IGNORECASE)
_MADE = re.compile(r"\s*create\s+(?:or\s+replace\s+)?table\s+(?:if\s+not\s+exists\s+)?\"?(\w+)", re.IGNORECASE)
_NAMED = re.compile(r"\"?(\w+)\"?\s+as\s*\(", re.IGNORECASE)
# By context, what the tables come from that are registered in it.
_tables: weakref.WeakKeyDictionary[Any, dict[str, Origins]] = weakref.WeakKeyDictionary()


def registers(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Follow function of `SQLContext.register`."""
    name = kwargs["name"] if "name" in kwargs else args[1]
    frame = kwargs["frame"] if "frame" in kwargs else args[2]
    if type(name) is str:
        _tables.setdefault(args[0], {})[name] = Origins() if frame is None else known(frame) or _UNKNOWN


def queries(call: Call) -> Generator[None, Any, None]:
    """Capture of `SQLContext.execute`."""
    context, query = call.args[0], call.argument("query", 1)
    if type(query) is not str:
        return
    eager = call.argument("eager", 2) or context._eager_execution
    tables = _tables.setdefault(context, {})
    made = _MADE.match(query)
    try:
        named = type(context._ctxt).table_identifiers(query, include_schema=False, unique=True)
    except Exception:
        # It is no query, as the program is about to be told.
        return
    found = _origins(query, set(named) - ({made[1]} if made else set()), tables)
    execution = Execution([found] if eager else [])
    # The plan of what is executed at once is never seen.
    execution.keep(frozenset(), may_be_pruned, whole=False)
    result = yield
    if made:
        tables[made[1]] = found
    execution.record_reads(call)
    if found.reads or not found.complete:
        add(result, (execution.real(found) if eager else found) or found)


def _origins(query: str, named: set[str], tables: dict[str, Origins]) -> Origins:
    inner = {name.lower() for name in _NAMED.findall(query)}
    found = Origins()
    for name in named:
        if name in tables:
            found |= tables[name]
        elif name.lower() not in _FUNCTIONS and name.lower() not in inner:
            found |= _UNKNOWN
    for function, path in _CALLED.findall(query):
        if function.lower() in _FUNCTIONS:
            found |= planned(given(path.replace("''", "'")), _FUNCTIONS[function.lower()])
    return found
