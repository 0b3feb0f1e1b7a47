# SPDX-License-Identifier: Apache-2.0
"""Text for people: names without terminal escapes, short versions, times and durations."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime

from otelprov.model.graph import Node

SECOND = 1_000_000_000

# "Cc" are control characters, "Cf" holds the marks that reverse the direction of text, "Cs" undecodable bytes of names.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """Return the text with everything that a terminal would obey written out, as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(sign) if unicodedata.category(sign) in _UNSAFE else sign for sign in text)


def _written_out(sign: str) -> str:
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def short_version(version: str) -> str:
    """A version for people: `sha256:9f2c0a…`; empty where only the span that made it is known."""
    kind, colon, rest = version.partition(":")
    if kind == "span":
        return ""
    if colon and len(rest) > 12:
        return f"{printable(kind)}:{printable(rest[:8])}…"
    return printable(version)


def short_name(node: Node) -> str:
    """The last part of a node's name: `features.parquet` of `/data/features.parquet`; of a column `a.csv#amount`."""
    column = node.details.get("column") if node.type == "column" else None
    if isinstance(column, str):
        entity = node.name.removesuffix(f"#{column}")
        return f"{entity.rstrip('/').rsplit('/', 1)[-1] or entity}#{column}"
    return node.name.rstrip("/").rsplit("/", 1)[-1] or node.name or node.id


def telling_names(nodes: Iterable[Node]) -> dict[tuple[str, str], str]:
    """Short names by (namespace, name), with as much of the path as it takes for no two of them to be equal."""
    told: dict[tuple[str, str], str] = {}
    waiting = dict.fromkeys((node.namespace, node.name) for node in nodes)
    taken: set[str] = set()
    parts = 1
    while waiting:
        groups: dict[str, list[tuple[str, str]]] = {}
        for namespace, name in waiting:
            groups.setdefault(_tail(name, parts), []).append((namespace, name))
        longest = max(name.count("/") + 1 for _, name in waiting)
        for short, keys in groups.items():
            if len(keys) == 1 and short not in taken:
                told[keys[0]] = short
            elif parts > longest:
                told.update({key: f"{key[0]}:{key[1]}" for key in keys})
        taken.update(groups)
        waiting = {key: None for key in waiting if key not in told}
        parts += 1
    return told


def _tail(name: str, parts: int) -> str:
    pieces = name.rstrip("/").rsplit("/", parts)
    return "/".join(pieces[1:] if len(pieces) > parts else pieces) or name


def moment(time: int, *, seconds: bool = False) -> str:
    """A time in nanoseconds since the epoch as local time, `2026-11-20 14:03`; `-` for 0."""
    if not time:
        return "-"
    try:
        local = datetime.fromtimestamp(time / SECOND).astimezone()
    except (OverflowError, ValueError, OSError):
        return "-"
    return local.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def duration(nanoseconds: int) -> str:
    """A duration for people: `12 ms`, `38 s`, `4 min 10 s`, `2 h 5 min`."""
    if nanoseconds < SECOND:
        return f"{max(nanoseconds, 0) / 1e6:.3g} ms"
    seconds = nanoseconds / SECOND
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """A number of bytes for people: `512 B`, `12.6 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 run`, `3 entities`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"
