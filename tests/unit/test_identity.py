# SPDX-License-Identifier: Apache-2.0
"""Objects in memory are followed by weak identity: never a stale origin, and nothing left when they are gone."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import UserDict

import pytest

from otelprov.capture.flow.by_object import ByObject
from otelprov.capture.flow.identity import Origins, Read, count, merged_origins, origins_of, remember
from otelprov.model.entity import Entity
from otelprov.testing import recording

NUMBER = 10_000


class Thing:
    """What can be referred to weakly."""


def origin(number=0):
    return Origins(frozenset({Read(Entity("file", f"/{number}"), 1, number + 1)}))


@pytest.fixture(autouse=True)
def nothing_stays():
    gc.collect()
    before = count()
    yield
    gc.collect()
    assert count() == before


def test_ten_thousand_objects_made_and_dropped_leave_nothing():
    before = count()
    for number in range(NUMBER):
        thing = Thing()
        assert origins_of(thing) is None
        assert remember(thing, origin(number))
        assert origins_of(thing) == origin(number)
        del thing
        assert count() == before


def test_ten_thousand_frames_made_and_dropped_leave_nothing(tmp_path):
    import pandas

    from otelprov_instrumentors.pandas import PandasInstrumentor

    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4\n")
    instrumentor = PandasInstrumentor()
    instrumentor.instrument()
    try:
        with recording(tmp_path / "home") as recorded:
            source = pandas.read_csv(tmp_path / "a.csv")
            sources = origins_of(source)
            assert sources is not None

            def turn():
                followed = source * 2
                assert origins_of(followed) == sources
                # It may well live where the frame of the last turn did.
                fresh = pandas.DataFrame({"a": [1]})
                assert origins_of(fresh) is None

            for _ in range(100):
                turn()
            gc.collect()
            before, blocks = count(), sys.getallocatedblocks()
            for _ in range(NUMBER // 2):
                turn()
            gc.collect()
            assert count() == before
            assert sys.getallocatedblocks() - blocks < NUMBER / 10
            assert recorded.names() == ["read a.csv"]
    finally:
        instrumentor.uninstrument()


def test_cycles_that_nobody_collects_keep_their_origins_and_then_go():
    before = count()
    gc.disable()
    try:
        for number in range(100):
            thing = Thing()
            thing.itself = thing
            remember(thing, origin(number))
        del thing
        assert count() == before + 100
        assert all(origins_of(Thing()) is None for _ in range(1000))
    finally:
        gc.enable()
    gc.collect()
    assert count() == before


def test_an_address_that_is_used_again_has_no_origin():
    seen = set()
    again = 0
    for number in range(NUMBER):
        thing = Thing()
        again += id(thing) in seen
        seen.add(id(thing))
        assert origins_of(thing) is None
        remember(thing, origin(number))
    assert again > NUMBER / 2, "addresses were not used again: the test shows nothing"


def test_the_end_of_an_object_takes_no_other_with_it():
    notes: ByObject[int] = ByObject()
    first, second = Thing(), Thing()
    notes.note(first, 1)
    notes.note(second, 2)
    stale, of_second = notes._notes[id(first)], notes._notes.pop(id(second))
    # As if the second one had been made at the address of the first before the first one's end was told.
    notes._notes[id(first)] = of_second
    notes._gone.append(stale)
    assert len(notes) == 1
    assert notes._notes[id(first)] is of_second
    # And the entry of another object is never taken for one's own.
    assert notes.get(first) is None


@pytest.mark.parametrize("value", [1, "text", (1, 2), [1], {"a": 1}, None, b"x", 1.5], ids=repr)
def test_what_takes_no_weak_reference_is_not_followed(value):
    before = count()
    assert not remember(value, origin())
    assert origins_of(value) is None
    assert count() == before


def test_slots_without_a_weak_reference_and_odd_objects():
    class Slotted:
        __slots__ = ("a",)

    class Odd(UserDict):
        __hash__ = None

        def __eq__(self, other):
            raise RuntimeError("nobody asked you")

        __bool__ = __len__ = __eq__

    assert not remember(Slotted(), origin())
    odd = Odd.__new__(Odd)
    assert remember(odd, origin(5))
    assert origins_of(odd) == origin(5)


@pytest.mark.parametrize("collected", [False, True], ids=["by its last reference", "in a cycle"])
def test_an_object_that_comes_back_to_life_is_known_or_unknown_never_another(collected):
    kept = []

    class Lazarus:
        def __del__(self):
            kept.append(self)

    thing = Lazarus()
    remember(thing, origin(7))
    if collected:
        thing.itself = thing
    del thing
    gc.collect()
    [back] = kept
    assert origins_of(back) in (None, origin(7))
    assert remember(back, origin(8))
    assert origins_of(back) == origin(8)
    del Lazarus.__del__
    if collected:
        del back.itself


def test_remembering_again_replaces_and_leaves_one_entry():
    before = count()
    thing = Thing()
    for number in range(100):
        remember(thing, origin(number))
    assert origins_of(thing) == origin(99)
    assert count() == before + 1


def test_threads_do_not_get_in_each_others_way():
    wrong = []

    def work(number):
        mine = origin(number)
        for _ in range(2_000):
            thing, cycle = Thing(), Thing()
            cycle.other = thing
            thing.other = cycle
            if origins_of(thing) is not None:
                wrong.append("stale")
            remember(thing, mine)
            if origins_of(thing) != mine:
                wrong.append("another's")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_forked_child_knows_what_its_parent_knew_and_forgets_it_as_well():
    thing = Thing()
    remember(thing, origin(3))
    before = count()
    child = os.fork()
    if child == 0:
        known = origins_of(thing) == origin(3)
        del thing
        fine = known and count() == before - 1
        os.execv("/bin/sh", ["sh", "-c", f"exit {int(not fine)}"])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert origins_of(thing) == origin(3)


def test_what_is_made_of_several_is_complete_only_if_all_are_known_and_complete():
    one, two, unknown = Thing(), Thing(), Thing()
    remember(one, origin(1))
    remember(two, Origins(origin(2).reads, complete=False))
    both = origin(1).reads | origin(2).reads
    assert merged_origins([one]) == origin(1)
    assert merged_origins([one, two]) == Origins(both, complete=False)
    assert merged_origins([one, unknown]) == Origins(origin(1).reads, complete=False)
    assert merged_origins([unknown]) is None
    assert origin(1) | None == Origins(origin(1).reads, complete=False)
