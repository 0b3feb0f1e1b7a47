# SPDX-License-Identifier: Apache-2.0
"""Counts changes with an OpenTelemetry counter, so that every exporter of metrics shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics

from otelprov.capture.scrub import scrub_text
from otelprov.containers.change import Change
from otelprov.containers.observers.observer import Observer
from otelprov.semconv import PROVENANCE_CONTAINER_ACTION, PROVENANCE_CONTAINER_NAME, PROVENANCE_CONTAINER_TYPE

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

NAME = "provenance.container.changes"
OTHERS = "(others)"


class MetricsCounter(Observer):
    """A counter `provenance.container.changes` of the application's meter provider, or of the one given.

    Attributes: name, type and action. Of more than `most_series` combinations, those that come later are counted under
    the name `(others)`, so that nothing that counts is missing and no backend is flooded.
    """

    def __init__(self, meter_provider: MeterProvider | None = None, most_series: int = 500) -> None:
        meter = metrics.get_meter("otelprov", meter_provider=meter_provider)
        self._counter = meter.create_counter(NAME, unit="{change}", description="Changes of tracked containers.")
        self._most = most_series
        self._series: dict[tuple[str, str, str], dict[str, str]] = {}

    def __call__(self, change: Change) -> None:
        """Count a change."""
        key = (change.name, change.tracker.kind, change.action)
        attributes = self._series.get(key)
        if attributes is None:
            attributes = self._attributes(*key)
            if len(self._series) < self._most:
                self._series[key] = attributes
        self._counter.add(1, attributes)

    def _attributes(self, name: str, kind: str, action: str) -> dict[str, str]:
        shown = scrub_text(name) if len(self._series) < self._most else OTHERS
        return {
            PROVENANCE_CONTAINER_NAME: shown,
            PROVENANCE_CONTAINER_TYPE: kind,
            PROVENANCE_CONTAINER_ACTION: action,
        }
