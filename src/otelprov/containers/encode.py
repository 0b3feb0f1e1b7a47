# SPDX-License-Identifier: Apache-2.0
"""One change as the OTLP/JSON of its event: put together from pieces that were encoded and scrubbed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from otelprov.capture.recorder import Recorder
from otelprov.capture.scrub import scrub_text
from otelprov.capture.scrub.words import secrecy
from otelprov.containers.change import Attribute, Element, name_of
from otelprov.containers.digest import Digests
from otelprov.containers.encode_more import More, action_text, pair, safe_location
from otelprov.containers.pending import MISSING, Entry
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import Large
from otelprov.journal.encode import text
from otelprov.model.values import type_name
from otelprov.semconv import (
    EVENT_PROVENANCE_CONTAINER_MUTATION,
    PROVENANCE_ACTOR,
    PROVENANCE_CONTAINER_CHANGE,
    PROVENANCE_CONTAINER_ID,
    PROVENANCE_CONTAINER_LOCATION,
    PROVENANCE_CONTAINER_NAME,
    PROVENANCE_CONTAINER_NEW_DIGEST,
    PROVENANCE_CONTAINER_NEW_TYPE,
    PROVENANCE_CONTAINER_OLD_DIGEST,
    PROVENANCE_CONTAINER_OLD_TYPE,
    PROVENANCE_CONTAINER_TYPE,
    PROVENANCE_RUN_ID,
    PROVENANCE_SEQ,
    THREAD_ID,
)

_MOST_LOCATIONS = 8192
_MOST_PLACES = 64
_MOST_CODES = 4096
# Only these are remembered: others come from one line of code, and longer ones would fill the memory.
_LONGEST_REMEMBERED = 128
_MOST_PATHS = 16


def _before_text(key: str) -> str:
    return f',{{"key":"{key}","value":{{"stringValue":'


_INT_END = '"}}'
_NAME = f'","name":"{EVENT_PROVENANCE_CONTAINER_MUTATION}","attributes":['
_SEQ = f',{{"key":"{PROVENANCE_SEQ}","value":{{"intValue":"'
_CHANGE = f'{_INT_END},{{"key":"{PROVENANCE_CONTAINER_CHANGE}","value":{{"intValue":"'
_LOCATION = _before_text(PROVENANCE_CONTAINER_LOCATION)


class _Side(NamedTuple):
    """What stands before type and digest of what was there before, or of what is there now."""

    type: str
    digest: str


_OLD = _Side(_before_text(PROVENANCE_CONTAINER_OLD_TYPE), _before_text(PROVENANCE_CONTAINER_OLD_DIGEST) + '"k:')
_NEW = _Side(_before_text(PROVENANCE_CONTAINER_NEW_TYPE), _before_text(PROVENANCE_CONTAINER_NEW_DIGEST) + '"k:')
_OLD_INT, _OLD_STR = (f'{_OLD.type}"{kind}"}}}}{_OLD.digest}' for kind in ("int", "str"))
_NEW_INT, _NEW_STR = (f'{_NEW.type}"{kind}"}}}}{_NEW.digest}' for kind in ("int", "str"))


class _Known:
    """What was worked out about a tracker for one process: the beginnings of its events, by thread and actor."""

    __slots__ = ("before", "encoder", "name", "secret")

    def __init__(self, encoder: Encoder, tracker: Tracker) -> None:
        name = name_of(tracker)
        self.encoder = encoder
        self.name = scrub_text(name)
        # `passwords` holds nothing that may be told.
        self.secret = bool(secrecy(name))
        self.before: dict[str, str] = {}


class Encoder:
    """Encodes the changes of one process of a run; `process_of` gives the process that made a container."""

    def __init__(self, recorder: Recorder, process_of: Callable[[int], str]) -> None:
        self.run_id = recorder.run.run_id
        self.process_id = recorder.process_id
        self._process_of = process_of
        self._digests = digests = Digests(self.run_id)
        self._ints, self._of_int = digests.ints, digests.of_int
        self._texts, self._of_text = digests.texts, digests.of_text
        # By action and key; keys that are attributes look like texts and are told otherwise.
        self._located: dict[str, dict[str, str]] = {}
        self._places: dict[tuple[int, str], str] = {}
        self._more = More()

    def name(self, tracker: Tracker) -> str:
        """The name of a container, without secrets."""
        return self._known(tracker).name

    def place(self, thread: int, actor: str) -> str:
        """The part of an event that says who makes the change; it is the same for many, and given to `event`."""
        known = self._places.get((thread, actor))
        if known is None:
            known = f",{pair(THREAD_ID, thread)}"
            if actor:
                known += f",{pair(PROVENANCE_ACTOR, scrub_text(actor))}"
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            self._places[thread, actor] = known
        return known

    def event(self, entry: Entry, number: int, sequence: int, place: str) -> str:
        """The event of a change; `number` is its number among those of the container."""
        rest = ""
        if len(entry) == 7:
            tracker, action, time, key, old, new, _where = entry
            known = tracker.packed
            if known is None or known.encoder is not self:
                known = self._known(tracker)
            before = known.before.get(place) or self._remember(known, tracker, place)
            if known.secret:
                located, rest = self._more.told(entry, True)
            elif type(key) is str:
                located = (self._located.get(action) or self._new(action)).get(key) or self._locate(action, key)
            else:
                located = self._locate(action, key)
        else:
            _tracker, _action, time, _key, old, new = entry[:6]
            before, located, rest = self._uncommon(entry, place)
        # The two most frequent kinds in place: a call for each would cost as much as the rest.
        if type(old) is int:
            was = f'{_OLD_INT}{self._ints.get(old) or self._of_int(old)}"}}}}'
        elif type(old) is str:
            was = f'{_OLD_STR}{self._texts.get(old) or self._of_text(old)}"}}}}'
        elif old is MISSING:
            was = ""
        else:
            was = self._told(_OLD, old)
        if type(new) is int:
            now = f'{_NEW_INT}{self._ints.get(new) or self._of_int(new)}"}}}}'
        elif type(new) is str:
            now = f'{_NEW_STR}{self._texts.get(new) or self._of_text(new)}"}}}}'
        elif new is MISSING:
            now = ""
        else:
            now = self._told(_NEW, new)
        return f'{{"timeUnixNano":"{time}{before}{sequence}{_CHANGE}{number}{located}{was}{now}{rest}]}}'

    def _uncommon(self, entry: Entry, place: str) -> tuple[str, str, str]:
        tracker, known = entry[0], self._known(entry[0])
        paths = entry[7].paths if len(entry) == 8 else ()
        above = self._known(paths[0][0]) if paths else known
        if above is known:
            before = known.before.get(place) or self._remember(known, tracker, place)
        else:
            # A container inside others is told under the name of the outermost one.
            before = known.before.get(place + above.name) or self._remember(known, tracker, place, above.name)
        return before, *self._more.told(entry, known.secret or above.secret)

    def _known(self, tracker: Tracker) -> _Known:
        known = tracker.packed
        if known is None or known.encoder is not self:
            known = tracker.packed = _Known(self, tracker)
        found: _Known = known
        return found

    def _remember(self, known: _Known, tracker: Tracker, place: str, name: str = "") -> str:
        pairs = (
            pair(PROVENANCE_RUN_ID, self.run_id),
            pair(PROVENANCE_CONTAINER_ID, f"{self._process_of(tracker.number)}-{tracker.number}"),
            pair(PROVENANCE_CONTAINER_NAME, name or known.name),
            pair(PROVENANCE_CONTAINER_TYPE, tracker.kind),
        )
        if len(known.before) >= _MOST_PLACES:
            known.before.clear()
        told = known.before[place + name] = f"{_NAME}{','.join(pairs)}{place}{_SEQ}"
        return told

    def _new(self, action: str) -> dict[str, str]:
        return self._located.setdefault(action, {})

    def _locate(self, action: str, key: Any) -> str:
        """What stands between the number of a change and what was there before."""
        kind = type(key)
        if kind is int and -(10**18) < key < 10**18:
            return f'{action_text(action)}{_LOCATION}"[{key}]"}}}}'
        if kind is Element and type(key.value) is int and -(10**18) < key.value < 10**18:
            return f'{action_text(action)}{_LOCATION}"{{{key.value}}}"}}}}'
        # An attribute or an element looks like the text that it is, and is told otherwise.
        known = self._located.setdefault(action if kind is str else f"{action} {kind.__name__}", {})
        told = known.get(key) if kind is Attribute else None
        word = key.value if kind is Element else key
        if kind is Element and type(word) is str:
            told = known.get(word)
        if told is None:
            location = safe_location(key)
            told = f"{action_text(action)}{_LOCATION}{text(location)}}}}}" if location else action_text(action)
            if isinstance(word, str) and len(word) <= _LONGEST_REMEMBERED:
                if len(known) >= _MOST_LOCATIONS:
                    known.clear()
                known[word] = told
        return told

    def _told(self, side: _Side, value: Any) -> str:
        """Type and digest of a value as `values.kept` leaves it."""
        kind = type(value)
        if kind is Tracker:
            return f"{side.type}{text(value.kind)}}}}}"
        if kind is Large:
            return f"{side.type}{text(type_name(value.kind))}}}}}"
        if isinstance(value, type):
            return f"{side.type}{text(type_name(value))}}}}}"
        digest = self._digests.of_other(value)
        told = f"{side.type}{text(type_name(kind))}}}}}"
        return f'{told}{side.digest}{digest}"}}}}' if digest else told
