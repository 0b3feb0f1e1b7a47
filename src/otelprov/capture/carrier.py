# SPDX-License-Identifier: Apache-2.0
"""How the processes of one run find each other: W3C trace context and baggage in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from otelprov.semconv import PROVENANCE_RUN_ID, PROVENANCE_RUN_NAME

TRACEPARENT = "TRACEPARENT"
BAGGAGE = "BAGGAGE"
# Process id and start time of the run's first process: a process image that finds its own id there has been exec'ed.
OWNER = "OTELPROV_OWNER"

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_RUN_ID = re.compile(r"^[0-9a-f]{32}$")
_MAX_BAGGAGE = 8_192


@dataclass(frozen=True, slots=True)
class Carried:
    """What the environment says; 0 and empty where it says nothing."""

    trace_id: int = 0
    span_id: int = 0
    flags: int = 1
    run_id: str = ""
    run_name: str = ""
    owner_pid: int = 0
    owner_started: int = 0
    owner_parent: int = 0


def read(environment: Mapping[str, str] = os.environ) -> Carried:
    """Read the environment; what is malformed counts as absent."""
    match = _TRACEPARENT.match(environment.get(TRACEPARENT, "").strip())
    trace_id, span_id, flags = (int(part, 16) for part in match.groups()) if match else (0, 0, 1)
    entries = _baggage(environment.get(BAGGAGE, ""))
    run_id = entries.get(PROVENANCE_RUN_ID, "")
    owner = environment.get(OWNER, "").split(":")
    pid, started, parent = (
        (int(part) for part in owner) if len(owner) == 3 and all(map(str.isdigit, owner)) else (0, 0, 0)
    )
    if not _RUN_ID.match(run_id) or not trace_id:
        run_id = ""
    return Carried(
        trace_id, span_id, flags, run_id, unquote(entries.get(PROVENANCE_RUN_NAME, ""))[:256], pid, started, parent
    )


def write(
    environment: MutableMapping[str, str], *, trace_id: int, span_id: int, flags: int, run_id: str, run_name: str
) -> None:
    """Put a run into an environment, keeping baggage of others."""
    environment[TRACEPARENT] = f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"
    entries = _baggage(environment.get(BAGGAGE, ""))
    entries[PROVENANCE_RUN_ID] = run_id
    entries[PROVENANCE_RUN_NAME] = quote(run_name[:256], safe="")
    environment[BAGGAGE] = ",".join(f"{key}={value}" for key, value in entries.items())


def write_owner(environment: MutableMapping[str, str], pid: int, started: int, parent: int) -> None:
    """Say which process began the run, so that an exec of another program in it is recognised."""
    environment[OWNER] = f"{pid}:{started}:{parent}"


def _baggage(text: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for member in text[:_MAX_BAGGAGE].split(","):
        key, separator, value = member.partition("=")
        if separator and key.strip():
            entries[key.strip()] = value.strip()
    return entries
