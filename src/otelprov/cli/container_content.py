# SPDX-License-Identifier: Apache-2.0
"""What a container held at a point, and what differs between two, on standard output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from otelprov.cli.container_text import short, way_text, written
from otelprov.cli.output import note, styled, write_json, write_lines
from otelprov.export.text import moment, printable
from otelprov.lineage.differences import Difference, differences
from otelprov.lineage.restoring import Restored
from otelprov.model.containers import ContainerSummary

_DIFFERENT, _PARTIAL = 1, 5
_MOST_OF_A_VALUE = 200


def show(document: dict[str, Any], of: ContainerSummary, found: Restored, *, as_json: bool) -> int:
    """Write what a container held; the exit status."""
    content, reasons = found.content, found.reasons()
    if as_json:
        about = {"number": content.number, "exact": not reasons, "not_exact": reasons, "content": found.tree()}
        write_json(document | about)
    else:
        write_lines(_content_lines(of, found))
        for reason in reasons:
            note(f"not exact: {reason}")
    return _PARTIAL if reasons else 0


def _content_lines(of: ContainerSummary, found: Restored) -> Iterator[str]:
    content = found.content
    when = f"after change {content.number}, {moment(content.last.time, seconds=True)}" if content.last else ""
    title = f"{of.names[0]}  {of.types[0]} {of.container}  {when}"
    yield styled(printable(title), "name")
    told = found.tree()
    if told is None:
        yield "(what it held is not known)"
        return
    kind = "list" if type(told) is list else next(iter(told))
    items = told if kind == "list" else told[kind]
    for place, item in enumerate(items):
        if kind in ("d", "a"):
            yield printable(f"{way_text([(kind, item[0])])} = {written(item[1])}")
        elif kind == "s":
            yield printable(way_text([(kind, item)]))
        else:
            yield printable(f"[{place}] = {written(item)}")
    if not items:
        yield "(empty)"


def differ(document: dict[str, Any], old: Restored, new: Restored, *, as_json: bool) -> int:
    """Write what differs between two contents; the exit status."""
    found = list(differences(old.tree(), new.tree()))
    reasons = list(dict.fromkeys([*old.reasons(), *new.reasons()]))
    if as_json:
        numbers = {"from": old.content.number, "to": new.content.number}
        changes = [_difference_json(one) for one in found]
        write_json(document | numbers | {"exact": not reasons, "not_exact": reasons, "differences": changes})
    else:
        write_lines(_difference_line(one) for one in found)
        if not found:
            note("no difference")
        for reason in reasons:
            note(f"not exact: {reason}")
    if reasons:
        return _PARTIAL
    return _DIFFERENT if found else 0


def _difference_json(one: Difference) -> dict[str, Any]:
    said: dict[str, Any] = {"what": one.what, "location": way_text(one.way)}
    if one.what != "added":
        said["old"] = one.old
    if one.what != "removed":
        said["new"] = one.new
    return said


def _difference_line(one: Difference) -> str:
    where = way_text(one.way) or "(all of it)"
    if one.way and one.way[-1][0] == "s":
        return printable(f"{one.what:<7}  {where}")
    texts = [short(written(value), _MOST_OF_A_VALUE) for value in (one.old, one.new)]
    told = {"added": texts[1], "removed": texts[0]}.get(one.what, " -> ".join(texts))
    return printable(f"{one.what:<7}  {where}  {told}")
