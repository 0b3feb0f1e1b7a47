# SPDX-License-Identifier: Apache-2.0
"""Which steps a fact lies in, and which request or task keeps it apart from others."""

from __future__ import annotations

from collections.abc import Sequence

from otelprov.model.records import IoRecord, StepRecord
from otelprov.semconv import PROVENANCE_STEP_TYPE_REQUEST, PROVENANCE_STEP_TYPE_TASK

_ISOLATING = (PROVENANCE_STEP_TYPE_REQUEST, PROVENANCE_STEP_TYPE_TASK)


class Scopes:
    """The steps of one run, by span id."""

    def __init__(self, steps: Sequence[StepRecord]) -> None:
        self._steps = {step.span_id: step for step in steps}
        # Facts of one step have the same answers, and are asked about again and again.
        self._known: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def chain(self, io: IoRecord) -> tuple[str, ...]:
        """Span ids of the steps around a fact, the nearest first; a step that was not seen counts as one, too."""
        return self._around(io)[0]

    def isolating(self, io: IoRecord) -> tuple[str, ...]:
        """The requests and tasks around a fact, the nearest first."""
        return self._around(io)[1]

    def scope_of(self, io: IoRecord) -> str:
        """The nearest request or task around a fact, empty where there is none."""
        return next(iter(self._around(io)[1]), "")

    def _around(self, io: IoRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
        nearest = io.step_id or (io.parent_id if io.parent_id in self._steps else "")
        known = self._known.get(nearest)
        if known is None:
            found: list[str] = []
            step_id = nearest
            # A ring of steps can only come from damaged telemetry, and must not hang us.
            while step_id and step_id not in found:
                found.append(step_id)
                step = self._steps.get(step_id)
                step_id = step.parent_step if step is not None else ""
            known = self._known[nearest] = tuple(found), tuple(filter(self._isolates, found))
        return known

    def _isolates(self, step_id: str) -> bool:
        step = self._steps.get(step_id)
        # Of a step whose own span is not there yet, nothing is known: apart is the safer guess.
        return step is None or step.type in _ISOLATING
