# SPDX-License-Identifier: Apache-2.0
"""What runs at start-up whichever distro was chosen: begin the run, then stand beside the application's SDK."""

from __future__ import annotations

from otelprov.capture import run
from otelprov.capture.exits import watch_main
from otelprov.capture.guard import guarded
from otelprov.distro import chosen
from otelprov.distro.processor import attach_to_provider
from otelprov.distro.servers import keep_server_spans
from otelprov.distro.shipping import start_shipping


@guarded
def pre_instrument() -> None:
    """Begin the run, before any instrumentor: what they load is part of it."""
    if run.enabled():
        run.begin()
        keep_server_spans()


@guarded
def post_instrument() -> None:
    """Take in the spans of others, pass ours on where we are guests, and start shipping where we are the exporter."""
    if not run.enabled():
        return
    attach_to_provider(guest=not chosen.is_exporter())
    start_shipping(exporter=chosen.is_exporter())
    # Last: from here on, the program's own code is next.
    watch_main()
