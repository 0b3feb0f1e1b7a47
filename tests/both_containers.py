# SPDX-License-Identifier: Apache-2.0
"""One operation on a tracked container and on a plain subclass of the built-in: what each did and recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_type_hints

from otelprov.containers import pending
from otelprov.containers.change import Change
from otelprov.containers.dicts import TrackedDict
from otelprov.containers.lists import TrackedList
from otelprov.containers.sets import TrackedSet
from otelprov.containers.tracker import Options
from otelprov.lineage.replay import Content, apply
from otelprov.model.records import MutationRecord
from otelprov.model.values import freeze

# Of the same names, which messages of errors quote.
PLAIN: dict[type, Any] = {
    TrackedDict: type("TrackedDict", (dict,), {}),
    TrackedList: type("TrackedList", (list,), {}),
    TrackedSet: type("TrackedSet", (set,), {}),
}
BUILT_IN: dict[type, Any] = {TrackedDict: dict, TrackedList: list, TrackedSet: set}


class Failed(Exception):
    """What the iterables and keys of the tests raise."""


def failing(items: list[Any]) -> Iterator[Any]:
    """An iterator that gives the items and then fails."""
    yield from items
    raise Failed("half-way")


class Index:
    """Stands for an index, and counts how often it is asked."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.asked = 0

    def __index__(self) -> int:
        self.asked += 1
        return self.value


class Unhashable:
    """A key of which the hash fails."""

    def __hash__(self) -> int:
        raise Failed("hash")

    def __repr__(self) -> str:
        return "Unhashable()"


class Unequal:
    """A key that can't be compared."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __hash__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        raise Failed("eq")


class Mapping:
    """No dict, but it has keys; one of them may fail."""

    def __init__(self, items: list[Any], fails: bool = False) -> None:
        self.items = items
        self.fails = fails

    def keys(self) -> list[Any]:
        return [*self.items, "failing"] if self.fails else self.items

    def __getitem__(self, key: Any) -> Any:
        if key == "failing":
            raise Failed("key")
        return f"of {key!r}"


class Outcome(NamedTuple):
    """What an operation gave: `itself` for the container, else the type and text of a result or an error."""

    how: str
    kind: str
    text: str


def outcome(container: Any, operation: Callable[[Any], Any]) -> Outcome:
    """Do an operation and say what came of it."""
    try:
        result = operation(container)
    except Exception as error:
        return Outcome("raised", type(error).__name__, repr(error.args))
    if result is container:
        return Outcome("itself", "", "")
    return Outcome("returned", type(result).__name__, typed(result))


def typed(value: Any) -> str:
    """The content of a container with types and order."""
    if isinstance(value, dict):
        return repr(dict.copy(value))
    if isinstance(value, set):
        return repr(list(set.__iter__(value)))
    return repr(list.copy(value)) if isinstance(value, list) else repr(value)


def sorted_text(value: Any) -> Any:
    """As `typed`; of a set, whatever its order."""
    return sorted(map(repr, value)) if isinstance(value, set) else typed(value)


def changes(container: Any) -> list[Change]:
    """The changes since this was asked last."""
    pending.drain()
    tracker = container._tracking
    entries = list(tracker.kept)
    tracker.kept.clear()
    return [Change(entry, number) for number, entry in enumerate(entries, tracker.count - len(entries) + 1)]


_NOTHING_TOLD = MutationRecord(
    **{name: {str: "", int: 0, bool: False}[kind] for name, kind in get_type_hints(MutationRecord).items()}
)


def record(change: Change) -> MutationRecord:
    """A change as the store gives it back: only what its journal event would tell."""
    extra = change._extra()
    return _NOTHING_TOLD._replace(
        cut=extra.cut,
        change=change.number,
        type=change.tracker.kind,
        action=change.action,
        old_type="" if change.old is pending.MISSING else "some",
        new_type="" if change.new is pending.MISSING else "some",
        elements=change.elements,
        location=change.location,
        key=extra.frozen_key,
        old_value=extra.frozen_old,
        new_value=extra.frozen_new,
    )


class Replayed:
    """A container put together from the changes of another alone."""

    def __init__(self) -> None:
        self.content = Content("replayed")

    def take(self, made: list[Change]) -> None:
        for change in made:
            apply(self.content, record(change))

    def assert_is(self, container: Any) -> None:
        content = self.content
        doubts = (content.unfitting, content.gaps, content.unknown)
        assert doubts == ([], [], False), content
        if content.kind == "set":
            assert sorted(map(repr, content.value)) == sorted(map(repr, set.copy(container)))
        else:
            assert freeze(content.value) == freeze(plain(container)), (content, typed(container))


def plain(container: Any) -> Any:
    """The content as the built-in."""
    return dict.copy(container) if isinstance(container, dict) else list.copy(container)


class Both:
    """A tracked container with values, one without and a plain one, on which the same is done."""

    def __init__(self, kind: Any, content: Any = (), **options: Any) -> None:
        self.plain = PLAIN[kind](content)
        self.tracked = kind._made(content, Options(values=True, history=None, **options))
        self.quick = kind._made(content, Options(history=None))
        self.replayed = Replayed()
        self.check()

    def do(self, operation: Callable[[Any], Any]) -> Outcome:
        """Do an operation on all of them and compare everything that came of it."""
        before = sorted_text(self.plain)
        expected = outcome(self.plain, operation)
        assert outcome(self.tracked, operation) == expected
        assert outcome(self.quick, operation) == expected
        made = self.check()
        assert made or sorted_text(self.plain) == before, "a change was not recorded"
        return expected

    def check(self) -> list[Change]:
        """Compare content and order, and what was recorded with what is there."""
        assert typed(self.tracked) == typed(self.plain)
        assert typed(self.quick) == typed(self.plain)
        made, quick = changes(self.tracked), changes(self.quick)
        self.replayed.take(made)
        self.replayed.assert_is(self.tracked)
        # Where an iteration changes the list that it goes into, only the careful way tells one from the other.
        if isinstance(self.plain, dict) or (isinstance(self.plain, list) and len(made) < 2):
            assert [(c.action, c.key, c.elements) for c in made] == [(c.action, c.key, c.elements) for c in quick]
        return made
