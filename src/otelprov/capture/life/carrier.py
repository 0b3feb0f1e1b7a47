# SPDX-License-Identifier: Apache-2.0
"""How the processes of one run find each other: W3C trace context and baggage in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

from otelprov.semconv import PROVENANCE_RUN_ID, PROVENANCE_RUN_NAME

TRACEPARENT = "TRACEPARENT"
BAGGAGE = "BAGGAGE"
# Process id and start time of the run's first process: a process image that finds its own id there has been exec'ed.
OWNER = "OTELPROV_OWNER"

_HEX = frozenset("0123456789abcdef")
_MAX_BAGGAGE = 8_192


class Carried(NamedTuple):
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
    trace_id, span_id, flags = _traceparent(environment.get(TRACEPARENT, "").strip())
    entries = _baggage(environment.get(BAGGAGE, ""))
    run_id = entries.get(PROVENANCE_RUN_ID, "")
    owner = environment.get(OWNER, "").split(":")
    pid, started, parent = (
        (int(part) for part in owner) if len(owner) == 3 and all(map(str.isdigit, owner)) else (0, 0, 0)
    )
    if not _is_hex(run_id, 32) or not trace_id:
        run_id = ""
    return Carried(
        trace_id, span_id, flags, run_id, _unquoted(entries.get(PROVENANCE_RUN_NAME, ""))[:256], pid, started, parent
    )


def write(
    environment: MutableMapping[str, str], *, trace_id: int, span_id: int, flags: int, run_id: str, run_name: str
) -> None:
    """Put a run into an environment, keeping baggage of others."""
    environment[TRACEPARENT] = f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"
    entries = _baggage(environment.get(BAGGAGE, ""))
    entries[PROVENANCE_RUN_ID] = run_id
    entries[PROVENANCE_RUN_NAME] = _quoted(run_name[:256])
    environment[BAGGAGE] = ",".join(f"{key}={value}" for key, value in entries.items())


def write_owner(environment: MutableMapping[str, str], pid: int, started: int, parent: int) -> None:
    """Say which process began the run, so that an exec of another program in it is recognised."""
    environment[OWNER] = f"{pid}:{started}:{parent}"


def _traceparent(text: str) -> tuple[int, int, int]:
    parts = text.split("-")
    if len(parts) == 4 and all(map(_is_hex, parts, (2, 32, 16, 2))):
        return int(parts[1], 16), int(parts[2], 16), int(parts[3], 16)
    return 0, 0, 1


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and _HEX.issuperset(text)


def _quoted(text: str) -> str:
    if text.isascii() and text.replace(".", "").replace("_", "").isalnum():
        return text
    # Not needed by most names, and not free at start-up.
    from urllib.parse import quote

    return quote(text, safe="", errors="backslashreplace")


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _baggage(text: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for member in text[:_MAX_BAGGAGE].split(","):
        key, separator, value = member.partition("=")
        if separator and key.strip():
            entries[key.strip()] = value.strip()
    return entries
