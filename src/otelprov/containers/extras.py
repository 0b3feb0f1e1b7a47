# SPDX-License-Identifier: Apache-2.0
"""What an entry says of a change where its container was asked for more: values, snapshot, line, calls, ways down."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

from otelprov.containers.change import Attribute, Element, Slice
from otelprov.containers.pending import MISSING, Extra
from otelprov.containers.stored import attributes_of
from otelprov.containers.tracker import Tracker
from otelprov.containers.values import tracker_of
from otelprov.model.values import freeze

_MOST_FRAMES = 20
_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
# They make containers on behalf of the line that copies or loads one.
_COPYING = frozenset(_LIBRARY + name for name in ("copy.py", "copyreg.py", "pickle.py"))


def extra_of(container: Any, tracker: Tracker, key: Any, old: Any, new: Any, elements: int) -> Extra:
    """What an entry says beyond the usual; keys and values as `recording.record` takes them."""
    options = tracker.options
    frozen_key = frozen_old = frozen_new = snapshot = stack = ""
    code, lasti, cut = None, -1, False
    if options.values:
        if type(key) is Slice:
            key = tuple(key)
        elif type(key) is Element:
            key = key.value
        elif type(key) is Attribute:
            key = str.__str__(key)
        (frozen_key, cut_key), (frozen_old, cut_old), (frozen_new, cut_new) = _frozen(key), _frozen(old), _frozen(new)
        cut = cut_key or cut_old or cut_new
    if options.snapshot:
        snapshot, cut_snapshot = freeze(plain(container), child_id)
        cut = cut or cut_snapshot
    if tracker.site or options.stack:
        frame = program_frame()
        if frame is not None:
            if tracker.site:
                code, lasti = frame.f_code, frame.f_lasti
            if options.stack:
                stack = _stack(frame)
    paths: Any = ()
    if tracker.parents is not None:
        from otelprov.containers.links import paths as ways

        paths = ways(tracker)
    return Extra(paths, elements, frozen_key, frozen_old, frozen_new, cut, snapshot, stack, code, lasti)


def _frozen(value: Any) -> tuple[str, bool]:
    return ("", False) if value is MISSING else freeze(value, child_id)


def child_id(value: Any) -> tuple[str, str] | None:
    """Id and kind of a tracked container, None for everything else; for `freeze`."""
    tracker = tracker_of(value)
    if tracker is None:
        return None
    from otelprov.containers.joined import id_of

    return id_of(tracker), tracker.kind


def program_frame() -> FrameType | None:
    """The innermost frame that is neither ours nor of what copies and loads objects."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_program(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def is_program(file: str) -> bool:
    """Whether a source file is neither ours nor of what copies and loads objects."""
    return file not in _COPYING and not file.startswith(_OWN)


def _stack(frame: FrameType | None) -> str:
    lines: list[str] = []
    while frame is not None and len(lines) < _MOST_FRAMES:
        code = frame.f_code
        lines.append(f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    return "\n".join(reversed(lines))


def plain(container: Any) -> Any:
    """What a container holds, as a built-in one; calls nothing of a subclass's."""
    if isinstance(container, dict):
        return dict.copy(container)
    if isinstance(container, list):
        return list.copy(container)
    return set.copy(container) if isinstance(container, set) else dict(attributes_of(container))


def size(container: Any) -> int:
    """The number of elements; calls nothing of a subclass's."""
    if isinstance(container, dict):
        return dict.__len__(container)
    return list.__len__(container) if isinstance(container, list) else set.__len__(container)
