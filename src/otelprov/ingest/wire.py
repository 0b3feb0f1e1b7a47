# SPDX-License-Identifier: Apache-2.0
"""Counts what a request holds while it is still bytes: 20 kB on the network can be gigabytes of parsed messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from otelprov.ingest.contract import MalformedError

# Limits of one request. The largest that an SDK or a Collector sends by default has 512 or 8192 spans.
MAX_SPANS = 50_000
MAX_EVENTS = 100_000
MAX_VALUES = 200_000
# Lists, objects and commas of a JSON document.
MAX_JSON_GROUPS, MAX_JSON_COMMAS = 400_000, 800_000

# A smaller one can't do harm, whatever it holds: a message takes two bytes.
_HARMLESS = 256 * 1024
_MAX_DEPTH = 100
# Fields without a message in them: so many of them are in order, and so many more for each message that was met.
_SPARE_FIELDS, _FIELDS_A_MESSAGE = 50_000, 16
_LONGEST_VARINT = 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


_ADVICE = "send smaller batches"


class TooMuchError(MalformedError):
    """A request holds more than one request may."""


@dataclass(slots=True, eq=False)
class Kind:
    """A message: what is counted when one is met (where there is one at most, nothing), the messages in it by tag."""

    counted: str
    inside: dict[int, Kind] = field(default_factory=dict)


def _tags(**fields: tuple[int, Kind]) -> dict[int, Kind]:
    return {number << 3 | _BYTES: kind for number, kind in fields.values()}


_ONE_VALUE = Kind("")
_PAIR = Kind("values", _tags(value=(2, _ONE_VALUE)))
_ONE_VALUE.inside |= _tags(
    array_value=(5, Kind("", _tags(values=(1, Kind("values", _ONE_VALUE.inside))))),
    kvlist_value=(6, Kind("", _tags(values=(1, _PAIR)))),
)
_ENTITY = Kind("values", _tags(id_keys=(3, Kind("values")), description_keys=(4, Kind("values"))))
_RESOURCE = Kind("", _tags(attributes=(1, _PAIR), entity_refs=(3, _ENTITY)))
_SCOPE = Kind("", _tags(attributes=(3, _PAIR)))
_EVENT = Kind("events", _tags(attributes=(3, _PAIR)))
_LINK = Kind("events", _tags(attributes=(4, _PAIR)))
_SPAN = Kind("spans", _tags(attributes=(9, _PAIR), events=(11, _EVENT), links=(13, _LINK)))
_RECORD = Kind("spans", _tags(body=(5, _ONE_VALUE), attributes=(6, _PAIR)))


def _request(leaf: Kind) -> Kind:
    scoped = Kind("spans", _tags(scope=(1, _SCOPE), leaves=(2, leaf)))
    return Kind("spans", _tags(groups=(1, Kind("spans", _tags(resource=(1, _RESOURCE), scoped=(2, scoped))))))


TRACES, LOGS = _request(_SPAN), _request(_RECORD)


def check_protobuf(data: bytes, kind: Kind) -> None:
    """Pass a request (`TRACES` or `LOGS`) that may be parsed. Raises TooMuchError, or MalformedError for no request.

    Time and memory do not depend on what `data` would unfold to: the count ends where a limit is passed.
    """
    if len(data) <= _HARMLESS:
        return
    try:
        _count(data, kind)
    except IndexError:
        raise MalformedError("not an OTLP protobuf request: it is cut off") from None


def _count(data: bytes, kind: Kind) -> None:
    limits = {"spans": MAX_SPANS, "events": MAX_EVENTS, "values": MAX_VALUES}
    left = dict(limits)
    spare = _SPARE_FIELDS
    # What is left to look at of the messages around this one.
    around: list[tuple[int, Kind]] = []
    position, end, inside = 0, len(data), kind.inside
    while True:
        if position >= end:
            if position > end:
                raise IndexError
            if not around:
                return
            end, kind = around.pop()
            inside = kind.inside
            continue
        tag = data[position]
        position += 1
        if tag > 127:
            tag, position = _varint(data, position - 1)
        wire = tag & 7
        if wire == _BYTES:
            length = data[position]
            position += 1
            if length > 127:
                length, position = _varint(data, position - 1)
            met = inside.get(tag)
            if met is not None:
                if met.counted:
                    left[met.counted] -= 1
                    if left[met.counted] < 0:
                        raise TooMuchError(f"a request of over {limits[met.counted]} {met.counted}: {_ADVICE}")
                    spare += _FIELDS_A_MESSAGE
                if met.inside and length:
                    if position + length > end or len(around) >= _MAX_DEPTH:
                        raise MalformedError("not an OTLP protobuf request: cut off, or nested too deeply")
                    spare -= 1
                    around.append((end, kind))
                    end, kind, inside = position + length, met, met.inside
                    continue
            position += length
        elif wire == _VARINT:
            stop = position + _LONGEST_VARINT
            while data[position] > 127 and position < stop:
                position += 1
            position += 1
        elif wire == _FIXED64:
            position += 8
        elif wire == _FIXED32:
            position += 4
        else:
            raise MalformedError(f"not an OTLP protobuf request: wire type {wire} at byte {position}")
        spare -= 1
        if spare < 0:
            raise TooMuchError("a request with far more fields than its messages have")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            # Tags and lengths are numbers of 32 bits; what is above them is cut off by every reader.
            return number & 0xFFFFFFFF, position
        shift += 7
        if shift > 63:
            raise MalformedError(f"not an OTLP protobuf request: a number without end at byte {position}")


_STEP = 1000
# Up to a thousand of the characters that are outside of strings; never goes back, so its time is linear.
_BETWEEN = rb'(?:[^"%s]++|"(?:[^"\\]++|\\.)*+")*+'
_GROUPS = re.compile(rb"(?s:" + _BETWEEN % rb"{\[" + rb"[{\[]){%d}+" % _STEP)
_COMMAS = re.compile(rb"(?s:" + _BETWEEN % rb"," + rb",){%d}+" % _STEP)


def check_json(data: bytes) -> None:
    """Pass a JSON document that may be parsed. Raises TooMuchError for one of too many objects, lists or items."""
    for pattern, limit, marks in ((_GROUPS, MAX_JSON_GROUPS, b"{["), (_COMMAS, MAX_JSON_COMMAS, b",")):
        # Counted in strings as well, which is much faster and nearly always enough.
        if sum(data.count(mark) for mark in marks) <= limit:
            continue
        position = 0
        for _ in range(limit // _STEP + 1):
            found = pattern.match(data, position)
            if found is None:
                break
            position = found.end()
        else:
            raise TooMuchError(f"a request of far too many objects or items: {_ADVICE}")
