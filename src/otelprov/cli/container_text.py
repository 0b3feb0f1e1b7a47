# SPDX-License-Identifier: Apache-2.0
"""Values and changes of tracked containers as text for people, and changes as JSON."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from otelprov.export.text import SECOND
from otelprov.lineage.typed import tree
from otelprov.model.records import MutationRecord
from otelprov.model.thawed import thaw

_MOST_OF_A_VALUE = 60
_DIGITS_OF_A_DIGEST = 8
Steps = Mapping[tuple[str, str], str]


def written(told: Any) -> str:
    """Typed JSON, as `typed.tree` gives it, as Python would write it; `<int>` for what was not captured."""
    if type(told) is list:
        return f"[{_listed(told)}]"
    if type(told) is not dict:
        return repr(told)
    mark, held = next(iter(told.items()))
    match mark:
        case "d":
            return "{" + ", ".join(f"{written(key)}: {written(value)}" for key, value in held) + "}"
        case "a":
            return "<" + ", ".join(f"{key}={written(value)}" for key, value in held) + ">"
        case "t":
            return f"({_listed(held)}{',' if len(held) == 1 else ''})"
        case "s":
            return f"{{{_listed(held)}}}" if held else "set()"
        case "z":
            return f"frozenset({{{_listed(held)}}})" if held else "frozenset()"
        case "id":
            return written(told["content"]) if "content" in told else f"<{told['of']} {held}>"
        case "x":
            return f"{written(told['h'])}… ({held:,} in all)"
    return _rare(mark, held, told)


def _rare(mark: str, held: Any, told: Mapping[str, Any]) -> str:
    match mark:
        case "b":
            return repr(base64.b64decode(held))
        case "y":
            return repr(bytearray(base64.b64decode(held)))
        case "c":
            return repr(complex(float(held[0]), float(held[1])))
        case "n":
            digest = f" {short_digest(told['digest'])}" if "digest" in told else ""
            return f"<{held or '?'}{digest}>"
        case "k":
            # A step of a location: as it stands there, without what is around it.
            return str(held)[1:-1] if held[:1] in "[{" else str(held).removeprefix(".")
        case "o":
            return f"<{held}>"
    return str(held)


def _listed(items: Sequence[Any]) -> str:
    return ", ".join(map(written, items))


def short(text: str, most: int = _MOST_OF_A_VALUE) -> str:
    """A text with its end cut off where it is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def short_digest(digest: str) -> str:
    """The beginning of a digest."""
    kind, colon, rest = digest.rpartition(":")
    return f"{kind}{colon}{rest[:_DIGITS_OF_A_DIGEST]}"


def way_text(way: Sequence[tuple[str, Any]]) -> str:
    """A way into a content as Python writes it: `['items'][3].price`, `{element}`."""
    parts = []
    for kind, key in way:
        if kind == "a":
            parts.append(f".{key}")
        else:
            parts.append(f"{{{written(key)}}}" if kind == "s" else f"[{written(key)}]")
    return "".join(parts)


def parsed(text: str) -> Any:
    """The typed JSON of an attribute; of a text that is none, a value that is not told."""
    try:
        return tree(thaw(text))
    except ValueError:
        return {"n": ""}


def side_text(kind: str, value: str, digest: str) -> str:
    """What was there before, or is there now, for a table: the value where it was captured, else type and digest."""
    if value:
        return short(written(parsed(value)))
    if not kind:
        return ""
    return f"{kind} {short_digest(digest)}" if digest else kind


def row(change: MutationRecord, steps: Steps, name: str) -> tuple[str, ...]:
    """The cells of a change: number, time, action, location, what became what, actor, line, step."""
    old = side_text(change.old_type, change.old_value, change.old_digest)
    new = side_text(change.new_type, change.new_value, change.new_digest)
    if change.elements >= 0 and not old and not new:
        new = f"{change.elements:,} elements"
    code = f"{os.path.basename(change.code_file)}:{change.code_line}" if change.code_file else ""
    return (
        str(change.change) if change.change >= 0 else "?",
        clock(change.time),
        change.action,
        location_in(change, name),
        old,
        new,
        change.actor,
        code,
        step_name(change, steps),
    )


def location_in(change: MutationRecord, name: str) -> str:
    """Where a change was made, as seen from the container of a name; behind the name of another one where not in it."""
    if change.name == name:
        return change.location
    others = dict(reversed(names_and_locations(change.locations))) if change.locations else {}
    return others.get(name, f"{change.name}{change.location}")


HEADINGS = ("#", "time", "action", "location", "old", "new", "actor", "code", "step")


def step_name(change: MutationRecord, steps: Steps) -> str:
    """The request, task or stage in which a change was made; the id of its span where that has not arrived."""
    return steps.get((change.trace_id, change.step_id), change.step_id) if change.step_id else ""


def clock(time: int) -> str:
    """The time of day with microseconds; the date is in `--json` and in the list of containers."""
    from datetime import datetime

    try:
        local = datetime.fromtimestamp(time // SECOND).astimezone()
    except (OverflowError, ValueError, OSError):
        return "-"
    return f"{local:%H:%M:%S}.{time % SECOND // 1000:06d}"


def as_json_object(change: MutationRecord, steps: Steps) -> dict[str, Any]:
    """A change as a JSON object; see docs/reference/json.md."""
    found: dict[str, Any] = {
        "container": change.container,
        "name": change.name,
        "type": change.type,
        "number": change.change,
        "time": change.time,
        "action": change.action,
        "location": change.location,
        "actor": change.actor,
        "code": {"file": change.code_file, "line": change.code_line, "function": change.code_function},
        "step": step_name(change, steps),
        "step_id": change.step_id,
        "trace_id": change.trace_id,
        "span_id": change.span_id,
        "parent_id": change.parent_id,
        "process_id": change.process_id,
        "thread": change.thread,
        "seq": change.seq,
    }
    for side, kind, value, digest in (
        ("old", change.old_type, change.old_value, change.old_digest),
        ("new", change.new_type, change.new_value, change.new_digest),
    ):
        if kind or value:
            told: dict[str, Any] = {"type": kind}
            found[side] = told
            if digest:
                told["digest"] = digest
            if value:
                told["value"] = parsed(value)
    if change.key:
        found["key"] = parsed(change.key)
    if change.elements >= 0:
        found["elements"] = change.elements
    if change.locations:
        found["locations"] = names_and_locations(change.locations)
    if change.cut:
        found["cut"] = True
    if change.snapshot:
        found["snapshot"] = parsed(change.snapshot)
    if change.stack:
        found["stack"] = change.stack
    return found


def names_and_locations(text: str) -> list[tuple[str, str]]:
    """Further places of a change: pairs of the outermost container's name and the location in it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    pairs = found if isinstance(found, list) else []
    return [(pair[0], pair[1]) for pair in pairs if isinstance(pair, list) and list(map(type, pair)) == [str, str]]
