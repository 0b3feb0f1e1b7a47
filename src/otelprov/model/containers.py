# SPDX-License-Identifier: Apache-2.0
"""What a run did to one tracked container, in short."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ContainerSummary:
    """A tracked container of a run; times in nanoseconds.

    `names` and `types` are all that it was told under, the most told first. `processes` maps the processes that changed
    it to the numbers of their first and last change, in order of time. `changes` counts those that arrived, `missing`
    those whose numbers show that they did not. `steps` maps names of requests, tasks and stages to how many of them
    changed it. `values` says whether any value was captured.
    """

    container: str
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    processes: dict[str, tuple[int, int]] = field(default_factory=dict)
    changes: int = 0
    missing: int = 0
    first: int = 0
    last: int = 0
    actors: list[str] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)
    values: bool = False
