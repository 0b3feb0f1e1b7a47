# SPDX-License-Identifier: Apache-2.0
"""Every operation that changes a dict, a list or a set, with right and wrong arguments, for the state machines."""

from __future__ import annotations

import operator
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from both_containers import Index, Mapping, Unhashable, failing
from hypothesis import strategies as st

_VALUES: list[Any] = [0, 1, 2, 3, 4, True, False, 1.0, 2.5, "a", "b", "", None, b"b", (1, "t"), -1, 10**30]
VALUES = st.sampled_from(_VALUES)


class Case(NamedTuple):
    """What an operation is done with: two small numbers, some values, and how they come."""

    a: int
    b: int | None
    values: list[Any]
    source: int

    @property
    def value(self) -> Any:
        """One of the values."""
        return self.values[0] if self.values else self.a

    def iterable(self, container: Any, values: list[Any] | None = None) -> Any:
        """The values as some iterable, made anew for each container; one is no iterable, one is the container."""
        values = list(self.values if values is None else values)
        match self.source % 14:
            case 0 | 1:
                return values
            case 2:
                return tuple(values)
            case 3:
                return iter(values)
            case 4:
                return (value for value in values)
            case 5 | 6:
                return failing(values)
            case 7:
                return container
            case 8:
                return iter(container)
            case 9:
                return self.a
            case 10:
                return set(values)
            case 11:
                return frozenset(values)
            case 12:
                return dict.fromkeys(values, self.a)
            case _:
                return [*values, []]

    @property
    def index(self) -> Any:
        """An index, not always an int."""
        return [self.a, self.a, self.a, Index(self.a), bool(self.a), "x", None, 1.0, 10**40][self.source % 9]

    @property
    def slice(self) -> slice:
        """A slice of ints, of what stands for them, or of something else."""
        step = [None, None, 1, 2, -1, -2, 3, 0, Index(1), "s"][self.source % 10]
        return slice(Index(self.a) if self.source % 7 == 0 else self.a, self.b, step)


CASES = st.builds(
    Case, st.integers(-5, 7), st.none() | st.integers(-5, 7), st.lists(VALUES, max_size=5), st.integers(0, 1259)
)


def case_at_random(random: Random) -> Case:
    """A case without the help of Hypothesis, a hundred times as fast."""
    b = random.randrange(-6, 8)
    values = random.choices(_VALUES, k=random.randrange(6))
    return Case(random.randrange(-5, 8), b if b > -6 else None, values, random.randrange(1260))


Operation = Callable[[Any, Case], Any]


def _pairs(case: Case) -> list[Any]:
    pairs: list[Any] = [(value, case.a) for value in case.values]
    if case.a == 3:
        pairs.insert(len(pairs) // 2, [["x", 1], "ab", (1, 2, 3), 5, iter((1, 2)), ([], 1)][case.source % 6])
    return pairs


def _growing(container: Any, case: Case) -> Any:
    """Changes the container while it is being iterated over."""
    for value in case.values:
        yield value, case.a
        container[value] = "meanwhile"
        if case.b:
            container.pop(case.b, None)


def _setdefault_or_pop(container: Any, case: Case, name: str) -> Any:
    arguments = [(case.value,), (case.value, case.a), (), (1, 2, 3), ([],), (Unhashable(),)][case.source % 6]
    return getattr(container, name)(*arguments)


DICT: list[Operation] = [
    lambda d, c: operator.setitem(d, c.value, c.a),
    lambda d, c: operator.setitem(d, c.value, c.values),
    lambda d, c: operator.setitem(d, c.a, c.b),
    lambda d, c: operator.setitem(d, [Unhashable(), [], c.value][c.source % 3], 1),
    lambda d, c: operator.delitem(d, c.value),
    lambda d, c: operator.delitem(d, [Unhashable(), [], c.value][c.source % 3]),
    lambda d, c: _setdefault_or_pop(d, c, "setdefault"),
    lambda d, c: _setdefault_or_pop(d, c, "pop"),
    lambda d, c: d.popitem(),
    lambda d, c: d.clear(),
    lambda d, c: d.update(),
    lambda d, c: d.update(_pairs(c)),
    lambda d, c: d.update(c.iterable(d, _pairs(c)) if c.source % 14 not in (10, 11, 12) else dict.fromkeys(c.values)),
    lambda d, c: d.update(Mapping(c.values, fails=c.a == 1)),
    lambda d, c: d.update(_growing(d, c)),
    lambda d, c: d.update((c.a, key) for key in d),
    lambda d, c: d.update(_pairs(c), a=1, **{"": 2}),
    lambda d, c: d.update(a=c.a),
    lambda d, c: d.update({}, {}),
    lambda d, c: operator.ior(d, dict.fromkeys(c.values, c.a)),
    lambda d, c: operator.ior(d, c.iterable(d, _pairs(c)) if c.source % 14 < 10 else Mapping(c.values)),
    lambda d, c: d.__init__(_pairs(c), b=c.b),
    lambda d, c: d.__init__(c.a),
    lambda d, c: type(d).fromkeys(c.values, c.a) == dict.fromkeys(c.values, c.a),
    lambda d, c: d.copy(),
    lambda d, c: d | {1: c.a},
    lambda d, c: list(reversed(d)),
]

LIST: list[Operation] = [
    lambda x, c: x.append(c.value),
    lambda x, c: x.append(c.values),
    lambda x, c: x.extend(c.iterable(x)) if c.source % 14 != 8 else None,
    lambda x, c: x.extend(_appending(x, c)),
    lambda x, c: operator.iadd(x, c.iterable(x)) if c.source % 14 != 8 else None,
    lambda x, c: x.insert(c.index, c.value),
    lambda x, c: x.pop(),
    lambda x, c: x.pop(c.index),
    lambda x, c: x.pop(1, 2),
    lambda x, c: x.remove(c.value),
    lambda x, c: x.clear(),
    lambda x, c: x.sort(),
    lambda x, c: x.sort(key=repr, reverse=bool(c.a % 2)),
    lambda x, c: x.sort(key=lambda value: _fails_at(value, c)),
    lambda x, c: x.sort(key=lambda value: x.append(value)),
    lambda x, c: x.sort(key=lambda value: (len(x), repr(value))[1]),
    lambda x, c: x.sort(repr),
    lambda x, c: x.reverse(),
    lambda x, c: operator.imul(x, c.a % 3 if len(x) < 30 else c.a % 2),
    lambda x, c: operator.imul(x, [Index(1), True, "a", 1.5, None, False][c.source % 6]),
    lambda x, c: operator.setitem(x, c.index, c.value),
    lambda x, c: operator.setitem(x, c.slice, c.iterable(x)),
    lambda x, c: operator.setitem(x, slice(c.a, c.b), c.iterable(x)),
    lambda x, c: operator.setitem(x, slice(c.a, c.b), _appending(x, c)),
    lambda x, c: operator.setitem(x, slice(None), x),
    lambda x, c: operator.setitem(x, slice(None, None, -1), x),
    lambda x, c: operator.setitem(x, slice(None, None, 2), c.values),
    lambda x, c: operator.delitem(x, c.index),
    lambda x, c: operator.delitem(x, c.slice),
    lambda x, c: x.__init__(c.values),
    lambda x, c: x.__init__(c.iterable(x)) if c.source % 14 != 8 else None,
    lambda x, c: x.copy(),
    lambda x, c: operator.add(x, [1]),
    lambda x, c: x * 2,
    lambda x, c: x[c.a :],
    lambda x, c: list(reversed(x)),
]


def _appending(container: Any, case: Case) -> Any:
    for value in case.values:
        yield value
        if case.a > 0:
            container.append("meanwhile")
        elif container:
            container.pop()


def _fails_at(value: Any, case: Case) -> Any:
    return repr(value) if value != case.a else 1


def _sets(case: Case, container: Any) -> Any:
    return [set(case.values), frozenset(case.values), container, case.values, 5][case.source % 5]


SET: list[Operation] = [
    lambda s, c: s.add(c.value),
    lambda s, c: s.add(c.a),
    lambda s, c: s.add([Unhashable(), [], {1}][c.source % 3]),
    lambda s, c: s.discard(c.value),
    lambda s, c: s.discard([Unhashable(), [], {1}][c.source % 3]),
    lambda s, c: s.remove(c.value),
    lambda s, c: s.remove([Unhashable(), [], {1}][c.source % 3]),
    lambda s, c: s.pop(),
    lambda s, c: s.clear(),
    lambda s, c: s.update(),
    lambda s, c: s.update(c.iterable(s)),
    lambda s, c: s.update(c.values, c.iterable(s)),
    lambda s, c: s.difference_update(c.iterable(s)),
    lambda s, c: s.difference_update(c.values, c.iterable(s)),
    lambda s, c: s.intersection_update(c.iterable(s)),
    lambda s, c: s.intersection_update(c.values, c.iterable(s)),
    lambda s, c: s.symmetric_difference_update(c.iterable(s)),
    lambda s, c: operator.ior(s, _sets(c, s)),
    lambda s, c: operator.iand(s, _sets(c, s)),
    lambda s, c: operator.isub(s, _sets(c, s)),
    lambda s, c: operator.ixor(s, _sets(c, s)),
    lambda s, c: s.__init__(c.values),
    lambda s, c: s.__init__(c.iterable(s)),
    lambda s, c: s.copy() == s,
    lambda s, c: s | {c.a},
    lambda s, c: s <= set(c.values),
]
