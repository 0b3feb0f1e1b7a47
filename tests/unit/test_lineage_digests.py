# SPDX-License-Identifier: Apache-2.0
"""Digests that are told after the read or the write: versions are joined by them, in whatever order they come."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from spans import RunSpans

from otelprov.export.tree import draw
from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.lineage.query import lineage
from otelprov.model.span import Span
from otelprov.semconv import names
from otelprov.store import open_store

BEFORE, TOUCHED, OTHER = "stat:9-1", "stat:9-2", "stat:9-3"
DIGEST, ANOTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
JOINED = {"s@sha256:5 > a@sha256:a", "a@sha256:a > b@sha256:6"}


def digested(run: RunSpans, time: float, name: str, stat: str, digest: str) -> Span:
    said = {
        names.PROVENANCE_ENTITY_NAMESPACE: "file",
        names.PROVENANCE_ENTITY_NAME: name,
        names.PROVENANCE_ENTITY_STAT: stat,
        names.PROVENANCE_ENTITY_VERSION: digest,
    }
    return run.record(names.EVENT_PROVENANCE_ENTITY_DIGESTED, said, time)


def runs(read: str, *, two: str = DIGEST) -> tuple[RunSpans, RunSpans]:
    """One run writes /a and another reads it; both say later what its digest was, each for the version that it saw."""
    maker, user = RunSpans("make.py"), RunSpans("use.py", start=100)
    maker.read("/s", 1, version="sha256:5")
    maker.write("/a", 2, version=BEFORE)
    digested(maker, 3, "/a", BEFORE, DIGEST)
    user.read("/a", 101, version=read)
    user.write("/b", 102, version="sha256:6")
    digested(user, 103, "/a", read, two)
    return maker, user


def arrows(folder: Path, *batches: list[Span]) -> tuple[set[str], str]:
    """Who derives from whom according to a store of these batches, and the whole answer as text."""
    with open_store(str(folder / "store.db")) as store:
        for batch in batches:
            store.merge(extract(batch), derive=derive_run)
        graph = lineage(store, "+/b")
        everything = json.dumps([lineage(store, name).as_json() for name in ("+/b", "/s+", "/a")], sort_keys=True)
    short = {node.id: f"{node.name[1:]}@{node.version[:8]}" for node in graph.nodes.values()}
    found = {f"{short[edge.source]} > {short[edge.target]}" for edge in graph.edges if edge.relation == "derived"}
    return found, everything


def test_a_version_is_known_by_its_digest(tmp_path):
    maker, user = runs(BEFORE)
    found, _ = arrows(tmp_path, maker.spans, user.spans)
    assert found == JOINED


def test_the_same_content_touched_in_between_is_the_same_version(tmp_path):
    maker, user = runs(TOUCHED)
    found, text = arrows(tmp_path, maker.spans, user.spans)
    assert found == JOINED
    assert "changed outside" not in text


def test_another_content_of_the_same_size_is_another_version(tmp_path):
    maker, user = runs(OTHER, two=ANOTHER)
    assert arrows(tmp_path, maker.spans, user.spans)[0] == {"a@sha256:b > b@sha256:6"}


def test_who_took_no_digest_is_joined_to_who_took_one_and_the_other_way_round(tmp_path):
    for place, (write, read) in enumerate([(DIGEST, BEFORE), (BEFORE, DIGEST)]):
        maker, user = RunSpans("make.py"), RunSpans("use.py", start=100)
        # A small file: the digest at once, with size and time beside it. The other one's limit was 0.
        beside = {names.PROVENANCE_ENTITY_STAT: BEFORE}
        maker.read("/s", 1, version="sha256:5")
        maker.write("/a", 2, version=write, **(beside if write == DIGEST else {}))
        # Written anew by somebody else: by mere order, the reader would be joined to this.
        other = RunSpans("other.py", start=50)
        other.write("/a", 51, version="stat:7-7")
        user.read("/a", 101, version=read, **(beside if read == DIGEST else {}))
        user.write("/b", 102, version="sha256:6")
        folder = tmp_path / str(place)
        folder.mkdir()
        assert arrows(folder, maker.spans, other.spans, user.spans)[0] == JOINED


def test_two_digests_of_one_state_of_a_file_say_nothing(tmp_path):
    maker, user = runs(BEFORE, two=ANOTHER)
    assert arrows(tmp_path, maker.spans, user.spans)[0] == {"s@sha256:5 > a@stat:9-1", "a@stat:9-1 > b@sha256:6"}


@pytest.mark.parametrize("two", [DIGEST, ANOTHER], ids=["agreeing", "ambiguous"])
@pytest.mark.parametrize("read", [BEFORE, TOUCHED])
def test_no_order_of_arrival_and_no_repetition_makes_a_difference(tmp_path, read, two):
    maker, user = runs(read, two=two)
    spans = [*maker.spans, *user.spans]
    answers = set()
    for place, order in enumerate(itertools.islice(itertools.permutations(spans), 0, None, 97)):
        if place == 12:
            break
        folder = tmp_path / str(place)
        folder.mkdir()
        answers.add(arrows(folder, *([span] for span in order), list(order))[1])
    folder = tmp_path / "at once"
    folder.mkdir()
    answers.add(arrows(folder, spans)[1])
    assert len(answers) == 1


def test_the_same_content_under_another_name_is_recognised(tmp_path):
    maker, _ = runs(BEFORE)
    user = RunSpans("use.py", start=100)
    # Copied by a shell, and read under its new name.
    user.read("/copy of a", 101, version=OTHER)
    user.write("/b", 102, version="sha256:6")
    digested(user, 103, "/copy of a", OTHER, DIGEST)
    with open_store(str(tmp_path / "store.db")) as store:
        for run in (maker, user):
            store.merge(extract(run.spans), derive=derive_run)
        graph = lineage(store, "+/b")
        other = lineage(store, "/a")
    [copy] = [node for node in graph.nodes.values() if node.name == "/copy of a"]
    assert copy.details["same_content"] == ["/a"]
    assert "copy of a  sha256:aaaaaaaa…  same content as a" in "\n".join(draw(graph))
    [node] = [node for node in other.nodes.values() if node.name == "/a"]
    assert node.details["same_content"] == ["/copy of a"]
    assert {edge.source for edge in graph.edges if edge.relation == "derived"} == {copy.id}
    assert not any("same_content" in node.details for node in graph.nodes.values() if node.name == "/b")
