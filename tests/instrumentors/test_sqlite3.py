# SPDX-License-Identifier: Apache-2.0
"""Statements through sqlite3, with nothing changed for the program."""

from __future__ import annotations

import os
import pickle
import sqlite3
import time

import pytest
from instrumented import recording_with

from otelprov.capture.sql.sql_statements import finish_statements
from otelprov.semconv import names
from otelprov_instrumentors.sqlite3 import Sqlite3Instrumentor


@pytest.fixture
def recorded(tmp_path):
    with recording_with(tmp_path / "home", Sqlite3Instrumentor) as found:
        yield found
        finish_statements()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "app.db")


@pytest.fixture
def connection(recorded, path):
    made = sqlite3.connect(path)
    yield made
    made.close()


def delete_and_fail(connection):
    with connection:
        connection.execute("delete from t")
        raise TypeError("mine")


def texts(recorded):
    return [span.attributes.get(names.DB_QUERY_TEXT) for span in recorded.io()]


def test_a_statement_is_one_span_without_its_values(recorded, connection, path):
    connection.execute("create table person(name, age)")
    connection.execute("insert into person values ('Ana''s', 41) -- secret")
    span = recorded.io()[-1]
    assert span.name == "INSERT app.db"
    expected = {
        names.PROVENANCE_OPERATION: "execute",
        names.PROVENANCE_ENTITY_NAMESPACE: f"sqlite:{os.path.realpath(path)}",
        names.PROVENANCE_ENTITY_NAME: "",
        names.PROVENANCE_ENTITY_TYPE: "database",
        names.DB_SYSTEM_NAME: "sqlite",
        names.DB_NAMESPACE: os.path.realpath(path),
        names.DB_OPERATION_NAME: "INSERT",
        names.DB_QUERY_TEXT: "insert into person values (?, ?)",
        names.PROVENANCE_ROWS: 1,
        names.CODE_FILE_PATH: __file__,
    }
    assert expected.items() <= span.attributes.items()
    assert span.scope == "otelprov.sqlite3"


def test_every_way_to_run_a_statement(recorded, connection):
    connection.executescript("create table t(a); insert into t values ('x;y'); create table u(a);")
    connection.executemany("insert into t values (?)", [(number,) for number in range(10_000)])
    cursor = connection.cursor()
    cursor.execute("select * from t where a = :a", {"a": 1})
    cursor.executemany("update u set a = ?", [(1,)])
    cursor.executescript("delete from u")
    with connection:
        connection.execute("insert into u select a from t")
    assert texts(recorded) == [
        "create table t(a)",
        "insert into t values (?)",
        "create table u(a)",
        "insert into t values (?)",
        "select * from t where a = :a",
        "update u set a = ?",
        "delete from u",
        "insert into u select a from t",
    ]
    assert recorded.io()[3].attributes[names.PROVENANCE_ROWS] == 10_000
    assert recorded.io()[-1].attributes[names.PROVENANCE_ROWS] == 10_001


def test_what_moves_no_data_is_not_recorded(recorded, connection):
    for statement in ("pragma user_version", "begin", "savepoint a", "release a", "commit", "-- nothing", ""):
        connection.execute(statement)
    assert recorded.io() == []


def test_types_results_and_errors_are_those_of_sqlite3(recorded, connection):
    Sqlite3Instrumentor().uninstrument()
    other = sqlite3.connect(":memory:")
    Sqlite3Instrumentor().instrument()
    assert isinstance(other, sqlite3.Connection)
    assert issubclass(type(other), sqlite3.Connection)
    assert type(connection) is sqlite3.Connection
    assert not isinstance(connection.cursor(), sqlite3.Connection)
    assert isinstance(connection.cursor(), sqlite3.Cursor)
    found = []
    for made in (connection, other):
        seen: list[object] = [repr(type(made)), repr(type(made.cursor())), made.isolation_level, made.in_transaction]
        made.execute("create table t(a, b)")
        cursor = made.execute("insert into t values (1, 2)")
        seen += [cursor.lastrowid, cursor.rowcount, cursor.description, made.in_transaction, made.total_changes]
        cursor = made.execute("select a, b from t")
        seen += [cursor.description, cursor.rowcount, list(cursor), cursor.fetchone()]
        made.row_factory = sqlite3.Row
        seen += [made.execute("select a as x from t").fetchone()["x"], cursor.arraysize]
        for args in (
            ("select * from missing",),
            ("insert into t values (1)",),
            (),
            (1,),
            ("select ?", ()),
            ("x", 1, 2),
        ):
            with pytest.raises(Exception) as caught:
                made.execute(*args)
            seen += [caught.type, str(caught.value)]
        with pytest.raises(TypeError) as caught:
            delete_and_fail(made)
        seen += [str(caught.value), made.execute("select count(*) from t").fetchone()[0]]
        with pytest.raises(AttributeError):
            made.unknown = 1
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(made)
        seen += [list(made.iterdump()), made.cursor().connection is made]
        made.close()
        with pytest.raises(sqlite3.ProgrammingError) as caught:
            made.execute("select 1")
        seen.append(str(caught.value))
        found.append(seen)
    assert found[0] == found[1]


def test_a_statement_that_failed_is_not_recorded(recorded, connection):
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("select * from missing")
    assert recorded.io() == []


def test_results_come_as_lazily_as_ever(recorded, connection):
    called = []
    connection.create_function("noted", 1, lambda value: called.append(value) or value)
    cursor = connection.execute("select noted(value) from (select 1 as value union all select 2 union all select 3)")
    assert len(called) <= 1
    assert [row[0] for row in cursor] == [1, 2, 3]


def test_factories_of_the_user_keep_working(recorded, path):
    class Mine(sqlite3.Connection):
        def greet(self):
            return "hello"

    class MyCursor(sqlite3.Cursor):
        pass

    made = sqlite3.connect(path, factory=Mine)
    assert isinstance(made, Mine)
    assert made.greet() == "hello"
    made.execute("create table t(a)")
    cursor = made.cursor(MyCursor)
    assert isinstance(cursor, MyCursor)
    cursor.execute("insert into t values (1)")
    made.close()
    made = sqlite3.connect(path, factory=lambda *args, **kwargs: sqlite3.Connection(*args))
    assert type(made) is sqlite3.Connection
    made.execute("select 1")
    made.close()
    assert texts(recorded) == ["create table t(a)", "insert into t values (?)", "select ?"]


def test_connections_that_the_program_makes_itself(recorded, path):
    class Mine(sqlite3.Connection):
        def __init__(self, folder):
            super().__init__(os.path.join(folder, "app.db"), detect_types=sqlite3.PARSE_DECLTYPES)

    for made in (sqlite3.Connection(path), Mine(os.path.dirname(path))):
        made.row_factory = sqlite3.Row
        made.text_factory = bytes
        with made:
            made.execute("create table if not exists t(a timestamp)")
        made.close()
    memory = sqlite3.Connection(":memory:")
    memory.execute("select * from sqlite_master")
    memory.close()
    namespaces = [span.attributes[names.PROVENANCE_ENTITY_NAMESPACE] for span in recorded.io()]
    assert namespaces[:2] == [f"sqlite:{os.path.realpath(path)}"] * 2
    assert namespaces[2].startswith("sqlite::memory:")


def test_connections_to_one_memory_see_the_same(recorded):
    one = sqlite3.connect("file:shared?mode=memory&cache=shared", uri=True)
    other = sqlite3.connect("file:shared?mode=memory&cache=shared", uri=True)
    one.execute("create table t(a)")
    one.commit()
    other.execute("select * from t")
    one.close()
    other.close()
    first, second = recorded.io()
    assert first.attributes[names.PROVENANCE_ENTITY_NAMESPACE] == second.attributes[names.PROVENANCE_ENTITY_NAMESPACE]


def test_blobs_are_read_and_written(recorded, connection):
    connection.execute("create table pictures(data blob)")
    connection.execute("insert into pictures values (zeroblob(3))")
    with connection.blobopen("pictures", "data", 1) as blob:
        blob.write(b"abc")
    with connection.blobopen("pictures", "data", 1, readonly=True) as blob:
        assert blob.read() == b"abc"
    with pytest.raises(sqlite3.OperationalError):
        connection.blobopen("pictures", "data", 99)
    assert texts(recorded)[2:] == [
        'UPDATE "main"."pictures" SET "data" = ?',
        'SELECT "data" FROM "main"."pictures"',
    ]


def test_a_script_attaches_what_it_names(recorded, connection, tmp_path):
    other = os.path.realpath(tmp_path / "other.db")
    connection.executescript(
        f"create table t(a); -- ATTACH 'no' AS x\nattach '{other}' as other; create table other.u as select * from t;"
    )
    assert recorded.io()[-1].attributes[names.PROVENANCE_DATABASE_ATTACHED] == f'{{"other": "{other}"}}'


def test_a_class_of_the_user_with_its_own_execute_is_one_edge(recorded, path):
    class Shouting(sqlite3.Connection):
        def execute(self, sql, *args):
            return super().execute(sql.upper(), *args)

        def cursor(self):
            return super().cursor()

    made = sqlite3.connect(path, factory=Shouting)
    made.execute("create table t(a)")
    made.executemany("insert into t values (?)", [(1,)])
    made.close()
    assert [span.name for span in recorded.io()] == ["CREATE app.db", "INSERT app.db"]


def test_a_loop_of_one_statement_is_few_spans_with_all_rows(recorded, connection):
    connection.execute("create table t(a)")
    started = time.monotonic()
    for number in range(10_000):
        connection.execute("insert into t values (?)", (number,))
    seconds = time.monotonic() - started
    connection.close()
    inserts = recorded.io()[1:]
    assert len(inserts) <= 2 + seconds
    assert sum(span.attributes[names.PROVENANCE_ROWS] for span in inserts) == 10_000
    assert inserts[0].end <= inserts[-1].start


def test_a_repeated_statement_is_recorded_again_once_something_new_came_before_it(recorded, connection):
    def query():
        connection.execute("select * from u").fetchall()

    connection.execute("create table u(a)")
    for _ in range(10):
        query()
    assert texts(recorded).count("select * from u") == 1
    connection.execute("insert into u values (1)")
    query()
    *_, put_off, insert, again = recorded.io()
    assert [span.name for span in (put_off, insert, again)] == ["SELECT app.db", "INSERT app.db", "SELECT app.db"]
    assert put_off.end <= insert.start
    assert again.start >= insert.end
    # Nothing but repetitions from here on, though two statements take turns.
    for _ in range(10):
        query()
    before = len(recorded.io())
    connection.close()
    assert len(recorded.io()) == before + 1


def test_attached_databases_are_named(recorded, connection, tmp_path):
    other = str(tmp_path / "it's.db")
    connection.execute("create table t(a)")
    connection.execute("attach ? as other", (other,))
    connection.execute("create table other.x as select * from t")
    connection.execute("attach database '{}' as \"third\"".format(str(tmp_path / "c.db")))
    connection.execute("select * from other.x")
    connection.execute("detach other")
    connection.execute("select * from t")
    attached = [span.attributes.get(names.PROVENANCE_DATABASE_ATTACHED) for span in recorded.io()]
    folder = os.path.realpath(tmp_path)
    assert attached == [
        None,
        f'{{"other": "{folder}/it\'s.db"}}',
        f'{{"other": "{folder}/it\'s.db", "third": "{folder}/c.db"}}',
        f'{{"third": "{folder}/c.db"}}',
    ]


@pytest.mark.parametrize(
    ("location", "uri"), [(":memory:", False), ("", False), ("file::memory:", True), ("file:x?mode=memory", True)]
)
def test_databases_in_memory_are_temporary_and_each_its_own(recorded, location, uri):
    for _ in range(2):
        made = sqlite3.connect(location, uri=uri)
        made.execute("create table t(a)")
        made.close()
    first, second = recorded.io()
    assert first.attributes[names.PROVENANCE_ENTITY_TEMPORARY] is True
    assert first.attributes[names.PROVENANCE_ENTITY_NAMESPACE].startswith("sqlite::memory:")
    assert first.attributes[names.PROVENANCE_ENTITY_NAMESPACE] != second.attributes[names.PROVENANCE_ENTITY_NAMESPACE]


def test_the_path_of_a_uri(recorded, path):
    made = sqlite3.connect(f"file:{path.replace('app', 'a%20b')}?mode=rwc", uri=True)
    made.execute("create table t(a)")
    made.close()
    assert recorded.io()[0].attributes[names.DB_NAMESPACE] == os.path.realpath(path).replace("app", "a b")


def test_a_backup_of_tables_is_one_statement_each(recorded, connection, tmp_path):
    connection.execute("create table t(a)")
    connection.commit()
    target = sqlite3.connect(tmp_path / "copy.db")
    connection.backup(target)
    target.close()
    assert texts(recorded)[1:] == ['CREATE TABLE "t" AS SELECT * FROM source."t"']
    span = recorded.io()[-1]
    assert span.name == "CREATE copy.db"
    assert span.attributes[names.PROVENANCE_DATABASE_ATTACHED] == f'{{"source": "{connection_path(connection)}"}}'


def connection_path(connection):
    return connection.execute("pragma database_list").fetchone()[2]


def test_a_backup_from_memory_to_memory_is_a_read_and_a_write_that_comes_from_it(recorded):
    source, target = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    source.execute("create table t(a)")
    source.backup(target)
    source.close()
    target.close()
    _, read, write = recorded.io()
    assert (read.name, write.name) == ("read :memory:", "write :memory:")
    assert write.attributes[names.PROVENANCE_FLOW_COMPLETE] is True
    assert write.events[1].attributes[names.PROVENANCE_SOURCE_SPAN_ID] == read.span_id


def test_our_own_store_is_never_recorded(recorded):
    recorded.home.mkdir()
    made = sqlite3.connect(recorded.home / "store.db")
    made.execute("create table t(a)")
    made.close()
    assert recorded.io() == []


def test_connections_outlive_the_observation(recorded, connection):
    Sqlite3Instrumentor().uninstrument()
    connection.execute("create table t(a)")
    assert recorded.io() == []
    Sqlite3Instrumentor().instrument()
    connection.execute("select * from t")
    assert len(recorded.io()) == 1
