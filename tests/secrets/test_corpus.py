# SPDX-License-Identifier: Apache-2.0
"""At most 2 % of the corpus leaks, in the half that was tuned on and in the other; no harmless name is damaged."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from pathlib import Path

import pytest
from harmless_names import names
from secret_corpus import Item, items

from otelprov.capture.scrub import scrub_argv, scrub_span
from otelprov.journal.encode import EndedSpan, span_json

MOST_LEAKED = 0.02
# So much of a secret in one piece is a leak.
_PIECE = 8


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELPROV_HOME", str(tmp_path))


def span(name: str = "x", attributes: dict[str, object] | None = None, **more: object) -> EndedSpan:
    return EndedSpan(name, 1, 2, 0, 3, 4, attributes or {}, "app", **more)  # type: ignore[arg-type]


def scrubbed(item: Item) -> str:
    """Everything of a span that would be written, as one text."""
    if item.where == "argv":
        return shlex.join(scrub_argv(shlex.split(item.text))) + scrubbed(item._replace(where="process.command_line"))
    if item.where == "name":
        made = span(item.text)
    elif item.where == "event":
        made = span(events=[(item.text, 3, {"message": item.text})])
    elif item.where == "status":
        made = span(status=2, status_message=item.text)
    else:
        made = span(attributes={item.where: item.text})
    return "\n".join(texts(json.loads(span_json(scrub_span(made)))))


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [str(value)]


def leaks(item: Item) -> bool:
    text = scrubbed(item)
    # An error of ours hides everything, and must not pass for a rule that works.
    assert "[cut]" not in text, item
    pieces = range(max(1, len(item.secret) - _PIECE + 1))
    return any(item.secret[start : start + _PIECE] in text for start in pieces)


def test_the_corpus_is_large_and_wide() -> None:
    corpus = items()
    assert len(corpus) >= 300
    assert len({item.channel for item in corpus}) == 13
    assert min(sum(item.half == half for item in corpus) for half in (0, 1)) >= 100
    assert len(names()) >= 120
    assert all(item.secret in item.text.replace("\\n", "\n") for item in corpus)


def test_hardly_a_secret_leaks_in_either_half() -> None:
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    leaked = []
    for item in items():
        row = table[item.channel]
        row[item.half] += 1
        if leaks(item):
            row[2 + item.half] += 1
            leaked.append(item)
    print(f"\n{'channel':24}{'tuned on':>9}{'leaked':>8}{'held out':>10}{'leaked':>8}")
    for channel, (tuned, held, tuned_leaked, held_leaked) in sorted(table.items()):
        print(f"{channel:24}{tuned:9}{tuned_leaked:8}{held:10}{held_leaked:8}")
    sums = [sum(row[column] for row in table.values()) for column in range(4)]
    print(f"{'all':24}{sums[0]:9}{sums[2]:8}{sums[1]:10}{sums[3]:8}")
    shown = [(item.where, item.text) for item in leaked]
    assert sums[2] <= MOST_LEAKED * sums[0], shown
    assert sums[3] <= MOST_LEAKED * sums[1], shown


def test_no_harmless_name_is_damaged() -> None:
    damaged = []
    for where, value in names():
        made = span(str(value)) if where == "name" else span(attributes={where: value})
        done = scrub_span(made)
        found = done.name if where == "name" else done.attributes[where]
        if found != value:
            damaged.append((where, value, found))
    assert damaged == []


def test_a_span_without_secrets_is_the_same_object() -> None:
    made = span("read a.csv", {"provenance.entity.name": "/data/tokens.csv", "provenance.rows": 7})
    assert scrub_span(made) is made
