# SPDX-License-Identifier: Apache-2.0
"""What a configuration of containers may say: each key with what is allowed there; errors name the key by its path."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any

from otelprov.containers.observers.filters import glob
from otelprov.containers.observers.subscription import OVERFLOWS
from otelprov.containers.options import options_from
from otelprov.errors import UsageError

Check = Callable[[str, Any], Any]
_MOST_OBSERVERS = 100
_MOST_SHOWN = 60


def checked(document: Any) -> dict[str, Any]:
    """A configuration of which all is allowed; raises UsageError with the path of the first thing that is not."""
    found = _object("", document, {"containers": _containers, "observers": _observers})
    return {"containers": found.get("containers", {}), "observers": found.get("observers", [])}


def wrong(path: str, expected: str, found: Any) -> UsageError:
    """The error about a value: what is allowed, and what is there."""
    shown = f"{found!r:.{_MOST_SHOWN}}" if isinstance(found, str | int | float | bool | None) else type(found).__name__
    return UsageError(f"{path or 'the configuration'}: expected {expected}, found {shown}")


def _object(path: str, value: Any, keys: Mapping[str, Check], required: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong(path, "an object", value)
    for key in value:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}"
            raise UsageError(f"{_below(path, key)}: no such key; {hint}")
    for key in required:
        if key not in value:
            raise UsageError(f"{_below(path, key)}: is missing")
    return {key: keys[key](_below(path, key), item) for key, item in value.items()}


def _below(path: str, key: object) -> str:
    shown = f"{key:.{_MOST_SHOWN}}" if isinstance(key, str) else repr(key)
    return f"{path}.{shown}" if path else shown


def _containers(path: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise wrong(path, "an object of patterns of names, each with options", value)
    found = {}
    for pattern, options in value.items():
        where = f"{path}[{pattern!r}]"
        _pattern(where, pattern)
        if not isinstance(options, Mapping):
            raise wrong(where, "an object of options", options)
        if "name" in options:
            raise UsageError(f"{where}.name: no such key; a container has the name that the program gives it")
        for option, chosen in options.items():
            try:
                options_from({option: chosen})
            except (TypeError, ValueError) as error:
                raise UsageError(f"{where}.{option}: {error}") from None
        found[pattern] = dict(options)
    return found


def _observers(path: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise wrong(path, "a list", value)
    if len(value) > _MOST_OBSERVERS:
        raise wrong(path, f"{_MOST_OBSERVERS} observers at most", len(value))
    found = []
    for number, entry in enumerate(value):
        where = f"{path}[{number}]"
        if not isinstance(entry, Mapping):
            raise wrong(where, "an object", entry)
        if "type" not in entry:
            raise UsageError(f"{where}.type: is missing; there are {', '.join(TYPES)}")
        kind = entry["type"]
        if not isinstance(kind, str) or kind not in TYPES:
            raise wrong(f"{where}.type", f"one of {', '.join(TYPES)}", kind)
        keys, required = TYPES[kind]
        found.append(_object(where, entry, {"type": _text, **_COMMON, **keys}, required))
    return found


def _text(path: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise wrong(path, "a text", value)
    return value


def _pattern(path: str, value: Any) -> str:
    try:
        glob(value, "pattern")
    except (TypeError, ValueError):
        raise wrong(path, "a pattern, a text in which * stands for anything", value) from None
    return str(value)


def _texts(path: str, value: Any) -> list[str]:
    if isinstance(value, str) and value:
        return [value]
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise wrong(path, "a list of texts", value)
    return list(value)


def _flag(path: str, value: Any) -> bool:
    if type(value) is not bool:
        raise wrong(path, "true or false", value)
    return value


def _whole(path: str, value: Any) -> int:
    if type(value) is not int:
        raise wrong(path, "a whole number", value)
    return value


def _above_0(path: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise wrong(path, "a whole number above 0", value)
    return value


def _seconds(path: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise wrong(path, "a number of seconds", value)
    return float(value)


def _overflow(path: str, value: Any) -> str:
    if not isinstance(value, str) or value not in OVERFLOWS:
        raise wrong(path, f"one of {', '.join(OVERFLOWS)}", value)
    return value


def _level(path: str, value: Any) -> int | str:
    names = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if isinstance(value, str) and value.upper() in names:
        return value.upper()
    raise wrong(path, f"one of {', '.join(names)}", value)


def _named_texts(path: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong(path, "an object of texts", value)
    return {key: _text(_below(path, key), item) for key, item in value.items()}


def _plain_values(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong(path, "an object", value)
    for key, item in value.items():
        if not isinstance(item, str | int | float | bool):
            raise wrong(_below(path, key), "a text, a number, true or false", item)
    return dict(value)


def _function(path: str, value: Any) -> str:
    module, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise wrong(path, "module:function", value)
    return str(value)


_COMMON: dict[str, Check] = {
    "name": _text,
    "target": _pattern,
    "actions": _texts,
    "location": _pattern,
    "actor": _pattern,
    "priority": _whole,
    "capacity": _above_0,
    "overflow": _overflow,
}
_EXPORTER: dict[str, Check] = {"values": _flag, "batch": _above_0, "linger": _seconds, "patience": _seconds}

# For each type of observer: the keys of its own, and which of them it needs.
TYPES: dict[str, tuple[dict[str, Check], tuple[str, ...]]] = {
    "call": ({"call": _function}, ("call",)),
    "log": ({"logger": _text, "level": _level}, ()),
    "metrics": ({"most_series": _above_0}, ()),
    "jsonl": ({"path": _text, "rotate": _above_0, "backups": _above_0, **_EXPORTER}, ("path",)),
    "http": ({"url": _text, "headers": _named_texts, "timeout": _seconds, **_EXPORTER}, ("url",)),
    "s3": ({"bucket": _text, "prefix": _text, "client": _plain_values, **_EXPORTER}, ("bucket",)),
    "kafka": ({"servers": _texts, "topic": _text, "settings": _plain_values, **_EXPORTER}, ("servers", "topic")),
}
OF_SUBSCRIPTIONS = frozenset(_COMMON)
