# SPDX-License-Identifier: Apache-2.0
"""Brings changes into an event loop: to a coroutine function, one change at a time, or into an asyncio queue."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from otelprov.containers import pending
from otelprov.containers.change import Change
from otelprov.containers.observers.observer import Fetching
from otelprov.containers.observers.subscription import OVERFLOW, Subscription


class _OnLoop(Fetching, ABC):
    """Fetches on the event loop that runs in the thread that made it."""

    def __init__(self, what: str) -> None:
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(f"{what} belongs to an event loop: make it where one runs") from None

    def ready(self, subscription: Subscription) -> None:
        """Have the changes fetched on the loop; where that is closed, they are dropped."""
        try:
            self.loop.call_soon_threadsafe(self._fetch, subscription)
        except RuntimeError:
            subscription.drop_waiting(OVERFLOW)

    @abstractmethod
    def _fetch(self, subscription: Subscription) -> None:
        """Take the changes that wait; on the loop."""


class Awaiting(_OnLoop):
    """Awaits a coroutine function for each change, in order, one at a time."""

    def __init__(self, function: Callable[[Change], object]) -> None:
        super().__init__("an observer that is a coroutine function")
        self.function = function
        self._tasks: dict[Subscription, asyncio.Task[None]] = {}

    def __call__(self, change: Change) -> object:
        """The coroutine of one change."""
        return self.function(change)

    def _fetch(self, subscription: Subscription) -> None:
        if subscription not in self._tasks:
            task = self._tasks[subscription] = self.loop.create_task(self._work(subscription))
            task.add_done_callback(lambda _: self._done(subscription))

    def _done(self, subscription: Subscription) -> None:
        self._tasks.pop(subscription, None)
        if subscription.waiting and not self.loop.is_closed():
            # They came after the last look.
            self._fetch(subscription)

    async def _work(self, subscription: Subscription) -> None:
        while (taken := subscription.take()) is not None:
            if not subscription.admits(taken[0]):
                continue
            try:
                awaitable: Coroutine[Any, Any, object] = self.function(taken[0])  # type: ignore[assignment]
                await awaitable
            except Exception as error:
                subscription.fail(error)
            else:
                subscription.count()


class AsyncQueue(_OnLoop):
    """A queue of changes for the loop that runs where it is made: `await changes.get()`, `async for change in changes`.

    It never holds more than `capacity`: what does not fit waits in the subscription, whose overflow is declared there.
    Changes made up to the moment of asking are on their way.
    """

    def __init__(self, capacity: int = 1000) -> None:
        super().__init__("an AsyncQueue")
        self._queue: asyncio.Queue[Change] = asyncio.Queue(capacity)
        self._waiting: dict[Subscription, None] = {}

    async def get(self) -> Change:
        """The next change; waits for it."""
        if self._queue.empty():
            pending.drain()
        change = await self._queue.get()
        self._fill()
        return change

    def get_nowait(self) -> Change:
        """The next change that has arrived; raises `asyncio.QueueEmpty` where there is none."""
        change = self._queue.get_nowait()
        self._fill()
        return change

    def qsize(self) -> int:
        """How many changes are in the queue."""
        return self._queue.qsize()

    def _fill(self) -> None:
        for subscription in list(self._waiting):
            self._fetch(subscription)

    def __aiter__(self) -> AsyncQueue:
        return self

    async def __anext__(self) -> Change:
        return await self.get()

    def _fetch(self, subscription: Subscription) -> None:
        self._waiting.pop(subscription, None)
        while not self._queue.full():
            taken = subscription.take()
            if taken is None:
                return
            if subscription.admits(taken[0]):
                self._queue.put_nowait(taken[0])
                subscription.count()
        self._waiting[subscription] = None
