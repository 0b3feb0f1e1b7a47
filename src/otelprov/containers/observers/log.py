# SPDX-License-Identifier: Apache-2.0
"""Writes changes to the log of the program."""

from __future__ import annotations

import logging

from otelprov.capture.scrub import scrub_text
from otelprov.containers.change import Change
from otelprov.containers.observers.observer import Observer


class LogObserver(Observer):
    """Logs one line a change, without values, right after it: what was done where, and who is said to have done it.

    The change itself is `record.change`, for formatters and handlers.
    """

    eager = True

    def __init__(self, logger: logging.Logger | str = "otelprov.containers", level: int = logging.INFO) -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._level = level

    def __call__(self, change: Change) -> None:
        """Log a change."""
        if not self._logger.isEnabledFor(self._level):
            return
        place = scrub_text(f"{change.name}{change.location}")
        actor = f" by {scrub_text(change.actor)}" if change.actor else ""
        self._logger.log(self._level, "%s %s%s", change.action, place, actor, extra={"change": change})
