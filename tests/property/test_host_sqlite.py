# SPDX-License-Identifier: Apache-2.0
"""Random programs on sqlite3 see no difference when they are observed."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twice import Step, assert_same

from otelprov_instrumentors.sqlite3 import Sqlite3Instrumentor


class Mine(sqlite3.Connection):
    """A connection class of the program's own."""

    def hello(self) -> str:
        return "hello"


class Cursor(sqlite3.Cursor):
    """A cursor class of the program's own."""


STATEMENTS = some.sampled_from(
    [
        "create table t(a integer primary key, b text)",
        "create table t(a unique)",
        "insert into t(b) values ('x')",
        "insert into t values (1, 'twice')",
        "insert into t values (?, ?)",
        "insert into t values (:a, :b)",
        "insert into t(b) values ('r') returning a",
        "select * from t order by 1",
        'select a, b as "c [x]" from t',
        "select ? + 1",
        "select count(*) from missing",
        "update t set b = 'y' where a > 0",
        "delete from t",
        "drop table t",
        "begin",
        "commit",
        "rollback",
        "savepoint s",
        "pragma user_version",
        "select 1; select 2",
        "selec 1",
        "",
        " -- nothing",
        "select '\ud800'",
        "select 1\0",
        "attach 'other.db' as o",
        "create table if not exists o.t as select 1 as a",
        "select boom(1)",
        "select zeroblob(5)",
    ]
)
ARGUMENTS = some.sampled_from(
    [(), (1, "one"), [2, "two"], {"a": 3, "b": "three"}, (1,), ("\ud800",), (2**70,), 5, None]
)
DATABASES = some.sampled_from(["app.db", ":memory:", "none/x.db", "file:app.db?mode=ro", b"app.db", ""])
CONNECTIONS, CURSORS = some.sampled_from(["c", "d"]), some.sampled_from(["x", "y"])
EXECUTES = some.sampled_from(["execute", "executemany", "executescript"])
HOW = some.fixed_dictionaries(
    {},
    optional={
        "isolation_level": some.sampled_from([None, "DEFERRED", "EXCLUSIVE", "wrong"]),
        "factory": some.sampled_from([sqlite3.Connection, Mine, int]),
        "detect_types": some.just(sqlite3.PARSE_COLNAMES),
        "uri": some.booleans(),
        "cached_statements": some.just(0),
    },
)
STEPS = some.one_of(
    some.tuples(some.just("connect"), CONNECTIONS, DATABASES, HOW),
    some.tuples(some.just("run"), CONNECTIONS | CURSORS, EXECUTES, STATEMENTS, ARGUMENTS | some.none()),
    some.tuples(some.just("run"), CONNECTIONS, some.just("execute"), STATEMENTS, some.just(())),
    some.tuples(some.just("cursor"), CONNECTIONS, CURSORS, some.sampled_from([None, Cursor])),
    some.tuples(some.just("keep"), CONNECTIONS, CURSORS, STATEMENTS),
    some.tuples(some.just("fetch"), CURSORS, some.sampled_from(["fetchone", "fetchall", "fetchmany", "__next__"])),
    some.tuples(some.just("list"), CURSORS),
    some.tuples(some.just("call"), CONNECTIONS | CURSORS, some.sampled_from(["commit", "rollback", "close", "hello"])),
    some.tuples(some.just("about"), CONNECTIONS | CURSORS),
    some.tuples(some.just("rows"), CONNECTIONS | CURSORS, some.sampled_from([None, sqlite3.Row, "dict"])),
    some.tuples(some.just("with"), CONNECTIONS, STATEMENTS),
    some.tuples(some.just("function"), CONNECTIONS),
    some.tuples(some.just("trace"), CONNECTIONS),
    some.tuples(some.just("backup"), CONNECTIONS, CONNECTIONS),
    some.tuples(some.just("dump"), CONNECTIONS),
    some.tuples(some.just("direct"), CONNECTIONS, DATABASES),
)


def do(state: dict[str, Any], step: Step) -> Any:
    kind, *rest = step
    if kind in ("connect", "direct"):
        name, database, *how = rest
        make = sqlite3.connect if kind == "connect" else Mine
        # Locks of the other connection are errors at once.
        made = make(database, **{"timeout": 0.0} | (how[0] if how else {}))
        if name in state:
            state[name].close()
        state[name] = made
        return made
    held = state[rest[0]]
    if kind == "run":
        _, method, statement, arguments = rest
        given = () if arguments is None or method == "executescript" else (arguments,)
        return getattr(held, method)(statement, *given)
    if kind == "cursor":
        _, name, factory = rest
        state[name] = held.cursor() if factory is None else held.cursor(factory)
        return state[name]
    if kind == "keep":
        _, name, statement = rest
        state[name] = held.execute(statement)
        return state[name]
    if kind in ("fetch", "call"):
        return getattr(held, rest[1])()
    if kind == "list":
        return list(held)
    if kind == "about":
        names = ["in_transaction", "total_changes", "isolation_level", "row_factory", "text_factory", "rowcount"]
        names += ["lastrowid", "description", "arraysize"]
        return (
            [getattr(held, name, "none") for name in names],
            isinstance(held, sqlite3.Connection),
            type(held).__mro__[-2:],
        )
    if kind == "rows":
        held.row_factory = _as_dict if rest[1] == "dict" else rest[1]
        return held.row_factory
    if kind == "with":
        with held:
            return held.execute(rest[1]).fetchall()
    if kind == "function":
        return held.create_function("boom", 1, _boom)
    if kind == "trace":
        traced = state.setdefault("traced", [])
        return held.set_trace_callback(traced.append), list(traced)
    if kind == "backup":
        return held.backup(state[rest[1]], progress=_give_up, sleep=0.001)
    return list(held.iterdump())


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {each[0]: value for each, value in zip(cursor.description, row, strict=True)}


def _give_up(status: int, _left: int, _total: int) -> None:
    # Left to itself, a backup of what is locked tries again for ever.
    if status not in (0, 101):
        raise TimeoutError(status)


def _boom(_value: int) -> int:
    raise ValueError("mine")


def show(result: Any) -> str:
    if isinstance(result, list):
        return str([show(each) for each in result])
    if isinstance(result, sqlite3.Row):
        return str((result.keys(), tuple(result)))
    if isinstance(result, sqlite3.Cursor):
        return str((type(result).__name__, result.description, result.rowcount, result.lastrowid, show(_rest(result))))
    return re.sub(r" at 0x[0-9a-f]+", "", repr(result))


def _rest(cursor: sqlite3.Cursor) -> Any:
    try:
        return cursor.fetchone()
    except sqlite3.Error as error:
        return repr(error)


def _told_alike(text: str) -> str:
    # A message of C tells the module of types written in C, never that of subclasses written in Python.
    return re.sub(r"sqlite3\.(Connection|Cursor)(\\*' object)", r"\1\2", text)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.lists(STEPS, min_size=1, max_size=15))
def test_the_program_sees_no_difference(steps: list[Step]) -> None:
    start: list[Step] = [("connect", "c", "app.db", {}), ("run", "c", "execute", "create table t(a, b)", ())]
    assert_same(Sqlite3Instrumentor(), start + steps, do, show, told_alike=_told_alike)
