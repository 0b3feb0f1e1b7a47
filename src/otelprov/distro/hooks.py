# SPDX-License-Identifier: Apache-2.0
"""What runs at start-up whichever distro was chosen: begin the run, then stand beside the application's SDK."""

from __future__ import annotations

from typing import Any

from otelprov.capture.guard import guard, guarded
from otelprov.capture.life import run
from otelprov.capture.life.exits import watch_main
from otelprov.distro import chosen
from otelprov.distro.processor import attach_to_provider
from otelprov.distro.servers import keep_server_spans
from otelprov.distro.shipping import start_shipping

_INSTRUMENTORS, _OURS = "opentelemetry_instrumentor", "otelprov_instrumentors."


@guarded
def pre_instrument() -> None:
    """Begin the run, before any instrumentor: what they load is part of it."""
    with guard("reading requirements once"):
        _read_requirements_once()
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


class _KnownDistribution:
    """A distribution whose requirements have been read; anything else is asked of the distribution itself."""

    def __init__(self, distribution: Any) -> None:
        self.requires = distribution.requires
        self._distribution = distribution

    def __getattr__(self, name: str) -> Any:
        return getattr(self._distribution, name)


def _read_requirements_once() -> None:
    """The loader asks the distribution of each instrumentor twice what it requires, and reads a file each time.

    All of ours have the same one: with one answer for all, a program starts a tenth sooner.
    """
    from opentelemetry.util._importlib_metadata import entry_points

    ours = [found for found in entry_points(group=_INSTRUMENTORS) if found.value.startswith(_OURS)]
    if ours and getattr(ours[0], "dist", None) is not None:
        known = _KnownDistribution(ours[0].dist)
        for found in ours:
            # As importlib.metadata itself says where an entry point comes from: the attribute can't be set.
            vars(found)["dist"] = known
