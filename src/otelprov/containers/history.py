# SPDX-License-Identifier: Apache-2.0
"""What a container has been through: its changes, the last one, those since another, and what it was at first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from otelprov.containers import locks, pending
from otelprov.containers.change import Change, name_of

if TYPE_CHECKING:
    from otelprov.containers.observers.subscription import Subscription


class ForgottenError(LookupError):
    """Changes were asked for that a container no longer remembers; `first` is the number of the oldest it does."""

    def __init__(self, message: str, first: int = 0) -> None:
        super().__init__(message)
        self.first = first


class TrackedMethods:
    """The questions that tracked containers answer themselves; `tracking(container)` answers them for any."""

    __slots__ = ()

    def tracking_changes(self) -> list[Change]:
        """The changes that are remembered, oldest first; how many is the option `history`."""
        return Tracking(self).changes()

    def last_change(self) -> Change | None:
        """The last change, whoever made it; None where there is none or `history` is 0."""
        return Tracking(self).last_change()

    def changes_since(self, change: Change | int) -> list[Change]:
        """The changes after a change or its number; raises ForgottenError where some are no longer remembered."""
        return Tracking(self).changes_since(change)

    def lock(self) -> None:
        """Refuse changes with LockedError from now on."""
        locks.lock(self, frames=2)

    def unlock(self) -> None:
        """Let changes through again."""
        locks.unlock(self)


class Tracking:
    """What is known of one tracked container besides its content; made by `tracking(container)`."""

    __slots__ = ("_container", "_tracker")

    def __init__(self, container: Any) -> None:
        self._container = container
        self._tracker = locks.tracker_needed(container)

    @property
    def name(self) -> str:
        """The name it was given, else its kind with the line that made it."""
        return name_of(self._tracker)

    @property
    def id(self) -> str:
        """Id of the process and number of the container in it, as the journal has it."""
        from otelprov.containers.joined import id_of

        return id_of(self._tracker)

    @property
    def first(self) -> int:
        """Number of the oldest change that is remembered; one more than the last change's where none is."""
        entries, count = pending.remembered(self._tracker)
        return count - len(entries) + 1

    def changes(self) -> list[Change]:
        """The changes that are remembered, oldest first; how many is the option `history`."""
        entries, count = pending.remembered(self._tracker)
        return [Change(entry, number) for number, entry in enumerate(entries, count - len(entries) + 1)]

    def last_change(self) -> Change | None:
        """The last change, whoever made it; None where there is none or `history` is 0."""
        entries, count = pending.remembered(self._tracker)
        return Change(entries[-1], count) if entries else None

    def changes_since(self, change: Change | int) -> list[Change]:
        """The changes after a change or its number; 0 is the beginning.

        Raises ForgottenError where some of them are no longer remembered, ValueError for a change of another container.
        """
        number = self._number(change)
        changes = self.changes()
        first = changes[0].number if changes else self._tracker.count + 1
        if number > self._tracker.count:
            raise ValueError(f"{self.name!r} has had {self._tracker.count} changes: there is no change {number} yet")
        if number + 1 < first:
            raise ForgottenError(
                f"{self.name!r} remembers its changes from {first} on, not those since {number}: "
                f"make it with a larger history than {self._tracker.options.history}",
                first,
            )
        return changes[number + 1 - first :]

    @property
    def original(self) -> Any:
        """What the container held when it was made, as plain containers: a new copy at each call.

        Raises ValueError where it was not made with `original=True`.
        """
        if not self._tracker.options.original:
            raise ValueError(f"{self.name!r} was made without original=True, so its first content is not known")
        from otelprov.containers.originals import plain_copy

        return plain_copy(self._tracker.original)

    def observe(self, callback: Callable[[Change], object], **options: Any) -> Subscription:
        """Have `callback` called with each change from now on; see `otelprov.containers.observe` for the options."""
        from otelprov.containers.observers import observe

        return observe(self._container, callback, **options)

    def lock(self) -> None:
        """Refuse changes with LockedError from now on."""
        locks.lock(self._container, frames=2)

    def unlock(self) -> None:
        """Let changes through again."""
        locks.unlock(self._container)

    @property
    def locked(self) -> bool:
        """Whether changes are refused, because it or one that holds it is locked."""
        return locks.lock_holder(self._tracker) is not None

    def __repr__(self) -> str:
        return f"<Tracking of {self._tracker.kind} {self.name!r}>"

    def _number(self, change: Change | int) -> int:
        if isinstance(change, Change):
            if change.tracker is not self._tracker:
                raise ValueError(f"{change!r} is not a change of {self.name!r}")
            return change.number
        if type(change) is not int or change < 0:
            raise TypeError("changes_since takes a Change, or the number of one as an int from 0 on")
        return change


def tracking(container: Any) -> Tracking:
    """The history, the lock and the observers of a tracked container; TypeError for everything else."""
    return Tracking(container)
