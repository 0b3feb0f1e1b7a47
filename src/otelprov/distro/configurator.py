# SPDX-License-Identifier: Apache-2.0
"""The configurator: the SDK as the environment asks for it, the shipper in place of the OTLP trace exporter."""

from __future__ import annotations

import os
import sys
from typing import Any

from otelprov import __version__, config
from otelprov.capture.life import run
from otelprov.capture.life.command import understand
from otelprov.distro import chosen
from otelprov.semconv import SERVICE_NAME, TELEMETRY_DISTRO_NAME, TELEMETRY_DISTRO_VERSION

_EXPORTERS = "OTEL_TRACES_EXPORTER"
# Where all of these are unset or "none", nothing but a tracer provider is asked for.
_MORE_THAN_TRACES = ("OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")
_ONLY_FULL = (
    "OTEL_PYTHON_ID_GENERATOR",
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED",
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
    "OTEL_PYTHON_TRACER_CONFIGURATOR",
)


class OtelprovConfigurator:
    """Sets up providers by the usual variables; `otlp` traces leave through the journal's shipper alone."""

    def configure(self, **kwargs: Any) -> None:
        """Set the SDK up; called once by the auto-instrumentation."""
        if os.environ.get("OTEL_CONFIG_FILE"):
            # The declarative file decides, exporters included: we are guests of what it sets up.
            _configure_fully(**kwargs)
            return
        named = [part.strip() for part in os.environ.get(_EXPORTERS, "otlp").split(",") if part.strip()]
        others = [part for part in named if part not in ("otlp", "none", "otlp_proto_http", "otlp_proto_grpc")]
        attributes = {**_resource_attributes(), **(kwargs.pop("resource_attributes", None) or {})}
        if others or kwargs.keys() - {"auto_instrumentation_version"} or _asks_for_more():
            _configure_with_exporters(others, resource_attributes=attributes, **kwargs)
        else:
            _configure_traces(attributes, kwargs.get("auto_instrumentation_version"))
        _make_safe()
        if len(others) < len(named) and named != ["none"]:
            chosen.note_configured()


def _resource_attributes() -> dict[str, Any]:
    name = config.RUN_NAME.text() or understand(sys.orig_argv).name
    return {
        SERVICE_NAME: run.service_name(name),
        TELEMETRY_DISTRO_NAME: "otelprov",
        TELEMETRY_DISTRO_VERSION: __version__,
    }


def _asks_for_more() -> bool:
    exporters = any(os.environ.get(name, "none").strip().lower() not in ("", "none") for name in _MORE_THAN_TRACES)
    return exporters or any(os.environ.get(name) for name in _ONLY_FULL)


def _configure_traces(attributes: dict[str, Any], version: str | None) -> None:
    """A tracer provider by the environment's sampler, limits and resource, without the rest of the SDK."""
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    if version:
        attributes = {**attributes, "telemetry.auto.version": version}
    trace.set_tracer_provider(TracerProvider(resource=Resource.create(attributes)))


def _make_safe() -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        from otelprov.distro.safe import secure

        secure(provider)


def _configure_fully(**kwargs: Any) -> None:
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator

    _OTelSDKConfigurator().configure(**kwargs)


def _configure_with_exporters(exporters: list[str], **kwargs: Any) -> None:
    asked = os.environ.get(_EXPORTERS)
    os.environ[_EXPORTERS] = ",".join(exporters) or "none"
    try:
        _configure_fully(**kwargs)
    finally:
        # Children and the program itself see what the user set.
        if asked is None:
            os.environ.pop(_EXPORTERS, None)
        else:
            os.environ[_EXPORTERS] = asked
