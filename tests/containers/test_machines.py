# SPDX-License-Identifier: Apache-2.0
"""The same operations on tracked and built-in containers: equal in every result, and what was recorded replays.

`MACHINE_STEPS` is how many operations are done in all; `make machines` does a million.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from both_containers import Both
from container_operations import CASES, DICT, LIST, SET, VALUES, Operation, case_at_random
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from otelprov.containers.dicts import TrackedDict
from otelprov.containers.lists import TrackedList
from otelprov.containers.sets import TrackedSet

_STEPS = int(os.environ.get("MACHINE_STEPS", "15000"))
# Asking Hypothesis for a rule or an argument costs far more than an operation does.
_AT_ONCE = 10
_AT_RANDOM = 100
_RULES = 10
_LARGEST = 60
_SETTINGS = settings(
    # Of ten rules, Hypothesis takes a part, and half of them do a few operations only.
    max_examples=max(5, _STEPS // 3 // (_AT_RANDOM * _RULES // 8)),
    stateful_step_count=_RULES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize="MACHINE_STEPS" not in os.environ,
)
done: dict[str, int] = {}


class _Machine(RuleBasedStateMachine):
    kind: Any
    operations: list[Operation]
    both: Both

    def _do(self, steps: list[tuple[Operation, Any]]) -> None:
        for operation, case in steps:
            self.both.do(lambda container, do=operation, with_case=case: do(container, with_case))
            if len(self.both.plain) > _LARGEST:
                self.both.do(lambda container: container.clear())
        done[self.kind.__name__] = done.get(self.kind.__name__, 0) + len(steps)

    def _do_at_random(self, seed: int) -> None:
        random = Random(seed)
        self._do([(random.choice(self.operations), case_at_random(random)) for _ in range(_AT_RANDOM)])


def _steps(operations: list[Operation]) -> Any:
    return st.lists(st.tuples(st.sampled_from(operations), CASES), min_size=1, max_size=_AT_ONCE)


class _Dicts(_Machine):
    kind = TrackedDict
    operations = DICT

    @initialize(keys=st.lists(VALUES))
    def make(self, keys: list[Any]) -> None:
        self.both = Both(self.kind, dict.fromkeys(keys, 0))

    @rule(steps=_steps(DICT))
    def do(self, steps: list[Any]) -> None:
        self._do(steps)

    @rule(seed=st.integers(0, 2**64))
    def do_at_random(self, seed: int) -> None:
        self._do_at_random(seed)


class _Lists(_Machine):
    kind = TrackedList
    operations = LIST

    @initialize(values=st.lists(VALUES))
    def make(self, values: list[Any]) -> None:
        self.both = Both(self.kind, values)

    @rule(steps=_steps(LIST))
    def do(self, steps: list[Any]) -> None:
        self._do(steps)

    @rule(seed=st.integers(0, 2**64))
    def do_at_random(self, seed: int) -> None:
        self._do_at_random(seed)


class _Sets(_Machine):
    kind = TrackedSet
    operations = SET

    @initialize(values=st.lists(VALUES))
    def make(self, values: list[Any]) -> None:
        self.both = Both(self.kind, values)

    @rule(steps=_steps(SET))
    def do(self, steps: list[Any]) -> None:
        self._do(steps)

    @rule(seed=st.integers(0, 2**64))
    def do_at_random(self, seed: int) -> None:
        self._do_at_random(seed)


@pytest.mark.parametrize("machine", [_Dicts, _Lists, _Sets])
def test_does_and_records_what_the_built_in_does(machine: type[_Machine]) -> None:
    done.clear()
    run_state_machine_as_test(machine, settings=_SETTINGS)
    assert done[machine.kind.__name__] >= _STEPS // 3, "fewer operations than were asked for"
