# SPDX-License-Identifier: Apache-2.0
"""The operations whose cost benchmarks/containers.py measures: each prepares a container and gives what is timed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

# Changes of one container in a round, over so many keys.
N = 2000
KEYS = [f"k{number}" for number in range(100)]

Make = Callable[[], Callable[[], object]]


def hand_on() -> None:
    from otelprov.containers.pending import drain

    drain()


def dict_set(make: Callable[[], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container, keys = make(), KEYS * (N // len(KEYS))

        def run() -> None:
            # As the figures that others give were taken.
            number = 0
            for key in keys:
                container[key] = number
                number += 1  # noqa: SIM113

        return run

    return prepare


def dict_delete(make: Callable[[Any], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        keys = [f"k{number}" for number in range(N)]
        container = make(dict.fromkeys(keys, 1))
        hand_on()

        def run() -> None:
            for key in keys:
                del container[key]

        return run

    return prepare


def dict_update(make: Callable[[], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container = make()
        parts = [dict.fromkeys(KEYS[at : at + 10], number) for number in range(N // 100) for at in range(0, 100, 10)]

        def run() -> None:
            for part in parts:
                container.update(part)

        return run

    return prepare


def list_append(make: Callable[[], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container = make()

        def run() -> None:
            for number in range(N):
                container.append(number)

        return run

    return prepare


def list_set(make: Callable[[Any], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container = make([0] * 100)

        def run() -> None:
            for number in range(N):
                container[number % 100] = number

        return run

    return prepare


def list_extend(make: Callable[[], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container, part = make(), list(range(10))

        def run() -> None:
            for _ in range(N // 10):
                container.extend(part)

        return run

    return prepare


def list_sort(make: Callable[[Any], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        shuffled = random.Random(1)
        containers = []
        for _ in range(50):
            numbers = list(range(100))
            shuffled.shuffle(numbers)
            containers.append(make(numbers))
        hand_on()

        def run() -> None:
            for container in containers:
                container.sort()

        return run

    return prepare


def set_add(make: Callable[[], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container = make()

        def run() -> None:
            for number in range(N):
                container.add(number)

        return run

    return prepare


def attribute_set(make: Callable[[], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container = make()
        hand_on()

        def run() -> None:
            for number in range(N):
                container.x = number

        return run

    return prepare


def nested_set(make: Callable[[Any], Any]) -> Make:
    def prepare() -> Callable[[], object]:
        container = make({"a": {"b": {"c": 0}}})
        hand_on()

        def run() -> None:
            for number in range(N):
                container["a"]["b"]["c"] = number

        return run

    return prepare


class Plain:
    def __init__(self) -> None:
        self.x = 0
