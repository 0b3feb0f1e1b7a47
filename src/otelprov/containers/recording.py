# SPDX-License-Identifier: Apache-2.0
"""What tracked dicts, lists and sets share: how their histories begin, and how a change is put down.

What an entry says of each action, for whoever replays a container whose values are captured:

    create, init                   new: the whole content; elements: their number
    set, setdefault, update, ior   key, new (dict); key is an index or a `Slice` in a list, new then a list
    delete, pop, popitem           key (of a list: an index or a `Slice`), old
    append                         new
    insert, remove                 key: the index; new or old
    extend, iadd                   key: the `Slice` that is new, at the end; new: a list
    imul                           new: the factor
    sort                           new: the whole content
    reverse, clear                 elements
    add, update, ior, ixor, symmetric_difference_update, intersection_update   key: `Element`; new: the element added
    discard, remove, pop, difference_update, isub, and those of the line before key: `Element`; old: the element gone
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from time import time_ns
from types import FrameType
from typing import Any

from otelprov.containers import pending
from otelprov.containers.change import Attribute, Element, Slice
from otelprov.containers.extras import extra_of, is_program, plain, program_frame, size
from otelprov.containers.originals import plain_copy
from otelprov.containers.pending import LIMIT, MISSING, Extra, drain, note, queue
from otelprov.containers.tracker import ALWAYS, DEFAULT, Options, Tracker
from otelprov.containers.values import kept, tracker_of

_EMPTY = Extra(elements=0)


def new_tracker(kind: str, frame: FrameType) -> Tracker:
    """The tracker of a container that a frame is just making, and that has no content yet."""
    tracker = Tracker(kind)
    return _placed(tracker, frame if is_program(frame.f_code.co_filename) else program_frame())


def unbegun(container: Any, options: Options = DEFAULT) -> Tracker:
    """A tracker for a container that has none: C code made it, or it is being made by us."""
    kind = "dict" if isinstance(container, dict) else "list" if isinstance(container, list) else "set"
    tracker = container._tracking = _placed(Tracker(kind, options), program_frame())
    return tracker


def _placed(tracker: Tracker, frame: FrameType | None) -> Tracker:
    if frame is not None:
        tracker.code = frame.f_code
        tracker.lasti = frame.f_lasti
    # The first change, or the end of `__init__`, records the making before it.
    tracker.begun = False
    tracker.take_way(ALWAYS)
    return tracker


def begin(container: Any, tracker: Tracker, content: Any = None) -> None:
    """Record the making of a container, with what it holds; does nothing where that is recorded."""
    if tracker.begun:
        return
    tracker.begun = True
    options = tracker.options
    if options.nested:
        adopt_content(container, tracker, content)
    if options.original:
        tracker.original = plain_copy(container)
    tracker.choose_way()
    record(container, tracker, "create", new=plain(container) if options.values else MISSING, elements=size(container))


def ready(container: Any) -> Tracker:
    """The tracker of a container that is about to change; raises LockedError where it may not."""
    try:
        tracker: Tracker = container._tracking
    except AttributeError:
        tracker = unbegun(container)
    if tracker.way or len(queue) >= LIMIT:
        if not tracker.begun:
            begin(container, tracker)
        tracker.careful()
        if tracker.meanwhile is not None:
            tracker.meanwhile()
    return tracker


class interrupted:
    """While code of the program's runs in the midst of a change, `meanwhile` is called before each it makes itself."""

    def __init__(self, tracker: Tracker, meanwhile: Callable[[], object]) -> None:
        self._tracker = tracker
        self._meanwhile = meanwhile

    def __enter__(self) -> None:
        self._before = self._tracker.meanwhile
        self._tracker.meanwhile = self._meanwhile
        self._tracker.choose_way()

    def __exit__(self, *_error: object) -> None:
        self._tracker.meanwhile = self._before
        self._tracker.choose_way()


def initialise(container: Any, init: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """As the built-in's `__init__`: the making, or a change where the container has a history already."""
    try:
        tracker: Tracker = container._tracking
    except AttributeError:
        tracker = unbegun(container)
    if not tracker.begun:
        init(container, *args, **kwargs)
        # Unless code of the program's has changed it meanwhile.
        if not tracker.begun:
            begin(container, tracker)
            return
    else:
        ready(container)
        before = plain(container)
        try:
            init(container, *args, **kwargs)
        except BaseException:
            if not _same(before, plain(container)):
                _record_init(container, tracker)
            raise
    _record_init(container, tracker)


def _record_init(container: Any, tracker: Tracker) -> None:
    if tracker.options.nested:
        adopt_content(container, tracker)
    new = plain(container) if tracker.options.values else MISSING
    record(container, tracker, "init", new=new, elements=size(container))


def _same(before: Any, after: Any) -> bool:
    """Whether two plain containers hold the same objects; compares none."""
    if len(before) != len(after) or not all(map(is_, before, after)):
        return False
    return not isinstance(before, dict) or all(map(is_, before.values(), after.values()))


def record(
    container: Any,
    tracker: Tracker,
    action: str,
    key: Any = MISSING,
    old: Any = MISSING,
    new: Any = MISSING,
    elements: int = -1,
) -> None:
    """Record a change that was made. Keys and values are the program's own objects, a `Slice` or an `Element`."""
    kind = type(key)
    held = key if kind is Slice or kind is Attribute else Element(kept(key.value)) if kind is Element else kept(key)
    if not tracker.way:
        if elements < 0:
            note((tracker, action, time_ns(), held, kept(old), kept(new), pending.here()))
        else:
            extra = Extra(elements=elements) if elements else _EMPTY
            note((tracker, action, time_ns(), held, kept(old), kept(new), pending.here(), extra))
        if len(queue) >= LIMIT:
            drain()
        return
    extra = extra_of(container, tracker, key, old, new, elements)
    note((tracker, action, time_ns(), held, kept(old), kept(new), pending.here(), extra))
    if pending.sinks.eager or len(queue) >= LIMIT:
        # It may be one that holds this container which is observed.
        drain(whole_blocks=True)


def adopted(container: Any, tracker: Tracker, key: Any, value: Any, memo: dict[int, tuple[Any, Any]]) -> Any:
    """What to store instead of a value, where containers in containers are tracked."""
    from otelprov.containers.nested import adopt

    return adopt(container, tracker, key, value, memo)


def released(container: Any, tracker: Tracker, key: Any, value: Any) -> None:
    """A value is no longer in a container."""
    if value is not MISSING and tracker_of(value) is not None:
        from otelprov.containers.links import release

        release(container, tracker, key, value)


def adopt_content(container: Any, tracker: Tracker, content: Any = None) -> None:
    """Track the containers in a container; `content` is what that was made from, which may hold itself."""
    memo: dict[int, tuple[Any, Any]] = {} if content is None else {id(content): (content, container)}
    if isinstance(container, dict):
        for key, value in list(dict.items(container)):
            stored = adopted(container, tracker, key, value, memo)
            if stored is not value:
                dict.__setitem__(container, key, stored)
        return
    if isinstance(container, list):
        for index, value in enumerate(list.copy(container)):
            stored = adopted(container, tracker, index, value, memo)
            if stored is not value:
                list.__setitem__(container, index, stored)
        return
    for value in set.copy(container):
        adopted(container, tracker, MISSING, value, memo)
