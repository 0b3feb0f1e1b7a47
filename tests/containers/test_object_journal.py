# SPDX-License-Identifier: Apache-2.0
"""Objects and nested containers as the journal tells them: replayed from empty, they are what they were."""

from __future__ import annotations

import dataclasses
import tempfile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otelprov import testing
from otelprov.containers import pending, track, tracked, tracking
from otelprov.lineage.mutations import read_mutations
from otelprov.lineage.replay import Content, replay
from otelprov.model.records import MutationRecord, Records
from otelprov.model.thawed import Child
from otelprov.semconv import PROVENANCE_KIND_MUTATIONS


@tracked(values=True, nested=True, history=None)
@dataclasses.dataclass
class Job:
    name: str
    steps: list[Any] = dataclasses.field(default_factory=list)
    limits: dict[str, Any] = dataclasses.field(default_factory=dict)


@tracked(values=True)
@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any = None
    y: Any = None


@tracked(values=True)
class Dynamic:
    @property
    def shown(self) -> Any:
        return self._shown

    @shown.setter
    def shown(self, value: Any) -> None:
        self._shown = value


def mutations(recorded: testing.Recorded) -> dict[str, list[MutationRecord]]:
    """What the journal tells, by container, each in order."""
    pending.settle()
    records = Records()
    for span in recorded.spans(PROVENANCE_KIND_MUTATIONS):
        read_mutations(span, span.attributes, records)
    found: dict[str, list[MutationRecord]] = {}
    for record in records.mutations:
        found.setdefault(record.container, []).append(record)
    return {container: sorted(told, key=lambda one: one.change) for container, told in found.items()}


def rebuilt(container: str, told: dict[str, list[MutationRecord]]) -> Any:
    """A container with those inside it, from the journal alone."""
    content = replay(container, told[container])
    _assert_exact(content)

    def whole(value: Any) -> Any:
        if type(value) is Child:
            return rebuilt(value.id, told)
        if type(value) is dict:
            return {key: whole(item) for key, item in value.items()}
        return [whole(item) for item in value] if type(value) is list else value

    if isinstance(content.value, dict):
        return {key: whole(item) for key, item in content.value.items()}
    return [whole(item) for item in content.value] if type(content.value) is list else content.value


def _assert_exact(content: Content) -> None:
    assert not content.gaps
    assert not content.unfitting
    assert not content.unknown
    assert not content.cuts


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return set(value) if isinstance(value, set) else value


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
_NESTED = st.recursive(
    _VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)),
)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["append", "limit", "inner", "name", "steps", "delete", "sort", "up"]),
            st.text(alphabet="abc", max_size=1),
            _NESTED,
        ),
        max_size=12,
    )
)
def test_a_job_with_all_that_is_in_it(steps: list[tuple[str, str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as home, testing.recording(home) as recorded:
        job = Job("first", [1, {"a": []}])
        for what, key, value in steps:
            match what:
                case "append":
                    job.steps.append(value)
                case "limit":
                    job.limits[key] = value
                case "inner":
                    if job.steps and isinstance(job.steps[-1], list):
                        job.steps[-1].append(value)
                    elif job.steps and isinstance(job.steps[-1], dict):
                        job.steps[-1].update({key: value, "z": value})
                case "name":
                    job.name = key
                case "steps":
                    job.steps = [value, value]
                case "delete":
                    job.limits.pop(key, None)
                    del job.steps[1:]
                case "sort":
                    job.steps.reverse()
                case "up":
                    setattr(job, f"extra{key}", value)
        told = mutations(recorded)
        assert rebuilt(tracking(job).id, told) == plain(vars(job))


def test_slots_and_properties(tmp_path: Any) -> None:
    with testing.recording(tmp_path) as recorded:
        slotted = Slotted(1)
        slotted.x, slotted.y = (1, "t"), b"bytes"
        del slotted.x
        dynamic: Any = Dynamic()
        dynamic.shown = 1.5
        dynamic.gone = 2
        del dynamic.gone
        told = mutations(recorded)
        assert rebuilt(tracking(slotted).id, told) == {"y": b"bytes"}
        assert rebuilt(tracking(dynamic).id, told) == {"_shown": 1.5}
        kinds = {tuple({one.type for one in records}) for records in told.values()}
        assert kinds == {("Slotted",), ("Dynamic",)}


def test_a_plain_structure_with_a_cycle(tmp_path: Any) -> None:
    with testing.recording(tmp_path) as recorded:
        tree: Any = {"leaves": [{}], "up": None}
        tree["leaves"][0]["top"] = tree["leaves"]
        made: Any = track(tree, name="tree", nested=True, values=True)
        made["leaves"][0]["x"] = 1
        told = mutations(recorded)
        identities = {
            name: tracking(found).id for name, found in (("leaves", made["leaves"]), ("leaf", made["leaves"][0]))
        }
        leaves = replay(identities["leaves"], told[identities["leaves"]])
        leaf = replay(identities["leaf"], told[identities["leaf"]])
        assert leaves.value == [Child(identities["leaf"], "dict")]
        assert leaf.value == {"top": Child(identities["leaves"], "list"), "x": 1}
        last = told[identities["leaf"]][-1]
        assert (last.name, last.location) == ("tree", "['leaves'][0]['x']")
