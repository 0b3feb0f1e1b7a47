# SPDX-License-Identifier: Apache-2.0
"""What an observer may be besides a function: called later and off the usual way, or fetching its changes itself."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otelprov.containers.change import Change
    from otelprov.containers.observers.subscription import Subscription


class Observer(abc.ABC):
    """An observer that is an object. `eager` says that it must be called right after each change, in its thread.

    One that is not eager costs a change next to nothing: it is called within half a second, by whoever hands changes
    on.
    """

    eager = False

    @abc.abstractmethod
    def __call__(self, change: Change) -> object:
        """Be given one change; what it raises harms nobody."""

    def missed(self, number: int, reason: str) -> None:  # noqa: B027 - most have nothing to do
        """Be told that so many changes were dropped before they came here; must not wait and not raise."""


class Fetching(Observer):
    """An observer that fetches its changes from its subscriptions, in a thread or loop of its own."""

    def joined(self, subscription: Subscription) -> None:
        """Be told of a new subscription."""

    @abc.abstractmethod
    def ready(self, subscription: Subscription) -> None:
        """Be told that changes wait in a subscription; must not wait and not raise."""

    def __call__(self, change: Change) -> object:
        """Nothing: changes are fetched."""
        return None
