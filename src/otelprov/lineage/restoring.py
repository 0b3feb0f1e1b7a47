# SPDX-License-Identifier: Apache-2.0
"""A tracked container at one point of its history, with the tracked containers inside it as they were then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from otelprov.lineage.replay import Content, apply
from otelprov.lineage.typed import Step, Untold, tree
from otelprov.model.records import MutationRecord
from otelprov.model.thawed import Child, Cut, Opaque

_MOST_TOLD = 5
_GATHERED = (list, tuple, set, frozenset)


class Part(NamedTuple):
    """The changes of a container in one process, with numbers from `first` to `last`."""

    container: str
    process_id: str
    first: int
    last: int


class Point(NamedTuple):
    """A point in the life of a process: after its record `seq`, and not after `time` (both included)."""

    process_id: str
    seq: int
    time: int


Read = Callable[[Part], Iterable[MutationRecord]]
# Of each container the processes that changed it, with the numbers of their first and last change.
Spread = Callable[[str], Mapping[str, tuple[int, int]]]
# A process and its parents, the nearest first, with the time at which each began.
Ancestry = Sequence[tuple[str, int]]


@dataclass(slots=True)
class Restored:
    """A container and all containers in it, at one point."""

    container: str
    contents: dict[str, Content] = field(default_factory=dict)

    @property
    def content(self) -> Content:
        """The container itself."""
        return self.contents[self.container]

    @property
    def exact(self) -> bool:
        """Whether it is known to the last type of the last value."""
        return not self.reasons()

    def reasons(self) -> list[str]:
        """Sentences about what is not exact; none where all is."""
        found: list[str] = []
        for content in self.contents.values():
            which = "" if content.container == self.container else f"{content.container}: "
            found += [f"{which}{sentence}" for sentence in _history_reasons(content)]
        return [*found, *_value_reasons(self.contents.values())]

    def value(self) -> Any:
        """The content as plain Python: containers inside are dicts, lists, sets and `Attributes`, also in a ring."""
        return _Plain(self.contents).of(Child(self.container, self.content.kind))

    def tree(self) -> Any:
        """The content as typed JSON; a container inside has its own as `content`, but once on each way down."""
        return self._tree(self.container, (self.container,))

    def _tree(self, container: str, way: tuple[str, ...]) -> Any:
        def inside(child: Child) -> Any:
            told = {"id": child.id, "of": child.of}
            if child.id in way or child.id not in self.contents:
                return told
            return told | {"content": self._tree(child.id, (*way, child.id))}

        content = self.contents[container]
        return None if content.value is None else tree(content.value, inside)


def restore(container: str, point: Point, read: Read, spread: Spread, ancestry: Ancestry) -> Restored:
    """Replay a container, and those inside it, up to a point; `read` gives the changes of a part in order of number."""
    found = Restored(container)
    waiting = [container]
    while waiting:
        one = waiting.pop()
        if one in found.contents:
            continue
        content = found.contents[one] = Content(one)
        for change in history(one, point, read, spread(one), ancestry):
            apply(content, change)
        waiting += [child.id for child in children(content.value)]
    return found


def history(
    container: str, point: Point, read: Read, spread: Mapping[str, tuple[int, int]], ancestry: Ancestry
) -> Iterator[MutationRecord]:
    """The changes that led a container to where it was: those of the processes before, then those of its own."""
    parts: list[tuple[Part, int]] = []
    until, last = point.time, -1
    for process_id, began in ancestry:
        if process_id in spread:
            first, highest = spread[process_id]
            # What a parent did after the fork is not in the child, which gives the same numbers to changes of its own.
            highest = highest if last < 0 else min(highest, last)
            parts.append((Part(container, process_id, first, highest), until))
            last = first - 1
        until = min(until, began or until) if last < 0 else until
    for part, latest in reversed(parts):
        own = part.process_id == point.process_id
        for change in read(part):
            if (own and change.seq > point.seq) or change.time > latest:
                break
            yield change


def children(value: Any) -> Iterator[Child]:
    """The tracked containers that a content names, in whatever of its keys and values."""
    return (one for one in _within(value) if type(one) is Child)


class _Plain:
    """Puts containers into each other; one that is met again is the same object."""

    def __init__(self, contents: Mapping[str, Content]) -> None:
        self._contents = contents
        self._made: dict[str, Any] = {}

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind is Child:
            return self._child(value)
        if kind is dict:
            return {self.of(key): self.of(item) for key, item in value.items()}
        if kind in _GATHERED:
            return kind(map(self.of, value))
        return value

    def _child(self, child: Child) -> Any:
        if child.id in self._made:
            return self._made[child.id]
        content = self._contents.get(child.id)
        value = content.value if content is not None else None
        if value is None:
            return child
        made = self._made[child.id] = type(value)()
        if isinstance(made, dict):
            made.update((self._key(key), self.of(item)) for key, item in value.items())
        elif type(made) is list:
            made.extend(map(self.of, value))
        else:
            made.update(map(self._key, value))
        return made

    def _key(self, key: Any) -> Any:
        # A tracked object that is a key is so by its identity: its attributes can't take its place.
        return key if type(key) is Child else self.of(key)


def _history_reasons(content: Content) -> Iterator[str]:
    if content.number < 0:
        yield "its changes have not arrived"
        return
    for first, last in content.gaps:
        yield f"change {first} is missing" if first == last else f"changes {first} to {last} are missing"
    for number in content.unfitting[:_MOST_TOLD]:
        yield f"change {number} does not fit what was there before"
    if content.unknown:
        yield "it may hold more than is known" if content.value is not None else "what it holds is not known"
    for number in sorted(set(content.cuts.values()))[:_MOST_TOLD]:
        yield f"what change {number} tells is cut: too long, secret, or not taken apart"


def _value_reasons(contents: Iterable[Content]) -> Iterator[str]:
    counts = Counter(type(one) for content in contents for one in _within(content.value))
    if counts[Untold] or counts[Step]:
        yield f"{_values(counts[Untold] + counts[Step])} not captured: make the container with values=True"
    if counts[Opaque]:
        yield f"{_values(counts[Opaque])} of types that are not taken apart"
    if counts[Cut]:
        yield f"{_values(counts[Cut])} told in part"


def _within(value: Any) -> Iterator[Any]:
    """A value and all that is in it, keys as well; not what is in tracked containers inside."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif type(one) in _GATHERED:
            waiting += one


def _values(count: int) -> str:
    return "1 value is" if count == 1 else f"{count:,} values are"
