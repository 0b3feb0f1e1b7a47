# SPDX-License-Identifier: Apache-2.0
"""Each attribute is scrubbed by what its name says it holds; an error on the way costs the value, never the secret."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from otelprov.capture.scrub import CUT, kinds, rules, scrub_attributes, scrub_span, spans
from otelprov.capture.scrub.chosen import has_rules
from otelprov.journal.encode import EndedSpan, Link, Scope

SECRET = "hunter2" + "x" * 30


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_HOME", str(tmp_path / "home"))


def made(scope: str = "app", **attributes: object) -> EndedSpan:
    return EndedSpan("x", 1, 2, 0, 3, 4, {key.replace("__", "."): value for key, value in attributes.items()}, scope)


def one(name: str, value: object, scope: str = "app", **more: object) -> object:
    found = scrub_span(made(scope)._replace(attributes={name: value, **more})).attributes[name]
    return re.sub(r"\[cut:[0-9a-f]{8}\]", CUT, found) if isinstance(found, str) else found


def test_a_name_that_says_secret_costs_the_whole_value_whatever_its_type() -> None:
    assert one("user.password", SECRET) == CUT
    assert one("user.password", 1234) == CUT
    assert one("user.password", SECRET.encode()) == CUT
    assert one("has.password", True) is True
    assert one("llm.token", 12) == 12
    assert SECRET not in str(one("app.secrets", [SECRET, {"a": SECRET}]))


def test_values_inside_lists_and_mappings_are_scrubbed() -> None:
    assert SECRET not in str(one("app.list", ["a", f"password={SECRET}"]))
    assert SECRET not in str(one("app.map", {"password": SECRET, "note": f"token={SECRET}"}))
    assert one("app.map", {"user": "ana"}) == {"user": "ana"}
    assert SECRET.encode() not in str(one("app.bytes", b"\xff password=" + SECRET.encode())).encode()
    assert one("app.bytes", b"\xff\x00") == b"\xff\x00"


def test_headers_have_a_list_of_those_that_stay() -> None:
    assert one("http.request.header.content-type", ["text/csv"]) == ["text/csv"]
    assert one("http.request.header.content_type", "text/csv") == "text/csv"
    assert one("http.request.header.x-anything", SECRET) == CUT
    assert one("http.request.header.referer", f"https://a:{SECRET}@h/x") == "https://[cut]@h/x"


@pytest.mark.parametrize(
    ("system", "statement", "expected"),
    [
        ("postgresql", f"SELECT * FROM t WHERE a = '{SECRET}'", "SELECT * FROM t WHERE a = ?"),
        ("mysql", f'SELECT * FROM t WHERE a = "{SECRET}"', "SELECT * FROM t WHERE a = ?"),
        ("", f'INSERT INTO t VALUES (1, "{SECRET}")', "INSERT INTO t VALUES (?, ?)"),
        ("redis", f"SET user:1 {SECRET}", "SET ? ?"),
        ("mongodb", f'{{"find": "users", "filter": {{"name": "{SECRET}"}}}}', '{"find": ?, "filter": {"name": ?}}'),
        ("", f"{{'a': '{SECRET}', 'b': 7}}", "{'a': ?, 'b': ?}"),
    ],
)
def test_statements_of_others_lose_their_values(system: str, statement: str, expected: str) -> None:
    assert one("db.statement", statement, **{"db.system": system}) == expected


def test_our_own_statements_are_sanitized_already_and_left_alone() -> None:
    ours = {"scope": "otelprov.sqlite3", "provenance.kind": "io", "db.system.name": "sqlite"}
    assert one("db.query.text", "SELECT 'a'", **ours) == "SELECT 'a'"
    # But for what SQLite alone takes for texts.
    assert one("db.query.text", f'INSERT INTO "t" VALUES (?, "{SECRET}")', **ours) == 'INSERT INTO "t" VALUES (?, ?)'
    assert one("db.query.text", f'SELECT "a" FROM t WHERE b = "{SECRET}" ORDER BY "a"', **ours) == (
        'SELECT "a" FROM t WHERE b = ? ORDER BY "a"'
    )
    joined = 'SELECT 1 FROM "a" JOIN "b" ON "a"."id" = "b"."id"'
    assert one("db.query.text", joined, **ours) == joined.replace("1", "?")


def test_a_statement_that_a_user_hangs_onto_a_step_is_sanitized() -> None:
    step = {"scope": "otelprov", "provenance.kind": "step"}
    assert one("db.query.text", f"SELECT '{SECRET}'", **step) == "SELECT ?"


def test_names_lose_only_what_urls_hide() -> None:
    name = f"https://ana:{SECRET}@h/sessions/tokens.csv?sig={SECRET}"
    assert one("provenance.entity.name", name) == "https://[cut]@h/sessions/tokens.csv?sig=[cut]"
    assert one("provenance.entity.name", "/data/password=1.csv") == "/data/password=1.csv"


def test_everything_of_a_span_is_scrubbed() -> None:
    text = f"password={SECRET}"
    span = made(a=text)._replace(name=text, events=[(text, 3, {"b": text})], status=2, status_message=text)
    assert SECRET not in str(scrub_span(span))
    assert SECRET not in str(scrub_attributes({"db.password": SECRET, "x": text}))


def with_secrets_around() -> EndedSpan:
    """A span of the application with secrets in what it is linked to, where it comes from, and its trace state."""
    text = f"password={SECRET}"
    links = [(7, 8), Link(5, 6, {"note": text, "user.password": SECRET, "n": 3}, text)]
    return made(a="x")._replace(links=links, described=Scope("1.0", "https://h/s", {"b": text}), trace_state=text)


def test_links_scope_and_trace_state_are_scrubbed_too() -> None:
    found = scrub_span(with_secrets_around())
    assert SECRET not in str(found)
    plain, link = found.links
    assert (plain[:2], Link(*link)[:2], Link(*link).attributes["n"]) == ((7, 8), (5, 6), 3)
    assert Link(*link).attributes["note"].startswith("password=[cut:")
    assert found.trace_state.startswith("password=[cut:")
    assert (found.described.version, found.described.schema_url) == ("1.0", "https://h/s")


def test_an_error_takes_along_all_that_stands_around_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> object:
        raise RuntimeError

    monkeypatch.setattr(spans, "_attributes", fail)
    found = scrub_span(with_secrets_around())
    assert SECRET not in str(found)
    assert [link[:2] for link in found.links] == [(7, 8), (5, 6)]
    assert found.described == Scope("1.0", "https://h/s")


def test_an_error_cuts_one_value_and_an_error_elsewhere_all_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> object:
        raise RuntimeError

    span = made(a=f"x={SECRET}", provenance__rows=7)._replace(events=[("e", 3, {"b": SECRET})], status_message=SECRET)
    with monkeypatch.context() as patched:
        patched.setattr(spans, "_scrub", fail)
        assert scrub_span(span).attributes == {"a": CUT, "provenance.rows": 7}
    with monkeypatch.context() as patched:
        patched.setattr(spans, "_attributes", fail)
        found = scrub_span(span)
        assert found == span._replace(name=CUT, attributes={"provenance.rows": 7}, events=(), status_message="")
        assert scrub_attributes(span.attributes) == {"provenance.rows": 7}


def test_attributes_of_ours_have_a_kind_of_their_own() -> None:
    assert kinds.kind_of("provenance.rows") == kinds.SAFE
    assert kinds.kind_of("provenance.entity.name") == kinds.NAME
    assert kinds.kind_of("provenance.run.command") == kinds.COMMAND
    assert kinds.kind_of("x" * 300) == kinds.CUT


@pytest.fixture
def write_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(document: object) -> Path:
        path = tmp_path / "rules.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        monkeypatch.setenv("OTELPROV_SCRUB_RULES", str(path))
        has_rules.cache_clear()
        return path

    def forget() -> None:
        rules.loaded.cache_clear()
        has_rules.cache_clear()
        kinds._kind_by_user.cache_clear()
        spans._short_name.cache_clear()

    forget()
    yield write
    forget()


def test_rules_of_the_users_cut_and_keep(write_rules) -> None:
    write_rules(
        {
            "cut_names": ["app.tenant", "corp.*"],
            "keep_names": ["app.password"],
            "cut_patterns": [r"EMP-\d{6}"],
            "keep_patterns": ["example-password"],
        }
    )
    assert one("app.tenant", "acme") == CUT
    assert one("corp.unit", "x") == CUT
    assert one("app.password", "kept") == "kept"
    assert one("app.note", "by EMP-123456 today") == "by [cut] today"
    assert one("app.note", "password=example-password") == "password=example-password"
    assert one("app.note", f"password={SECRET}") == "password=[cut]"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "no JSON"),
        ([], "an object with the keys cut_names"),
        ({"cut": []}, "'cut' is no key of rules"),
        ({"cut_names": "x"}, "cut_names: a list of texts"),
        ({"cut_patterns": ["ok", "("]}, "cut_patterns[1]: no regular expression"),
        ({"cut_patterns": ["x*"]}, "cut_patterns[0]: 'x*' matches nothing"),
        ({"keep_patterns": ["x" * 501]}, "keep_patterns[0]: longer than"),
        ({"keep_names": ["x"] * 201}, "keep_names: 201 entries"),
        ("x" * 70_000, "more than"),
    ],
)
def test_bad_rules_are_told_in_one_line_and_the_built_in_ones_stay(
    write_rules, document: object, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rules(document)
    assert one("app.note", f"password={SECRET}") == "password=[cut]"
    assert one("app.other", f"password={SECRET}") == "password=[cut]"
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert told in errors
    assert errors.startswith("otelprov: OTELPROV_SCRUB_RULES=")


def test_rules_that_are_not_there_are_told(write_rules, capsys: pytest.CaptureFixture[str]) -> None:
    write_rules({}).unlink()
    assert one("app.note", f"password={SECRET}") == "password=[cut]"
    assert "can't be read: No such file" in capsys.readouterr().err
