# SPDX-License-Identifier: Apache-2.0
"""Takes OpenTelemetry settings that would stop the SDK, or the program with it, out of the environment, and says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping

_LIMITS = tuple(
    f"OTEL_{limit}"
    for limit in (
        *("ATTRIBUTE_COUNT_LIMIT", "ATTRIBUTE_VALUE_LENGTH_LIMIT", "SPAN_ATTRIBUTE_COUNT_LIMIT"),
        *("SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "SPAN_EVENT_COUNT_LIMIT", "SPAN_LINK_COUNT_LIMIT"),
        *("EVENT_ATTRIBUTE_COUNT_LIMIT", "LINK_ATTRIBUTE_COUNT_LIMIT"),
    )
)
_PROPAGATORS = "OTEL_PROPAGATORS"
# Setting, entry point group, and names that are known without looking: looking costs start-up time.
_NAMED = (
    (_PROPAGATORS, "opentelemetry_propagator", frozenset(("tracecontext", "baggage", "none"))),
    ("OTEL_TRACES_EXPORTER", "opentelemetry_traces_exporter", frozenset(("otlp", "none", "console"))),
    ("OTEL_METRICS_EXPORTER", "opentelemetry_metrics_exporter", frozenset(("otlp", "none", "console"))),
    ("OTEL_LOGS_EXPORTER", "opentelemetry_logs_exporter", frozenset(("otlp", "none", "console"))),
    ("OTEL_PYTHON_ID_GENERATOR", "opentelemetry_id_generator", frozenset(("random",))),
    ("OTEL_PYTHON_CONFIGURATOR", "opentelemetry_configurator", frozenset(("otelprov", "configurator"))),
)


def correct(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Correct what the SDK would raise for; return a line for each setting that was changed."""
    lines = list(_limits(environment))
    for variable, group, known in _NAMED:
        lines += _names(environment, variable, group, known)
    return lines


def correct_propagators(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """The same for OTEL_PROPAGATORS alone, for which the mere import of the API raises."""
    return list(_names(environment, *_NAMED[0]))


def _limits(environment: MutableMapping[str, str]) -> Iterator[str]:
    for name in _LIMITS:
        value = environment.get(name)
        if value is not None and value.strip() and not value.strip().isdecimal():
            del environment[name]
            yield f"otelprov: {name}={value!r} is no whole number and is left out"
        elif value is not None and not value.strip():
            del environment[name]


def _names(environment: MutableMapping[str, str], variable: str, group: str, known: frozenset[str]) -> Iterator[str]:
    value = environment.get(variable, "")
    names = [part.strip() for part in value.split(",") if part.strip()]
    if all(name.lower() in known for name in names):
        return
    from importlib.metadata import entry_points

    installed = {point.name for point in entry_points(group=group)}
    kept = [name for name in names if name in installed or name.lower() in known]
    if len(kept) == len(names):
        return
    if kept:
        environment[variable] = ",".join(kept)
    else:
        del environment[variable]
    left_out = ", ".join(repr(name) for name in names if name not in kept)
    yield f"otelprov: {variable} names {left_out}, which is not installed here and is left out"
