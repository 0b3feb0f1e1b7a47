# SPDX-License-Identifier: Apache-2.0
"""No secret of a container's keys, values, names or stacks reaches the journal, with values captured or not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from container_changes import change, events, made
from secret_corpus import Item, items
from secret_values import Secrets

from otelprov.capture.scrub import kinds, scrub_span
from otelprov.capture.scrub.frozen import scrub_frozen
from otelprov.containers.actor import tracking_actor
from otelprov.containers.change import Attribute, Element
from otelprov.containers.pending import MISSING, Extra, drain
from otelprov.journal.encode import EndedSpan, span_json
from otelprov.model.values import Cut, freeze, thaw
from otelprov.semconv import names
from otelprov.testing import recording

MOST_LEAKED = 0.02
_PIECE = 8
SECRET = Secrets(7).password()
TOKEN = Secrets(7).shaped("github")


def corpus() -> list[Item]:
    """Secrets in free text; those that only the name of an attribute or of a program gives away are not for here."""
    return [item for item in items() if item.where != "argv" and kinds.kind_of(item.where) == kinds.TEXT][::2]


def leaks(item: Item, text: str) -> bool:
    pieces = range(max(1, len(item.secret) - _PIECE + 1))
    return any(item.secret[start : start + _PIECE] in text for start in pieces)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_HOME", str(tmp_path))


def test_texts_with_secrets_anywhere_in_a_change(tmp_path: Path) -> None:
    with recording(tmp_path) as recorded:
        for item in corpus():
            text = item.text
            plain, full = made(text), made(values=True)
            change(plain, text, text, text)
            change(plain, Element(text))
            change(plain, Attribute(text))
            change(plain, (text, 1))
            frozen = freeze(text)[0]
            inside = freeze({"a": [text, ("x", text)], "b": {text}, "c": text.encode()})[0]
            extra = Extra(
                paths=((made(text), (text,)), (plain, (text, 2))),
                frozen_key=frozen,
                frozen_old=frozen,
                frozen_new=inside,
                snapshot=inside,
                stack=f"app.py:3 run\n{text}",
            )
            with tracking_actor(text):
                change(full, text, dict, text, extra=extra)
                drain()
    changes = events(recorded)
    by_item = [changes[start : start + 5] for start in range(0, len(changes), 5)]
    spans = recorded.spans(names.PROVENANCE_KIND_MUTATIONS)
    outside = json.dumps([(span.name, span.attributes) for span in spans], ensure_ascii=False)
    leaked = []
    for item, found in zip(corpus(), by_item, strict=True):
        for event in found:
            told = json.dumps(event.attributes, ensure_ascii=False)
            for name, value in event.attributes.items():
                if name.endswith("value") or name.endswith("snapshot"):
                    told += repr(thaw(value))
            if leaks(item, told) or leaks(item, outside):
                leaked.append((item.where, item.text))
                break
    assert len(corpus()) > 150
    assert len(leaked) <= MOST_LEAKED * len(corpus()), leaked


STRUCTURED: list[Any] = [
    {"password": SECRET},
    {"db": {"host": "db", "password": SECRET}},
    {"user": {"credentials": [SECRET, "x"]}},
    [("Authorization", SECRET)],
    [["api_key", SECRET]],
    {("db", "password"): SECRET},
    {"name": "DB_PASSWORD", "value": SECRET},
    {"password": SECRET.encode()},
    {"password": bytearray(SECRET.encode())},
    {"secret": {1: SECRET}},
    {"passphrase": f"{SECRET}\ud83d\ude00"},
    {"x": TOKEN},
    {TOKEN: 1},
    {b"x": TOKEN.encode()},
    {"pin_code": 1, "url": f"https://ana:{SECRET}@example.org/x"},
    {"x" * 70_000: 1, "password": SECRET},
]


@pytest.mark.parametrize("value", STRUCTURED, ids=range(len(STRUCTURED)))
def test_values_under_the_name_of_a_secret(value: Any) -> None:
    text, cut = scrub_frozen(freeze(value)[0])
    assert cut
    shown = text + repr(thaw(text)) + "".join(decoded(text))
    assert SECRET not in shown
    assert TOKEN not in shown


def decoded(text: str) -> list[str]:
    found = []

    def take(held: dict[str, Any]) -> dict[str, Any]:
        if "b" in held or "y" in held:
            found.append(base64.b64decode(held.get("b") or held["y"]).decode("latin-1"))
        return held

    json.loads(text, object_hook=take)
    return found


def test_what_was_cut_can_be_told_from_what_was_there() -> None:
    text, cut = scrub_frozen(freeze({"user": "ana", "password": SECRET, "age": 7})[0])
    found = thaw(text)
    assert cut
    assert (found["user"], found["age"]) == ("ana", 7)
    assert isinstance(found["password"], Cut)
    assert found["password"].length == -1
    assert found["password"].head.startswith("[cut:")


HARMLESS: list[Any] = [
    *(None, True, 3, 2.5, "ana", b"x", "x" * 30_000, {"a": [1, (2, "three")]}, {"token_count": 5, "tokens": 7}),
    {"keys": ["a", "b"], "author": "ana"},
]


@pytest.mark.parametrize("value", HARMLESS, ids=range(len(HARMLESS)))
def test_harmless_values_stay_as_they_are(value: Any) -> None:
    text, cut = freeze(value)
    assert not cut
    assert scrub_frozen(text) == (text, False)


@pytest.mark.parametrize(
    ("name", "path", "key", "value"),
    [
        ("config", (), "password", SECRET),
        ("config", ("db",), "db_password", SECRET),
        ("config", ("credentials",), "ana", SECRET),
        ("passwords", (), "ana", SECRET),
        ("passwords", (), Element(SECRET), MISSING),
        ("user", (), Attribute("password"), SECRET),
        ("secrets", (), SECRET, 1),
        ("config", (), "pin_password", 271_828_182_845),
    ],
)
def test_the_way_to_a_value_says_that_it_is_secret(tmp_path: Path, name: str, path: Any, key: Any, value: Any) -> None:
    with recording(tmp_path) as recorded:
        container = made(name, values=True)
        inner = made("inner") if path else container
        frozen = freeze(value)[0] if value is not MISSING else ""
        key_text = key.value if isinstance(key, Element) else str(key)
        paths = ((container, path),) if path else ()
        extra = Extra(paths, frozen_key=freeze(key_text)[0], frozen_new=frozen, frozen_old=frozen)
        change(inner, key, value, value, extra=extra)
        change(inner, key, value, value)
        drain()
    found = [event.attributes for event in events(recorded)]
    told = json.dumps(found)
    assert len(found) == 2
    assert SECRET not in told if not path else SECRET not in json.dumps(found[0])
    assert "271828182845" not in told
    assert found[0][names.PROVENANCE_CONTAINER_CUT] is True


@pytest.mark.parametrize("text", ["", "{", '{"d":1}', '{"t":"x"}', "[" * 5_000, '{"b":"%"}', '{"u":[1]}', "nonsense"])
def test_what_is_no_value_goes_whole(text: str) -> None:
    scrubbed, cut = scrub_frozen(text)
    assert cut or scrubbed == text
    if cut:
        assert thaw(scrubbed) == Cut(-1, "[cut]")


@pytest.mark.parametrize(
    "name",
    [
        names.PROVENANCE_CONTAINER_NAME,
        names.PROVENANCE_CONTAINER_LOCATION,
        names.PROVENANCE_CONTAINER_LOCATIONS,
        names.PROVENANCE_CONTAINER_KEY,
        names.PROVENANCE_CONTAINER_OLD_VALUE,
        names.PROVENANCE_CONTAINER_NEW_VALUE,
        names.PROVENANCE_CONTAINER_SNAPSHOT,
        names.PROVENANCE_CONTAINER_STACK,
        names.PROVENANCE_ACTOR,
    ],
)
def test_the_names_of_changes_are_scrubbed_on_any_span(name: str) -> None:
    made_by_others = EndedSpan("x", 1, 2, 0, 3, 4, {name: f"token {TOKEN}"}, "app", [("e", 3, {name: TOKEN})])
    assert TOKEN not in span_json(scrub_span(made_by_others))
