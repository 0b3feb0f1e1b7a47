# SPDX-License-Identifier: Apache-2.0
"""Reads the changes of tracked containers out of the events that tell them, on whatever span or log record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelprov.lineage.reading import flag, number, text
from otelprov.model.records import MutationRecord, Records
from otelprov.model.span import Span
from otelprov.semconv import (
    CODE_FILE_PATH,
    CODE_FUNCTION_NAME,
    CODE_LINE_NUMBER,
    EVENT_PROVENANCE_CONTAINER_MUTATION,
    PROVENANCE_ACTOR,
    PROVENANCE_CONTAINER_ACTION,
    PROVENANCE_CONTAINER_CHANGE,
    PROVENANCE_CONTAINER_COUNT,
    PROVENANCE_CONTAINER_CUT,
    PROVENANCE_CONTAINER_ID,
    PROVENANCE_CONTAINER_KEY,
    PROVENANCE_CONTAINER_LOCATION,
    PROVENANCE_CONTAINER_LOCATIONS,
    PROVENANCE_CONTAINER_NAME,
    PROVENANCE_CONTAINER_NEW_DIGEST,
    PROVENANCE_CONTAINER_NEW_TYPE,
    PROVENANCE_CONTAINER_NEW_VALUE,
    PROVENANCE_CONTAINER_OLD_DIGEST,
    PROVENANCE_CONTAINER_OLD_TYPE,
    PROVENANCE_CONTAINER_OLD_VALUE,
    PROVENANCE_CONTAINER_SNAPSHOT,
    PROVENANCE_CONTAINER_STACK,
    PROVENANCE_CONTAINER_TYPE,
    PROVENANCE_PROCESS_ID,
    PROVENANCE_RUN_ID,
    PROVENANCE_SEQ,
    PROVENANCE_STEP_ID,
    THREAD_ID,
)


def read_mutations(span: Span, attributes: Mapping[str, Any], records: Records) -> None:
    """Read the events of a span that tell a change; an event without the id of its container tells none."""
    found = records.mutations
    of_span = (
        text(attributes, PROVENANCE_RUN_ID),
        text(attributes, PROVENANCE_PROCESS_ID),
        span.trace_id,
        span.span_id,
        span.parent_id,
        text(attributes, PROVENANCE_STEP_ID),
    )
    # What is said of the whole block holds for each event that does not say otherwise.
    actor = text(attributes, PROVENANCE_ACTOR)
    for event in span.events:
        said = event.attributes
        if event.name != EVENT_PROVENANCE_CONTAINER_MUTATION or not said.get(PROVENANCE_CONTAINER_ID):
            continue
        found.append(
            # In the order of the fields: there may be a million, and by name each would take twice as long.
            MutationRecord(
                *of_span,
                text(said, PROVENANCE_CONTAINER_ID),
                number(said, PROVENANCE_SEQ, 0),
                number(said, PROVENANCE_CONTAINER_CHANGE),
                text(said, PROVENANCE_CONTAINER_NAME),
                text(said, PROVENANCE_CONTAINER_TYPE),
                text(said, PROVENANCE_CONTAINER_ACTION),
                text(said, PROVENANCE_CONTAINER_OLD_TYPE),
                text(said, PROVENANCE_CONTAINER_NEW_TYPE),
                text(said, PROVENANCE_ACTOR) or actor,
                number(said, THREAD_ID, 0),
                text(said, CODE_FILE_PATH),
                number(said, CODE_LINE_NUMBER, 0),
                text(said, CODE_FUNCTION_NAME),
                event.time or span.end,
                number(said, PROVENANCE_CONTAINER_COUNT),
                text(said, PROVENANCE_CONTAINER_LOCATION),
                text(said, PROVENANCE_CONTAINER_LOCATIONS),
                text(said, PROVENANCE_CONTAINER_KEY),
                text(said, PROVENANCE_CONTAINER_OLD_DIGEST),
                text(said, PROVENANCE_CONTAINER_OLD_VALUE),
                text(said, PROVENANCE_CONTAINER_NEW_DIGEST),
                text(said, PROVENANCE_CONTAINER_NEW_VALUE),
                flag(said, PROVENANCE_CONTAINER_CUT),
                text(said, PROVENANCE_CONTAINER_SNAPSHOT),
                text(said, PROVENANCE_CONTAINER_STACK),
            )
        )
