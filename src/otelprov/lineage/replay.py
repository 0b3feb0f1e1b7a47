# SPDX-License-Identifier: Apache-2.0
"""Replays the changes of a container: its content after any of them, and what is not sure about it.

A change is understood by its effect, not by its verb; ARCHITECTURE.md says what each carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from otelprov.lineage.locations import place_in_list, steps
from otelprov.lineage.typed import Attributes, Step, Untold
from otelprov.model.records import MutationRecord
from otelprov.model.thawed import thaw

DICT, LIST, SET, OBJECT = "dict", "list", "set", "object"
# On the whole of a container: their location ends with the container itself, not with a key in it.
_BEGINNINGS = ("create", "init")
_CLEAR, _SORT = "clear", "sort"
_WHOLE = frozenset({*_BEGINNINGS, _CLEAR, _SORT, "append", "reverse", "imul"})
# Counts come with the telemetry, which anybody may have written.
_MOST_ELEMENTS = 10_000_000


@dataclass(slots=True)
class Content:
    """A container after a change; `value` is a dict, a list, a set or `Attributes`, None where nothing is known of it.

    `Child` stands for a tracked container inside, `Opaque`, `Cut`, `Untold` and `Step` for what was not told. `number`
    is that of the last change, -1 before any; `last` is that change. `gaps` are first and last numbers of changes that
    are missing, `unfitting` the numbers of those that do not fit what was there before. `unknown` says that it may hold
    more, and `cuts` maps places to the change that told their value in part.
    """

    container: str
    kind: str = ""
    value: Any = None
    number: int = -1
    last: MutationRecord | None = None
    unknown: bool = True
    gaps: list[tuple[int, int]] = field(default_factory=list)
    unfitting: list[int] = field(default_factory=list)
    cuts: dict[Any, int] = field(default_factory=dict)

    def known_again(self) -> None:
        """Forget what was not sure: the whole content has just been told."""
        self.unknown = False
        self.gaps, self.unfitting, self.cuts = [], [], {}

    def lose(self) -> None:
        """From here on it may hold something else; of a list nothing is sure, as indices hang on what was there."""
        self.unknown = True
        if self.kind == LIST:
            self.value = None


def replay(container: str, changes: Iterable[MutationRecord]) -> Content:
    """The content of one container after its changes, given in order from its making on."""
    content = Content(container)
    for change in changes:
        apply(content, change)
    return content


def apply(content: Content, change: MutationRecord) -> None:
    """Make one change; whatever it says, nothing is raised, and what does not fit is noted."""
    number = change.change
    if not content.kind:
        content.kind = change.type if change.type in _EMPTY else OBJECT
    if content.value is None and content.kind != LIST:
        content.value = _EMPTY[content.kind]()
    following = max(content.number, 0) + 1
    if number > following:
        content.gaps.append((following, number - 1))
        content.lose()
    content.number = max(content.number, number)
    content.last = change
    if change.snapshot and not change.cut and _take_whole(content, change.snapshot):
        return
    try:
        key = _key(content, change)
        if key:
            _EFFECTS[content.kind](content, change, key[0])
        else:
            _change_whole(content, change)
    except (KeyError, IndexError, ValueError, TypeError):
        # Of something that is not known in full, a missing key is no surprise.
        if not content.unknown:
            content.unfitting.append(number)
        content.lose()


def _told(text: str, otherwise: Any = None) -> Any:
    try:
        return thaw(text) if text else otherwise
    except ValueError:
        return otherwise


def _has_new(change: MutationRecord) -> bool:
    return bool(change.new_type or change.new_value)


def _has_old(change: MutationRecord) -> bool:
    return bool(change.old_type or change.old_value)


def _new(change: MutationRecord) -> Any:
    return _told(change.new_value, Untold(change.new_type, change.new_digest))


def _key(content: Content, change: MutationRecord) -> tuple[Any, ...]:
    """The key of a change; nothing where it is on the whole. Where it was not captured, its step stands for it."""
    found = [] if change.action in _WHOLE else steps(change.location)
    if content.kind == OBJECT and found and found[-1].startswith("."):
        return (found[-1][1:],)
    if change.key:
        return (thaw(change.key),)
    return (Step(found[-1]),) if found else ()


def _take_whole(content: Content, text: str) -> bool:
    """Take over the whole content as it is told; false where the text does not tell it."""
    whole = _told(text)
    if content.kind == OBJECT and type(whole) is dict:
        whole = Attributes(whole)
    if type(whole) is not _EMPTY[content.kind]:
        return False
    content.value = whole
    content.known_again()
    return True


def _change_whole(content: Content, change: MutationRecord) -> None:
    """A change without a key: of the content as a whole, or at the end of it."""
    if change.action in (*_BEGINNINGS, _SORT) and change.new_value and _take_whole(content, change.new_value):
        if change.cut:
            content.cuts[()] = change.change
    elif change.action == _CLEAR or (change.action in _BEGINNINGS and change.elements == 0):
        content.value = _EMPTY[content.kind]()
        content.known_again()
    elif change.action in _BEGINNINGS and content.kind == LIST and 0 < change.elements <= _MOST_ELEMENTS:
        content.value = [Untold()] * change.elements
        content.known_again()
    elif change.action in _BEGINNINGS or content.kind != LIST:
        content.lose()
    elif content.value is not None:
        _change_whole_list(content, change)


def _change_whole_list(content: Content, change: MutationRecord) -> None:
    elements = content.value
    match change.action:
        case "append":
            elements.append(_new(change))
            _note_cut(content, change)
        case "reverse":
            elements.reverse()
        case "sort":
            elements[:] = [Untold()] * len(elements)
        case "imul":
            # The length after it, which gives the factor where that was not captured.
            if not elements or not 0 <= change.elements <= _MOST_ELEMENTS or change.elements % len(elements):
                raise ValueError("no multiple of what was there")
            elements *= change.elements // len(elements)
        case _:
            raise ValueError("no change of a whole list")


def _note_cut(content: Content, change: MutationRecord) -> None:
    """Places in a list move: what was cut stays in doubt until the whole is told."""
    if change.cut:
        content.cuts["change", change.change] = change.change


def _change_mapping(content: Content, change: MutationRecord, key: Any) -> None:
    content.cuts.pop(key, None)
    if not _has_new(change):
        del content.value[key]
        return
    content.value[key] = _new(change)
    if change.cut:
        content.cuts[key] = change.change


def _change_set(content: Content, change: MutationRecord, element: Any) -> None:
    content.cuts.pop(element, None)
    if not _has_new(change):
        content.value.remove(element)
        return
    content.value.add(element)
    if change.cut:
        content.cuts[element] = change.change


def _change_list(content: Content, change: MutationRecord, key: Any) -> None:
    _note_cut(content, change)
    if content.value is None:
        return
    place = place_in_list(key.text) if type(key) is Step else key
    if type(place) is tuple:
        _change_slice(content.value, change, slice(*place))
    elif type(place) is not int:
        raise TypeError("neither an index nor a slice")
    elif not _has_new(change):
        del content.value[place]
    elif _has_old(change):
        content.value[place] = _new(change)
    elif place > len(content.value):
        raise IndexError("beyond the end")
    else:
        content.value.insert(place, _new(change))


def _change_slice(elements: list[Any], change: MutationRecord, part: slice) -> None:
    if not _has_new(change):
        del elements[part]
        return
    new = _new(change)
    if type(new) is not list:
        # How many there are is known where they were added, or counted.
        added = part.start == len(elements) and part.step in (None, 1)
        count = part.stop - part.start if added else change.elements
        if not 0 <= count <= _MOST_ELEMENTS:
            raise ValueError("so many elements that are not told")
        new = [Untold()] * count
    elements[part] = new


_EMPTY: dict[str, type] = {DICT: dict, LIST: list, SET: set, OBJECT: Attributes}
_EFFECTS: dict[str, Callable[[Content, MutationRecord, Any], None]] = {
    DICT: _change_mapping,
    OBJECT: _change_mapping,
    SET: _change_set,
    LIST: _change_list,
}
