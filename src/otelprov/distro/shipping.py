# SPDX-License-Identifier: Apache-2.0
"""Starts the shipper in the observed process, where the settings ask for it."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from otelprov import config
from otelprov.capture import background
from otelprov.capture.recorder import current
from otelprov.errors import UsageError

if TYPE_CHECKING:
    from otelprov.journal.ship import Shipper

logger = logging.getLogger("otelprov")
_EVERY_SECONDS = 1.0


def start_shipping(*, exporter: bool) -> None:
    """Ship in the background: `auto` where we are the exporter and an endpoint is set, `always`, or `never`."""
    mode = config.SHIP.text().lower()
    if mode == "never" or (mode != "always" and not exporter):
        return
    if not any(key.startswith("OTEL_EXPORTER_OTLP_") and key.endswith("ENDPOINT") for key in os.environ):
        return
    from otelprov.journal.endpoint import from_environment

    try:
        endpoint = from_environment()
    except UsageError as error:
        logger.warning("otelprov ships nothing, the journal keeps all: %s", error)
        return
    if endpoint is None:
        return
    shippers: list[Shipper | None] = []

    def get() -> Shipper | None:
        # Made in the background thread: protobuf and gRPC cost start-up time.
        if not shippers:
            from otelprov.journal.request import share_process
            from otelprov.journal.senders import sender_for
            from otelprov.journal.ship import Shipper

            share_process()
            try:
                shippers.append(Shipper(config.journal_folder(), sender_for(endpoint)))
            except OSError as error:
                # A certificate that is not there: said once, not every second.
                shippers.append(None)
                logger.warning("otelprov ships nothing, the journal keeps all: %s", error)
        return shippers[0]

    def tick() -> None:
        recorder, shipper = current(), get()
        if recorder is not None and shipper is not None:
            shipper.tick(recorder.journal.path)

    def last(deadline: float) -> None:
        recorder = current()
        if recorder is not None and recorder.journal.path and time.monotonic() < deadline:
            shipper = get()
            if shipper is not None:
                shipper.ship_own(recorder.journal.path, deadline)

    background.every("ship", _EVERY_SECONDS, tick)
    background.at_stop("ship", last)
